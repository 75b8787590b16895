"""HTTP client of all connectors: one session, time-outs, quotas, no redirects, retries, errors without secrets.

Requests go to a configured root only: a path is appended to the root, and no address that a server sends is followed,
so a token can't reach a foreign host.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter

from connectors.core.errors import (
    AccessError,
    AnswerError,
    ConnectorError,
    EndlessError,
    NetworkError,
    RefusedError,
    SignInError,
    StoppedError,
    UnavailableError,
)
from connectors.core.network import PROXY_SIGN_IN, bundle, host_of, is_page, unreachable
from connectors.core.provider_time import ProviderTime
from connectors.core.rate_limits import Limiter
from connectors.core.raw_json import decode
from connectors.core.retries import LONGEST_WAIT, USUAL, Again, Patience, retry_after, retrying
from connectors.core.tokens import Token

__all__ = ["Api", "Client", "Refusal", "error_body", "error_text", "fits_header"]

T = TypeVar("T")
Parameters = Mapping[str, str | int]
Headers = Mapping[str, str]

TIMEOUTS = (5.0, 60.0)
"""Seconds allowed for connecting, and between two pieces of an answer."""
LONGEST_ANSWER = 300.0
"""Seconds within which an answer must be complete, even if its bytes keep arriving."""
LARGEST_ANSWER = 128 * 2**20
"""Bytes: about twenty times the largest page that any provider's limits allow."""
_PIECE = 2**18
_CONNECTIONS = 16
"""Connections kept open: one for each thread that sends requests."""
_SHOWN = 300
_READ = 20_000
"""Bytes of an error answer that are read."""
# A signed assertion, as in Google's sign-in, is as secret as a password while it is valid.
_SIGNED = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_NETWORK = (OSError, urllib3.exceptions.HTTPError)
"""Errors that the network causes. The library's own errors derive from these, too, except those below."""
_NEVER_SENT = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidJSONError,
    requests.exceptions.MissingSchema,
    requests.exceptions.UnrewindableBodyError,
)
_REPORT = "If it happens again, the provider changed its API: report it."
_PAGE_REMEDY = (
    "The sign-in page of a network or proxy answered instead of the provider, or the configured address is not that of "
    "the API. Open that address from this machine, and see docs/configuration.md, Proxy and certificates."
)


@dataclass(frozen=True)
class Refusal:
    """Content of a provider's error answer.

    Attributes:
        code: The provider's error code.
        message: Its text.
        throttled: Whether the rate limit was exceeded although the status does not say so.
        passing: Whether the request may be retried for another reason that the status does not show.
        wait: Seconds to wait before a retry, if the body says so.
        remedy: What to do about it.
    """

    code: str = ""
    message: str = ""
    throttled: bool = False
    passing: bool = False
    wait: float | None = None
    remedy: str = ""


class _TooLargeError(requests.RequestException):
    """An answer that is larger than any page."""


class _Session(requests.Session):
    """A session that keeps to the quota, follows no redirect, reads no ``.netrc`` and has time-outs."""

    def __init__(self, limiter: Limiter, time: ProviderTime) -> None:
        super().__init__()
        self._limiter = limiter
        self._time = time
        self._of_host: dict[tuple[str, str], Any] = {}

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Merge settings as ``requests`` does, but read the environment once per host and honour ``SSL_CERT_FILE``."""
        scheme, host, *_ = urlsplit(url)
        if (scheme, host) not in self._of_host:
            trusted = bundle()
            found = super().merge_environment_settings(url, {}, None, verify, cert)
            self._of_host[scheme, host] = {**found, "verify": trusted.path if trusted else True}
        return {**self._of_host[scheme, host], "stream": stream}

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """Send a request as ``requests.Session.request`` does, with the rules above."""
        options |= {
            "timeout": TIMEOUTS,
            "allow_redirects": False,
            "auth": options.get("auth") or _as_is,
            "stream": True,
        }
        self._limiter.wait()
        answered = self._time.begin()
        response = super().request(method, url, *args, **options)
        answered(response.headers)
        with response:
            body = _whole(response.raw)
        response.raw = io.BytesIO(body)
        return response


def _whole(raw: urllib3.BaseHTTPResponse) -> bytes:
    """Return the body of an answer, unless it takes too long or is too large."""
    deadline = time.monotonic() + LONGEST_ANSWER
    body = bytearray()
    try:
        while piece := raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise _TooLargeError
            if time.monotonic() > deadline:
                raise requests.Timeout(f"the answer was not whole after {LONGEST_ANSWER:.0f} s")
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error
    return bytes(body)


def _as_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class Client:
    """Session of one API and its sign-in, safe for any number of threads; removes secrets from messages.

    Args:
        provider: Name of the provider.
        secrets: Values that must not appear in a message.
        limiter: Rate limiter that each request waits for.
        time: Receives the headers of each answer.
    """

    def __init__(self, provider: str, secrets: Iterable[str], limiter: Limiter, time: ProviderTime) -> None:
        self.provider = provider
        self.limiter = limiter
        self.time = time
        self.session = _Session(limiter, time)
        self.session.headers["User-Agent"] = "uploadwatch"
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=_CONNECTIONS))
        self._secrets = [shape for secret in secrets for shape in _shapes(secret)]

    def safe(self, text: str, *secrets: str) -> str:
        """Return a provider's text fit to be shown: short, on one line and without secrets."""
        for shape in (*self._secrets, *(shape for secret in secrets for shape in _shapes(secret))):
            text = text.replace(shape, "***")
        text = _SIGNED.sub("***", text)
        return " ".join(text.split())[:_SHOWN]


