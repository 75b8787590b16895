"""Common causes: alerts of many users with one application on a day become one, and come back as they were."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from detection.alerts import fold, pick_day
from detection.parameters import Parameters, bind
from detection.sql import into
from detection.tables import TABLES, empty
from lake.ledger import publish
from lake.reviews import ReadAlert, add_reviews, view_reviews
from lake.store import Lake
from tests.support.memory import connect

DAY = datetime(2026, 3, 1)
HOUR = timedelta(hours=1)
Detected = tuple[str, datetime]
_OF_DAY = "FROM all_found WHERE CAST(window_start AS DATE) = DATE '{}'"


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

    Users with a name in other@ upload with a browser, services@ are service accounts; the user who is listed is on the
    allow-list. ``allowed`` is what the budget allows for a day: a quarter of it is usual for a cause.
    """
    con.execute(f"CREATE OR REPLACE TABLE found_detections AS {empty('detections')}")
    for table in ("user_hours", "uploads", "activity"):
        con.execute(f"CREATE OR REPLACE TABLE {table} AS {empty(table)}")
    con.execute("CREATE OR REPLACE TABLE source_days (provider VARCHAR, day DATE)")
    rows = [{"n": n, "user": user, "start": start} for n, (user, start) in enumerate(detected)]
    con.register("given", pa.Table.from_pylist(rows))
    con.execute(
        """
        INSERT INTO found_detections
        BY NAME SELECT CASE WHEN "user" LIKE 'service%' THEN 'services' ELSE 'people' END AS population, 'box' AS scope,
          "user", start AS window_start, start AS period_start, start + INTERVAL 3 HOUR AS window_end,
          concat('box/', CASE WHEN "user" LIKE 'other%' THEN 'Web' ELSE $app END) AS cause,
          100 AS files, 100 AS sized_files, 100000000 AS bytes,
          'files' AS metric, 9.0 AS score, 6.0 AS threshold, 900 AS one_in, 0 AS baseline_files_windows,
          0 AS baseline_bytes_windows, CASE WHEN "user" = $listed THEN 'an entry' END AS allowed_by
        FROM given ORDER BY n
        """,
        {"listed": listed, "app": app},
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
    find_causes(con, allowed)
    fold(con, Parameters(), since=DAY)
    cursor = con.execute("FROM alerts")
    names = [column[0] for column in cursor.description]
    assert sorted(names) == sorted(column.name for column in TABLES["alerts"])
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def find_causes(con: duckdb.DuckDBPyConnection, allowed: float) -> None:
    """Make ``dated_causes`` of the days with detections, where the budget allows so much a day."""
    con.execute("DROP VIEW IF EXISTS detections")
    con.execute("CREATE OR REPLACE TABLE all_found AS FROM found_detections")
    con.execute(f"CREATE OR REPLACE TABLE thresholds AS {empty('thresholds')}")
    con.execute("INSERT INTO thresholds (population, metric, allowed) VALUES ('people', 'files', ?)", [allowed])
    con.execute("INSERT INTO thresholds (population, metric, allowed) VALUES ('services', 'files', ?)", [allowed])
    con.execute(f"CREATE OR REPLACE TABLE past_causes AS {empty('causes', dated=True)}")
    con.execute('CREATE OR REPLACE TABLE past_maxima (population VARCHAR, "user" VARCHAR, day DATE, cause VARCHAR)')
    days = con.execute("SELECT DISTINCT CAST(window_start AS DATE) AS day FROM all_found ORDER BY day").fetchall()
    for (day,) in days:
        con.execute(f"CREATE OR REPLACE VIEW detections AS {_OF_DAY.format(day)}")
        into(con, "causes", "causes", bind(Parameters(), datetime(day.year, day.month, day.day)))
        con.execute("INSERT INTO past_causes BY NAME SELECT *, CAST(? AS DATE) AS day FROM causes", [day])
    con.execute("CREATE OR REPLACE VIEW dated_causes AS FROM past_causes")
    con.execute("CREATE OR REPLACE VIEW detections AS FROM all_found")


def users(number: int, *, days: int = 0) -> list[Detected]:
    """Users with a detection so many days after the first, at different hours."""
    return [(f"user{n:04}@example.com", DAY + (24 * days + n % 20) * HOUR) for n in range(number)]


def shown(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [alert for alert in alerts if alert["folded_into"] is None]


@pytest.fixture
def con():
    with connect() as connection:
        yield connection


def test_three_thousand_users_with_one_application_are_one_alert(con):
    """Prevents a migration from burying the analyst, and a summary that does not say what it is about."""
    alerts = folded(con, users(3000))
    [group] = shown(alerts)
    assert len(alerts) == 3001
    assert {alert["folded_into"] for alert in alerts} == {None, group["alert_id"]}
    assert (group["name"], group["severity"]) == ("Massive upload to SaaS service: common cause", "Informational")
    assert (group["user"], group["users"]) == ("(many users of box/Rclone)", 3000)
    assert (group["cause"], group["person"]) == ("box/Rclone", None)
    assert (group["files"], group["bytes"], group["providers"]) == (300_000, 300_000_000_000, ["box"])
    assert (group["suppressed_count"], group["reasons"]) == (2999, [])
    assert group["sentence"] == (
        "On 2026-03-01, 3,000 users each uploaded so much with the same application that an alert would have opened, "
        "where 0.2 a day are usual: together 300,000 files (300 GB) to Box. In common: provider Box (all); app Rclone "
        "(all); country DE (100 % of the users, 50 % of the files); country US (100 % of the users, 50 % of the files)"
        "; extension zip (100 % of the users, 90 % of the files)"
        "; extension pdf (100 % of the users, 10 % of the files)."
    )


@pytest.mark.parametrize(("number", "allowed", "alerts"), [(4, 1.0, 4), (5, 1.0, 1), (11, 9.0, 11), (12, 9.0, 1)])
def test_a_group_is_far_more_users_than_are_usual(con, number, allowed, alerts):
    """Prevents groups of a busy day's single alerts, and alerts of a rollout one by one in a large organisation."""
    assert len(shown(folded(con, users(number), allowed=allowed))) == alerts


def test_a_slow_rollout_is_a_group_from_the_day_on_which_the_week_has_too_many(con):
    """Prevents a rollout to two users a day from being an alert for each."""
    rollout = [(f"user{day}{n}@example.com", DAY + day * 24 * HOUR) for day in range(7) for n in range(2)]
    alerts = folded(con, rollout)
    groups = [alert["first_window_start"] for alert in shown(alerts) if alert["users"] > 1]
    assert groups == [DAY + day * 24 * HOUR for day in range(7 - len(groups), 7)]
    singles = [alert for alert in shown(alerts) if alert["users"] == 1]
    assert 2 <= len(singles) < 14


def test_users_without_a_common_cause_stay_single(con):
    """Prevents a group of users who only uploaded on the same day, or with one application on many days."""
    few = users(4) + [(f"other{n}@example.com", DAY) for n in range(4)] + users(4, days=9)
    alerts = folded(con, few)
    assert [alert["alert_id"] for alert in alerts] == [
        alert_id for (alert_id,) in con.execute("SELECT alert_id FROM single_alerts").fetchall()
    ]
    assert {(alert["users"], alert["folded_into"]) for alert in alerts} == {(1, None)}


def test_two_causes_on_one_day_are_two_groups(con):
    """Prevents a rollout and a migration of one day from reading as one thing, or people's and services' alike."""
    others = [(f"other{n}@example.com", DAY + n * HOUR) for n in range(7)]
    services = [(f"service{n}@example.com", DAY) for n in range(6)]
    groups = shown(folded(con, users(9) + others + services))
    assert sorted((group["cause"], group["population"], group["users"]) for group in groups) == [
        ("box/Rclone", "people", 9),
        ("box/Rclone", "services", 6),
        ("box/Web", "people", 7),
    ]


def test_a_group_is_a_function_of_the_detections_that_exist(con):
    """Prevents a summary that depends on the order of arrival, or on a detection delivered twice."""
    detected = users(40)
    mixed = detected + detected[:7]
    random.Random(3).shuffle(mixed)
    assert folded(con, mixed) == folded(con, detected)


@pytest.mark.parametrize("suspicious", [5, 30, 39, 40])
def test_suspicious_users_stay_single(con, suspicious):
    """Prevents a rollout from being made to hide in, and a group of a single alert."""
    alerts = shown(folded(con, users(40), suspicious=suspicious))
    assert sum(alert["severity"] == "Low" for alert in alerts) == suspicious
    assert {alert["users"] for alert in alerts if alert["severity"] == "Low"} == {1}
    rest = 40 - suspicious
    assert [alert["users"] for alert in alerts if alert["severity"] != "Low"] == ([rest] if rest else [])


def test_hours_of_overlapping_windows_count_once(con):
    """Prevents shares of files that grow with the number of windows that slide over them."""
    others = [(f"other{n}@example.com", DAY + hour * HOUR) for n in range(10) for hour in (2, 3)]
    groups = {group["cause"]: group for group in shown(folded(con, users(40) + others))}
    assert (groups["box/Rclone"]["files"], groups["box/Web"]["files"]) == (4000, 2000)
    assert "country DE (100 % of the users, 50 % of the files)" in groups["box/Web"]["sentence"]


def test_what_is_allowed_is_no_alert_and_in_no_group(con):
    """Prevents the allow-list from being passed over where detections become alerts, or a common cause."""
    assert [alert["user"] for alert in folded(con, users(5), listed="user0003@example.com")] == [
        user for user, _ in users(5) if user != "user0003@example.com"
    ]
    [group] = shown(folded(con, users(9), listed="user0003@example.com"))
    assert group["users"] == 8


def test_names_in_a_groups_sentence_are_printable(con):
    """Prevents an app's name from breaking the line or the terminal it is printed on."""
    [group] = shown(folded(con, users(30), app="Rclone\x1b[31m\n"))
    assert group["sentence"].isprintable()


class Deployment:
    """A lake in which the alerts of detections are written and published."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root=str(root))

    def publish(self, detected: list[Detected], *, listed: str = "") -> dict[str, tuple[str, str, int]]:
        """Fold, publish, and return id -> (user, state, revision); ``shown`` holds the ids that a reader sees."""
        with connect() as con:
            folded(con, detected, listed=listed)
            for day in {start.date() for _, start in [(None, DAY), *detected]}:
                pick_day(con, day)
                self.lake.write(con, "day_alerts", "alerts", day, "")
                con.execute(f"CREATE OR REPLACE VIEW found AS {_OF_DAY.format(day)}")
                self.lake.write(con, "found", "detections", day, "")
        with connect() as con:
            publish(con, self.lake, DAY + 72 * HOUR)
            self.opened = dict(con.execute("SELECT alert_id, first_window_start FROM shown").fetchall())
            self.shown = set(self.opened)
            rows = con.execute('SELECT alert_id, "user", state, revision FROM ledger').fetchall()
            self.reasons = {reason for (reason,) in con.execute("SELECT reason FROM ledger").fetchall()}
        return {alert_id: (user, state, revision) for alert_id, user, state, revision in rows}


def test_published_alerts_keep_their_ids_through_a_group(tmp_path: Path):
    """Prevents late events from giving an alert that was shown another id, or its summary a second one."""
    deployment = Deployment(tmp_path)
    few = deployment.publish(users(4))
    assert deployment.shown == set(few)
    grouped = deployment.publish(users(30))
    [summary] = deployment.shown
    assert grouped[summary] == ("(many users of box/Rclone)", "open", 1)
    assert {grouped[alert_id][1:] for alert_id in few} == {("folded", 2)}
    assert deployment.publish(users(30)) == grouped
    more = deployment.publish([*users(30), ("late@example.com", DAY + 23 * HOUR)])
    assert more[summary][1:] == ("open", 2)
    assert deployment.shown == {summary}
    restored = deployment.publish(users(4))
    assert deployment.shown == set(few)
    assert {restored[alert_id][1:] for alert_id in few} == {("open", 3)}
    assert restored[summary][1] == "withdrawn"
    again = deployment.publish(users(30))
    assert deployment.shown == {summary}
    assert again[summary][1] == "open"


def test_a_group_keeps_its_id_wherever_its_users_lie_in_the_day(tmp_path: Path):
    """Prevents a day's summary from starting anew because late events moved all of it."""
    deployment = Deployment(tmp_path)
    deployment.publish([(user, DAY) for user, _ in users(30)])
    [summary] = deployment.shown
    moved = deployment.publish([(user, DAY + 20 * HOUR) for user, _ in users(30)])
    assert deployment.shown == {summary}
    assert moved[summary] == ("(many users of box/Rclone)", "open", 2)


def test_an_id_that_was_kept_when_the_opening_moved_is_kept_through_a_group(tmp_path: Path):
    """Prevents an alert from coming out of a group under the id that it would have had without the ledger."""
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


def test_a_review_of_a_group_is_one_of_all_its_users(tmp_path: Path):
    """Prevents a migration that was found benign from staying suspect for each of its users."""
    deployment = Deployment(tmp_path)
    deployment.publish(users(30))
    [summary] = deployment.shown
    with connect() as con:
        publish(con, deployment.lake, DAY + 72 * HOUR)
        add_reviews(
            con,
            deployment.lake,
            [ReadAlert(summary)],
            verdict="benign",
            by="ann",
            note="move",
            now=datetime(2026, 3, 2, 9),
        )
    with connect() as con:
        view_reviews(con, deployment.lake)
        rows = con.execute('SELECT review, "user", verdict FROM reviews ORDER BY review').fetchall()
    assert [review for review, _, _ in rows] == list(range(1, 32))
    assert {user for _, user, _ in rows} == {user for user, _ in users(30)} | {"(many users of box/Rclone)"}
    assert {verdict for _, _, verdict in rows} == {"benign"}


def test_a_group_that_is_withdrawn_leaves_those_of_other_days_their_ids(tmp_path: Path):
    """Prevents tomorrow's group of the same application from going on under the id of one that was withdrawn."""
    deployment = Deployment(tmp_path)
    before = deployment.publish([*users(9), *users(9, days=1)])
    first, second = sorted(deployment.shown, key=lambda alert_id: deployment.opened[alert_id])
    after = deployment.publish([*users(4), *users(9, days=1)])
    assert (before[first][1], after[first][1], after[second][1]) == ("open", "withdrawn", "open")
    assert second in deployment.shown
    assert deployment.opened[second] >= DAY + 24 * HOUR


@pytest.mark.parametrize(
    ("days", "number", "opened"), [([0], 4, 4), ([0], 9, 1), ([-1, 0], 9, 0), ([-6, 0], 9, 0), ([-7, 0], 9, 1)]
)
def test_a_group_costs_the_budget_one_case_in_seven_days(con, days, number, opened):
    """Prevents a migration from silencing the detector for the weeks in which the budget pays it back."""
    folded(con, [each for day in days for each in users(number, days=day)])
    con.execute(f"CREATE TABLE charged_thresholds AS {empty('thresholds', dated=True)}")
    con.execute("CREATE TABLE past_detections AS FROM all_found")
    con.execute("CREATE TABLE case_detections AS FROM all_found")
    con.execute(
        "CREATE TABLE last_baselines AS "
        "SELECT 'people' AS population, 'box' AS scope, CAST(NULL AS VARCHAR) AS \"user\", 500 AS users"
    )
    con.execute("CREATE TABLE last_active_scopes AS SELECT 'box' AS scope")
    con.execute('CREATE TABLE past_openings AS SELECT DISTINCT "user", window_start AS opening FROM all_found')
    con.execute('CREATE TABLE watch_list ("user" VARCHAR)')
    con.execute('CREATE VIEW past_cases AS SELECT "user", opening AS opened FROM past_openings')
    into(con, "single_openings", "single_openings")
    into(con, "accounts", "accounts", bind(Parameters(), DAY + 24 * HOUR))
    [row] = con.execute("SELECT opened, balance FROM accounts WHERE population = 'people'").fetchall()
    # Newcomers have a tenth of the people's budget, and one balance with them.
    assert row == (opened, pytest.approx(1.0 - opened))
