"""The circuit breaker: many alerts of one day become one, and come back as they were."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from detection.alerts import fold
from detection.parameters import Parameters, bind
from detection.sql import into
from detection.tables import TABLES, empty
from lake.ledger import publish
from lake.reviews import add_review, view_reviews
from lake.store import Lake
from tests.support.memory import connect

DAY = datetime(2026, 3, 1)
HOUR = timedelta(hours=1)
Detected = tuple[str, datetime]


def folded(
    con: duckdb.DuckDBPyConnection,
    detected: list[Detected],
    *,
    allowed: float = 1.0,
    suspicious: int = 0,
    app: str = "Rclone",
    listed: str = "",
) -> list[dict[str, Any]]:
    """Fold detections (user, window start) of 100 files of 1 MB each, the first users with a provider's alert.

    Users with a name in other@ upload with a browser; the user who is listed is on the allow-list.
    """
    for table in ("detections", "user_hours", "uploads", "activity"):
        con.execute(f"CREATE OR REPLACE TABLE {table} AS {empty(table)}")
    con.execute("CREATE OR REPLACE TABLE source_days (provider VARCHAR, day DATE)")
    con.execute(f"CREATE OR REPLACE TABLE dated_thresholds AS {empty('thresholds', dated=True)}")
    con.executemany(
        "INSERT INTO dated_thresholds (population, metric, allowed, day) VALUES ('people', ?, ?, ?)",
        [[metric, allowed, DAY.date()] for metric in ("files", "bytes")],
    )
    rows = [{"n": n, "user": user, "start": start} for n, (user, start) in enumerate(detected)]
    con.register("given", pa.Table.from_pylist(rows))
    con.execute(
        """
        INSERT INTO detections
        BY NAME SELECT 'people' AS population, 'box' AS scope, "user", start AS window_start,
          start + INTERVAL 3 HOUR AS window_end, 100 AS files, 100 AS sized_files, 100000000 AS bytes,
          'files' AS metric, 9.0 AS score, 6.0 AS threshold, 900 AS one_in, 0 AS baseline_files_windows,
          0 AS baseline_bytes_windows, CASE WHEN "user" = $listed THEN 'an entry' END AS allowed_by
        FROM given ORDER BY n
        """,
        {"listed": listed},
    )
    con.execute(
        """
        INSERT INTO user_hours
        BY NAME SELECT DISTINCT 'box' AS provider, 'person' AS actor_class, "user", 'people' AS population,
          start AS hour, 100 AS files, 100 AS sized_files, 100000000 AS bytes, 0 AS estimated_files,
          MAP {'zip': 90, 'pdf': 10} AS extensions, MAP {'US': 50, 'DE': 50} AS countries,
          MAP {CASE WHEN "user" LIKE 'other%' THEN 'Web' ELSE $app END: 100} AS apps
        FROM given
        """,
        {"app": app},
    )
    con.executemany(
        "INSERT INTO activity (provider, event_key, time, \"user\", kind) VALUES ('box', ?, ?, ?, 'provider_alert')",
        [[user, start, user] for user, start in detected[:suspicious]] or [["none", DAY, "nobody"]],
    )
    fold(con, Parameters(), since=DAY)
    cursor = con.execute("FROM alerts")
    names = [column[0] for column in cursor.description]
    assert sorted(names) == sorted(column.name for column in TABLES["alerts"])
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def users(number: int) -> list[Detected]:
    return [(f"user{n:04}@example.com", DAY + (n % 20) * HOUR) for n in range(number)]


def shown(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [alert for alert in alerts if alert["folded_into"] is None]


@pytest.fixture
def con():
    with connect() as connection:
        yield connection


def test_three_thousand_users_in_one_day_are_one_alert(con):
    """Prevents a migration from burying the analyst, and a summary that does not say what it is about."""
    alerts = folded(con, users(3000))
    [flood] = shown(alerts)
    assert len(alerts) == 3001
    assert {alert["folded_into"] for alert in alerts} == {None, flood["alert_id"]}
    assert (flood["name"], flood["severity"]) == ("Massive upload to SaaS service: flood", "Informational")
    assert (flood["user"], flood["users"]) == ("(many users on 2026-03-01)", 3000)
    assert (flood["files"], flood["bytes"], flood["providers"]) == (300_000, 300_000_000_000, ["box"])
    assert (flood["suppressed_count"], flood["reasons"]) == (2999, [])
    assert flood["sentence"] == (
        "On 2026-03-01, 3,000 users each uploaded so much that an alert would have opened, where the budget allows 1.0 "
        "a day: together 300,000 files (300 GB) to Box. In common: provider Box (all); app Rclone (all); country DE "
        "(100 % of the users, 50 % of the files); country US (100 % of the users, 50 % of the files); extension zip "
        "(100 % of the users, 90 % of the files); extension pdf (100 % of the users, 10 % of the files)."
    )


@pytest.mark.parametrize(("number", "allowed", "alerts"), [(20, 1.0, 20), (21, 1.0, 1), (30, 3.0, 30), (31, 3.0, 1)])
def test_a_flood_is_more_than_twenty_and_more_than_ten_times_the_allowance(con, number, allowed, alerts):
    """Prevents a breaker that trips on a busy day, or grows deaf in a large organisation's quiet one."""
    assert len(shown(folded(con, users(number), allowed=allowed))) == alerts


