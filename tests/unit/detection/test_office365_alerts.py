"""Whom an alert of Office 365 is about, and which records tell of one alert."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from detection.normalise import normalise
from tests.support.memory import connect
from tests.support.office365_records import Event, outcomes_of, record


@pytest.mark.parametrize(
    "changes",
    [
        {"RecordType": 98, "Operation": "MCAS_ALERT_ANUBIS_DETECTION_VELOCITY", "UserId": "ann@example.com"},
        {"RecordType": "MCASAlerts", "Operation": "MCAS_ALERT_X", "UserId": "ann@example.com"},
        {"RecordType": 78, "Operation": "Something", "UserId": "ann@example.com"},
        {"RecordType": 294, "Operation": "Risk detected", "UserId": "", "UserDisplayName": "ann@example.com"},
        {"Data": json.dumps({"etype": "User", "eid": "ann@example.com"}), "AlertEntityId": "ANN", "EntityType": "User"},
        {"Data": json.dumps({"suid": "ann@example.com", "eid": "ANN"})},
        {"Data": json.dumps({"trc": "ann@example.com"})},
        {"Data": {"f3u": "ann@example.com"}},
        {"ObjectId": "ann@example.com"},
        {"RecordType": 11, "Operation": "DLPRuleMatch", "SharePointMetaData": {"From": "ann@example.com"}},
        {"RecordType": 13, "Operation": "DlpRuleMatch", "ExchangeMetaData": {"From": "ann@example.com"}},
        {"RecordType": 63, "Operation": "DlpRuleMatch", "UserId": "ann@example.com", "UserKey": "DlpAgent"},
    ],
)
@pytest.mark.parametrize("operation", ["AlertTriggered", "AlertEntityGenerated"])
def test_an_alert_is_about_the_account_wherever_it_stands(tmp_path: Path, operation: str, changes: Event) -> None:
    """Every service of Microsoft's writes the account elsewhere, and its own name where the account should be."""
    alert = record(Operation=operation, RecordType=40, UserId="SecurityComplianceAlerts", UserType=4, UserKey="x")
    [row] = outcomes_of(tmp_path, {**alert, "ItemType": None, **changes})
    assert (row["kind"], row["user"], row["actor_class"]) == ("provider_alert", "ann@example.com", "person")


@pytest.mark.parametrize(
    "changes",
    [
        {"ObjectId": "https://example-my.sharepoint.com/personal/a@b.example.com"},
        {"Data": json.dumps({"etype": "MailMessage", "eid": "abc@prod.example.net"})},
        {"EntityType": "MalwareFamily", "AlertEntityId": "Worm@example.net"},
        {"AlertEntityId": "ANN", "EntityType": "User"},
    ],
)
def test_what_is_no_account_is_warned_of_by_nobody(tmp_path: Path, changes: Event) -> None:
    """An address within a link, a message's id or a display name is nobody's account."""
    alert = record(Operation="AlertTriggered", RecordType=40, UserId="SecurityComplianceAlerts", UserType=4)
    [row] = outcomes_of(tmp_path, {**alert, **changes})
    assert (row["kind"], row["user"]) == ("provider_alert", "office365:system")


def alert(id_: str, clock: str, user: str | None, **changes: Any) -> Event:
    data = {"Data": json.dumps({"f3u": user})} if user else {}
    usual = {"Operation": "AlertEntityGenerated", "RecordType": 40, "UserId": "SecurityComplianceAlerts", "UserType": 4}
    return record(Id=id_, CreationTime=f"2026-03-04T{clock}", **{**usual, "AlertId": "a1", **data, **changes})


def test_an_alert_told_by_several_records_is_one(tmp_path: Path) -> None:
    """A trigger and its entities would be several alerts, and the trigger one about nobody."""
    lines = [
        alert("r1", "11:00:00", None, Operation="AlertTriggered"),
        alert("r2", "11:00:01", "ann@example.com"),
        alert("r3", "11:09:00", "ann@example.com"),
        alert("r4", "11:00:02", "ben@example.com"),
        alert("r5", "11:00:02", "ann@example.com", AlertId="a2"),
        alert("r6", "11:00:02", "ann@example.com", AlertId=None),
        alert("r7", "11:00:03", "ann@example.com", AlertId=None),
    ]
    for each in (lines, lines[::-1]):
        again = [row for row in outcomes_of(tmp_path, *each) if row["reason"] == "part of another alert"]
        assert sorted(f"{row['time']:%H:%M:%S}" for row in again) == ["11:00:00", "11:09:00"]


