"""Uploads whose versions are overwritten or deleted at once, through version lists and bins into alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.support.pipeline import Quick, Watched, burst, moment, watch, write

pytestmark = pytest.mark.sampled("module")

DAYS = 7
GB = 10**9
PROVIDERS = ("google_workspace", "office365")
Event = dict[str, Any]


def later(events: list[Event], seconds: float, **other: Any) -> list[Event]:
    """The same files once more, so much later."""
    return [event | {"time": event["time"] + timedelta(seconds=seconds)} | other for event in events]


def tiny_saves(big: list[Event]) -> Iterator[Event]:
    """Two thousand saves of 20 kB of these files within the five minutes after them."""
    last = max(event["time"] for event in big)
    for n in range(2000):
        yield big[n % len(big)] | {"kind": "edit", "bytes": 20_000, "time": last + timedelta(seconds=1 + n * 0.149)}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Watch archives that are overwritten, deleted or lost, and big files under tiny saves."""
    events: list[Event] = []
    for n, provider in enumerate(PROVIDERS):
        for m, what in enumerate(("over", "deleted", "lost")):
            start = moment(5, 8 + 2 * m + n)
            first = burst(provider, f"{what}.{provider}@example.com", start, files=60, minutes=50, each=20 * GB)
            if what == "deleted":
                events += [*first, *later(first, 120, kind="delete")]
            elif what == "over":
                events += [*first, *later(first, 120, kind="edit", bytes=1)]
            else:
                events += [*later(first, 0, file_gone=True), *later(first, 30, kind="edit", bytes=1)]
        big = burst(provider, f"tiny.{provider}@example.com", moment(5, 15 + n), files=8, minutes=1, each=1_250_000_000)
        events += [*big, *tiny_saves(big)]
        events += burst(provider, "last@example.com", moment(DAYS - 1, 20), files=3, minutes=9)
    folder = tmp_path_factory.mktemp("removed")
    workload = write(folder / "workload.parquet", events, days=DAYS)
    return watch(workload, folder / "home", days=DAYS, providers=PROVIDERS, kept=True, detector=Quick())


def reasons(alert: dict[str, Any]) -> dict[str, str]:
    return {reason["name"]: reason["evidence"] for reason in alert["reasons"]}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("what", "indicator"), [("over", "overwritten_after_upload"), ("deleted", "deleted_after_upload")]
)
def test_archives_that_are_removed_at_once_count_with_their_size(
    watched: Watched, provider: str, what: str, indicator: str
) -> None:
    """Prevents 1.2 TB from counting as nothing, or as 60 bytes, since it was removed within two minutes."""
    [alert] = watched.of(f"{what}.{provider}@example.com")
    assert (alert["files"], alert["bytes"]) == (60, 60 * 20 * GB)
    assert "60 of 60 files" in reasons(alert)[indicator]
    assert "60 files (1.2 TB" in alert["sentence"]
    # Office 365 has one record for an upload and a save within minutes.
    assert alert["saves"] == (120 if what == "over" and provider != "office365" else 60)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_version_that_nobody_keeps_is_unknown_and_said_to_be(watched: Watched, provider: str) -> None:
    """Prevents the one byte that is left from passing for the archive, and an estimate from passing for a size."""
    [alert] = watched.of(f"lost.{provider}@example.com")
    assert (alert["files"], alert["sized_files"]) == (60, 0)
    assert alert["bytes"] in (None, 60)
    assert "60 of 60 files overwritten" in reasons(alert)["overwritten_after_upload"]
    assert "unknown" in alert["sentence"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_big_files_count_under_thousands_of_tiny_saves(watched: Watched, provider: str) -> None:
    """Prevents 10 GB from counting as 40 MB, and eight files as two thousand."""
    [alert] = watched.of(f"tiny.{provider}@example.com")
    assert (alert["files"], alert["bytes"]) == (8, 10 * GB)
    assert alert["saves"] >= 200
    assert "8 files (" in alert["sentence"]
    assert "10.0 GB" in alert["sentence"]
    assert "8 of 8 files" in reasons(alert)["overwritten_after_upload"]
