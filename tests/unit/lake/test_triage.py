"""Acts on cases do what they say, once, and leave a record under the name of who did it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from common.errors import MendableError
from detection.sql import into
from lake import triage
from lake.audit_log import read_acts
from lake.ledger import publish
from lake.reviews import ReadAlert
from tests.support.memory import connect
from tests.support.published_alerts import NOON, Made, Published

NOW = datetime(2026, 3, 4, 9, tzinfo=UTC)
EVE: dict[str, Any] = {"by": "eve", "now": NOW}


@pytest.fixture
def home(tmp_path: Path) -> Published:
    """Two alerts of one person in one case, and one of another."""
    made = Published(tmp_path / "lake")
    made.write(Made("a", NOON), Made("b", NOON + timedelta(hours=30)), Made("c", NOON, user="bob@example.com"))
    return made


@pytest.fixture
def con(home: Published) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as con:
        publish(con, home.lake, NOW)
        yield con


def _states(home: Published) -> dict[str, tuple[str, str | None]]:
    return {row["user"].partition("@")[0]: (row["state"], row["verdict"]) for row in home.rows("FROM cases")}


def _ids(con: duckdb.DuckDBPyConnection, user: str) -> list[str]:
    query = 'SELECT alert_id FROM shown WHERE "user" = ? ORDER BY first_window_start'
    return [alert for (alert,) in con.execute(query, [f"{user}@example.com"]).fetchall()]


def _review(con: duckdb.DuckDBPyConnection, home: Published, alerts: list[str], verdict: str) -> None:
    triage.review(con, home.lake, [ReadAlert(alert) for alert in alerts], verdict=verdict, note="asked", **EVE)


def test_an_undone_review_restores_the_one_before(home: Published, con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a slip of the key from standing, and the undo from removing an earlier verdict."""
    ann = _ids(con, "ann")
    _review(con, home, ann, "benign")
    _review(con, home, ann, "confirmed")
    assert _states(home)["ann"] == ("reviewed", "confirmed")
    triage.undo(con, home.lake, ann, **EVE)
    assert _states(home)["ann"] == ("reviewed", "benign")
    assert _states(home)["bob"] == ("open", None)


def test_a_single_review_is_undone_to_none(home: Published, con: duckdb.DuckDBPyConnection) -> None:
    """Prevents an alert from counting as reviewed, or as confirmed in the calibration, after the undo."""
    bob = _ids(con, "bob")
    _review(con, home, bob, "confirmed")
    triage.undo(con, home.lake, bob, **EVE)
    assert _states(home)["bob"] == ("open", None)
    into(con, "said", "verdicts", {"day_start": datetime(2027, 1, 1)})
    assert con.execute("SELECT count(*) FROM said").fetchall() == [(0,)]
    with pytest.raises(triage.TriageError, match="Nothing to undo"):
        triage.undo(con, home.lake, bob, **EVE)


def test_an_undone_review_is_about_the_revision_that_it_was_given_on(home: Published) -> None:
    """Prevents an undo from covering what the alert grew by after the verdict that it restores."""
    with connect() as con:
        publish(con, home.lake, NOW)
        bob = _ids(con, "bob")
        _review(con, home, bob, "benign")
    home.write(Made("c", NOON, user="bob@example.com", files=900))
    with connect() as con:
        publish(con, home.lake, NOW)
        _review(con, home, bob, "confirmed")
        triage.undo(con, home.lake, bob, **EVE)
    assert _states(home)["bob"] == ("reopened", None)


def test_a_reopened_case_is_open(home: Published, con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a wrong verdict from taking a case out of the queue for good."""
    ann = _ids(con, "ann")
    _review(con, home, ann, "benign")
    triage.reopen(con, home.lake, ann, note="new evidence", **EVE)
    assert _states(home)["ann"] == ("open", None)
    with pytest.raises(triage.TriageError, match="Nothing to reopen"):
        triage.reopen(con, home.lake, ann, note="again", **EVE)


def test_reviews_are_all_or_none(home: Published, con: duckdb.DuckDBPyConnection) -> None:
    """Prevents half of ten selected cases from being reviewed when one of them is gone."""
    ann = _ids(con, "ann")
    with pytest.raises(MendableError, match="no revision 7"):
        triage.review(
            con, home.lake, [ReadAlert(ann[0]), ReadAlert(ann[1], 7)], verdict="benign", note="x", by="eve", now=NOW
        )
    assert _states(home)["ann"] == ("open", None)
    assert read_acts(home.lake) == []


def test_a_case_is_taken_once(home: Published, con: duckdb.DuckDBPyConnection) -> None:
    """Prevents two people from working on one case without knowing of each other."""
    ann = _ids(con, "ann")
    triage.take(home.lake, "case", ann, by="eve", now=NOW)
    triage.take(home.lake, "case", ann, by="eve", now=NOW)
    with pytest.raises(triage.TriageError, match="eve works on this case"):
        triage.take(home.lake, "case", ann, by="joe", now=NOW)
    triage.assign(home.lake, "case", ann, to="joe", by="joe", now=NOW)
    triage.load_assignees(con, home.lake)
    assert con.execute("SELECT assignee FROM assignees").fetchall() == [("joe",)]
    triage.release(home.lake, "case", ann, by="joe", now=NOW)
    triage.load_assignees(con, home.lake)
    assert con.execute("SELECT count(*) FROM assignees").fetchall() == [(0,)]
    assert [act.act for act in read_acts(home.lake)] == ["release", "hand over", "take"]


@pytest.mark.parametrize("text", ["", " \n", "x" * 5000])
def test_empty_and_endless_comments_are_refused(home: Published, text: str) -> None:
    """Prevents comments that nobody can read."""
    with pytest.raises(triage.TriageError, match=r"missing|at most"):
        triage.comment(home.lake, "case", ["a"], text=text, by="eve", now=NOW)
