"""The Python interface: the same rows as the commands, typed, and safe beside runs and other people."""

from __future__ import annotations

import inspect
import multiprocessing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pandas as pd
import pytest
from typer.testing import CliRunner

import uploadwatch
from cli.app import app
from lake.audit_log import read_acts
from lake.people import find_people
from lake.warehouse import build_warehouse
from tests.support.console_home import NOW, make_cases
from tests.support.published_alerts import NOON, Made, Published
from tests.support.small_lake import ALERT_ID, DAY, OPENS, USER, SmallLake, ordinary


@pytest.fixture
def small(tmp_path: Path) -> SmallLake:
    small = ordinary(tmp_path)
    for account, address in (("box:77", USER), ("box:Bob", "bob@example.com")):
        seen = {"provider": "box", "account": account, "address": address, "actor_class": "person"}
        small.add("box/identities", DAY, seen | {"first_seen": OPENS, "last_seen": OPENS})
    small.write()
    find_people(small.lake, organisation_domains=[])
    build_warehouse(small.lake)
    return small


@pytest.fixture
def home(small: SmallLake, tmp_path: Path) -> uploadwatch.Home:
    return uploadwatch.open(tmp_path)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOADWATCH_NOW", NOW.isoformat())


def test_alerts_are_those_of_the_command(home: uploadwatch.Home, tmp_path: Path) -> None:
    """Prevents a notebook and the command from showing different figures."""
    said = CliRunner().invoke(app, ["alerts", "--home", str(tmp_path), "--format", "json"]).stdout
    [command] = msgspec.json.decode(said)
    [frame] = home.alerts().to_dict("records")
    for name in ("alert_id", "user", "files", "bytes", "sentence", "severity", "revision"):
        assert frame[name] == command[name], name
    assert frame["first_window_start"].isoformat().replace("+00:00", "Z") == command["first_window_start"]
    assert home.cases().case_id.tolist() == [command["case"]["case_id"]]
    assert home.alert(ALERT_ID[:9]).equals(home.alerts())


def test_an_empty_result_has_the_columns_and_types_of_a_full_one(home: uploadwatch.Home) -> None:
    """Prevents code that runs on most days and fails on a quiet one."""
    full, empty = home.uploads(DAY, DAY), home.uploads("2030-01-01", date(2030, 1, 2))
    assert len(full) > 0
    assert len(empty) == 0
    assert dict(full.dtypes) == dict(empty.dtypes)
    assert str(full.dtypes["time"]) == "datetime64[us, UTC]"
    assert str(full.dtypes["bytes"]) == "Int64"
    assert home.arrow.uploads(DAY, DAY).num_rows == len(full)


def test_a_person_is_found_by_address_account_and_key(home: uploadwatch.Home, small: SmallLake) -> None:
    """Prevents an analysis of somebody's uploads that misses some, or has those of others."""
    everybody = home.uploads(DAY, DAY)
    assert len(everybody) > 0
    for name in (f" {USER.upper()} ", "box:77", everybody.user[0]):
        assert home.uploads(DAY, DAY, person=name).equals(everybody)
    assert len(home.uploads(DAY, DAY, person="box:Bob")) == 0
    with pytest.raises(uploadwatch.MendableError, match="Nobody is known as"):
        home.uploads(DAY, DAY, person="nobody@example.com")


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [("31.01.26", "2026-02-01", "is not a day"), ("2026-02-02", "2026-02-01", "is after"), (None, "x", "is not a day")],
)
def test_days_that_are_none_are_said(home: uploadwatch.Home, first: Any, last: str, said: str) -> None:
    """Prevents an empty frame, or a traceback of another library, where a day is mistyped."""
    with pytest.raises(uploadwatch.MendableError, match=said):
        home.uploads(first, last)


def test_a_damaged_day_is_an_error_that_names_it(home: uploadwatch.Home, small: SmallLake) -> None:
    """Prevents an analysis that silently lacks a day."""
    small.lake.part("box/uploads", DAY).write_bytes(b"nothing")
    with pytest.raises(uploadwatch.MendableError, match=f"uploads/day={DAY}"):
        home.uploads(DAY, DAY)


@pytest.mark.parametrize("content", [b"nothing", None])
def test_lost_alerts_are_an_error_that_names_them(
    home: uploadwatch.Home, small: SmallLake, content: bytes | None
) -> None:
    """Prevents a count of alerts that silently lacks those of a damaged or deleted day."""
    part = small.lake.part("alerts", DAY)
    part.unlink()
    if content:
        part.write_bytes(content)
    for read in (home.alerts, home.cases, lambda: home.alert(ALERT_ID), lambda: home.sql("FROM alerts")):
        with pytest.raises((uploadwatch.MendableError, duckdb.Error), match=f"alerts/day={DAY}"):
            read()


def test_detections_of_a_lost_last_day_are_an_error(home: uploadwatch.Home, small: SmallLake) -> None:
    """Prevents a period that silently ends earlier."""
    small.lake.part("detections", DAY).unlink()
    with pytest.raises(uploadwatch.MendableError, match=f"detections/day={DAY}"):
        home.detections()


