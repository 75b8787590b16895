"""Fault plans: how they are read, which requests they meet, and what is said of one that can't be used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.faults.plans import Plan, PlanError
from tests.support.sandbox_server import ROOT, Client, serving, uploads

EVENTS = "/2.0/events?stream_type=admin_logs"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A sandbox with some events of Box."""
    with serving(tmp_path_factory.mktemp("plans"), uploads("box", 20), "2026-01-06T00:00:00Z") as served:
        yield served


def play(client: Client, *faults: dict[str, Any]) -> requests.Response:
    return client.plain.put(f"{client.url}/_sandbox/faults", json=list(faults))


def statuses(client: Client, count: int, address: str = EVENTS) -> list[int]:
    session = client.box()
    return [session.get(client.url + address).status_code for _ in range(count)]


def test_a_fault_passes_some_then_meets_each_nth_so_many_times(client: Client) -> None:
    """Prevents plans that can't be aimed, and counts that don't say what happened."""
    play(client, {"api": "box", "kind": "failing", "pass_first": 2, "every": 3, "times": 2})
    assert statuses(client, 10) == [200, 200, 503, 200, 200, 503, 200, 200, 200, 200]
    play(client, {"api": "box", "kind": "failing", "every": 2, "times": "always"})
    assert statuses(client, 6) == [503, 200, 503, 200, 503, 200]
    told = client.plain.get(f"{client.url}/_sandbox/faults").json()
    assert told == [{"api": "box", "kind": "failing", "every": 2, "times": "always", "matched": 6, "played": 3}]


def test_a_fault_meets_its_path_and_query_only(client: Client) -> None:
    """Prevents a fault meant for one page or one content type from being spent on another."""
    play(client, {"api": "box", "kind": "failing", "path": "created_after=2026-01-05T00:00:00Z"})
    assert statuses(client, 2) == [200, 200]
    assert statuses(client, 2, f"{EVENTS}&created_after=2026-01-05T00%3A00%3A00Z") == [503, 200]


def test_faults_that_meet_one_request_are_played_one_after_the_other(client: Client) -> None:
    """Prevents a fault from being lost because another met the same request."""
    play(client, {"api": "box", "kind": "failing"}, {"api": "box", "kind": "throttled"})
    assert statuses(client, 3) == [503, 429, 200]


def test_any_answer_can_be_told_and_echo_the_request(client: Client) -> None:
    """Prevents an odd answer of a provider from having to wait for a kind of its own."""
    body = {"message": "you sent {authorization}"}
    play(client, {"api": "box", "kind": "answer", "status": 418, "headers": {"X-Asked": "{url}"}, "body": body})
    session = client.box()
    answer = session.get(client.url + EVENTS)
    assert (answer.status_code, answer.headers["X-Asked"]) == (418, EVENTS)
    sent = session.headers["Authorization"]
    assert isinstance(sent, str)
    assert answer.json() == {"message": f"you sent {sent}"}


def test_the_date_is_the_sandboxs_and_can_be_off(client: Client) -> None:
    """Prevents a replay that looks like a wrong clock, and a clock that differs from being a fault nobody can try."""
    play(client, {"api": "box", "kind": "clock_skew", "seconds": -7200})
    session = client.box()
    skewed, right = (parsedate_to_datetime(session.get(client.url + EVENTS).headers["Date"]) for _ in range(2))
    assert skewed == datetime(2026, 1, 5, 22, tzinfo=UTC)
    assert right == datetime(2026, 1, 6, tzinfo=UTC)


def test_a_sign_in_may_answer_oddly(client: Client) -> None:
    """Prevents an odd token from having to wait for a stand-in of its own."""
    play(client, {"api": "box_token", "kind": "odd_token", "answer": {"expires_in": "soon"}})
    form = {
        "grant_type": "client_credentials",
        "client_id": client.environment["BOX_CLIENT_ID"],
        "client_secret": client.environment["BOX_CLIENT_SECRET"],
        "box_subject_type": "enterprise",
        "box_subject_id": client.environment["BOX_ENTERPRISE_ID"],
    }
    odd, usual = (client.plain.post(f"{client.url}/oauth2/token", data=form).json() for _ in range(2))
    assert odd["expires_in"] == "soon"
    assert odd["access_token"]
    assert usual["expires_in"] != "soon"