def test_below_the_limit_nothing_is_changed(con):
    """Prevents a breaker that rewrites alerts of ordinary days, or counts those of other days."""
    few = users(15) + [(f"other{n}@example.com", DAY + 24 * HOUR) for n in range(15)]
    alerts = folded(con, few)
    assert [alert["alert_id"] for alert in alerts] == [
        alert_id for (alert_id,) in con.execute("SELECT alert_id FROM single_alerts").fetchall()
    ]
    assert {(alert["users"], alert["folded_into"]) for alert in alerts} == {(1, None)}


def test_a_flood_is_a_function_of_the_detections_that_exist(con):
    """Prevents a summary that depends on the order of arrival, or on a detection delivered twice."""
    detected = users(40)
    mixed = detected + detected[:7]
    random.Random(3).shuffle(mixed)
    assert folded(con, mixed) == folded(con, detected)


def test_suspicious_users_do_not_drown_in_a_flood(con):
    """Prevents a flood from being made to hide in, and suspicious users from being a flood of their own."""
    alerts = shown(folded(con, users(40), suspicious=5))
    assert sorted(alert["severity"] for alert in alerts) == ["Informational"] + ["Low"] * 5
    assert [alert["users"] for alert in shown(folded(con, users(40), suspicious=30))] == [40]


def test_hours_of_overlapping_windows_count_once(con):
    """Prevents shares of files that grow with the number of windows that slide over them."""
    others = [(f"other{n}@example.com", DAY + hour * HOUR) for n in range(10) for hour in (2, 3)]
    [flood] = shown(folded(con, users(40) + others))
    assert flood["files"] == 6000
    assert "app Rclone (80 % of the users, 67 % of the files)" in flood["sentence"]


def test_what_is_allowed_is_no_alert_and_in_no_flood(con):
    """Prevents the allow-list from being passed over where detections become alerts."""
    assert [alert["user"] for alert in folded(con, users(21), listed="user0007@example.com")] == [
        user for user, _ in sorted(users(21), key=lambda each: each[::-1]) if user != "user0007@example.com"
    ]


def test_names_in_a_flood_are_printable(con):
    """Prevents an app's name from breaking the line or the terminal it is printed on."""
    [flood] = shown(folded(con, users(30), app="Rclone\x1b[31m\n"))
    assert flood["sentence"].isprintable()


class Deployment:
    """A lake in which the alerts of detections are written and published."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root=str(root))

    def publish(self, detected: list[Detected], *, listed: str = "") -> dict[str, tuple[str, str, int]]:
        """Fold, publish, and return id -> (user, state, revision); ``shown`` holds the ids that a reader sees."""
        with connect() as con:
            folded(con, detected, listed=listed)
            self.lake.write(con, "alerts", "alerts", DAY.date(), "")
            self.lake.write(con, "detections", "detections", DAY.date(), "")
        with connect() as con:
            publish(con, self.lake, DAY + 72 * HOUR)
            self.shown = {alert_id for (alert_id,) in con.execute("SELECT alert_id FROM shown").fetchall()}
            rows = con.execute('SELECT alert_id, "user", state, revision FROM ledger').fetchall()
            self.reasons = {reason for (reason,) in con.execute("SELECT reason FROM ledger").fetchall()}
        return {alert_id: (user, state, revision) for alert_id, user, state, revision in rows}


def test_published_alerts_keep_their_ids_through_a_flood(tmp_path: Path):
    """Prevents late events from giving an alert that was shown another id, or its summary a second one."""
    deployment = Deployment(tmp_path)
    few = deployment.publish(users(20))
    assert deployment.shown == set(few)
    flooded = deployment.publish(users(30))
    [summary] = deployment.shown
    assert flooded[summary] == ("(many users on 2026-03-01)", "open", 1)
    assert {flooded[alert_id][1:] for alert_id in few} == {("folded", 2)}
    assert deployment.publish(users(30)) == flooded
    more = deployment.publish([*users(30), ("late@example.com", DAY + 23 * HOUR)])
    assert more[summary][1:] == ("open", 2)
    assert deployment.shown == {summary}
    restored = deployment.publish(users(20))
    assert deployment.shown == set(few)
    assert {restored[alert_id][1:] for alert_id in few} == {("open", 3)}
    assert restored[summary][1] == "withdrawn"
    again = deployment.publish(users(30))
    assert deployment.shown == {summary}
    assert again[summary][1] == "open"


def test_a_flood_keeps_its_id_wherever_its_users_lie_in_the_day(tmp_path: Path):
    """Prevents a day's summary from starting anew because late events moved all of it."""
    deployment = Deployment(tmp_path)
    deployment.publish([(user, DAY) for user, _ in users(30)])
    [summary] = deployment.shown
    moved = deployment.publish([(user, DAY + 20 * HOUR) for user, _ in users(30)])
    assert deployment.shown == {summary}
    assert moved[summary] == ("(many users on 2026-03-01)", "open", 2)


