"""Health over HTTP: the figures of the commands, and a page that a broken part leaves whole."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from connectors import Gap, Page
from lake.health import record
from lake.landing import land
from lake.manifest import Manifest
from lake.store import Lake
from notify.outbox import outbox_of
from privacy.pseudonyms import PREFIX
from tests.support.command import say
from tests.support.console_home import Console, served
from tests.support.made_lake import MadeLake
from tests.support.monitored_home import DAY, HOUR, monitored_home

HOSTILE = '<script>alert(1)</script>"><b>eve@example.com</b>'
KEY = {"UPLOADWATCH_PSEUDONYMS": "true", "UPLOADWATCH_PSEUDONYM_KEY": "c2VjcmV0" * 8}


def _values(home: Path) -> dict[str, str]:
    return {
        "UPLOADWATCH_NOW": datetime.now(UTC).isoformat(),
        "UPLOADWATCH_ALLOW_LIST": str(home / "allow.toml"),
        "UPLOADWATCH_NOTIFY_SOC_URL": "http://plain.example.com/",
    }


def _checked(home: Path) -> None:
    """Record a check that fails, with a hostile text and a runbook, and one that passes."""

    @dg.asset(key=["box", "uploads"])
    def uploads() -> None:
        pass

    @dg.asset_check(asset=uploads)
    def rejects() -> dg.AssetCheckResult:
        runbook = {"runbook": dg.MetadataValue.url("https://docs.example.com/runbooks/#rejects")}
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, description=HOSTILE, metadata=runbook
        )

    @dg.asset_check(asset=uploads)
    def volume() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True, description="as much as usual")

    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        dg.materialize([uploads, rejects, volume], instance=instance)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a home where something of every kind is not well, with hostile texts."""
    home = monitored_home(tmp_path)
    now = datetime.now(UTC)
    made = MadeLake(home)
    day = now.date() - 2 * DAY
    start = datetime.combine(day, datetime.min.time(), UTC)
    lost = Gap(start + 2 * HOUR, start + 4 * HOUR, HOSTILE)
    land(Manifest(made.lake.directory("box/audit_events", day)), start, start + DAY, [Page(b"{}\n"), lost], now=now)
    hours = {"user": "ann@example.com", "provider": "box", "actor_class": "person", "population": "people"}
    made.write("user_hours", [{**hours, "hour": start.replace(tzinfo=None), "files": 40, "sized_files": 30}], day)
    state = {"scope": "box", "window_start": start.replace(tzinfo=None), "state": "not evaluated"}
    made.write("evaluations", [{**state, "reason": f"gap: {HOSTILE}"}], now.date() - DAY)
    record(made.lake, "box", "pull", HOSTILE, now=now, kind="refused")
    box = outbox_of(home)
    letter = box.next("soc", now)
    assert letter
    box.failed(letter, HOSTILE, now)
    expires = now.date() + timedelta(days=30)
    (home / "allow.toml").write_text(
        '[[allow]]\nuser = "ann@example.com"\napp = "Sync"\nowner = "it"\nreason = "<b>move</b>"\n'
        f"expires = {expires}\n"
    )
    _checked(home)
    return home


@pytest.fixture
def console(home: Path) -> Iterator[Console]:
    with served(home, _values(home)) as console:
        yield console


def _page(console: Console, session: requests.Session) -> tuple[str, dict[str, Any]]:
    page = session.get(f"{console.address}/health", timeout=60)
    found = session.get(f"{console.address}/health.json", timeout=60)
    assert (page.status_code, found.status_code) == (200, 200)
    return page.text, found.json()


def _text(page: str) -> str:
    return " ".join(unescape(re.sub(r"<.*?>", " ", page)).split())


def test_it_shows_what_the_commands_show(home: Path, console: Console) -> None:
    """Prevents a page whose figures differ from those of the commands, and one that hides the worst below the rest."""
    page, found = _page(console, console.signed_in())
    values = _values(home) | {"UPLOADWATCH_NOW": console.deployment.values["UPLOADWATCH_NOW"]}
    status = json.loads(say("status", "--home", str(home), "--format", "json", values=values).out)
    panels = found["panels"]
    assert [panel["error"] for panel in panels.values()] == [None] * len(panels)
    sources = [
        {name: value for name, value in row.items() if name not in ("newest_event", "silent_hours", "limit_hours")}
        for row in panels["sources"]["sources"]
    ]
    assert sources == status["sources"]
    assert panels["budget"]["load"] == status["load"]
    assert panels["budget"]["cases"] == status["cases"]
    windows = [row | {"reason": row["reason"] or ""} for row in status["windows"]]
    assert panels["windows"]["windows"] == windows
    assert panels["settings"]["allow_list"] == status["allow_list"] != []
    outbox = json.loads(say("outbox", "--home", str(home), "--format", "json", values=values).out)
    assert panels["outbox"]["channels"][0]["pending"] == outbox["pending"] == 1
    assert panels["outbox"]["channels"][0]["reason"] == outbox["waiting"][0]["reason"]
    assert panels["sizes"]["sizes"] == [{"provider": "box", "files": 40, "sized_files": 30, "share": 0.75}]
    assert "75.0 %" in page
    [gap] = [row for row in panels["gaps"]["gaps"] if row["cause"] != "not pulled"]
    assert gap["cause"] == HOSTILE
    checks = {row["check"]: row for row in panels["checks"]["checks"]}
    assert {name: row["passed"] for name, row in checks.items()} == {"rejects": False, "volume": True}
    assert 'href="https://docs.example.com/runbooks/#rejects"' in page

    assert not found["well"]
    levels = [problem["level"] for problem in found["problems"]]
    assert levels == sorted(levels), "failures come before warnings"
    assert found["summary"] in _text(page)
    assert found["problems"][0]["panel"] == "sources"