def _shapes(secret: str) -> list[str]:
    """Return the forms of a secret that a text may contain: plain, quoted for a URL, and escaped for JSON."""
    return sorted({secret, quote(secret, safe=""), json.dumps(secret)[1:-1]} - {""}, key=len, reverse=True)


class Api:
    """One API: its root, the reader of its errors, and its token.

    Args:
        client: The connector's client.
        root: Configured address that all paths are appended to.
        read_refusal: Parses an error answer.
        token: Bearer token; None for none.
        signs_in: Whether this is the API that issues tokens, so that a refusal concerns the credentials.
        headers: Sent with every request.
        patience: Limits of the retries.
    """

    def __init__(
        self,
        client: Client,
        root: str,
        read_refusal: Callable[[requests.Response], Refusal],
        token: Token | None = None,
        *,
        signs_in: bool = False,
        headers: Headers | None = None,
        patience: Patience = USUAL,
    ) -> None:
        self._client = client
        self._root = root
        self._read_refusal = read_refusal
        self._token = token
        self._signs_in = signs_in
        self._headers = headers or {}
        self._patience = patience

    def with_headers(self, headers: Headers) -> Api:
        """Return the same API with additional headers on every request."""
        return self._changed(headers=headers)

    def reading(self, read_refusal: Callable[[requests.Response], Refusal]) -> Api:
        """Return the same API with another parser of error answers."""
        return self._changed(read_refusal=read_refusal)

    def with_patience(self, patience: Patience) -> Api:
        """Return the same API with other limits for retries."""
        return self._changed(patience=patience)

    def _changed(self, **changed: Any) -> Api:
        kept: dict[str, Any] = {
            "read_refusal": self._read_refusal,
            "token": self._token,
            "signs_in": self._signs_in,
            "headers": self._headers,
            "patience": self._patience,
        }
        return Api(self._client, self._root, **(kept | changed))

    @property
    def client(self) -> Client:
        """Return the client that sends its requests."""
        return self._client

    def sign_in(self) -> None:
        """Sign in now, not with the first request.

        Raises:
            ConnectorError: Signing in failed.
        """
        if self._token:
            self._token.prepare()

    def error(self, request: str, cause: str, remedy: str) -> AnswerError:
        """Return an error about an answer of this API."""
        return AnswerError(self._client.provider, request, cause, remedy)

    def endless(self, request: str, cause: str, remedy: str) -> EndlessError:
        """Return an error about pages that would never end."""
        return EndlessError(self._client.provider, request, cause, remedy)

    def get(self, path: str, kind: type[T], parameters: Parameters | None = None) -> T:
        """Send a GET and return the decoded answer."""
        return self.answer("GET", path, kind, params=parameters)[0]

    def post(self, path: str, kind: type[T], body: object) -> T:
        """Send a POST of JSON and return the decoded answer."""
        return self.answer("POST", path, kind, json=body)[0]

    def answer(self, method: str, path: str, kind: type[T], **content: Any) -> tuple[T, Headers]:
        """Send a request and return the decoded answer and its headers.

        Args:
            method: HTTP method. A request may be sent several times, whatever its method.
            path: Path below the root, quoted.
            kind: Type of the answer.
            **content: ``params``, ``json`` or ``data`` as in ``requests``.

        Raises:
            RefusedError: The provider refused.
            UnavailableError: All attempts failed.
            NetworkError: Certificates or the proxy block the request.
            AnswerError: The answer is no JSON, or not of that type.
            StoppedError: The caller was asked to stop.
        """
        request = f"{method} {path or self._root}"
        return retrying(lambda: self._once(method, path, request, kind, content), self._client.limiter, self._patience)

    def _once(
        self, method: str, path: str, request: str, kind: type[T], content: Mapping[str, Any]
    ) -> tuple[T, Headers]:
        response, bearer = self._send(method, path, request, content)
        if response.status_code // 100 != 2:
            raise self._refused(request, response, bearer)
        body = response.content
        if is_page(body):
            cause = f"HTTP {response.status_code} with an HTML page instead of JSON"
            raise Again(self.error(request, cause, _PAGE_REMEDY))
        if reason := _error_within(body):
            cause = (
                f"HTTP {response.status_code} with an error instead of an answer: {self._client.safe(reason, bearer)}"
            )
            raise self.error(request, cause, _REPORT)
        try:
            return decode(body, kind), response.headers
        except msgspec.ValidationError as error:
            reason = self._client.safe(str(error), bearer)
            raise self.error(request, f"the answer does not have the documented shape: {reason}", _REPORT) from None
        except RecursionError:
            raise self.error(request, "the answer is nested too deeply to be read", _REPORT) from None
        except ValueError as error:
            reason = self._client.safe(str(error), bearer) if body else "it is empty"
            raise Again(self.error(request, f"the answer is no JSON: {reason}", _REPORT)) from None

    def _send(self, method: str, path: str, request: str, content: Mapping[str, Any]) -> tuple[requests.Response, str]:
        """Send a request; repeat it once with a new token if the token is no longer valid."""
        bearer = self._token.value() if self._token else ""
        response = self._exchange(method, path, request, bearer, content)
        if response.status_code == 401 and self._token:
            self._token.forget(bearer)
            bearer = self._token.value()
            response = self._exchange(method, path, request, bearer, content)
        return response, bearer

    def _exchange(
        self, method: str, path: str, request: str, bearer: str, content: Mapping[str, Any]
    ) -> requests.Response:
        headers = {**self._headers, **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        if self._root.startswith("https:"):
            self._require_certificates(request)
        try:
            return self._client.session.request(method, self._root + path, headers=headers, **content)
        except (ConnectorError, StoppedError):
            raise
        except _TooLargeError:
            cause = f"the answer is larger than {LARGEST_ANSWER // 2**20} MiB"
            raise self.error(request, cause, "Check the configured address of the API and the proxy.") from None
        # The library passes on any error of sockets, TLS, header parsing and body decoding. The texts of these errors
        # contain addresses with their query, and headers, so they must not be shown.
        except Exception as error:  # noqa: BLE001
            raise self._broken(request, error, bearer) from None

    def _require_certificates(self, request: str) -> None:
        """Refuse unusable certificates from the environment: the library's error would not name the variable."""
        trusted = bundle()
        if trusted and (fault := trusted.fault()):
            cause = f"{trusted.variable} names {trusted.path}, which {fault}"
            remedy = f"Name a readable PEM file with certificate authorities in {trusted.variable}, or unset it."
            raise NetworkError(self._client.provider, request, cause, remedy)

    def _broken(self, request: str, error: Exception, bearer: str) -> Exception:
        """Return the error to raise for a request without a whole answer."""
        if not isinstance(error, _NETWORK) or isinstance(error, _NEVER_SENT):
            cause = f"the exchange could not be carried out ({type(error).__name__})"
            return self.error(request, cause, _REPORT)
        # The whole text of the error would contain the address with its query.
        reason = getattr(error.args[0], "reason", None) if error.args else None
        text = self._client.safe(str(reason), bearer) if reason else ""
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
        found, passing = unreachable(self._client.provider, request, error, host_of(self._root), text)
        return Again(found) if passing else found

    def _refused(self, request: str, response: requests.Response, bearer: str) -> Exception:
        status, provider = response.status_code, self._client.provider
        if status // 100 == 3:
            cause = f"HTTP {status}: a redirect, and redirects are not followed"
            return RefusedError(provider, request, cause, "Correct the configured address of the API.", status)
        if status == 407:
            return NetworkError(provider, request, "the proxy asks for a sign-in (HTTP 407)", PROXY_SIGN_IN)
        refusal = self._read_refusal(response)
        message = " ".join(part for part in (refusal.code, refusal.message) if part)
        if not refusal.code and is_page(response.content):
            message, refusal = "an HTML page instead of the provider's error", Refusal(remedy=_PAGE_REMEDY)
        cause = self._client.safe(f"HTTP {status}: {message or response.reason or 'no reason given'}", bearer)
        throttled = refusal.throttled or status == 429
        if throttled or refusal.passing or status == 408 or status >= 500:
            wait = refusal.wait if refusal.wait is not None else retry_after(response)
            remedy = "The provider throttles or fails: run again later."
            error = UnavailableError(provider, request, cause, remedy, throttled=throttled, status=status)
            return Again(error, wait, throttled=throttled) if wait is None or wait <= LONGEST_WAIT else error
        kind = SignInError if self._signs_in else AccessError if status in (401, 403) else RefusedError
        remedy = refusal.remedy or "Read the provider's message; the request itself can't be repeated."
        if self._signs_in and (clock := self._client.time.warning()):
            remedy = f"{clock} {remedy}"
        return kind(provider, request, cause, remedy, status, self._client.safe(refusal.code, bearer))


def _error_within(body: bytes) -> str:
    """Return the error inside an answer whose status is a success; "" if there is none."""
    if len(body) > _READ or b'"error"' not in body:
        return ""
    try:
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return ""
    error = bytes(found.get("error", msgspec.Raw(b"null"))).decode(errors="replace")
    return "" if error in ("null", "false", '""') else error


def error_body(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of an error answer; empty if there is none."""
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def error_text(response: requests.Response) -> str:
    """Return the beginning of an error answer as text, whatever encoding its headers claim."""
    return response.content[:_READ].decode(errors="replace")


def fits_header(value: str) -> bool:
    """Return whether a text can be a header's value: the library's error for others would contain the text."""
    return value != "" and value.isascii() and value.isprintable() and value == value.strip()
