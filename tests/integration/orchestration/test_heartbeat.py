"""The heartbeat: calls to a real server while all is well, and silence otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.command import Said, say
from tests.support.monitored_home import finished_run, monitored_home, variables
from tests.support.scripted_server import Answer, Asked, scripted

HOUR = timedelta(hours=1)
SECRET = "/ping/0b1d-secret"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return monitored_home(tmp_path_factory.mktemp("made") / "home")


def beat(
    home: Path, *, later: timedelta = timedelta(), answer: Callable[[Asked], Answer] = lambda _asked: Answer()
) -> tuple[Said, list[Asked]]:
    """Run the command against a server, and return what it said and what the server was asked."""
    with scripted(answer) as server:
        now = (datetime.now(UTC) + later).isoformat()
        values = variables(home, UPLOADWATCH_HEARTBEAT_URL=f"{server.url}{SECRET}", UPLOADWATCH_NOW=now)
        said = say("heartbeat", values=values)
    assert SECRET not in said.out + said.err
    return said, server.asked


def test_it_calls_while_all_is_well(made: Path) -> None:
    """Prevents an alarm where nothing is wrong, and an address in a log."""
    said, asked = beat(made)
    assert (said.status, said.err) == (0, "")
    assert [(request.method, request.path) for request in asked] == [("GET", SECRET)]


def test_it_is_silent_when_no_run_has_ended_for_long(made: Path) -> None:
    """Prevents a stopped daemon, or a schedule that was switched off, that nobody notices."""
    assert beat(made, later=1.5 * HOUR)[0].status == 0
    said, asked = beat(made, later=2.5 * HOUR)
    assert (said.status, asked) == (1, [])
    assert "No poll run has finished since" in said.err
    assert "has checked Box" in said.err


def test_it_is_silent_when_the_last_run_failed(made: Path, tmp_path: Path) -> None:
    """Prevents a deployment whose every run fails from looking alive, and one that recovered from looking dead."""
    home = shutil.copytree(made, tmp_path / "home")
    finished_run(home, success=False)
    said, asked = beat(home)
    assert (said.status, asked) == (1, [])
    assert "failed. Read its log" in said.err
    finished_run(home)
    assert beat(home)[0].status == 0


def test_another_schedule_is_no_poll_run(made: Path, tmp_path: Path) -> None:
    """Prevents the daily re-pull from hiding that nothing polls."""
    home = shutil.copytree(made, tmp_path / "home")
    shutil.rmtree(home / "dagster")
    finished_run(home, schedule="late_data")
    said, asked = beat(home)
    assert (said.status, asked) == (1, [])
    assert "No poll run has finished yet" in said.err


@pytest.mark.parametrize(
    "gone",
    ["lake", "dagster", "lake/box/health.json", "lake/evaluations", "lake/box/counts", "dagster/history/runs.db"],
)
def test_it_is_silent_when_something_cannot_be_read(made: Path, tmp_path: Path, gone: str) -> None:
    """Prevents a home that was lost from counting as well."""
    home = shutil.copytree(made, tmp_path / "home")
    removed = home / gone
    removed.unlink() if removed.is_file() else shutil.rmtree(removed)
    said, asked = beat(home)
    assert (said.status, asked) == (1, [])
    assert said.err


@pytest.mark.parametrize(
    "answer", [Answer(status=500), Answer(status=404), Answer(status=302, headers={"Location": "/elsewhere"})]
)
def test_an_address_that_does_not_take_the_call_has_a_status_of_its_own(made: Path, answer: Answer) -> None:
    """Prevents a call that never arrived from passing as one, and a redirect from taking the secret elsewhere."""
    said, asked = beat(made, answer=lambda _asked: answer)
    assert (said.status, len(asked)) == (3, 1)
    assert f"answered with status {answer.status}" in said.err


def test_an_address_that_cannot_be_used_is_not_repeated(made: Path) -> None:
    """Prevents a secret in the journal because of a typing error."""
    for url in (f"http://hc.example.com{SECRET}", f"ftp:/{SECRET}", f"https://me:pw@hc.example.com{SECRET}", ""):
        said = say("heartbeat", values=variables(made, UPLOADWATCH_HEARTBEAT_URL=url))
        assert said.status == 1
        assert "UPLOADWATCH_HEARTBEAT_URL" in said.err
        assert SECRET not in said.err
    with scripted(lambda _asked: Answer()) as server:
        closed = server.url
    said = say("heartbeat", values=variables(made, UPLOADWATCH_HEARTBEAT_URL=f"{closed}{SECRET}"))
    assert (said.status, closed in said.err) == (3, False)


def test_a_dry_run_calls_nothing(made: Path) -> None:
    """Prevents a trial from resetting the alarm."""
    said = say("heartbeat", "--dry-run", values=variables(made))
    assert (said.status, "All is well" in said.out) == (0, True)
