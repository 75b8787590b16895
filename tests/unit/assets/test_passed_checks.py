"""Checks whose result is kept while the rows stay the same."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from assets.checks.findings import Finding, Outcome, Scene
from assets.checks.passed import once_per_content
from assets.core.resources import Detector
from assets.core.severities import ERROR
from lake.damage import DamagedError
from tests.support.made_lake import NOW, TODAY, TRAITS, MadeLake
from tests.support.memory import connect


class Counted:
    """A check that counts the uploads, and how often it did."""

    def __init__(self, made: MadeLake) -> None:
        self.lake, self.times, self.most = made.lake, 0, 3

    def run(self, also: str = "") -> Outcome:
        @once_per_content("uploads", also=lambda _: also)
        def check(scene: Scene) -> Outcome:
            self.times += 1
            scene.lake.view(scene.con, "uploads", ["box/uploads"], scene.days)
            [(count,)] = scene.con.execute("SELECT count(*) FROM uploads").fetchall()
            findings = [Finding(ERROR, f"there are {count}")] if count > self.most else []
            return Outcome(
                findings,
                f"only {count}",
                {"count": dg.MetadataValue.int(count), "more": dg.MetadataValue.json({"of": [count]})},
            )

        with connect() as con:
            return check(Scene(self.lake, con, NOW, [TODAY], Detector(), "box", TRAITS))


@pytest.fixture
def made(tmp_path: Path) -> MadeLake:
    return MadeLake(tmp_path)


def uploads(made: MadeLake, count: int) -> None:
    made.write("box/uploads", [{"asset": 0, "event_key": str(n)} for n in range(count)])


def test_it_is_not_repeated_for_the_same_rows(made: MadeLake) -> None:
    """Prevents runs with nothing new that cost as much as their days have uploads, and a verdict of other rows."""
    uploads(made, 2)
    counted = Counted(made)
    first = counted.run()
    assert counted.run() == first
    assert counted.times == 1
    uploads(made, 3)
    assert counted.run().well == "only 3"
    assert counted.run("another setting").well == "only 3"
    assert counted.times == 3


def test_a_failed_one_is_repeated(made: MadeLake) -> None:
    """Prevents a fault that is told once, and one that is told after it was mended."""
    uploads(made, 4)
    counted = Counted(made)
    assert counted.run().findings
    assert counted.run().findings
    counted.most = 5
    assert not counted.run().findings
    assert counted.times == 3


def test_damage_is_found_whatever_was_kept(made: MadeLake) -> None:
    """Prevents a check that passes although its rows are lost, and one that a damaged file of its own stops."""
    uploads(made, 2)
    counted = Counted(made)
    counted.run()
    [kept] = Path(made.lake.root, "box", ".passed").iterdir()
    for text in ("", "{", "[]", '{"of": 1, "well": 2, "figures": 3}'):
        kept.write_text(text)
        assert counted.run().well == "only 2"
    made.lake.part("box/uploads", TODAY).write_bytes(b"PAR1")
    with pytest.raises(DamagedError):
        counted.run()
