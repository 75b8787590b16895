"""Alerts on a long time scale: their pages, pictures and exports are about all the days that they add up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from detection.risk import Networks
from detection.scales import scale_days
from dossier.page import Page, page_of
from dossier.reading import read_alerts, read_evidence
from lake.ledger import publish
from lake.warehouse import build_warehouse, open_warehouse
from tests.support.memory import connect
from tests.support.small_lake import ALERT_ID, USER, SmallLake

pytestmark = pytest.mark.sampled

NOW = datetime(2026, 2, 21, 9, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LAST = datetime(2026, 2, 20)
"""Day of the alert: the last that is added up."""
FIRST = LAST - 6 * DAY
FILES = 12
"""Files on each of the seven days, half of them at Dropbox; on the last, four more."""


def lake(home: Path, **more: Any) -> SmallLake:
    """Make a lake in which Ann uploads some files on each of seven days, after a week with one a day."""
    small = SmallLake(home)
    for day in range(7):
        small.upload(FIRST - (day + 1) * DAY + 9 * HOUR, f"usual-{day}.txt", folder="Usual")
        for n in range(FILES + 4 * (day == 6)):
            provider = ("box", "dropbox")[n % 2]
            small.upload(FIRST + day * DAY + 10 * HOUR + n * timedelta(minutes=1), f"{day}-{n}.zip", provider=provider)
    total = 7 * FILES + 4
    long = {"scope": "week", "window_start": LAST, "window_end": LAST + DAY, "period_start": FIRST}
    figures = {"files": total, "sized_files": total, "bytes": 1000 * total}
    small.add("detections", LAST.date(), {"user": USER, "population": "people", "metric": "files", **long, **figures})
    small.alert(
        **figures,
        **{
            "scope": "week",
            "providers": ["box", "dropbox"],
            "first_window_start": LAST,
            "period_start": FIRST,
            "last_window_end": LAST + DAY,
            "peak_window_start": LAST,
            "peak_window_end": LAST + DAY,
            "peak_period_start": FIRST,
            "peak_files": total,
            "peak_largest_files": FILES + 4,
            "peak_largest_bytes": 1000 * (FILES + 4),
            "peak_bytes": 1000 * total,
            "sentence": f"In 7 days up to 2026-02-20, {USER} uploaded {total} files.",
            **more,
        },
    )
    small.clear("detections", LAST.date())
    small.add("detections", LAST.date(), {"user": USER, "population": "people", "metric": "files", **long, **figures})
    sums = [
        {"population": "people", "scope": "week", "user": f"w{n}@example.com", "files_max": most, "bytes_max": 1000}
        for n, most in enumerate((5, 20, 75, 120))
    ]
    small.add("baselines", LAST.date(), *sums)
    return small


def page(small: SmallLake) -> tuple[Any, Page]:
    with connect() as con:
        publish(con, small.write(), NOW)
        [alert] = read_alerts(con)
        evidence = read_evidence(con, small.lake, [alert], now=NOW, networks=Networks(), terms=[])[ALERT_ID]
        return evidence, page_of(alert, evidence, domains=["example.com"], now=NOW)


def test_the_lists_of_a_long_alert_hold_all_that_it_adds_up(tmp_path):
    """Prevents a month's theft that the page shows the last day of, at one of its sources, and figures of nothing."""
    small = lake(tmp_path)
    evidence, made = page(small)
    assert sum(row.files for row in evidence.types) == made.alert.files == 88
    assert {row.provider for row in evidence.destinations} == {"box", "dropbox"}
    assert [row.earlier_files for row in evidence.destinations] == [0, 0]
    build_warehouse(small.lake)
    with open_warehouse(Path(small.lake.root).parent) as con:
        assert len(con.execute(made.query).fetchall()) == 88


def test_the_picture_of_a_long_alert_is_of_days(tmp_path):
    """Prevents a picture of three hours each, in which seven days that are each ordinary look like nothing."""
    evidence, made = page(lake(tmp_path))
    month, organisation = made.pictures
    assert month.title == "The user's total of each day: 7 days added up, and 7 before"
    assert [(row.day, row.files) for row in evidence.month][6:9] == [
        (date(2026, 2, 13), 1),
        (date(2026, 2, 14), 12),
        (date(2026, 2, 15), 12),
    ]
    assert month.description == (
        "Bars from 2026-02-07 to 2026-02-20. On 7 of the 7 days before there were uploads, at most 1 file in a day; "
        "from 2026-02-14 on at most 16 files. The days from then on are added up: 88 files on 7 days."
    )
    assert "largest sum of 7 days until then, without its largest day" in organisation.title
    # 88 files without the largest day's 16 are 72: two users had as many.
    assert "Of 4 users with uploads, about 2 had a sum of 7 days with 72 files or more." in organisation.description


@pytest.mark.parametrize("population", ["newcomers", "watch_list"])
def test_newcomers_and_listed_persons_stand_among_all_people(tmp_path, population):
    """Prevents alerts of newcomers and of persons on the risk list without a picture of the organisation."""
    _, made = page(lake(tmp_path, population=population))
    assert [picture.key for picture in made.pictures] == ["month", "organisation"]


def test_a_page_says_what_its_alert_does_not_compare(tmp_path):
    """Prevents a sentence whose figures do not agree with the list below it, with nothing to say why."""
    _, made = page(lake(tmp_path, peak_files=80))
    assert "Of these the alert counts 80 files: not what other alerts reported" in made.pictures[0].description


def test_a_page_is_made_again_when_earlier_days_of_a_long_alert_change(tmp_path):
    """Prevents late events of the days that are added up, or of those before, from never reaching the page."""
    small = lake(tmp_path)
    assert small.run(NOW.replace(tzinfo=None)) == 1
    small.upload(LAST - 42 * DAY, "late.zip")
    assert small.run(NOW.replace(tzinfo=None) + HOUR) == 1


def test_scales_are_those_of_the_detection():
    """Prevents pages and exports that add up other days than the detector."""
    assert dict(scale_days()) == {"week": 7, "month": 30}
