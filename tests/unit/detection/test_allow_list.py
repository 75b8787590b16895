"""The allow-list: its file, what it allows, and what that changes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from detection.allow_list import AllowListError, Entry, digest, read
from detection.backtest import play
from detection.chain import cover, mark
from detection.parameters import Parameters, bind
from detection.persons import create_empty_person_tables
from detection.sql import into
from detection.tables import empty
from tests.support.memory import connect

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12)
HOUR = timedelta(hours=1)
GOOD = """
[[allow]]
user = "Backup@Example.com"
provider = "box"
app = "Rclone"
owner = "ops@example.com"
reason = "nightly backup"
expires = 2026-03-31

[[allow]]
user = "*@branch.example.com"
owner = "it@example.com"
reason = "move to Box"
expires = 2026-03-10
"""


def entry(**fields: object) -> Entry:
    usual = {"user": "ann@example.com", "owner": "o@example.com", "reason": "migration", "expires": DAY}
    return Entry.model_validate({**usual, **fields})


def allowed(
    entries: list[Entry],
    hours: list[tuple[str, str, str, int]],
    *,
    scope: str = "box",
    at: datetime = NOON,
    expired: bool = False,
    app_id: str = "app-1",
) -> str | None:
    """Return what allows a detection of ann at noon, given her hours (provider, app, other app, files by the other).

    All files have the id of an application. Ann is called otherwise today, and ben has her address.
    """
    with connect() as con:
        create_empty_person_tables(con)
        con.execute(
            "INSERT INTO person_names VALUES "
            "('ann@example.com', 'box', 'box:7Ab', 'ann@example.com', TRUE), "
            "('ann@example.com', 'box', 'box:7Ab', 'ann@new.example', TRUE), "
            "('box:8', 'box', 'box:8', 'ann@example.com', FALSE)"
        )
        con.execute(f"CREATE TABLE user_hours AS {empty('user_hours')}")
        con.execute(f"CREATE TABLE scores AS {empty('scores')}")
        con.execute("CREATE TABLE scored AS SELECT * EXCLUDE (allowed_by) FROM scores")
        con.execute(
            "INSERT INTO scored (population, scope, \"user\", window_start) VALUES ('people', ?, 'ann@example.com', ?)",
            [scope, at],
        )
        for provider, app, other, files in hours:
            con.execute(
                'INSERT INTO user_hours (provider, "user", actor_class, population, hour, files, bytes, apps, app_ids) '
                "VALUES (?, 'ann@example.com', 'person', 'people', ?, 900, 1000, MAP {?: 900 - ?, ?: ?}, MAP {?: 900})",
                [provider, at + HOUR, app, files, other, files, app_id],
            )
        cover(con, entries, expired=expired)
        mark(con, "judged", Parameters())
        [(found,)] = con.execute("SELECT allowed_by FROM judged").fetchall()
    return found


RCLONE = ("box", "Rclone", "Web", 0)


def test_a_file_is_read(tmp_path: Path):
    """Prevents an entry that reads well and allows another user, or none."""
    path = tmp_path / "allow.toml"
    path.write_text(GOOD)
    backup, branch = read(path)
    assert (backup.user, backup.provider, backup.app, backup.expires) == (
        "backup@example.com",
        "box",
        "Rclone",
        date(2026, 3, 31),
    )
    assert branch.said == "*@branch.example.com (it@example.com: move to Box)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("expires = 2026-03-10", ""), "entry 2 (*@branch.example.com)"),
        (GOOD.replace("2026-03-31", '"2026-03-31"'), "expires is a date without quotes"),
        (GOOD.replace('"nightly backup"', '" "'), "reason: "),
        (GOOD.replace('"box"', '"bax"'), "provider: "),
        (GOOD.replace("owner = ", "ownr = "), "ownr: "),
        (GOOD.replace('"*@branch.example.com"', '"*"'), "must be an e-mail, *@domain"),
        (GOOD.replace('"*@branch.example.com"', '"*@%"'), "must be an e-mail, *@domain"),
        ("allow = 3", "Begin every entry with a line [[allow]]"),
        ('user = "a@example.com"', "Begin every entry with a line [[allow]]"),
        ("[[allow]\n", "is not TOML"),
    ],
)
def test_a_bad_file_says_where_what_and_how(tmp_path: Path, text: str, said: str):
    """Prevents an entry that is left out in silence, or one that allows more than was meant."""
    path = tmp_path / "allow.toml"
    path.write_text(text)
    with pytest.raises(AllowListError) as error:
        read(path)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_a_missing_file_says_which_variable(tmp_path: Path):
    """Prevents a mistyped path from reading as an empty list."""
    with pytest.raises(AllowListError, match="UPLOADWATCH_ALLOW_LIST"):
        read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"user": "*@example.com"},
        {"user": "*@new.example"},
        {"user": "ann@new.example"},
        {"user": "Box:7ab"},
        {"provider": "box"},
        {"app": "Rclone"},
        {"app_id": "app-1"},
        {"app": "Any name", "app_id": "app-1"},
        {"expires": DAY + timedelta(days=9)},
    ],
)
def test_what_an_entry_covers_is_marked_with_it(fields: dict[str, object]):
    """Prevents an entry without effect, and one that ends a day early."""
    assert allowed([entry(**fields)], [RCLONE]) == entry(**fields).said


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "ben@example.com"},
        {"user": "*@ample.com"},
        {"provider": "dropbox"},
        {"user": "box:8"},
        {"app": "rclone"},
        {"app": "Rclone", "app_id": "app-2"},
        {"expires": DAY - timedelta(days=1)},
    ],
)
def test_an_entry_covers_nothing_else(fields: dict[str, object]):
    """Prevents an entry from hiding another user, provider or app, or a day after its expiry."""
    assert allowed([entry(**fields)], [RCLONE]) is None


def test_an_application_that_takes_the_name_of_another_is_not_let_through():
    """Prevents a thief's client from being allowed because it calls itself as the one that is."""
    real = entry(app="Rclone", app_id="app-1")
    assert allowed([real], [RCLONE]) == real.said == "ann@example.com with Rclone (id app-1) (o@example.com: migration)"
    assert allowed([real], [RCLONE], app_id="app-of-the-thief") is None
    assert real.weakness == ""
    assert "Add app_id" in entry(app="Rclone").weakness


