"""The operator: reads what the product reports, and applies the remedies that it names, nothing else."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.chaos.nursery import Ended
from bench.chaos.stage import Snapshot, Stage
from lake.kept import copy_of

__all__ = ["Operator"]

_PATIENT = re.compile(r"next run|pulled again|asked again|by itself|nothing yet")
"""Problems that pass without intervention, and are checked again after the next run."""
_BACKUP = re.compile(r"[Rr]estore .*backup")
_REPAIR = re.compile(r"--repair|uploadwatch verify")
_MATERIALISE = re.compile(r"materialise (?P<table>\S+) of (?P<day>\d{4}-\d{2}-\d{2})|materialise it")
_DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})")


class Operator:
    """A person who reads checks, logs and the output of commands.

    Attributes:
        said: All complaints of the product, in order.
        remedies: Applied remedies.
        resent: Whether the outbox was given up.

    Args:
        stage: The deployment.
        backup: The latest backup.
        usual: Complaints that a calm deployment has, too.
    """

    def __init__(self, stage: Stage, backup: Snapshot | None, usual: set[str]) -> None:
        self.said: list[str] = []
        self.remedies: list[str] = []
        self.resent = False
        self._stage, self._backup, self._usual = stage, backup, set(usual)
        self._heard: Counter[str] = Counter()
        self._standing: list[str] = []

    def hear(self, ended: Ended) -> None:
        """Read the output of a process; a killed one has none."""
        said = ended.said
        complaints = [text for name, text in said.get("failing", {}).items() if name not in self._usual]
        if said.get("status"):
            complaints.append(said["text"])
        self.said += complaints
        self._standing += complaints

    def expect(self, ended: Ended) -> None:
        """Record the complaints of a calm process as usual."""
        self._usual |= set(ended.said.get("failing", {}))

    def look(self) -> None:
        """Run `uploadwatch verify`, as is done once a day."""
        ended = self._stage.do(self._stage.command_act("verify", "--format", "json"))
        try:
            problems = json.loads(ended.said["out"])
        except (KeyError, ValueError):
            problems = []
            self.hear(ended)
        for problem in problems:
            text = f"{problem['path']}: {problem['cause']}. {problem['remedy']}"
            self.said.append(text)
            self._standing.append(text)

    @property
    def content(self) -> bool:
        """Return whether no complaint is left."""
        return not self._standing

    @property
    def standing(self) -> Sequence[str]:
        """Return the current complaints."""
        return self._standing

    def mend(self) -> None:
        """Apply the remedies that were reported since the last time."""
        standing, self._standing = self._standing, []
        for text in dict.fromkeys(standing):
            self._heard[_shape(text)] += 1
            self._answer(text, self._heard[_shape(text)])

    def _answer(self, text: str, times: int) -> None:
        if times == 1 and _PATIENT.search(text):
            return
        paths = self._paths(text)
        if "outbox.db" in text and "delete it" in text:
            self._forget_outbox()
        elif any(path.name.endswith(".damaged") for path in paths):
            for path in paths:
                path.unlink(missing_ok=True)
            self._did(f"deleted {paths[0].name}")
        elif _BACKUP.search(text) and sum(map(self._restore, paths)):
            return
        elif _REPAIR.search(text):
            self._did("verify --repair")
            self._stage.do(self._stage.command_act("verify", "--repair"))
        elif _MATERIALISE.search(text) and (days := sorted(set(_DAY.findall(text)))):
            self._did(f"backfill {days[0]} to {days[-1]}")
            self._stage.do(self._stage.command_act("backfill", "--from", days[0], "--to", days[-1]))

    def _paths(self, text: str) -> list[Path]:
        home = str(self._stage.home)
        found = re.findall(re.escape(home) + r"/[^\s:;,'\"]+", text)
        return list(dict.fromkeys(Path(each.rstrip(".")) for each in found))

    def _restore(self, path: Path) -> bool:
        """Restore a file from the backup; return whether the backup has it and it was not restored before."""
        if self._backup is None or self._heard[f"restored {path}"]:
            return False
        kept = {path.with_suffix(".json"), copy_of(path)} if path.suffix == ".parquet" else set()
        found = False
        for each in (path, *sorted(kept)):
            there = self._backup.home / each.relative_to(self._stage.home)
            if there.is_file():
                each.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(there, each)
                found = True
        if found:
            self._heard[f"restored {path}"] += 1
            self._did(f"restored {path.relative_to(self._stage.home)} from the backup")
        return found

    def _forget_outbox(self) -> None:
        for path in self._stage.home.glob("outbox.db*"):
            path.unlink()
        self.resent = True
        self._did("deleted the outbox")

    def _did(self, remedy: str) -> None:
        self.remedies.append(remedy)


def _shape(text: str) -> str:
    """Return a complaint without figures, which change from run to run."""
    return re.sub(r"\d{2}:\d{2}(:\d{2})?", "", text)
