"""A stored alert with a risk indicator of a newer version: everything that reads it goes on."""

from __future__ import annotations

import json
import logging
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from detection import reasons
from exports.files import Destination
from exports.formats import ExportFormat
from exports.writing import open_export
from lake.shown_alerts import read_alerts
from notify.text import text_of
from tests.support.small_lake import DAY, OPENS, SmallLake

FUTURE = {"name": "seen_on_the_moon", "strength": "strong", "evidence": "at 384,400 km"}
KNOWN = {"name": "first_country", "strength": "weak", "evidence": "first seen in SG"}
NOW = (OPENS + timedelta(days=1)).replace(tzinfo=UTC)


@pytest.fixture
def small(tmp_path: Path) -> SmallLake:
    """Make a lake whose one alert was written by a version with one more indicator."""
    reasons.log_unknown.cache_clear()
    small = SmallLake(tmp_path)
    for n in range(60):
        small.upload(OPENS + timedelta(minutes=n), f"export-{n:03}.zip")
    small.alert(files=60, reasons=[FUTURE, KNOWN])
    return small


def test_alerts_and_notifications_leave_it_out(small: SmallLake, caplog: pytest.LogCaptureFixture):
    """Prevents an update that was taken back from stopping all alerts; one line of the log is enough."""
    lake = small.write()
    with caplog.at_level(logging.WARNING):
        [alert] = read_alerts(lake, NOW)
        assert read_alerts(lake, NOW) == [alert]
    assert alert["reasons"] == [KNOWN]
    assert "first_country" in text_of("case.opened", alert)
    assert FUTURE["name"] not in text_of("case.opened", alert)
    assert len([record for record in caplog.records if FUTURE["name"] in record.getMessage()]) == 1


def test_what_was_published_stays_the_same_revision(small: SmallLake):
    """Prevents each change of version from sending every alert once more."""
    lake = small.write()
    [alert] = read_alerts(lake, NOW)
    assert alert["revision"] == 1
    reasons.log_unknown.cache_clear()
    [again] = read_alerts(lake, NOW + timedelta(days=1))
    assert again["revision"] == 1


def test_the_page_goes_on(small: SmallLake):
    """Prevents one indicator from leaving an alert without its page."""
    assert small.run(OPENS + timedelta(days=1)) == 1
    assert "first country (weak)" in small.words()
    assert "seen on the moon" not in small.words()


def test_the_export_goes_on(small: SmallLake, tmp_path: Path):
    """Prevents one indicator from stopping what other systems are sent."""
    destination = Destination(tmp_path / "out", (ExportFormat.OCSF_JSON, ExportFormat.CSV))
    with open_export(small.write(), destination, NOW) as export:
        assert export.day(DAY).rows["alerts"] == 1
    written = {path: path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*") if path.is_file()}
    [finding] = [text for path, text in written.items() if "detection_finding" in str(path) and text.startswith("{")]
    traits = json.loads(finding)["finding_info"]["traits"]
    assert [trait["name"] for trait in traits] == ["first_country"]
    assert any(KNOWN["evidence"] in text for path, text in written.items() if path.suffix == ".csv")
    assert not any(FUTURE["name"] in text for text in written.values())
