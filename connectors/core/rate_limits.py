"""Rate limiter that keeps requests below an API's quota, for all threads and processes that share a state file."""

from __future__ import annotations

import fcntl
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec

from connectors.core.errors import StoppedError

__all__ = ["Limiter", "Limits"]

_SLOTS = 60
"""Parts of a period in which requests are counted together."""
_SIZE = 1024
"""Bytes of the state file. It is always written whole, so that no rest of a longer state remains."""
_SECOND = 1_000_000_000


class _State(msgspec.Struct):
    """Requests sent so far; times are nanoseconds since 1970.

    Attributes:
        width: Length of a slot.
        seen: Latest time at which a process used the state.
        taken: Requests of each slot, that of ``seen`` first.
        paused_until: No request is sent before this.
    """

    width: int
    seen: int = 0
    taken: list[int] = []
    paused_until: int = 0


class Limiter:
    """Limiter that lets at most ``requests`` go in any interval of length ``period``.

    A process that ends, in any way, leaves no lock behind. A clock that is set back costs a wait of two periods at
    most; a clock that is set forward frees the requests of the skipped time.

    Args:
        state: File shared by all processes that use the API, created when needed. None: this object only.
        requests: Number of requests that may go per period.
        period: Length of the period.
        stop: Once it is set, every wait ends with a ``StoppedError``.
        clock: Nanoseconds since 1970.
        patience: Seconds after its first attempt within which a failed request may be retried.
    """

    def __init__(
        self,
        state: Path | None,
        requests: int,
        period: timedelta,
        *,
        stop: threading.Event | None = None,
        clock: Callable[[], int] = time.time_ns,
        patience: float = math.inf,
    ) -> None:
        if requests < 1 or period <= timedelta():
            raise ValueError(f"{requests} requests in {period}: give at least one request and a time above zero")
        self._requests = requests
        self._period = period // timedelta(microseconds=1) * 1000
        self._width = -(-self._period // _SLOTS)
        self._path = state
        self._stop = stop or threading.Event()
        self._clock = clock
        self.patience = patience
        self._memory = b""
        self._handle: int | None = None
        # Threads wait here without polling; the file only coordinates processes.
        self._threads = threading.Lock()

    def take(self, wanted: int) -> int:
        """Take as many requests as may go at this moment, without waiting.

        Returns:
            How many may go, from none to all wanted; they count as sent.
        """
        return self._take(wanted)[0]

    def wait(self, requests: int = 1) -> None:
        """Wait until this number of requests may go, and take them.

        Raises:
            StoppedError: The caller was asked to stop.
        """
        while True:
            granted, pause = self._take(requests)
            requests -= granted
            if requests <= 0:
                return
            self.rest(pause)

    def pause(self, seconds: float) -> None:
        """Stop the requests of all threads and processes for a time, because the provider asks for it."""
        with self._held() as state:
            state.paused_until = max(state.paused_until, state.seen + round(seconds * _SECOND))

    def rest(self, seconds: float) -> None:
        """Sleep.

        Raises:
            StoppedError: The caller was asked to stop.
        """
        if self._stop.wait(seconds):
            raise StoppedError

    def _take(self, wanted: int) -> tuple[int, float]:
        """Take what may go now; return how many went, and the seconds after which more may."""
        if self._stop.is_set():
            raise StoppedError
        with self._held() as state:
            if state.seen < state.paused_until:
                return 0, (state.paused_until - state.seen) / _SECOND
            granted = max(0, min(wanted, self._requests - sum(state.taken)))
            state.taken[0] += granted
            oldest = max((age for age, count in enumerate(state.taken) if count), default=0)
            frees = (state.seen // self._width - oldest + _SLOTS + 1) * self._width
            return granted, (frees - state.seen) / _SECOND

    @contextmanager
    def _held(self) -> Iterator[_State]:
        """Lock the state and bring it up to this moment; save it when the block ends."""
        with self._threads:
            if self._path is None:
                state = self._now(self._memory)
                yield state
                self._memory = msgspec.json.encode(state)
                return
            if self._handle is None:
                # Kept open: opening a file can cost more than the rest of a request.
                self._handle = _opened(self._path)
                weakref.finalize(self, os.close, self._handle)
            # The kernel releases the lock when the process ends, in any way.
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            try:
                state = self._now(os.pread(self._handle, _SIZE, 0))
                yield state
                os.pwrite(self._handle, msgspec.json.encode(state).ljust(_SIZE), 0)
            finally:
                fcntl.flock(self._handle, fcntl.LOCK_UN)

    def _now(self, kept: bytes) -> _State:
        """Return the kept state, brought up to this moment."""
        now = self._clock()
        try:
            state = msgspec.json.decode(kept, type=_State)
        except msgspec.DecodeError:
            # No state yet, or an unreadable one.
            state = _State(self._width, now)
        if state.width != self._width or state.seen - now > self._period:
            # Another period, or the clock was set back: the time of the requests is unknown, so they count as sent now.
            state = _State(self._width, now, [sum(state.taken)], now + max(0, state.paused_until - state.seen))
        # A clock that is slightly behind (another machine's, or a correction) must not make requests older.
        now = max(now, state.seen)
        new = now // self._width - state.seen // self._width
        # A request counts until its slot lies wholly outside the period, so one slot is added.
        state.taken = ([0] * min(new, _SLOTS + 1) + (state.taken or [0]))[: _SLOTS + 1]
        state.seen = now
        return state


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)


class Limits:
    """The limiters of one connector's APIs.

    Args:
        directory: Directory of the state files; None: limits hold for this process only.
        stop: Once it is set, every wait for a limiter ends with a ``StoppedError``.
    """

    def __init__(self, directory: Path | None, stop: threading.Event | None = None) -> None:
        self._directory = directory
        self._stop = stop or threading.Event()

    def per_minute(self, api: str, requests: int) -> Limiter:
        """Return a limiter for the named API."""
        state = self._directory / f"{api}.json" if self._directory else None
        return Limiter(state, requests, timedelta(minutes=1), stop=self._stop)
