"""The operator's files and switches, through the settings to the stored alerts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from connectors import ConfigurationError
from detection.tables import TABLES
from lake.ledger import publish
from lake.reviews import ReadAlert, add_reviews
from lake.store import Lake
from orchestration.definitions import build_defs
from orchestration.settings import Settings
from tests.support.memory import connect
from tests.support.mmdb import system_database

DAY = date(2026, 3, 10)
NINE = datetime(2026, 3, 10, 9)
KEYS = {"BOX_CLIENT_ID": "a", "BOX_CLIENT_SECRET": "b", "BOX_ENTERPRISE_ID": "1"}


@pytest.fixture
def home(tmp_path) -> Path:
    """A home with one detection, of a user who uploaded from an address that may be listed."""
    lake = Lake(root=str(tmp_path / "lake"))
    end = NINE + timedelta(hours=3)
    user = {"user": "ann@example.com", "provider": "box", "actor_class": "person"}
    window = {
        "scope": "box",
        "window_start": NINE,
        "period_start": NINE,
        "window_end": end,
        "metric": "files",
        "one_in": 900,
    }
    score = {"score": 9.0, "threshold": 5.0}
    amount = {"files": 80, "sized_files": 0}
    write(
        lake,
        "detections",
        {"user": user["user"], "population": "people", **window, **score, **amount, "baseline_files_windows": 0},
    )
    write(lake, "user_hours", {**user, "population": "people", "hour": NINE, **amount})
    write(lake, "box/uploads", {**user, "event_key": "e", "asset": 0, "time": NINE, "ip": "203.0.113.7"})
    write(lake, "box/activity", {**user, "event_key": "s", "time": NINE, "kind": "sign_in", "ip": "203.0.113.7"})
    return tmp_path


def write(lake: Lake, table: str, row: dict[str, object], day: date = DAY) -> None:
    kind = table.rpartition("/")[2]
    with connect() as con:
        columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES[kind])
        con.execute(f"CREATE TABLE made ({columns})")
        names = ", ".join(f'"{name}"' for name in row)
        con.execute(f"INSERT INTO made ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
        lake.write(con, "made", table, day, "")


def alert(home: Path, monkeypatch: pytest.MonkeyPatch, day: date = DAY, **settings: str) -> tuple[str, list[str]]:
    """Materialise the alerts of one day alone, and return the severity and reasons of the one alert."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    defs = build_defs(
        {
            **KEYS,
            "UPLOADWATCH_HOME": str(home),
            **{f"UPLOADWATCH_{key.upper()}": value for key, value in settings.items()},
        }
    )
    job = dg.define_asset_job(
        "fold", selection=dg.AssetSelection.assets("alerts") - dg.AssetSelection.all_asset_checks()
    )
    tags = {f"dagster/asset_partition_range_{end}": day.isoformat() for end in ("start", "end")}
    folding = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("fold")
    folding.execute_in_process(
        tags=tags,
        instance=dg.DagsterInstance.ephemeral(),
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    with connect() as con:
        part = str(home / "lake" / "alerts" / f"day={DAY}" / "part.parquet")
        [(severity, reasons)] = con.execute("SELECT severity, reasons FROM read_parquet(?)", [part]).fetchall()
    return severity, [reason["name"] for reason in reasons]


def test_a_changed_file_or_switch_changes_the_alert_at_the_next_run(home, monkeypatch):
    """Prevents a list that was corrected from leaving the alerts as they were, in the run's days and shortly before."""
    users, networks = home / "risk.csv", home / "networks.csv"
    files = {"risk_list": str(users), "networks": str(networks)}
    assert alert(home, monkeypatch) == ("Informational", [])
    users.write_text("user,reason\nben@example.com,leaver\n")
    networks.write_text("network,kind\n203.0.113.0/24,hosting\n")
    assert alert(home, monkeypatch, **files) == ("Informational", ["hosting_network"])
    users.write_text("user,reason\nann@example.com,leaver\n")
    assert alert(home, monkeypatch, DAY + timedelta(days=2), **files) == ("Low", ["hosting_network", "risk_list"])
    off = {"reasons_off": "risk_list, tor_network"}
    assert alert(home, monkeypatch, **files, **off) == ("Informational", ["hosting_network"])


def test_a_bad_file_stops_the_alerts_and_leaves_them_as_they_were(home, monkeypatch):
    """Prevents a broken list from silently meaning an empty one, and from taking the alerts away."""
    users = home / "risk.csv"
    users.write_text("user,reason\nann@example.com,leaver\n")
    alert(home, monkeypatch, risk_list=str(users))
    part = home / "lake" / "alerts" / f"day={DAY}" / "part.parquet"
    before = part.read_bytes()
    users.write_text("user,reason\nann@example.com,leaver\nann@example.com,\n")
    with pytest.raises(ValueError, match=r"risk\.csv, line 3: reason is empty. Correct or remove that row"):
        alert(home, monkeypatch, risk_list=str(users))
    assert part.read_bytes() == before


def test_a_changed_database_changes_the_alert_and_a_damaged_one_stops_the_alerts_alone(home, monkeypatch):
    """Prevents alerts that stand on an outdated place, and a broken download from taking the alerts away."""
    upload = {"user": "ann@example.com", "provider": "box", "actor_class": "person", "asset": 0, "time": NINE}
    write(Lake(root=str(home / "lake")), "box/uploads", {**upload, "event_key": "e", "ip": "81.2.69.7"})
    networks, database = home / "networks.csv", home / "asn.mmdb"
    networks.write_text("network,kind\nAS64500,hosting\n")
    files = {"networks": str(networks), "geoip_asn": str(database)}
    system_database(database, {"81.2.69.0/24": 64501})
    assert alert(home, monkeypatch, **files) == ("Informational", [])
    system_database(database, {"81.2.69.0/24": 64500})
    assert alert(home, monkeypatch, DAY + timedelta(days=2), **files) == ("Informational", ["hosting_network"])
    part = home / "lake" / "alerts" / f"day={DAY}" / "part.parquet"
    before = part.read_bytes()
    database.write_bytes(database.read_bytes()[:-40])
    with pytest.raises(
        ValueError, match=r"asn\.mmdb \(UPLOADWATCH_GEOIP_ASN\) is damaged.*Download it again, or unset"
    ):
        alert(home, monkeypatch, **files)
    assert part.read_bytes() == before


def test_a_review_that_confirms_an_alert_speaks_for_the_next_one(home, monkeypatch):
    """Prevents a second burst from being called suspicious by the detector's word alone, or by nobody's."""
    lake = Lake(root=str(home / "lake"))
    earlier = NINE - timedelta(hours=30)
    window = {"scope": "box", "window_start": earlier, "period_start": earlier, "metric": "files"}
    window |= {"window_end": earlier + timedelta(hours=3)}
    amount = {"files": 90, "sized_files": 0, "score": 9.0, "threshold": 5.0, "one_in": 900}
    whose = {"user": "ann@example.com", "population": "people"}
    hour = {"provider": "box", "actor_class": "person", "hour": earlier, "files": 90, "sized_files": 0}
    write(lake, "detections", {**whose, **window, **amount, "baseline_files_windows": 0}, earlier.date())
    write(lake, "user_hours", {**whose, **hour}, earlier.date())
    alert(home, monkeypatch, earlier.date())
    assert alert(home, monkeypatch) == ("Informational", [])
    for verdict, severity in (("confirmed", "Low"), ("benign", "Informational")):
        with connect() as con:
            publish(con, lake, NINE.replace(tzinfo=UTC))
            [(first,)] = con.execute("SELECT alert_id FROM ledger WHERE first_window_start = ?", [earlier]).fetchall()
            add_reviews(con, lake, [ReadAlert(first)], verdict=verdict, by="me", note="why", now=datetime.now(UTC))
        # Also where the day of the second alert is not among those that the run asks for.
        assert alert(home, monkeypatch, DAY + timedelta(days=1))[0] == severity
    assert alert(home, monkeypatch) == ("Informational", [])


def test_an_unknown_reason_is_refused_when_the_settings_are_read():
    """Prevents a misspelt switch from leaving a reason on in silence."""
    with pytest.raises(ConfigurationError, match=r"UPLOADWATCH_REASONS_OFF cannot be used.*off_hour; the reasons are "):
        Settings.read({"UPLOADWATCH_REASONS_OFF": "off_hour"})
    assert Settings.read({"UPLOADWATCH_REASONS_OFF": "risk_list,, off_hours"}).off == ["off_hours", "risk_list"]
