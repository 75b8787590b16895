"""Headers that protect every answer of the console."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

__all__ = ["below_dagster", "is_static", "protect", "protected"]

_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with that, browsers send `Origin: null` with the console's own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_YEAR_SECONDS = 31_536_000


def below_dagster(path: str) -> bool:
    """Check whether a path is of Dagster's UI."""
    return path == "/dagster" or path.startswith("/dagster/")


def is_static(path: str) -> bool:
    """Check whether a path is of a style sheet or script, which are the same for everybody."""
    return path.startswith("/static/")


def protect(headers: MutableHeaders, path: str, *, https: bool) -> None:
    """Add the headers to those of an answer.

    Args:
        headers: Headers of the answer.
        path: Path of the request.
        https: Whether people use the console by https.
    """
    headers.update(_EVERYWHERE)
    if https:
        headers["Strict-Transport-Security"] = f"max-age={_YEAR_SECONDS}"
    if below_dagster(path):
        # A second policy beside Dagster's own: browsers enforce both.
        headers.append("Content-Security-Policy", "frame-ancestors 'none'")
        headers.setdefault("Cache-Control", "no-store")
    else:
        headers["Content-Security-Policy"] = _POLICY
        headers["Cache-Control"] = "no-cache" if is_static(path) else "no-store"


def protected(scope: Scope, send: Send, *, https: bool) -> Send:
    """Return a way to send that adds the headers."""

    async def sent(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            protect(MutableHeaders(scope=message), scope["path"], https=https)
        await send(message)

    return sent
