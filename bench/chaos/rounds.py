"""The rounds of a seed: a calm deployment once, and each round's fault, its remedies, and its outcome."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.chaos.comparison import Difference, differences, state_of
from bench.chaos.faults import FAULTS, Fault
from bench.chaos.nursery import Nursery
from bench.chaos.operating import Operator
from bench.chaos.organisation import RUNS, made
from bench.chaos.scene import Calm, MissedError, Scene
from bench.chaos.stage import Stage, staged

__all__ = ["FAILING", "Bench", "Outcome", "opened"]

EQUAL, MENDED = "equal", "reported and equal after its remedy"
FAILING = ("lost", "doubled", "silent", "missed")
"""Outcomes that fail the bench; ``missed``: the fault never struck."""
_SETTLING = 5
"""Extra poll runs at the end in which the operator may fix remaining problems."""

_PREPARE = ("bench.chaos.acts:shorten_history", "bench.chaos.acts:shorten_waits")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """Result of a round.

    Attributes:
        number: Number of the round, from 0.
        fault: Its fault.
        point: Where it struck.
        outcome: ``equal``, ``reported and equal after its remedy``, ``lost``, ``doubled``, ``silent`` or ``missed``.
        what: The problem, or the applied remedies.
        seconds: Duration.
    """

    number: int
    fault: str
    point: str
    outcome: str
    what: str
    seconds: float


class Bench:
    """The rounds of one seed.

    Args:
        seed: Determines everything random.
        stage: The deployment.
        faults: Faults to draw from.
        progress: Called with a text about the current step.
    """

    def __init__(
        self,
        seed: int,
        stage: Stage,
        *,
        faults: Sequence[Fault] = FAULTS,
        progress: Progress = lambda _what: None,
    ) -> None:
        self._seed, self._stage, self._faults, self._progress = seed, stage, faults, progress
        self._calm: Calm | None = None

    def calm(self) -> Calm:
        """Return the calm deployment, which is played once."""
        if self._calm is None:
            self._progress("calm deployment")
            self._calm = self._play()
        return self._calm

    def _play(self) -> Calm:
        stage, calm = self._stage, Calm()
        stage.restore(None)
        operator = Operator(stage, None, set())
        scene = Scene(stage, random.Random(0), 0, calm, operator)
        for number, run in enumerate(RUNS):
            stage.set_clock(run.now)
            scene.before(number)
            ended = stage.do(stage.poll_act(run))
            scene.hear(ended)
            if ended.said.get("status"):
                raise RuntimeError(f"a calm poll run failed: {ended.said['text']}")
            calm.changes["run", number] = ended.said["changes"]
            calm.usual |= set(ended.said["failing"])
            ended = stage.do(stage.command_act("notify"))
            calm.changes["notify", number] = ended.said["changes"]
            if number == 2:
                act = scene.review_act()
                if act is None:
                    raise RuntimeError("the calm deployment has no alert to review")
                stage.do(act)
            calm.snapshots.append(stage.snapshot(f"run-{number}"))
        operator.look()
        if not operator.content and any("lake" in text for text in operator.standing):
            raise RuntimeError(f"the calm deployment is not well: {operator.standing}")
        calm.state = state_of(stage.home, stage.receiver.taken)
        return calm

    def fault_of(self, number: int) -> Fault:
        """Return a round's fault: each comes once before any comes again."""
        turn, place = divmod(number, len(self._faults))
        return random.Random(f"faults {self._seed} {turn}").sample(self._faults, len(self._faults))[place]

    def play(self, number: int) -> Outcome:
        """Play one round."""
        calm = self.calm()
        fault = self.fault_of(number)
        draw = random.Random(f"round {self._seed} {number}")
        at = draw.choice(fault.runs)
        self._progress(f"round {number}: {fault.name} at poll run {at}")
        began = time.perf_counter()
        backup = calm.snapshots[at - 1] if at else None
        self._stage.restore(backup)
        self._stage.set_clock(RUNS[at].now)
        scene = Scene(self._stage, draw, at, calm, Operator(self._stage, backup, calm.usual))
        try:
            fault.strike(scene)
            scene.rest()
            _settle(scene)
        except MissedError:
            outcome, what = "missed", "the fault never struck"
        else:
            outcome, what = _judge(fault, scene)
        point = f"poll run {at}: {'; '.join(scene.point)}"
        return Outcome(number, fault.name, point, outcome, what, round(time.perf_counter() - began, 1))


def _settle(scene: Scene) -> None:
    """Continue until there are no complaints: poll runs, daily verification, and the remedies they name."""
    for _ in range(_SETTLING):
        scene.operator.look()
        if scene.operator.content:
            return
        scene.operator.mend()
        scene.again()
        scene.notify()


def _judge(fault: Fault, scene: Scene) -> tuple[str, str]:
    operator = scene.operator
    here = state_of(scene.home, scene.stage.receiver.taken)
    found = differences(scene.expected or scene.calm.state, here, resent=operator.resent)
    said = " | ".join(dict.fromkeys(operator.said))
    done = "; ".join(dict.fromkeys(operator.remedies))
    if found:
        what = _described(found) + (f" -- said: {said[:1500]}" if said else " -- nothing was said")
        return _worst(found, said), f"{what} -- done: {done or 'nothing'}"
    if fault.must_say and not re.search(fault.must_say, said):
        return "silent", f"nothing was said of it; said: {said[:1500] or 'nothing'}"
    if not operator.content:
        return "silent", f"no remedy mends it: {' | '.join(operator.standing)[:1500]} -- done: {done or 'nothing'}"
    return (MENDED, done) if operator.remedies else (EQUAL, "")


def _worst(found: Sequence[Difference], said: str) -> str:
    kinds = {each.kind for each in found}
    if "lost" in kinds:
        return "lost"
    if "doubled" in kinds:
        return "doubled"
    return "lost" if said else "silent"


def _described(found: Sequence[Difference]) -> str:
    shown = " / ".join(f"{each.kind}: {each.what}" for each in found[:6])
    return shown + (f" / and {len(found) - 6} more" if len(found) > 6 else "")


@contextmanager
def opened(
    seed: int,
    folder: Path,
    *,
    faults: Sequence[Fault] = FAULTS,
    prepare: Sequence[str] = (),
    progress: Progress = lambda _what: None,
) -> Iterator[Bench]:
    """Open the bench of a seed.

    Args:
        seed: The seed.
        folder: Where everything is; must be empty.
        faults: Faults to draw from.
        prepare: Functions that each of the product's processes calls first, beside the bench's own.
        progress: Called with what is being done.
    """
    organisation = made(seed, folder / "organisation")
    with (
        Nursery([*_PREPARE, *prepare]) as nursery,
        staged(organisation, folder, nursery) as stage,
    ):
        yield Bench(seed, stage, faults=faults, progress=progress)