def test_one_file_by_another_app_is_enough_to_be_seen():
    """Prevents a person from hiding behind the app that is allowed to move files in the same name."""
    assert allowed([entry(app="Rclone")], [("box", "Rclone", "Web", 1)]) is None


def test_a_derived_application_is_allowed_only_by_its_marked_name_and_for_one_user():
    """Prevents a user agent, which a thief chooses, from passing for an application, or from hiding a whole domain."""
    derived = "Rclone (by user agent)"
    hours = [("box", derived, "Web", 0)]
    assert allowed([entry(app="Rclone")], hours) is None
    assert "with Rclone (by user agent)" in (allowed([entry(app=derived)], hours) or "")
    with pytest.raises(ValidationError, match=r"can't stand for all of a domain\. Name one user"):
        entry(app=derived, user="*@example.com")


def test_an_expired_entry_is_known_by_what_it_would_allow():
    """Prevents a renewal that is asked for where the entry has done its time, or the day it still held on."""
    old = entry(expires=DAY - timedelta(days=1))
    assert allowed([old], [RCLONE], expired=True) == old.said
    assert allowed([entry()], [RCLONE], expired=True) is None


@pytest.mark.parametrize(("files", "marked"), [(49, True), (50, False)])
def test_a_few_files_elsewhere_leave_a_window_of_all_providers_allowed(files: int, marked: bool):
    """Prevents the scope of all providers from raising what the entry for one of them keeps back."""
    with connect() as con:
        con.execute(f"CREATE TABLE user_hours AS {empty('user_hours')}")
        con.execute(f"CREATE TABLE scores AS {empty('scores')}")
        con.execute("CREATE TABLE scored AS SELECT * EXCLUDE (allowed_by) FROM scores")
        con.execute(
            'INSERT INTO scored (population, scope, "user", window_start) '
            "VALUES ('people', 'all', 'ann@example.com', ?)",
            [NOON],
        )
        con.executemany(
            'INSERT INTO user_hours (provider, "user", actor_class, population, hour, files) '
            "VALUES (?, 'ann@example.com', 'person', 'people', ?, ?)",
            [["box", NOON, 900], ["dropbox", NOON, files]],
        )
        cover(con, [entry(provider="box")])
        mark(con, "judged", Parameters())
        [(found,)] = con.execute("SELECT allowed_by IS NOT NULL FROM judged").fetchall()
    assert found == marked


def test_a_day_that_is_over_is_not_judged_anew_as_time_goes_by():
    """Prevents days from being computed again because an entry expired after them or was renewed."""
    before = digest([entry()], DAY)
    assert before
    assert digest([entry(expires=DAY + timedelta(days=60))], DAY) == before
    assert digest([entry(), entry(user="ben@example.com", expires=DAY - timedelta(days=1))], DAY) == before
    assert digest([entry()], DAY + timedelta(days=1)) == ""
    assert digest([entry(app="Rclone")], DAY) != before


