"""HTTP as all connectors speak it: one session, time-outs, quotas, no redirects, retries, errors without secrets.

Requests go to a configured root and nowhere else: a path is put behind the root, and no address that a server
sends is ever followed, so a token can't reach a foreign host.
"""

from __future__ import annotations

import io
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

from connectors.errors import AccessError, AnswerError, RefusedError, SignInError, UnavailableError
from connectors.limits import Limiter
from connectors.retries import LONGEST_WAIT, Again, retry_after, retrying
from connectors.tokens import Token
from connectors.verbatim import decode

__all__ = ["Api", "Client", "Refusal", "error_body"]

T = TypeVar("T")
Parameters = Mapping[str, str | int]
Headers = Mapping[str, str]

TIMEOUTS = (5.0, 60.0)
"""Seconds to connect, and between two pieces of an answer."""
LONGEST_ANSWER = 300.0
"""Seconds in which an answer must be whole, however steadily its bytes drip."""
LARGEST_ANSWER = 128 * 2**20
"""Bytes: some twenty times the largest page that a provider's limits allow for."""
_PIECE = 2**18
_CONNECTIONS = 16
"""Connections kept open: as many as threads that ask at once."""
_SHOWN = 300
# A signed assertion, such as Google's sign-in posts, is as good as a password while it lives.
_SIGNED = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


@dataclass(frozen=True)
class Refusal:
    """What a provider's error answer says.

    Attributes:
        code: The provider's error code.
        message: Its text.
        throttled: Whether the request may be repeated although the status does not say so.
        wait: Seconds to wait before that, where the body says so.
        remedy: What to do about it.
    """

    code: str = ""
    message: str = ""
    throttled: bool = False
    wait: float | None = None
    remedy: str = ""


class _TooLargeError(requests.RequestException):
    """An answer that is larger than any page."""


class _Session(requests.Session):
    """A session that keeps to the quota, follows no redirect, reads no ``.netrc`` and waits within bounds."""

    def __init__(self, limiter: Limiter) -> None:
        super().__init__()
        self._limiter = limiter
        self._of_host: dict[tuple[str, str], Any] = {}

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """As in ``requests``, but the environment's proxies and certificates are read once a host, not each time."""
        scheme, host, *_ = urlsplit(url)
        if (scheme, host) not in self._of_host:
            self._of_host[scheme, host] = super().merge_environment_settings(url, {}, None, verify, cert)
        return {**self._of_host[scheme, host], "stream": stream}

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """As ``requests.Session.request``, with the rules above."""
        options |= {
            "timeout": TIMEOUTS,
            "allow_redirects": False,
            "auth": options.get("auth") or _as_is,
            "stream": True,
        }
        self._limiter.wait()
        response = super().request(method, url, *args, **options)
        with response:
            body = _whole(response.raw)
        response.raw = io.BytesIO(body)
        return response


def _whole(raw: urllib3.BaseHTTPResponse) -> bytes:
    """The body of an answer, unless it takes too long or is too large."""
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
    """The session of one API and its sign-in, for any number of threads, and what its messages must not hold.

    Args:
        provider: Name of the provider.
        secrets: Values that may appear in no message.
        limiter: Each request waits for it.
    """

    def __init__(self, provider: str, secrets: Iterable[str], limiter: Limiter) -> None:
        self.provider = provider
        self.limiter = limiter
        self.session = _Session(limiter)
        self.session.headers["User-Agent"] = "uploadwatch"
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=_CONNECTIONS))
        self._secrets = [shape for secret in secrets for shape in (secret, quote(secret, safe="")) if secret]

    def safe(self, text: str, *secrets: str) -> str:
        """A provider's text as it may be shown: short, on one line and without secrets."""
        for secret in (*self._secrets, *secrets):
            if secret:
                text = text.replace(secret, "***")
        text = _SIGNED.sub("***", text)
        return " ".join(text.split())[:_SHOWN]


