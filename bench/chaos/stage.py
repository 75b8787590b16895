"""Deployment for faults: a home, the sandbox that serves its sources, a receiver, and processes to kill."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from bench.chaos.acts import Act
from bench.chaos.disk import unmount
from bench.chaos.nursery import Ended, Nursery, Strike
from bench.chaos.organisation import DAYS, RUNS, Organisation, Run
from bench.chaos.receiver import Receiver, receiver
from bench.small import FIRST, moment
from cli.replay import Home, Sandbox, sandbox
from connectors import variables
from notify.witness import witness_of

__all__ = ["Clockwork", "Snapshot", "Stage", "keep_outbox", "staged"]

_LAST = FIRST + timedelta(days=DAYS + 6)
_BUDGET = "300"


@dataclass(frozen=True)
class Snapshot:
    """Copy of a home, with the messages that the receiver had accepted by then.

    Attributes:
        home: Copy of the home.
        taken: Messages that the receiver had accepted.
    """

    home: Path
    taken: Mapping[str, dict[str, Any]]


@dataclass
class Clockwork:
    """Environment of the next processes, apart from the home.

    Attributes:
        ahead: The host's clock minus the providers'.
        without: Sources whose variables are not set.
        unreachable: Sources that cannot be reached.
    """

    ahead: timedelta = timedelta()
    without: frozenset[str] = frozenset()
    unreachable: frozenset[str] = frozenset()


@dataclass
class Stage:
    """The deployment.

    Attributes:
        organisation: The monitored organisation.
        folder: Directory of all files.
        stand_in: The sandbox.
        receiver: Receiver of the notifications.
        nursery: Forks the product's processes.
        world: Environment of the next processes.
        now: Present time of the providers.
    """

    organisation: Organisation
    folder: Path
    stand_in: Sandbox
    receiver: Receiver
    nursery: Nursery
    world: Clockwork = field(default_factory=Clockwork)
    now: datetime = RUNS[0].now

    @property
    def home(self) -> Path:
        """Return the deployment's home: the same path in every round, as in a real deployment."""
        return self.folder / "home"

    @property
    def lake(self) -> Path:
        """Return the root of the lake."""
        return self.home / "lake"

    def set_clock(self, now: datetime) -> None:
        """Move the providers' clock, and the host's with it."""
        self.now = now
        self.stand_in.set_clock(now)

    def play(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Activate a fault plan in the sandbox; an empty one restores usual answers."""
        url = f"{self.stand_in.environment['UPLOADWATCH_SANDBOX_URL']}/_sandbox/faults"
        requests.put(url, json=list(faults), timeout=30).raise_for_status()

    def played(self) -> int:
        """Return how often a fault of the plan was played."""
        url = f"{self.stand_in.environment['UPLOADWATCH_SANDBOX_URL']}/_sandbox/faults"
        return sum(each["played"] for each in requests.get(url, timeout=30).json())

    def variables(self) -> dict[str, str]:
        """Return the variables of the deployment as they are set now."""
        providers = [each for each in self.organisation.providers if each not in self.world.without]
        found = self.stand_in.variables(providers)
        for provider in self.world.unreachable:
            own = {name for name in variables(provider) if name.endswith("_URL")}
            found |= {name: "http://127.0.0.1:9" for name in own if name in found}
        return {
            **found,
            **self.receiver.variables,
            "UPLOADWATCH_HOME": str(self.home),
            "UPLOADWATCH_START_DATE": FIRST.isoformat(),
            "UPLOADWATCH_END_DATE": (_LAST + timedelta(days=1)).isoformat(),
            "UPLOADWATCH_NOW": (self.now + self.world.ahead).isoformat(),
            "UPLOADWATCH_BUDGET": _BUDGET,
            "UPLOADWATCH_EXPORTS": "csv",
            "UPLOADWATCH_NOTIFY_MAX_AGE_DAYS": "60",
            "DAGSTER_HOME": str(self.home / "dagster"),
        }

    def start(self, act: Act, strike: Strike | None = None) -> int:
        """Start a process of the product; return its id."""
        return self.nursery.start(asdict(act), self.home, self.folder, strike)

    def wait(self, pid: int) -> Ended:
        """Wait for a process."""
        return self.nursery.wait(pid, self.folder)

    def run_act(self, first: date, last: date, *, late_data: bool = True) -> Act:
        """Return a run over these days."""
        return Act(self.variables(), (), first.isoformat(), last.isoformat(), late_data)

    def poll_act(self, run: Run, *, late_data: bool = True) -> Act:
        """Return a poll run at the present, over the days given by the host's clock."""
        first, last = Run(run.now + self.world.ahead, run.days).range
        return self.run_act(min(first, _LAST), min(last, _LAST), late_data=late_data)

    def command_act(self, *arguments: str) -> Act:
        """Return a command as typed."""
        return Act(self.variables(), arguments)

    def daemon_act(self) -> Act:
        """Return the work of Dagster's daemon, every half minute, on runs whose process is gone."""
        return Act(self.variables(), daemon=True)

    def do(self, act: Act, strike: Strike | None = None) -> Ended:
        """Perform an act in its own process, and wait for it."""
        return self.wait(self.start(act, strike))

    def snapshot(self, name: str) -> Snapshot:
        """Copy the home."""
        copy = self.folder / "snapshots" / name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.home, copy)
        return Snapshot(copy, dict(self.receiver.taken))

    def restore(self, snapshot: Snapshot | None) -> None:
        """Restore a copied home; None: remove it, as before the first run."""
        unmount(self.home)
        shutil.rmtree(self.home, ignore_errors=True)
        self.receiver.taken.clear()
        self.receiver.meet = lambda: None
        self.world = Clockwork()
        self.play([])
        if snapshot is None:
            self.home.mkdir(parents=True)
        else:
            shutil.copytree(snapshot.home, self.home)
            keep_outbox(self.home)
            self.receiver.taken.update(snapshot.taken)
        # Directory in which the command `backfill` records its run.
        with Home(self.home).instance():
            pass


def keep_outbox(home: Path) -> None:
    """Make a copied outbox count as the file last used, as in a home that was not copied."""
    path = home / "outbox.db"
    if path.exists():
        with witness_of(path) as witness, closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE marks SET value = ? WHERE name = 'identity'", (witness.identity,))


@contextmanager
def staged(organisation: Organisation, folder: Path, nursery: Nursery) -> Iterator[Stage]:
    """Serve an organisation's sources and a receiver.

    Args:
        organisation: The monitored organisation.
        folder: Directory of all files.
        nursery: Forks the product's processes.
    """
    with sandbox(organisation.workload, folder / "sandbox", now=moment(0, 0)) as stand_in, receiver() as hook:
        stage = Stage(organisation, folder, stand_in, hook, nursery)
        try:
            yield stage
        finally:
            unmount(stage.home)