def played(entries: list[Entry]) -> dict[str, list[tuple[object, ...]]]:
    """Return detections, openings, accounts and baselines of 18 days; beside 20 users, two burst on day 14."""
    parameters = Parameters(budget=100, activation_days=5, warm_up_days=2, least_user_days=20)
    start = DAY - timedelta(days=14)
    began = datetime(start.year, start.month, start.day)
    with connect() as con:
        con.execute(f"CREATE TABLE hours AS {empty('user_hours')}")
        rows = [
            (f"user{n}@example.com", began + timedelta(days=day, hours=9), 50 + (7 * n + 13 * day) % 40)
            for n in range(20)
            for day in range(18)
        ]
        rows += [("ann@example.com", datetime(2026, 3, 1, 9), 5000), ("ben@example.com", datetime(2026, 3, 1, 9), 5000)]
        con.executemany(
            'INSERT INTO hours (provider, "user", actor_class, population, hour, files, sized_files) '
            "VALUES ('box', ?, 'person', 'people', ?, ?, 0)",
            rows,
        )
        con.execute("CREATE TABLE sources AS SELECT 'box' AS provider, CAST(? AS DATE) AS first_day", [start])
        con.execute(f"CREATE TABLE reviews AS {empty('reviews')}")
        play(con, start + timedelta(days=8), DAY + timedelta(days=3), parameters, entries=entries)
        named = "('ann@example.com', 'ben@example.com')"
        return {
            "detections": con.execute(
                'SELECT DISTINCT "user", allowed_by IS NOT NULL FROM played_detections '
                f'WHERE "user" IN {named} ORDER BY 1'
            ).fetchall(),
            "openings": con.execute(
                f'SELECT "user", opening FROM openings WHERE "user" IN {named} ORDER BY 1'
            ).fetchall(),
            "opened": con.execute(
                "SELECT sum(opened) FROM played_thresholds WHERE day = ? AND metric = 'files'",
                [DAY + timedelta(days=1)],
            ).fetchall(),
            "usual": con.execute(
                'SELECT max(files_max) FROM played_baselines WHERE "user" IS NULL AND day > ?', [DAY]
            ).fetchall(),
        }


@pytest.mark.sampled
def test_what_is_allowed_stays_a_detection_but_opens_nothing_and_costs_nothing():
    """Prevents a deletion in the name of the allow-list, a budget charged for it, and a baseline of it."""
    without, listed = played([]), played([entry()])
    assert without["detections"] == [("ann@example.com", False), ("ben@example.com", False)]
    assert listed["detections"] == [("ann@example.com", True), ("ben@example.com", False)]
    assert [user for user, _ in without["openings"]] == ["ann@example.com", "ben@example.com"]
    assert [user for user, _ in listed["openings"]] == ["ben@example.com"]
    assert [opened - 1 for (opened,) in without["opened"]] == [opened for (opened,) in listed["opened"]]
    assert without["usual"] == listed["usual"] != [(5000,)]


def test_what_is_allowed_is_left_out_of_the_calibration():
    """Prevents a rollout that somebody answers for from raising the bar for others, alerted or not."""
    with connect() as con:
        for table in ("scores", "detections", "thresholds"):
            con.execute(f"CREATE TABLE past_{table} AS {empty(table)}")
        con.execute(f"CREATE TABLE past_causes AS {empty('causes', dated=True)}")
        con.executemany(
            'INSERT INTO past_scores (population, "user", window_start, files_score, allowed_by) '
            "VALUES ('people', ?, ?, 9, ?)",
            [
                ["ann@example.com", NOON, "an entry"],
                ["ann@example.com", NOON + 24 * HOUR, None],
                ["ben@example.com", NOON, None],
                ["eve@example.com", NOON, "an entry"],
            ],
        )
        con.executemany(
            "INSERT INTO past_detections (population, \"user\", window_start) VALUES ('people', ?, ?)",
            [["ann@example.com", NOON], ["ben@example.com", NOON]],
        )
        con.executemany(
            "INSERT INTO past_thresholds (population, metric, threshold) VALUES ('people', 'files', ?)",
            [[5], [6], [12]],
        )
        con.execute(
            'CREATE TABLE verdicts ("user" VARCHAR, first_window_start TIMESTAMP, last_window_end TIMESTAMP, '
            "verdict VARCHAR)"
        )
        bound = bind(Parameters(), NOON.replace(hour=0) + 72 * HOUR)
        for query in ("scales", "past_maxima", "calibration"):
            into(con, query, query, bound)
        found = con.execute("SELECT \"user\", day, score FROM calibration WHERE metric = 'files' ORDER BY 1").fetchall()
    assert found == [("ann@example.com", date(2026, 3, 2), 9.0), ("ben@example.com", date(2026, 3, 1), 7.0)]
