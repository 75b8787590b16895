"""Pages that fall short, come in disorder, come again or lead nowhere: what a run lands, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.faulty import PROVIDERS, Fault, Provider, Pulled, of

pytestmark = pytest.mark.sampled

SHORT = {"kind": "short_page", "events": 3, "times": "always"}
LISTS = {"dropbox": "/team_log/", "google_workspace": "/drive", "office365": "content?contentType=Audit.SharePoint"}
NOON = "2026-01-05T12:30:00Z"


@of(*PROVIDERS)
def test_short_pages_are_not_the_end(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents the classic loss: taking a page with fewer events than asked for as the last one."""
    day, calm = served
    day.play({"kind": "short_page", "events": 4, "times": "always"})
    assert day.pull(tmp_path).events == calm.events
    assert day.played()[0] > 4


@of(*LISTS)
@pytest.mark.parametrize("times", [1, 3])
def test_empty_pages_with_more_to_come_are_not_the_end(
    served: tuple[Provider, Pulled], times: int, tmp_path: Path
) -> None:
    """Prevents the loss of all that follows an empty page, which Dropbox, Google and Microsoft may send."""
    day, calm = served
    day.play({"kind": "short_page", "events": 0, "every": 2, "times": times, "path": LISTS[day.provider]}, SHORT)
    assert day.pull(tmp_path).events == calm.events
    assert day.played()[0] == times


@pytest.mark.parametrize(
    ("served", "tag"), [(provider, "") for provider in PROVIDERS] + [("dropbox", "bad_cursor")], indirect=["served"]
)
def test_a_lost_place_is_found_again(served: tuple[Provider, Pulled], tag: str, tmp_path: Path) -> None:
    """Prevents a run lost to one position, cursor, token or page mark that the provider no longer takes.

    Dropbox's events have no id, so none may come twice there; elsewhere what comes twice is told by its id.
    """
    day, calm = served
    day.play({"kind": "lost_place", **({"tag": tag} if tag else {})}, SHORT)
    pulled = day.pull(tmp_path, read=True)
    assert day.played()[0] == 1
    assert pulled.failure == ""
    assert set(pulled.events) == set(calm.events)
    assert pulled.uploads == calm.uploads
    if day.provider == "dropbox":
        assert pulled.events == calm.events


STUCK = {
    "box": "leads back to events already read",
    "dropbox": "the same page cursor came again",
    "google_workspace": "the same page cursor came again",
    "office365": "the same page cursor came again",
}


@of(*PROVIDERS)
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


@of("box")
def test_box_position_zero_with_events_ends_the_pull(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents reading a year anew, from the position that Box otherwise sends with an empty page."""
    day, _ = served
    day.play({"kind": "zero_position"})
    assert "leads back" in day.pull(tmp_path).failure


@of("box", "google_workspace", "office365")
@pytest.mark.parametrize("source", ["page", "earlier"])
def test_events_that_come_twice_count_once(served: tuple[Provider, Pulled], source: str, tmp_path: Path) -> None:
    """Prevents uploads that count double since a page, another page or another slice held them, too."""
    day, calm = served
    fault: Fault = {"kind": "duplicates", "events": 5, "of": source, "times": "always"}
    day.play({**fault, **({"path": "/audit/"} if day.provider == "office365" else {})})
    # By the hour at noon, so that what comes again is of another slice; then the rest.
    assert len(day.pull(tmp_path, now=NOON, read=True).manifest.slices) == 14
    whole = day.pull(tmp_path, read=True)
    assert day.played()[0] > 5
    assert sum(whole.events.values()) > sum(calm.events.values())
    assert whole.uploads == calm.uploads


@of("office365")
def test_the_list_of_blobs_may_repeat_one(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents the records of a blob from landing twice where the list names it twice."""
    day, calm = served
    day.play({"kind": "duplicates", "events": 5, "path": "/content", "times": "always"}, SHORT)
    assert day.pull(tmp_path).events == calm.events
    assert day.played()[0] > 0