def test_sql_in_another_home_reads_the_one_that_was_opened(
    home: uploadwatch.Home, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents figures, or files, of the home in the working directory."""
    home.alerts()
    other = tmp_path_factory.mktemp("other")
    (other / "lake").mkdir()
    duckdb.sql("SELECT 1 AS revision").write_parquet(str(other / "lake" / "published.parquet"))
    (other / "lake" / "secret.txt").write_text("secret", encoding="utf-8")
    monkeypatch.chdir(other)
    assert home.sql("FROM published").alert_id.tolist() == [ALERT_ID]
    with pytest.raises(duckdb.PermissionException):
        home.sql("FROM read_text('lake/secret.txt')")


def test_a_baseline_of_a_day_without_one_is_an_error(home: uploadwatch.Home) -> None:
    """Prevents "no row" from meaning both a person without uploads and a day that nobody evaluated."""
    with pytest.raises(uploadwatch.MendableError, match="no baselines of 2020-01-01"):
        home.baseline(USER, "2020-01-01")


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO 'lake/alerts/x.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'lake/alerts/x.csv'",
        "FROM read_text('/etc/hostname')",
        "FROM read_text('lake/../../../../etc/hostname')",
        "SELECT 1; DROP VIEW alerts",
        "SET lock_configuration = false",
        "ATTACH 'x.db'",
        "CREATE TABLE x AS SELECT 1",
    ],
)
def test_sql_reads_the_home_and_nothing_else(
    home: uploadwatch.Home, small: SmallLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """Prevents a query from a colleague from writing into the lake, or reading another file."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*.csv"))
    with pytest.raises((uploadwatch.MendableError, duckdb.Error)):
        home.sql(query)
    assert sorted(tmp_path.rglob("*.csv")) == before
    assert home.sql("SELECT count(*) AS number FROM alerts").number.tolist() == [1]


def test_acts_are_done_and_recorded(tmp_path: Path) -> None:
    """Prevents acts by Python that the console does not show, and reviews of half of what was named."""
    made = make_cases(tmp_path, 4)
    home = uploadwatch.open(tmp_path)
    ids = home.cases().case_id.tolist()
    home.take(ids[0], by="eve")
    home.comment(ids[:2], "looks odd", by="eve")
    home.hand_over(ids[0], "joe", by="eve")
    assert home.cases().set_index("case_id").assignee[ids[0]] == "joe"
    with pytest.raises(uploadwatch.MendableError, match="No alert or case"):
        home.review([ids[1], "zzzz"], "benign", "why", by="eve")
    assert set(home.cases().state) == {"open"}
    home.review(ids[:2], "confirmed", "stolen", by="eve")
    assert home.cases().verdict.value_counts().to_dict() == {"confirmed": 2}
    home.undo(ids[0], by="eve")
    home.reopen(ids[1], "new facts", by="eve")
    assert set(home.cases().state) == {"open"}
    done = {act.act for act in read_acts(made.lake)}
    assert done == {"take", "comment", "hand over", "confirmed", "undo", "reopen"}


def test_a_directory_without_a_lake_is_refused(tmp_path: Path) -> None:
    """Prevents empty frames of a directory that was mistyped."""
    with pytest.raises(uploadwatch.MendableError, match="holds no lake"):
        uploadwatch.open(tmp_path / "typo")


def _rewrite(root: str, rounds: int) -> None:
    made = Published(Path(root), now=NOW)
    for n in range(rounds):
        made.write(
            *(Made(f"{k:064x}", NOON + timedelta(hours=30 * k), user=f"u{k}@x.org", files=100 + n) for k in range(4))
        )
        made.review(f"{n % 4:064x}", at=NOW, verdict="benign")


def test_reading_beside_a_product_at_work_is_safe(tmp_path: Path) -> None:
    """Prevents an error, or half of a day, where a run replaces tables and a colleague reviews meanwhile."""
    _rewrite(str(tmp_path / "lake"), 1)
    home = uploadwatch.open(tmp_path)
    process = multiprocessing.get_context("spawn").Process(target=_rewrite, args=(str(tmp_path / "lake"), 12))
    process.start()
    seen = 0
    while process.is_alive() or not seen:
        alerts = home.alerts()
        assert alerts.user.tolist() == [f"u{k}@x.org" for k in range(4)]
        seen += 1
    process.join()
    assert process.exitcode == 0
    assert home.cases().alerts.sum() == 4


def test_every_public_method_is_documented() -> None:
    """Prevents a method that the documentation does not name."""
    page = (Path(__file__).parents[3] / "docs" / "python.md").read_text(encoding="utf-8")
    for name, member in inspect.getmembers(uploadwatch.Home, inspect.isfunction):
        if not name.startswith("_"):
            assert f"`home.{name}(" in page, name
            assert member.__doc__


def test_frames_are_of_pandas(home: uploadwatch.Home) -> None:
    """Prevents a caller from having to know which form a call gives."""
    assert isinstance(home.detections(), pd.DataFrame)
    assert home.scores().columns.tolist() == home.arrow.scores().column_names
    assert isinstance(home.uploads(datetime(2026, 2, 20, 8), DAY), pd.DataFrame)
