"""One round in progress: the calm deployment's poll runs and commands, disturbed by a fault."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from bench.chaos.acts import Act
from bench.chaos.comparison import State
from bench.chaos.nursery import Ended, Strike
from bench.chaos.operating import Operator
from bench.chaos.organisation import IMPORTED, RUNS, Run
from bench.chaos.stage import Snapshot, Stage

__all__ = ["Calm", "MissedError", "Scene"]

_IMPORT_AT, _REVIEW_AT = 2, 2
"""History is imported before this poll run, and an alert is reviewed after it."""
_QUARTER = timedelta(minutes=15)
_REDRAWS = 6


class MissedError(Exception):
    """The fault did not strike at any of the tried points."""


@dataclass
class Calm:
    """The calm deployment of a seed.

    Attributes:
        snapshots: The home after each poll run.
        changes: Number of changes that each process makes to the home, by act and poll run.
        usual: Checks that fail after each poll run, or at the end.
        state: Its final state.
    """

    snapshots: list[Snapshot] = field(default_factory=list)
    changes: dict[tuple[str, int], int] = field(default_factory=dict)
    usual: set[str] = field(default_factory=set)
    state: State = field(default_factory=State)


@dataclass
class Scene:
    """A round.

    Attributes:
        stage: The deployment.
        draw: Source of randomness.
        at: Number of the poll run at which the fault strikes, from 0.
        calm: The calm deployment.
        operator: Operator of the deployment.
        point: The random choices, for the report.
        expected: The expected final state, if it differs from that of the calm deployment.
    """

    stage: Stage
    draw: random.Random
    at: int
    calm: Calm
    operator: Operator
    point: list[str] = field(default_factory=list)
    expected: State | None = None

    @property
    def home(self) -> Path:
        """Return the home."""
        return self.stage.home

    @property
    def run(self) -> Run:
        """Return the affected poll run."""
        return RUNS[self.at]

    def step(self, number: int) -> None:
        """Perform a poll run with its commands and notifications."""
        self.stage.set_clock(RUNS[number].now)
        self.before(number)
        self.poll(RUNS[number])
        self.after(number)

    def before(self, number: int) -> None:
        """Perform people's commands before a poll run."""
        if number == _IMPORT_AT:
            self.hear(self.stage.do(self.import_act()))

    def poll(self, run: Run) -> None:
        """Perform a poll run."""
        self.hear(self.stage.do(self.stage.poll_act(run)))

    def after(self, number: int) -> None:
        """Notify, and perform people's commands after a poll run."""
        self.notify()
        if number == _REVIEW_AT and (act := self.review_act()):
            self.hear(self.stage.do(act))

    def notify(self) -> None:
        """Send notifications."""
        self.hear(self.stage.do(self.stage.command_act("notify")))

    def again(self) -> None:
        """Perform the next poll run, a quarter of an hour later."""
        self.stage.set_clock(self.stage.now + _QUARTER)
        self.poll(Run(self.stage.now, self.run.days))

    def rest(self) -> None:
        """Perform the remaining poll runs; apply remedies as the product names them."""
        for number in range(self.at + 1, len(RUNS)):
            self.operator.mend()
            self.step(number)

    def import_act(self) -> Act:
        """Return the import of exported history."""
        return self.stage.command_act("import", str(self.stage.organisation.export), "--provider", IMPORTED)

    def review_act(self) -> Act | None:
        """Return the review of the first alert; None if there is none or it is reviewed already."""
        ended = self.stage.do(self.stage.command_act("alerts", "--format", "json"))
        try:
            alerts = json.loads(ended.said["out"])
        except (KeyError, ValueError):
            self.hear(ended)
            return None
        alerts = alerts["alerts"] if isinstance(alerts, Mapping) else alerts
        first = [alert for alert in alerts if alert["user"] == "burst-one@example.com"]
        if not first or first[0]["review"]:
            return None
        words = ("--benign", "--by", "ann", "--note", "a migration")
        return self.stage.command_act("review", first[0]["alert_id"], *words)

    def hear(self, ended: Ended) -> None:
        """Let the operator read the output of a process."""
        self.operator.hear(ended)

    def kill(self, act: Act, changes: int, snapshot: Snapshot | None = None) -> None:
        """Kill a process at one of its changes.

        Args:
            act: The act of the process.
            changes: Number of changes that it makes when it is not killed.
            snapshot: The home to restart from if it ended before the kill; None: the home stays as it is.

        Raises:
            MissedError: It ended before the kill every time.
        """
        most = max(changes, 1)
        for _ in range(_REDRAWS):
            at = self.draw.randint(1, most)
            delay = self.draw.choice([0.0, 0.0, round(self.draw.uniform(0, 0.3), 3)])
            ended = self.stage.do(act, Strike(kill_at=at, delay_seconds=delay))
            if ended.signal:
                self.point.append(f"killed at change {at} of {changes}{f', {delay} s later' if delay else ''}")
                return
            most = max(at // 2, 1)
            self.begin_again(snapshot)
        raise MissedError

    def calm_first_day(self, number: int) -> date:
        """Return the first day that a poll run of the calm deployment covers after a backup."""
        return RUNS[min(number + 1, len(RUNS) - 1)].range[0]

    def begin_again(self, snapshot: Snapshot | None) -> None:
        """Restore the home to try another point."""
        now = self.stage.now
        self.stage.restore(snapshot)
        self.stage.set_clock(now)

    def files(self, *patterns: str) -> Sequence[Path]:
        """Return the files of the home that match any of the patterns, in order."""
        return sorted({path for pattern in patterns for path in self.home.glob(pattern) if path.is_file()})
