"""Forms: endpoints that take what a page's form sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["posted"]


def posted(endpoint: Callable[[Request, FormData], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Read the form, without files, and call a plain function with it in a thread of its own."""

    @wraps(endpoint)
    async def called(request: Request) -> Response:
        return await run_in_threadpool(endpoint, request, await request.form(max_files=0))

    return called
