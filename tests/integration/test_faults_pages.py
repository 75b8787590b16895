"""Pages that fall short, come in disorder, come again or lead nowhere: what a run lands, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty import PROVIDERS, Fault, Provider, Pulled, provider_day

SHORT = {"kind": "short_page", "events": 3, "times": "always"}
NOON = "2026-01-05T12:30:00Z"


@pytest.fixture(scope="module", params=PROVIDERS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Provider, Pulled]]:
    """A provider's day, and a calm run over it."""
    with (
        pytest.MonkeyPatch.context() as patch,
        provider_day(tmp_path_factory.mktemp("served"), request.param, patch) as day,
    ):
        yield day, day.pull(tmp_path_factory.mktemp("calm"), read=True)


def only(day: Provider, *providers: str) -> None:
    if day.provider not in providers:
        pytest.skip(f"{day.provider} has no such fault")


def test_short_pages_are_not_the_end(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents the classic loss: taking a page with fewer events than asked for as the last one."""
    day, calm = served
    day.play({"kind": "short_page", "events": 4, "times": "always"})
    assert day.pull(tmp_path).events == calm.events
    assert day.played()[0] > 4


@pytest.mark.parametrize("times", [1, 3])
def test_empty_pages_with_more_to_come_are_not_the_end(
    served: tuple[Provider, Pulled], times: int, tmp_path: Path
) -> None:
    """Prevents the loss of all that follows an empty page, which Dropbox, Google and Microsoft may send."""
    day, calm = served
    only(day, "dropbox", "google_workspace", "office365")
    day.play({"kind": "short_page", "events": 0, "every": 2, "times": times, "path": LISTS[day.provider]}, SHORT)
    assert day.pull(tmp_path).events == calm.events
    assert day.played()[0] == times


LISTS = {"dropbox": "/team_log/", "google_workspace": "/drive", "office365": "content?contentType=Audit.SharePoint"}


@pytest.mark.parametrize("tag", ["reset", "bad_cursor"])
def test_a_lost_place_is_found_again(served: tuple[Provider, Pulled], tag: str, tmp_path: Path) -> None:
    """Prevents a run lost to one position, cursor, token or page mark that the provider no longer takes.

    Dropbox's events have no id, so none may come twice there; elsewhere what comes twice is told by its id.
    """
    day, calm = served
    if tag == "bad_cursor":
        only(day, "dropbox")
    day.play({"kind": "lost_place", **({"tag": tag} if day.provider == "dropbox" else {})}, SHORT)
    pulled = day.pull(tmp_path, read=True)
    assert day.played()[0] == 1
    assert pulled.failure == ""
    assert set(pulled.events) == set(calm.events)
    assert pulled.uploads == calm.uploads
    if day.provider == "dropbox":
        assert pulled.events == calm.events


STUCK = {
    "box": "leads back to events already read",
    "dropbox": "the cursor did not move",
    "google_workspace": "the same page token came again",
    "office365": "the same page of content came again",
}


def test_pages_that_lead_nowhere_end_the_pull_and_not_the_run(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents reading the same page for ever, and half a slice that passes for a whole one."""
    day, calm = served
    day.play({"kind": "stuck", "times": "always"}, {**SHORT, "events": 1})
    pulled = day.pull(tmp_path)
    assert STUCK[day.provider] in pulled.failure
    assert pulled.failure.startswith(f"{day.provider}: ")
    assert "Run again" in pulled.failure
    assert pulled.manifest.slices == {}
    day.play()
    again = day.pull(tmp_path)
    assert again.failure == ""
    assert again.events == calm.events


def test_box_position_zero_with_events_ends_the_pull(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents reading a year anew, from the position that Box otherwise sends with an empty page."""
    day, _ = served
    only(day, "box")
    day.play({"kind": "zero_position"})
    assert "leads back" in day.pull(tmp_path).failure


@pytest.mark.parametrize("of", ["page", "earlier"])
def test_events_that_come_twice_count_once(served: tuple[Provider, Pulled], of: str, tmp_path: Path) -> None:
    """Prevents uploads that count double since a page, another page or another slice held them, too."""
    day, calm = served
    only(day, "box", "google_workspace", "office365")
    fault: Fault = {"kind": "duplicates", "events": 5, "of": of, "times": "always"}
    day.play({**fault, **({"path": "/audit/"} if day.provider == "office365" else {})})
    # By the hour at noon, so that what comes again is of another slice; then the rest.
    assert len(day.pull(tmp_path, now=NOON, read=True).manifest.slices) == 13
    whole = day.pull(tmp_path, read=True)
    assert day.played()[0] > 5
    assert sum(whole.events.values()) > sum(calm.events.values())
    assert whole.uploads == calm.uploads


def test_the_list_of_blobs_may_repeat_one(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents the records of a blob from landing twice where the list names it twice."""
    day, calm = served
    only(day, "office365")
    day.play({"kind": "duplicates", "events": 5, "path": "/content", "times": "always"}, SHORT)
    assert day.pull(tmp_path).events == calm.events
    assert day.played()[0] > 0
