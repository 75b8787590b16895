"""Parallel pulls: each source has its own thread and its own time limit.

The steps of a run are executed one after the other in one process. The first step that pulls starts the pulls of all
sources of the run; each source's step then waits for its own. So sources that do not answer, however many, delay the
others by one time limit at most.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import dagster as dg
from pydantic import PrivateAttr

from connectors import StoppedError

__all__ = ["Patience", "Pulls", "Watch"]

T = TypeVar("T")

_LOOK_SECONDS = 0.2
_GRACE_SECONDS = 5.0
"""Time for a stopped pull to record what it has pulled."""


@dataclass(frozen=True)
class Patience:
    """Time limits of a source.

    Attributes:
        silent_seconds: Longest time without an answer.
        total_seconds: Longest time in all; the next run pulls the rest.
    """

    silent_seconds: float
    total_seconds: float


@dataclass
class Watch:
    """Progress of a pull, and the signal that stops it.

    Attributes:
        stop: Set when the time is over.
        goes_on: Whether the source still answered when its total time was over.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    goes_on: bool = False
    _began: float = field(default_factory=time.monotonic)
    _latest: float = field(default_factory=time.monotonic)

    def progress(self) -> None:
        """Record that the source answered."""
        self._latest = time.monotonic()

    def over(self, patience: Patience) -> bool:
        """Return whether the source has taken longer than it may."""
        now = time.monotonic()
        silent = now - self._latest > patience.silent_seconds
        self.goes_on = not silent and now - self._began > patience.total_seconds
        return silent or self.goes_on


class _Running(Generic[T]):
    """A pull in its thread."""

    def __init__(self, name: str, work: Callable[[Watch], T], patience: Patience) -> None:
        self._work, self._patience = work, patience
        self._watch = Watch()
        self._result: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"pull-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work(self._watch)
        except BaseException as error:  # noqa: BLE001 -- raised again where the pull is waited for
            self._error = error

    def wait(self) -> T:
        """Return the pull's result, or raise its error."""
        while self._thread.is_alive() and not self._watch.over(self._patience):
            self._thread.join(_LOOK_SECONDS)
        if self._thread.is_alive():
            self._watch.stop.set()
            self._thread.join(_GRACE_SECONDS)
        if self._error:
            raise self._error
        if self._result is None:
            raise StoppedError
        return self._result

    def leave(self) -> None:
        """Signal the pull to stop, without waiting for it."""
        self._watch.stop.set()


class Pulls(dg.ConfigurableResource[None]):
    """The pulls of one run."""

    _running: dict[str, _Running[Any]] = PrivateAttr(default_factory=dict)
    _finished: set[str] = PrivateAttr(default_factory=set)

    def start(self, works: Mapping[str, tuple[Callable[[Watch], Any], Patience]], name: str) -> None:
        """Start what has not been started in this run, each in a thread of its own.

        Args:
            works: The pulls of all sources of the run.
            name: The source whose step starts them. If the step is repeated, only its own pull is started again.
        """
        # Do not restart the other sources that are done: their events may be read by now.
        self._finished.discard(name)
        for each, (work, patience) in works.items():
            if each not in self._running and each not in self._finished:
                self._running[each] = _Running(each, work, patience)

    def wait(self, name: str) -> Any:
        """Wait for one and return its result.

        Raises:
            StoppedError: It took longer than it may, and does not end.
            Exception: The error of the pull.
        """
        self._finished.add(name)
        return self._running.pop(name).wait()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Start without pulls."""
        self._running, self._finished = {}, set()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Stop the pulls that nobody waits for any more."""
        for each in self._running.values():
            each.leave()
        self._running = {}
