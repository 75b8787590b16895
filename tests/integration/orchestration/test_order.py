"""Order, pieces, repeats and late events: what must leave the same alerts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from cli.replay import Home, Sandbox, deployment, materialise
from common.errors import MendableError
from tests.support.pipeline import FIRST, Quick, Watched, burst, moment, sandbox, write

pytestmark = pytest.mark.sampled

PROVIDERS = ("box", "dropbox")
DAYS = 5
END = moment(DAYS + 3, 0)
"""Time at which every event has been published."""


@pytest.fixture(scope="module")
def workload(tmp_path_factory) -> Path:
    events = [
        *burst("box", "one@example.com", moment(3, 10), files=700, minutes=50),
        *burst("dropbox", "two@example.com", moment(3, 22.5), files=900, minutes=170),
        *burst("box", "both@example.com", moment(4, 9), files=300, minutes=40),
        *burst("dropbox", "both@example.com", moment(4, 9.5), files=300, minutes=40),
        *burst("box", "late@example.com", moment(4, 12), files=400, minutes=30),
        *burst("box", "late@example.com", moment(4, 10.5), files=300, minutes=20, late=20),
        # Sizes that are looked up, and estimates for what is gone.
        *(
            event | {"size_in_log": False, "file_gone": n % 10 == 0}
            for n, event in enumerate(burst("box", "gone@example.com", moment(4, 14), files=500, minutes=40))
        ),
    ]
    return write(tmp_path_factory.mktemp("order") / "workload.parquet", events, days=DAYS, people=25, seed=8)


class Deployed(Watched):
    """A home, its sandbox, and runs over any days at any time."""

    def __init__(self, home: Home, stand_in: Sandbox) -> None:
        super().__init__(home)
        self._stand_in = stand_in
        last = FIRST + timedelta(days=DAYS - 1)
        self._values = deployment(home, stand_in, FIRST, last, providers=PROVIDERS, settings={})

    def run(self, first: int, last: int, now: datetime) -> None:
        """One run over the days from first to last, counted from 0, with the clock at ``now``."""
        self._stand_in.set_clock(now)
        with dg.DagsterInstance.ephemeral() as instance:
            days = (FIRST + timedelta(days=first), FIRST + timedelta(days=last))
            materialise(instance, self._values, *days, now=now, resource_overrides={"detector": Quick()})


@contextmanager
def deployed(workload: Path, home: Path) -> Iterator[Deployed]:
    with sandbox(workload, home / "sandbox", now=moment(0, 0)) as stand_in:
        yield Deployed(Home(home), stand_in)


@pytest.fixture(scope="module")
def at_once(workload, tmp_path_factory) -> dict[str, bytes]:
    """Bytes of the alerts after one run over all days."""
    with deployed(workload, tmp_path_factory.mktemp("at_once")) as whole:
        whole.run(0, DAYS - 1, END)
        found = whole.alert_files()
        assert {"one@example.com", "two@example.com", "both@example.com", "late@example.com"} <= {
            alert["user"] for alert in whole.alerts
        }
        [gone] = whole.of("gone@example.com")
        assert (gone["sized_files"], gone["estimated_files"]) == (450, 50)
        whole.run(0, DAYS - 1, END)
        assert whole.alert_files() == found
    return found


def test_pieces_and_order_leave_the_same_bytes(workload, at_once, tmp_path):
    """Prevents alerts that depend on how a backfill was cut, or on which part of it ran first."""
    with deployed(workload, tmp_path) as home:
        # The later part first, then one that overlaps it, and a day once more.
        for first, last in ((2, 4), (0, 2), (1, 1)):
            home.run(first, last, END)
        assert home.alert_files() == at_once


def test_ticks_and_late_events_leave_the_same_bytes(workload, at_once, tmp_path):
    """Prevents a day that was pulled while it went on from differing from one pulled at its end.

    And an alert that misses what was published later, and a second alert, or another id, for it.
    """
    with deployed(workload, tmp_path) as home:
        home.run(0, 3, moment(4, 0))
        for hour in (9.4, 10.6, 13.2):
            home.run(3, 4, moment(4, hour))
        slices = home.home.path / "lake" / "box" / "audit_events" / "day=2026-01-09"
        assert list(slices.glob("1015-1030-*.ndjson.zst"))
        [before] = home.of("late@example.com")
        assert before["files"] == 400
        home.run(2, DAYS - 1, END)
        [after] = home.of("late@example.com")
        assert after["files"] == 700
        assert after["first_window_start"] < before["first_window_start"]
        assert after["alert_id"] == before["alert_id"]
        assert home.alert_files() == at_once


def test_a_provider_that_fails_keeps_no_other_from_detection(workload, tmp_path, monkeypatch):
    """Prevents one expired secret from silencing all providers, and a failure that only a log tells of."""
    with deployed(workload, tmp_path) as home:
        monkeypatch.setenv("DROPBOX_REFRESH_TOKEN", "revoked")
        with pytest.raises(MendableError, match=r"dropbox/audit_events: dropbox.*DROPBOX_REFRESH_TOKEN"):
            home.run(0, 3, moment(4, 0))
        assert [alert["providers"] for alert in home.of("one@example.com")] == [["box"]]
