"""The chain over made-up hours, and a run of the benches from end to end."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from bench import detection
from bench.case_folding import reviewed_at
from bench.detection_report import markdown, report
from bench.ordinary_hours import START, Hours, make_organisation, user_names, write_hours
from bench.played import connect, play_rules
from bench.thefts import MANNERS, commit
from detection.parameters import Parameters

pytestmark = pytest.mark.sampled

DAYS = 24


def test_a_burst_is_found_and_reviewed() -> None:
    """Prevents an adapter to the chain that hides what it finds, or a reviewer whose verdicts it never reads."""
    organisation = make_organisation("office", 2, 60, DAYS)
    did = MANNERS["burst of 3000 files"].draw(np.random.default_rng(4), 0)
    thief = int(organisation.hours.person[0])
    theft = commit(organisation, MANNERS["burst of 3000 files"], did, [thief], 22)
    seen: list[tuple[str, datetime, datetime]] = []

    def verdict(user: str, begin: datetime, end: datetime) -> str:
        seen.append((user, begin, end))
        return "confirmed" if user in theft.users else "benign"

    with connect() as con:
        write_hours(con, organisation, Hours.concat(organisation.hours, theft.rows))
        last = START + timedelta(days=DAYS - 1)
        judged = START + timedelta(days=18)
        raised = play_rules(con, START, judged, last, Parameters(), reviewed_at("present"), verdict)
        reviews = con.execute('SELECT "user", verdict, reviewed_at FROM reviews ORDER BY ALL').fetchall()
    [found] = [alert for alert in raised if alert.user in theft.users and not alert.after_review]
    assert found.begin < theft.end
    assert found.known > theft.start
    assert found.excess >= 0
    assert found.population == "people"
    assert {user for user, *_ in seen} == {user for user, *_ in reviews}
    name = user_names(len(organisation.actor))[thief]
    assert [(verdict, at > found.known) for user, verdict, at in reviews if user == name] == [("confirmed", True)]


def test_the_benches_run_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a bench that only its author can start: with other products' rules beside it."""
    monkeypatch.setattr(detection, "DAYS", 24)
    monkeypatch.setattr(detection, "HISTORY_DAYS", 16)
    result = detection.measure([("office", 1)], detection.Setting(people=60, peers=True))
    assert {"uploadwatch", "cumulation, 30 days (budget, held out)"} <= set(result["rules"])
    assert "recall by class" in report(result)
    head, _, *rows = markdown(result).split("\n\n")[0].splitlines()
    assert {row.count(" | ") for row in rows} == {head.count(" | ")}
    assert len(rows) == len([name for name in result["rules"] if "hindsight" not in name])
