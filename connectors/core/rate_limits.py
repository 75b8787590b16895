"""Keeps the requests to an API below its quota, over all threads and processes that share a state file."""

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
"""Bytes of the state file: always written whole, so that what is read is never the rest of something longer."""
_SECOND = 1_000_000_000


class _State(msgspec.Struct):
    """Requests sent so far; times are nanoseconds since 1970.

    Attributes:
        width: Length of a slot.
        seen: Latest time at which anybody looked.
        taken: Requests of each slot, that of ``seen`` first.
        paused_until: Nothing goes before this.
    """

    width: int
    seen: int = 0
    taken: list[int] = []
    paused_until: int = 0


class Limiter:
    """Lets at most so many requests go in any stretch of time as long as the period.

    Processes that end in whatever way leave nothing that others wait for. A clock that is put back costs a wait of
    two periods at most; one that is put forward lets go what the skipped time would have.

    Args:
        state: File shared by all processes that use the API, made when needed. None: this object only.
        requests: So many requests.
        period: In such a time.
        stop: Once it is set, whoever waits gets a ``StoppedError``.
        clock: Nanoseconds since 1970.
        patience: Seconds after its first attempt within which a request that failed may be repeated.
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
        # Threads wait here, without polling; only processes meet at the file.
        self._threads = threading.Lock()

    def take(self, wanted: int) -> int:
        """Take as many of the requests as may go at this moment, without waiting.

        Returns:
            How many may go, from none to all wanted; they count as gone.
        """
        return self._take(wanted)[0]

    def wait(self, requests: int = 1) -> None:
        """Wait until so many requests may go, and take them.

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
        """Stop requests of all threads and processes for so long: the provider asks for it."""
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
        """The state at this moment, nobody else's until the block ends, and kept then."""
        with self._threads:
            if self._path is None:
                state = self._now(self._memory)
                yield state
                self._memory = msgspec.json.encode(state)
                return
            if self._handle is None:
                # Kept open: opening a file can cost more than all the rest of a request.
                self._handle = _opened(self._path)
                weakref.finalize(self, os.close, self._handle)
            # The kernel lets go of it when the process ends, however that comes about.
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
            # Nothing kept yet, or nothing that says anything.
            state = _State(self._width, now)
        if state.width != self._width or state.seen - now > self._period:
            # Another period, or the clock was put back: when the requests went is not known, so it was just now.
            state = _State(self._width, now, [sum(state.taken)], now + max(0, state.paused_until - state.seen))
        # A clock that is a little behind (another machine's, or a correction) must not make requests older.
        now = max(now, state.seen)
        new = now // self._width - state.seen // self._width
        # A request counts until its slot lies wholly outside the period: hence one slot more.
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
        directory: Where the state files are; None: limits hold for this process only.
        stop: Once it is set, whoever waits for a limiter gets a ``StoppedError``.
    """

    def __init__(self, directory: Path | None, stop: threading.Event | None = None) -> None:
        self._directory = directory
        self._stop = stop or threading.Event()

    def per_minute(self, api: str, requests: int) -> Limiter:
        """A limiter of the API of that name."""
        state = self._directory / f"{api}.json" if self._directory else None
        return Limiter(state, requests, timedelta(minutes=1), stop=self._stop)