def test_an_id_that_was_kept_when_the_opening_moved_is_kept_through_a_flood(tmp_path: Path):
    """Prevents an alert from coming out of a flood under the id that it would have had without the ledger."""
    deployment = Deployment(tmp_path)
    first = deployment.publish([("ann@example.com", DAY + 5 * HOUR)])
    moved = [("ann@example.com", DAY + 4 * HOUR), ("ann@example.com", DAY + 5 * HOUR)]
    for others in (0, 30, 0):
        deployment.publish(moved + users(others))
    assert deployment.shown == set(first)


def test_a_published_alert_that_is_allowed_since_says_by_what(tmp_path: Path):
    """Prevents an alert that was shown from being withdrawn without the reason."""
    deployment = Deployment(tmp_path)
    [(alert_id, _)] = deployment.publish([("ann@example.com", DAY)]).items()
    allowed = deployment.publish([("ann@example.com", DAY)], listed="ann@example.com")
    assert allowed[alert_id][1] == "withdrawn"
    assert (deployment.shown, deployment.reasons) == (set(), {"allowed by an entry"})


def test_a_review_of_a_flood_is_one_of_all_its_users(tmp_path: Path):
    """Prevents a migration that was found benign from staying suspect for each of its users."""
    deployment = Deployment(tmp_path)
    deployment.publish(users(30))
    [summary] = deployment.shown
    with connect() as con:
        publish(con, deployment.lake, DAY + 72 * HOUR)
        add_review(con, deployment.lake, summary, verdict="benign", by="ann", note="move", now=datetime(2026, 3, 2, 9))
    with connect() as con:
        view_reviews(con, deployment.lake)
        rows = con.execute('SELECT review, "user", verdict FROM reviews ORDER BY review').fetchall()
    assert [review for review, _, _ in rows] == list(range(1, 32))
    assert {user for _, user, _ in rows} == {user for user, _ in users(30)} | {"(many users on 2026-03-01)"}
    assert {verdict for _, _, verdict in rows} == {"benign"}


@pytest.mark.parametrize(("number", "opened"), [(20, 20), (21, 1)])
def test_a_flood_costs_the_budget_one_alert(con, number, opened):
    """Prevents a migration from silencing the detector for the weeks in which the budget pays it back."""
    parameters = Parameters()
    con.execute(f"CREATE TABLE charged_thresholds AS {empty('thresholds', dated=True)}")
    con.execute(f"CREATE TABLE past_detections AS {empty('detections')}")
    con.execute(
        "CREATE TABLE last_baselines AS "
        "SELECT 'people' AS population, 'box' AS scope, CAST(NULL AS VARCHAR) AS \"user\", 500 AS users"
    )
    con.execute("CREATE TABLE last_active_scopes AS SELECT 'box' AS scope")
    con.execute('CREATE TABLE past_openings ("user" VARCHAR, opening TIMESTAMP)')
    con.execute('CREATE VIEW past_cases AS SELECT "user", opening AS opened FROM past_openings')
    for user, start in users(number):
        con.execute("INSERT INTO past_openings VALUES (?, ?)", [user, start])
        con.execute(
            "INSERT INTO past_detections (population, \"user\", window_start) VALUES ('people', ?, ?)", [user, start]
        )
    into(con, "accounts", "accounts", bind(parameters, datetime.combine(date(2026, 3, 2), datetime.min.time())))
    [row] = con.execute("SELECT opened, balance FROM accounts WHERE population = 'people'").fetchall()
    assert row == (opened, 1.0 - opened)