def test_a_time_to_wait_may_be_odd(client: Client) -> None:
    """Prevents an odd Retry-After from having to wait for a stand-in of its own."""
    play(client, {"api": "box", "kind": "throttled", "retry_after": "soon"})
    answer = client.box().get(client.url + EVENTS)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "soon")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("empty", 200),
        ("shape", 200),
        ("nested", 200),
        ("bad_request", 400),
        ("not_found", 404),
        ("internal_error", 500),
    ],
)
def test_pages_that_hold_a_stretch_of_time_are_bad(client: Client, form: str, status: int) -> None:
    """Prevents a stretch of a log that fails for good from being a fault that nobody can try."""
    stretch = {"start": "2026-01-05T00:01:00Z", "end": "2026-01-05T00:01:01Z", "form": form}
    play(client, {"api": "box", "kind": "bad_stretch", **stretch})
    session = client.box()
    whole = session.get(client.url + EVENTS)
    assert whole.status_code == status
    assert b"created_at" not in whole.content
    assert session.get(f"{client.url}{EVENTS}&created_before=2026-01-05T00:00:55Z").json()["entries"]


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ('{"faults": []}', "a plan is a JSON list"),
        ("[", "a plan is a JSON list"),
        ('[{"api": "box", "kind": "failing"}, {"api": "box"}]', "fault 2: "),
        ('[{"api": "box", "kind": "explodes"}]', "'explodes'"),
        ('[{"api": "bocks", "kind": "failing"}]', "fault 1 (failing): api: "),
        ('[{"api": "box", "kind": "failing", "status": 404}]', "fault 1 (failing): status: "),
        ('[{"api": "box", "kind": "failing", "times": 0}]', "fault 1 (failing): times"),
        ('[{"api": "box", "kind": "slow", "second": 1}]', "fault 1 (slow): second"),
        ('[{"api": "box", "kind": "auditing_off"}]', "box has no such fault; choose from office365"),
        ('[{"api": "dropbox", "kind": "duplicates"}]', "dropbox has no such fault"),
        ('[{"api": "box", "kind": "short_page", "events": 0}]', "an empty page is the end at box"),
        ('[{"api": "graph", "kind": "throttled", "form": "forbidden"}]', "graph throttles with 429 only"),
        ('[{"api": "box", "kind": "bad_blob", "blobs": [1]}]', "box has no such fault; choose from office365"),
        ('[{"api": "office365", "kind": "bad_blob", "blobs": [-1]}]', "fault 1 (bad_blob): blobs"),
        (
            '[{"api": "box", "kind": "bad_stretch", "start": "2026-01-05T00:00:00", "end": "x"}]',
            "fault 1 (bad_stretch)",
        ),
        ('[{"api": "box", "kind": "odd_token", "answer": {}}]', "box has no such fault"),
    ],
)
def test_a_plan_that_cannot_be_used_says_which_entry_and_why(client: Client, plan: str, said: str) -> None:
    """Prevents a misspelt fault from being left out in silence, so that a test passes for the wrong reason."""
    with pytest.raises(PlanError) as refused:
        Plan.read(plan)
    assert said in str(refused.value)
    answer = client.plain.put(f"{client.url}/_sandbox/faults", data=plan)
    assert (answer.status_code, answer.json()["error"]) == (400, str(refused.value))


def test_a_plan_in_a_file_is_played_from_the_start(tmp_path: Path) -> None:
    """Prevents a plan that only tests can put in play."""
    plan = tmp_path / "plan.json"
    plan.write_text('[{"api": "box", "kind": "failing", "status": 500}]')
    with serving(tmp_path, uploads("box", 1), "2026-01-06T00:00:00Z", ["--faults", str(plan)]) as client:
        assert statuses(client, 2) == [500, 200]


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    """Prevents a sandbox that starts without the faults that were asked for."""
    plan, workload = tmp_path / "plan.json", tmp_path / "workload.csv"
    plan.write_text('[{"api": "box", "kind": "explodes"}]')
    workload.write_text("provider,kind,time,user\nbox,sign_in,2026-01-05T00:00:00Z,ann@example.com\n")
    command = [sys.executable, "-m", "sandbox", "serve", "--workload", str(workload), "--state", str(tmp_path)]
    run = subprocess.run([*command, "--faults", str(plan)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    # The message stands in a frame, broken wherever a line is full.
    said = "".join(letter for letter in run.stderr if letter.isalnum())
    assert "fault1" in said
    assert "explodes" in said


def test_the_shipped_plan_can_be_used() -> None:
    """Prevents a shipped plan that the sandbox refuses, or that leaves a provider in peace."""
    plan = Plan.load(ROOT / "sandbox" / "plans" / "hard.json")
    assert {entry.fault.api for entry in plan.entries} >= {"box", "dropbox", "google_workspace", "office365"}