class Api:
    """One API: a root, the way its errors read, and the token it takes.

    Args:
        client: The connector's client.
        root: Configured address that all paths are put behind.
        read_refusal: Reads an error answer.
        token: Bearer token; None for none.
        signs_in: Whether this is the API that gives tokens, so that a refusal is of the credentials.
    """

    def __init__(
        self,
        client: Client,
        root: str,
        read_refusal: Callable[[requests.Response], Refusal],
        token: Token | None = None,
        *,
        signs_in: bool = False,
    ) -> None:
        self._client = client
        self._root = root
        self._read_refusal = read_refusal
        self._token = token
        self._signs_in = signs_in

    def error(self, request: str, cause: str, remedy: str) -> AnswerError:
        """An error about an answer of this API."""
        return AnswerError(self._client.provider, request, cause, remedy)

    def get(self, path: str, kind: type[T], parameters: Parameters | None = None) -> T:
        """The decoded answer to a GET."""
        return self.answer("GET", path, kind, params=parameters)[0]

    def post(self, path: str, kind: type[T], body: object) -> T:
        """The decoded answer to a POST of JSON."""
        return self.answer("POST", path, kind, json=body)[0]

    def answer(self, method: str, path: str, kind: type[T], **content: Any) -> tuple[T, Headers]:
        """The decoded answer and its headers.

        Args:
            method: HTTP method. Whatever it is, the request may be sent several times.
            path: Path behind the root, quoted.
            kind: Type of the answer.
            **content: ``params``, ``json`` or ``data`` as in ``requests``.

        Raises:
            RefusedError: The provider refused.
            UnavailableError: All attempts failed.
            AnswerError: The answer is no JSON, or not of that type.
            StoppedError: The caller was asked to stop.
        """
        request = f"{method} {path or self._root}"
        return retrying(lambda: self._once(method, path, request, kind, content), self._client.limiter)

    def _once(
        self, method: str, path: str, request: str, kind: type[T], content: Mapping[str, Any]
    ) -> tuple[T, Headers]:
        response, bearer = self._send(method, path, request, content)
        if response.status_code // 100 != 2:
            raise self._refused(request, response, bearer)
        remedy = "If it happens again, the provider changed its API: report it."
        try:
            return decode(response.content, kind), response.headers
        except msgspec.ValidationError as error:
            raise self.error(request, f"the answer is of another shape: {error}", remedy) from None
        except msgspec.DecodeError as error:
            raise Again(self.error(request, f"the answer is no JSON: {error}", remedy)) from None

    def _send(self, method: str, path: str, request: str, content: Mapping[str, Any]) -> tuple[requests.Response, str]:
        """Sends once, or twice where the token turned out to be no longer good."""
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
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            return self._client.session.request(method, self._root + path, headers=headers, **content)
        except _TooLargeError:
            cause = f"the answer is larger than {LARGEST_ANSWER // 2**20} MiB"
            raise self.error(request, cause, "Check the configured address of the API and the proxy.") from None
        except _BROKEN as error:
            # The whole text of the error would hold the address with its query.
            reason = getattr(error.args[0], "reason", None) if error.args else None
            cause = (
                f"{type(error).__name__}: {self._client.safe(str(reason), bearer)}" if reason else type(error).__name__
            )
            remedy = "Check the network, the proxy and the provider's status page."
            raise Again(UnavailableError(self._client.provider, request, cause, remedy)) from None

    def _refused(self, request: str, response: requests.Response, bearer: str) -> Exception:
        status, provider = response.status_code, self._client.provider
        if status // 100 == 3:
            cause = f"HTTP {status}: a redirect, and redirects are not followed"
            return RefusedError(provider, request, cause, "Correct the configured address of the API.", status)
        refusal = self._read_refusal(response)
        told = " ".join(part for part in (refusal.code, refusal.message) if part)
        cause = self._client.safe(f"HTTP {status}: {told or response.reason or 'no reason given'}", bearer)
        throttled = refusal.throttled or status == 429
        if throttled or status == 408 or status >= 500:
            wait = refusal.wait if refusal.wait is not None else retry_after(response)
            remedy = "The provider throttles or fails: run again later."
            error = UnavailableError(provider, request, cause, remedy)
            return Again(error, wait, throttled=throttled) if wait is None or wait <= LONGEST_WAIT else error
        kind = SignInError if self._signs_in else AccessError if status in (401, 403) else RefusedError
        remedy = refusal.remedy or "Read the provider's message; the request itself can't be repeated."
        return kind(provider, request, cause, remedy, status, self._client.safe(refusal.code, bearer))


def error_body(response: requests.Response) -> dict[str, Any]:
    """The JSON object that an error answer holds; empty where it holds none."""
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}
