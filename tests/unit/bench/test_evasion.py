"""The report of evasion: what passes, and what is lost until an alert comes."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import numpy as np

from bench.case_folding import Alert
from bench.detection import DAYS, HISTORY_DAYS
from bench.evasion import Trial, report, summary
from bench.evasion_ways import WAYS
from bench.ordinary_hours import START, make_organisation
from bench.thefts import MANNERS, Theft, commit, doing

EPOCH = datetime.combine(START, time())
ORGANISATION = make_organisation("office", 1, 60, 30)


def theft(files: int) -> Theft:
    """Return a theft of so many files in each of three hours."""
    return commit(ORGANISATION, MANNERS["at night"], doing(np.arange(3), files, files * 1_000), [3], 10)


def trial(scale: float, found_after: float | None) -> Trial:
    stolen = theft(int(100 * scale))
    if found_after is None:
        return Trial("drip", scale, stolen, None)
    known = stolen.start + timedelta(hours=found_after)
    return Trial("drip", scale, stolen, Alert(stolen.users[0], stolen.start, known, known))


def test_the_largest_silent_size_passes_and_loss_is_what_was_gone() -> None:
    """Prevents a report that names the size that was found, or all of a theft that was stopped half-way."""
    trials = [trial(0.5, None), trial(0.5, None), trial(1, None), trial(1, 2), trial(2, 1), trial(2, 2), trial(4, 1)]
    way = summary(trials)["drip"]
    assert way["case"] == "T2"
    assert way["passes"] == {"files": 300, "bytes": 300_000}
    by_scale = {row["scale"]: row for row in way["sizes"]}
    assert (by_scale[0.5]["hours"], by_scale[0.5]["loss"]["files"]) == (None, 150)
    assert (by_scale[2]["hours"], by_scale[2]["loss"]["files"]) == (1.5, 300)
    assert by_scale[1]["found"]["hits"] == 1
    assert by_scale[4]["loss"]["files"] == 400


def test_a_way_that_is_always_found_passes_at_no_size() -> None:
    """Prevents a smallest size from reading as one that passes."""
    assert summary([trial(1, 1), trial(2, 1)])["drip"]["passes"] is None


def test_the_report_has_a_line_for_each_way() -> None:
    """Prevents a way that was tried from being left out of what people read."""
    settings = {"seed": 1, "organisations": 1, "kind": "office", "people": 60, "budget": 2.0}
    text = report({**settings, "ways": summary([trial(1, 1), trial(2, None)])}, sizes=True)
    assert "drip" in text
    assert "silent" in text


def test_ways_fit_into_the_days_judged() -> None:
    """Prevents a way that begins before anything is judged, or ends after the last day."""
    for way in WAYS.values():
        assert HISTORY_DAYS + 2 + way.days < DAYS
        if way.on_day is not None:
            assert HISTORY_DAYS < way.on_day < DAYS - way.days
    assert (START + timedelta(days=WAYS["weekend"].on_day or 0)).weekday() == 6


def test_ways_have_names_of_their_own() -> None:
    """Prevents two ways from being reported as one, and a known case from having none."""
    assert {way.case for way in WAYS.values()} >= {f"T{number}" for number in range(1, 10)}
    assert len({way.what for way in WAYS.values()}) == len(WAYS)