def test_texts_from_outside_stay_texts(console: Console) -> None:
    """Prevents a provider, a receiver or a check from putting markup into the page."""
    page, _ = _page(console, console.signed_in())
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert _text(page).count("alert(1)") >= 5
    assert 'style="' not in page
    assert "<style" not in page


def test_names_in_texts_are_hidden(home: Path) -> None:
    """Prevents errors and entries that quote a name from showing it where names are hidden."""
    with served(home, _values(home) | KEY) as console:
        page, found = _page(console, console.signed_in())
    for text in (page, json.dumps(found["panels"]["sources"]), json.dumps(found["panels"]["outbox"])):
        assert "eve@example.com" not in text
        assert "ann@example.com" not in text
    assert PREFIX in page


def _garbage(pattern: str) -> Callable[[Path], None]:
    def damage(home: Path) -> None:
        [path, *_] = sorted(home.glob(pattern))
        path.write_bytes(b"garbage" * 100)

    return damage


def _foreign(home: Path) -> None:
    [path] = home.glob("dagster/history/runs/index.db")
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE others (text)")


def _without_records(home: Path) -> None:
    (home / "dagster" / "dagster.yaml").unlink()


BROKEN = {
    "thresholds": ("budget", _garbage("lake/thresholds/*/*.parquet")),
    "evaluations": ("windows", _garbage("lake/evaluations/*/*.parquet")),
    "user-hours": ("sizes", _garbage("lake/user_hours/*/*.parquet")),
    "outbox": ("outbox", _garbage("outbox.db")),
    "event log": ("checks", _garbage("dagster/history/runs/index.db")),
    "foreign event log": ("checks", _foreign),
    "no records": ("checks", _without_records),
}


@pytest.mark.parametrize("part", BROKEN)
def test_a_broken_part_is_a_sentence_in_its_panel(home: Path, part: str) -> None:
    """Prevents one damaged file from hiding what all others say, and damage that looks like health."""
    name, damage = BROKEN[part]
    damage(home)
    with served(home, _values(home)) as console:
        page, found = _page(console, console.signed_in())
    errors = {panel for panel, said in found["panels"].items() if said["error"]}
    assert errors == {name}
    assert "not readable, because" in page
    assert any(problem["panel"] == name and problem["level"] == "failure" for problem in found["problems"])
    if part == "foreign event log":
        with closing(sqlite3.connect(home / "dagster/history/runs/index.db")) as database:
            assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("others",)]


def test_a_locked_outbox_is_a_sentence(home: Path, console: Console) -> None:
    """Prevents a page that hangs, or fails, while a command holds the outbox."""
    session = console.signed_in()
    with closing(sqlite3.connect(home / "outbox.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        _, found = _page(console, session)
    assert "locked" in found["panels"]["outbox"]["error"]
    assert found["panels"]["sources"]["error"] is None


def test_a_damaged_source_is_a_row(home: Path, console: Console) -> None:
    """Prevents a source whose health cannot be read from disappearing from the page."""
    (home / "lake" / "box" / "health.json").write_text("{")
    page, found = _page(console, console.signed_in())
    [source] = found["panels"]["sources"]["sources"]
    assert (source["provider"], source["state"]) == ("box", "not readable")
    assert "The next run writes it again." in _text(page)


def test_an_empty_home_has_a_page(tmp_path: Path) -> None:
    """Prevents an error page on the first day, before any run."""
    Lake(root=str(tmp_path / "lake"))
    (tmp_path / "lake").mkdir()
    with served(tmp_path) as console:
        page, found = _page(console, console.signed_in())
    assert "No run has tried a source yet." in page
    assert {name for name, said in found["panels"].items() if said["error"]} == {"checks"}
