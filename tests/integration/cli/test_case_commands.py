"""Cases on the command line: listed, shown and reviewed, over a real lake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.app import app
from common.errors import CommandError, MendableError
from tests.support.published_alerts import DAY, HOUR, NOON, Made, Published

FIRST = Made("a" * 64, NOON)
SECOND = Made("b" * 64, NOON + DAY)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    monkeypatch.setenv("UPLOADWATCH_NOW", "2026-03-03T12:00:00Z")
    made = Published(tmp_path / "lake")
    made.write(FIRST, SECOND, Made("c" * 64, NOON, user="ben@example.com"))
    return made


def run(published: Published, *words: str) -> Any:
    home = str(Path(published.lake.root).parent)
    return CliRunner().invoke(app, [*words, "--home", home], env={"COLUMNS": "160"})


def case_of(published: Published, alert_id: str) -> dict[str, Any]:
    return {alert["alert_id"]: alert for alert in listed(published)}[alert_id]["case"]


def listed(published: Published) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(published, "alerts", "--format", "json").output)
    return found


def review(published: Published, of: str, *words: str) -> Any:
    return run(published, "review", of, "--benign", "--by", "bea", "--note", "asked", *words)


def test_alerts_are_listed_by_case(published: Published):
    """Prevents the alerts of one person from standing apart, as if each had to be read from the start."""
    shown = run(published, "alerts").output
    assert "3 alerts in 2 cases" in shown
    case = case_of(published, FIRST.key)
    assert case["alert_ids"] == [FIRST.key, SECOND.key]
    assert shown.count(case["case_id"][:8]) == 1


def test_a_case_is_reviewed_by_its_id(published: Published):
    """Prevents an analyst from typing the same verdict for each alert of a case, and from missing one."""
    case = case_of(published, FIRST.key)
    assert review(published, case["case_id"][:12]).exit_code == 0
    verdicts = {alert["alert_id"]: alert["review"] and alert["review"]["verdict"] for alert in listed(published)}
    assert verdicts == {FIRST.key: "benign", SECOND.key: "benign", "c" * 64: None}
    assert case_of(published, FIRST.key)["state"] == "reviewed"


def test_several_are_reviewed_at_once_or_none(published: Published):
    """Prevents ten commands for ten cases, and a mistyped id after which nobody knows which were reviewed."""
    mistyped = run(published, "review", FIRST.key, "nonesuch", "--benign", "--by", "bea", "--note", "asked")
    assert isinstance(mistyped.exception, CommandError)
    assert not any(alert["review"] for alert in listed(published))
    done = run(published, "review", "c" * 64, FIRST.key, "--benign", "--by", "bea", "--note", "asked")
    assert done.exit_code == 0
    assert {alert["alert_id"] for alert in listed(published) if alert["review"]} == {"c" * 64, FIRST.key}


def test_a_review_of_a_case_leaves_the_verdicts_that_stand(published: Published):
    """Prevents a confirmed alert from becoming benign with the rest of its case."""
    run(published, "review", FIRST.key, "--confirmed", "--by", "bea", "--note", "theft")
    review(published, case_of(published, FIRST.key)["case_id"])
    verdicts = {alert["alert_id"]: alert["review"] and alert["review"]["verdict"] for alert in listed(published)}
    assert (verdicts[FIRST.key], verdicts[SECOND.key]) == ("confirmed", "benign")


def test_an_outgrown_review_is_said_and_does_not_count(published: Published):
    """Prevents 100 GB within the day of a decoy from being listed as reviewed: benign."""
    review(published, FIRST.key)
    published.write(FIRST._replace(end=NOON + 9 * HOUR, files=4000, bytes=100 * 10**9), SECOND)
    [grown, _] = listed(published)
    assert (grown["review"], grown["case"]["state"]) == (None, "reopened")
    assert (grown["outgrown_review"]["verdict"], grown["outgrown_review"]["revision"]) == ("benign", 1)
    assert "reopened" in run(published, "alerts").output


def test_a_verdict_can_name_the_revision_that_was_read(published: Published):
    """Prevents a verdict from covering what came between the reading of the page and the command."""
    listed(published)
    published.write(FIRST._replace(files=4000), SECOND)
    review(published, FIRST.key, "--revision", "1")
    [grown, _] = listed(published)
    assert (grown["revision"], grown["review"], grown["outgrown_review"]["revision"]) == (2, None, 1)
    missing = review(published, FIRST.key, "--revision", "7")
    assert isinstance(missing.exception, MendableError)
    assert "has no revision 7, the latest is 2" in str(missing.exception)
    of_case = review(published, grown["case"]["case_id"], "--revision", "1")
    assert isinstance(of_case.exception, CommandError)


def test_an_id_that_several_share_is_refused(published: Published):
    """Prevents a verdict on somebody else's alert."""
    listed(published)
    refused = review(published, "")
    assert isinstance(refused.exception, CommandError)
    said = str(refused.exception)
    assert "alerts and cases have an id that begins with ''" in said
    assert f"alert {FIRST.key[:8]} of {FIRST.user} on " in said, "each is named, so that the next try is the right one"
