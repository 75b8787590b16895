"""Backtests of a deployment: one at a time, in a process of its own; the latest results are kept in memory."""

from __future__ import annotations

import multiprocessing
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Lock, Thread

from common.digests import text_digest
from common.errors import MendableError
from console.backtest_form import Wanted
from console.backtest_process import Refused, run_backtest
from detection.parameters import Parameters
from lake.days import DAY
from lake.store import Lake
from orchestration.backtesting import LEAD, Compared, Step
from orchestration.settings import Settings

__all__ = ["Backtest", "Backtests", "BusyError", "State", "data_digest"]

_KEPT = 20
"""Latest backtests that are kept. They name people, so they are in memory only."""
_SECONDS_TO_END = 5.0
_DIED = "Its process was ended. See whether the machine ran out of memory, and try fewer days."


class State(StrEnum):
    """State of a backtest."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass
class Backtest:
    """A backtest that runs, or ran.

    Attributes:
        wanted: What was asked for.
        by: Name of who started it.
        digest: Digest of the data and settings that it read, see :func:`data_digest`.
        state: Its state.
        step: Its progress; None before the first.
        result: Its result, once it is done.
        error: Why it failed.
    """

    wanted: Wanted
    by: str
    digest: str
    state: State = State.RUNNING
    step: Step | None = None
    result: Compared | None = None
    error: str = ""

    @property
    def percent(self) -> int:
        """Return how much of it is done."""
        step = self.step
        return int(100 * (step.number + step.done / step.days) / step.replays) if step else 0


class BusyError(MendableError):
    """Another backtest runs.

    Attributes:
        running: The other one.
    """

    def __init__(self, running: Backtest) -> None:
        super().__init__("Another backtest runs. Wait for its end, or cancel it.")
        self.running = running


class Backtests:
    """Backtests of a deployment, for many requests at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Wanted, Backtest] = OrderedDict()
        self._running: tuple[Backtest, SpawnProcess] | None = None

    @property
    def running(self) -> Backtest | None:
        """Return the backtest that runs."""
        with self._lock:
            return self._running[0] if self._running else None

    @property
    def kept(self) -> list[Backtest]:
        """Return the latest backtests, the newest first."""
        with self._lock:
            return list(reversed(self._kept.values()))

    def find(self, wanted: Wanted) -> Backtest | None:
        """Return the latest backtest of these days, budgets and alerts."""
        with self._lock:
            return self._kept.get(wanted)

    def start(self, lake: Lake, settings: Settings, wanted: Wanted, by: str) -> Backtest:
        """Start a backtest, unless the same one runs, or is done and read the same data.

        Args:
            lake: The lake.
            settings: Settings of the deployment.
            wanted: The backtest.
            by: Name of who starts it.

        Raises:
            BusyError: Another one runs.
        """
        digest = data_digest(lake, settings, wanted)
        with self._lock:
            if self._running:
                if self._running[0].wanted == wanted:
                    return self._running[0]
                raise BusyError(self._running[0])
            known = self._kept.get(wanted)
            if known and known.state is State.DONE and known.digest == digest:
                return known
            started = Backtest(wanted, by, digest)
            # A forked process would inherit the locks of this one's threads.
            context = multiprocessing.get_context("spawn")
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=run_backtest, args=(sender, lake.root, settings, wanted), daemon=True)
            process.start()
            # The child's end alone keeps the pipe open, so that its death ends the reading.
            sender.close()
            self._running = started, process
            self._kept.pop(wanted, None)
            self._kept[wanted] = started
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        Thread(target=self._follow, args=(started, process, receiver), daemon=True).start()
        return started

    def cancel(self) -> Backtest | None:
        """Cancel the backtest that runs, and return it; None if none runs."""
        with self._lock:
            if self._running is None:
                return None
            backtest, process = self._running
            backtest.state = State.CANCELLED
            process.terminate()
        process.join(_SECONDS_TO_END)
        if process.is_alive():
            process.kill()
        with self._lock:
            self._release(backtest)
        return backtest

    def _follow(self, backtest: Backtest, process: SpawnProcess, receiver: Connection) -> None:
        """Receive what the process sends, until it ends."""
        found: Compared | Refused | None = None
        with closing(receiver):
            try:
                while found is None:
                    said = receiver.recv()
                    if isinstance(said, Step):
                        backtest.step = said
                    else:
                        found = said
            except (EOFError, OSError):
                pass
        process.join()
        with self._lock:
            if backtest.state is State.RUNNING:
                if isinstance(found, Compared):
                    backtest.result, backtest.state = found, State.DONE
                else:
                    backtest.state = State.FAILED
                    backtest.error = found.reason if found else _DIED
            self._release(backtest)

    def _release(self, backtest: Backtest) -> None:
        if self._running and self._running[0] is backtest:
            self._running = None


def data_digest(lake: Lake, settings: Settings, wanted: Wanted) -> str:
    """Return a digest of what decides the result of a backtest, without reading the data."""
    first = wanted.first - LEAD - Parameters().training_days * DAY
    last = wanted.last + 2 * DAY
    notes = [
        (table, str(day), note.content if note else None)
        for table in ("user_hours", "evaluations", "alerts")
        for day in lake.days(table)
        if first <= day <= last
        for note in (lake.note(table, day),)
    ]
    root = Path(lake.root)
    paths = [root / "reviews.parquet", root / "persons.parquet", settings.allow_list, settings.risk_list]
    return text_digest(repr((notes, [_stamp(path) for path in paths if path])))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
