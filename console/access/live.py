"""WebSockets that end with the session that opened them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Send

from common.clock import Clock

__all__ = ["ended_with_session"]

_PAUSE = timedelta(seconds=5)
_POLICY_VIOLATION = 1008


def ended_with_session(receive: Receive, send: Send, clock: Clock, lives: Callable[[], bool]) -> tuple[Receive, Send]:
    """Return ways to receive and send that close a WebSocket once its session has ended.

    Args:
        receive: Way to receive.
        send: Way to send.
        clock: Real time.
        lives: Check of the session, made every few seconds while messages pass.
    """
    checked: datetime = clock.now()
    has_ended = False

    async def ended() -> bool:
        nonlocal checked, has_ended
        if not has_ended and clock.now() - checked >= _PAUSE:
            checked = clock.now()
            if not await run_in_threadpool(lives):
                has_ended = True
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "The session has ended."})
        return has_ended

    async def received() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive" and await ended():
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
        return message

    async def sent(message: Message) -> None:
        if not await ended():
            await send(message)

    return received, sent