def warned(directory: Path, *records: Event, domains: tuple[str, ...] = ("example.com",)) -> list[tuple[str, str]]:
    """Return whom the records warn of, by event."""
    path = directory / "day=2026-03-04" / "alerts.ndjson"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    with connect() as con:
        day = date(2026, 3, 4)
        normalise(con, "office365", day=day, raw_files=[str(path)], organisation_domains=domains)
        [(lost,)] = con.execute("SELECT count(*) FROM rejects").fetchall()
        [(ignored,)] = con.execute("SELECT coalesce(sum(events), 0) FROM ignored").fetchall()
        found = con.execute('SELECT event_key, "user" FROM activity ORDER BY ALL').fetchall()
    assert len({key for key, _ in found}) + ignored + lost == len(records), "every record is accounted for once"
    return found


BOTH = [("r1", "ann@example.com"), ("r1", "ben@example.com")]


@pytest.mark.parametrize(
    ("changes", "users"),
    [
        ({"Data": json.dumps({"trc": "ben@example.com;ann@example.com"})}, BOTH),
        ({"Data": json.dumps({"trc": "Ann@example.com, ben@example.com, ann@example.com"})}, BOTH),
        ({"Data": json.dumps({"suid": "ann@example.com", "trc": "ben@example.com"})}, BOTH),
        ({"Data": json.dumps({"f3u": "ben@example.com"}), "ObjectId": " ann@example.com "}, BOTH),
        ({"Data": json.dumps({"eid": "eve@else.example", "trc": "ann@example.com"})}, BOTH[:1]),
        ({"Data": json.dumps({"eid": "eve@else.example", "suid": "ann@example.com"})}, BOTH[:1]),
        ({"Data": json.dumps({"f3u": "eve@else.example", "trc": "ann@example.com;ben@example.com"})}, BOTH),
        ({"Data": json.dumps({"eid": "eve@else.example"}), "UserId": "ann@example.com"}, BOTH[:1]),
        ({"Data": json.dumps({"eid": "eve@else.example"})}, [("r1", "eve@else.example")]),
        # A file may be named like an account.
        ({"Data": json.dumps({"f3u": "ann@example.com"}), "ObjectId": "https://x/a,ben@example.com"}, BOTH[:1]),
    ],
)
def test_an_alert_warns_of_each_account_of_the_organisation(
    tmp_path: Path, changes: Event, users: list[tuple[str, str]]
) -> None:
    """Prevents the sender of a mail from hiding who got it, and one account of an alert from hiding the other."""
    assert warned(tmp_path, alert("r1", "11:00:00", None, **changes)) == users


def test_without_domains_an_alert_warns_of_all_whom_it_names(tmp_path: Path) -> None:
    """Prevents an outsider's address from being taken for the only account where nothing tells who is inside."""
    event = alert("r1", "11:00:00", None, Data=json.dumps({"eid": "eve@else.example", "trc": "ann@example.com"}))
    assert warned(tmp_path, event, domains=()) == [("r1", "ann@example.com"), ("r1", "eve@else.example")]


def test_each_account_is_warned_of_once(tmp_path: Path) -> None:
    """Prevents the second record of an alert from counting again for one, or not at all for the other."""
    lines = [
        alert("r1", "11:00:00", "ann@example.com"),
        alert("r2", "11:00:01", "ann@example.com;ben@example.com"),
        alert("r3", "11:00:02", "ben@example.com"),
        alert("r4", "11:00:03", None),
    ]
    for each in (lines, lines[::-1], [*lines, *lines]):
        assert warned(tmp_path, *each) == [("r1", "ann@example.com"), ("r2", "ben@example.com")]
