"""The chaos bench: rounds of the product as it stands end well, and a product that loses something fails them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.chaos.__main__ import report
from bench.chaos.faults import FAULTS, Fault
from bench.chaos.faults_files import damaging
from bench.chaos.rounds import EQUAL, FAILING, MENDED, Bench, opened
from tests.support import unverified

pytestmark = pytest.mark.sampled("module")

SEED = 1
OLD = Fault("damaged old raw slice", damaging("lake/office365/audit_events/day=2026-01-05/import-*.zst"), runs=(3,))
"""A file of a day that no later poll run covers, whose events no source gives again."""
PLAYED = [OLD, *(fault for fault in FAULTS if fault.name == "kill of a run")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chaos")


@pytest.fixture(scope="module")
def bench(folder: Path) -> Iterator[Bench]:
    prepare = [f"{unverified.__name__}:{unverified.skip_verification.__name__}"]
    with opened(SEED, folder, faults=PLAYED, prepare=prepare) as found:
        yield found


def number_of(bench: Bench, name: str) -> int:
    """The first round with this fault."""
    return next(number for number in range(len(PLAYED)) if bench.fault_of(number).name == name)


def test_what_heals_by_itself_ends_equal(bench: Bench) -> None:
    """Prevents a bench whose calm deployment differs from one that goes on after a fault."""
    outcome = bench.play(number_of(bench, "kill of a run"))
    assert (outcome.outcome, outcome.what) == (EQUAL, "")


def test_what_the_product_tells_to_do_mends_it(bench: Bench) -> None:
    """Prevents a remedy that is said, and that nobody ever followed."""
    outcome = bench.play(number_of(bench, OLD.name))
    assert outcome.outcome == MENDED
    assert "from the backup" in outcome.what


def test_a_product_that_believes_damaged_files_fails(bench: Bench, folder: Path) -> None:
    """Prevents a bench that passes whatever the product does."""
    (folder / unverified.FLAG).touch()
    outcome = bench.play(number_of(bench, OLD.name))
    assert outcome.outcome in ("lost", "silent")
    assert "nothing was said" in outcome.what
    result = report(SEED, [outcome])
    assert result["lost"] + result["silent"] == 1
    assert result["failures"][0]["round"] == outcome.number


def test_every_fault_comes_once_in_a_turn(bench: Bench) -> None:
    """Prevents a seed of many rounds that leaves a fault out, and one that cannot be played again."""
    names = [bench.fault_of(number).name for number in range(len(PLAYED))]
    assert sorted(names) == sorted(fault.name for fault in PLAYED)
    assert names == [bench.fault_of(number).name for number in range(len(PLAYED))]
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert set(FAILING) == {"lost", "doubled", "silent", "missed"}
