"""Proxy and certificates: what the environment sets for all requests, and remedies if they block a request."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3

from connectors.core.errors import ConnectorError, NetworkError, UnavailableError

__all__ = ["PROXY_SIGN_IN", "Bundle", "bundle", "host_of", "is_page", "unreachable"]

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name trusted certificates; the first that is set wins. The library knows the first two only."""
_PROXIES = "HTTPS_PROXY (or HTTP_PROXY, ALL_PROXY)"
_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_STATUS = "Check the network, the proxy and the provider's status page."
PROXY_SIGN_IN = (
    f"Put the proxy's user and password into {_PROXIES}, as in http://user:password@proxy.example.com:8080, or name "
    "the provider's host in NO_PROXY: see docs/configuration.md, Proxy and certificates."
)
"""Remedy for a proxy that answers 407."""


@dataclass(frozen=True)
class Bundle:
    """Certificates that the environment names.

    Attributes:
        variable: The variable that names them.
        path: File or directory.
    """

    variable: str
    path: str

    def fault(self) -> str:
        """Return why they can't be used; "" if they can."""
        path = Path(self.path)
        try:
            if path.is_dir():
                return "" if any(path.iterdir()) else "is an empty directory"
            ssl.create_default_context(cafile=self.path)
        except ssl.SSLError:
            return "holds no certificates in PEM form"
        except (OSError, ValueError) as error:
            return f"can't be read ({getattr(error, 'strerror', None) or type(error).__name__})"
        return ""


def bundle() -> Bundle | None:
    """Return the certificates that the environment names; None to trust the library's own."""
    return next((Bundle(name, path) for name in _BUNDLES if (path := os.environ.get(name, "").strip())), None)


def is_page(body: bytes) -> bool:
    """Return whether an answer is an HTML page, such as the sign-in page of a network or proxy."""
    return bool(_PAGE.match(body[:4096]))


def unreachable(provider: str, request: str, error: Exception, host: str, reason: str) -> tuple[ConnectorError, bool]:
    """Name the cause of a request without an answer.

    Args:
        provider: Name of the provider.
        request: Method and path.
        error: What the library raised.
        host: Host of the address asked.
        reason: What the library says, without secrets.

    Returns:
        The error to raise, and whether the request may be repeated.
    """
    chain = list(_chain(error))
    texts = " ".join(str(each) for each in chain)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        cause = "the environment's proxy or the configured address can't be used"
        to_do = f"Correct {_PROXIES}: http://proxy.example.com:8080, SOCKS is not supported. Or correct the address."
        return NetworkError(provider, request, cause, to_do), False
    if isinstance(error, requests.exceptions.ProxyError) and "407" in texts:
        return NetworkError(provider, request, "the proxy asks for a sign-in (407)", PROXY_SIGN_IN), False
    if "CERTIFICATE_VERIFY_FAILED" in texts:
        return _untrusted(provider, request, host, texts), False
    cause, to_do = reason, _STATUS
    if isinstance(error, requests.exceptions.ProxyError):
        cause = f"the proxy can't be reached, or refuses {host}: {reason}"
        to_do = f"Check {_PROXIES} and NO_PROXY, and whether the proxy allows {host}."
    elif isinstance(error, requests.exceptions.SSLError):
        cause = f"TLS with {host} failed: {reason}"
        to_do = f"Check whether a proxy or a firewall breaks TLS with {host}, and the configured address."
    elif any(isinstance(each, urllib3.exceptions.NameResolutionError) for each in chain):
        cause = f"the name {host} can't be resolved (DNS)"
        to_do = (
            "Check the network, the configured address and this machine's DNS; where only a proxy may ask, set "
            "HTTPS_PROXY."
        )
    return UnavailableError(provider, request, cause, to_do), True


def host_of(root: str) -> str:
    """Return the host of an address."""
    return urlsplit(root).hostname or ""


def _untrusted(provider: str, request: str, host: str, texts: str) -> NetworkError:
    why = next((sign for sign in ("self-signed", "expired", "mismatch", "local issuer") if sign in texts), "")
    named = {
        "self-signed": "it is signed by an authority that this machine does not trust",
        "local issuer": "it is signed by an authority that this machine does not trust",
        "expired": "it is expired, or this machine's clock is wrong",
        "mismatch": "it is for another host",
    }.get(why, "it is not trusted")
    trusts = f"; trusted are those of {found.variable}" if (found := bundle()) else ""
    to_do = (
        "Where a proxy inspects TLS, set REQUESTS_CA_BUNDLE to a PEM file that holds its authority's certificate: see "
        "docs/configuration.md, Proxy and certificates. Verification can't be switched off."
    )
    return NetworkError(provider, request, f"the certificate of {host} can't be verified: {named}{trusts}", to_do)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, as far as the libraries keep them."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or each in seen:
            continue
        seen.append(each)
        yield each
        waiting += [getattr(each, "reason", None), each.__cause__, each.__context__, *each.args]
