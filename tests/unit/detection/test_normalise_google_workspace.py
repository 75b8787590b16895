"""Normalisation of Google Workspace activities: several events in one, no sizes, victims that did not act."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

from detection.normalise import normalise
from tests.support.memory import connect

DAY = date(2026, 3, 4)
Event = dict[str, Any]


def part(name: str, primary: bool | None = None, type_: str = "access", **values: Any) -> Event:
    parameters: list[Event] = [] if primary is None else [{"name": "primary_event", "boolValue": primary}]
    values = {"doc_id": "D1", "doc_title": "Plan.pdf", "doc_type": "pdf", "owner": "Own@example.com", **values}
    for key, value in values.items():
        field = "boolValue" if isinstance(value, bool) else "multiValue" if isinstance(value, list) else "value"
        parameters.append({"name": key, field: value})
    return {"type": type_, "name": name, "parameters": parameters}


def activity(*events: Event, **changes: Any) -> Event:
    return {
        "id": {"time": "2026-03-04T12:00:00.250Z", "uniqueQualifier": "-77", "applicationName": "drive"},
        "actor": {"email": "Ada@example.com", "profileId": "1001"},
        "ipAddress": "2001:db8::9",
        "networkInfo": {"regionCode": "DE"},
        "events": list(events),
        **changes,
    }


def land(directory: Path, lines: list[Event]) -> list[str]:
    path = directory / "0000-2400.ndjson.zst"
    text = "\n".join(json.dumps(line) for line in lines)
    path.write_bytes(zstandard.ZstdCompressor().compress(text.encode()))
    return [str(path)]


def run(directory: Path, *lines: Event, domains: tuple[str, ...] = ()) -> duckdb.DuckDBPyConnection:
    con = connect()
    files = land(directory, list(lines))
    normalise(con, "google_workspace", day=DAY, raw_files=files, organisation_domains=domains)
    return con


def told(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute("""
        SELECT kind, operation FROM uploads
        UNION ALL SELECT kind, operation FROM activity
        UNION ALL SELECT reason, NULL FROM ignored
        UNION ALL SELECT reason, NULL FROM rejects
    """).fetchall()


CHAIN = (
    part("edit", False),
    part("upload", True),
    part("change_user_access", False, "acl_change", visibility_change="none"),
    part("add_to_folder", False, destination_folder_title=["Reports"]),
)


def test_an_upload_and_what_follows_from_it_is_one_upload(tmp_path: Path) -> None:
    """An upload comes with an edit, access changes and a folder: five events, one file."""
    con = run(tmp_path, activity(*CHAIN))
    assert con.execute("SELECT * FROM uploads").fetchall() == [
        (
            *("google_workspace", "drive:2026-03-04T12:00:00.250Z:-77", 0, datetime(2026, 3, 4, 12, 0, 0, 250000)),
            *("1001", "ada@example.com", "person", "upload", "upload", "D1", None, "Plan.pdf", "pdf", "Reports"),
            *("Own@example.com", None, None, None, None, "2001:db8::9", "DE", None),
            *("ada@example.com", None, None, None),
        )
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([part("create", True)], "upload"),
        ([part("create", True, doc_type="folder")], "not a file"),
        ([part("create", True, doc_type="document")], "upload"),
        ([part("edit", True)], "edit"),
        ([part("edit", True, doc_type="spreadsheet")], "edit in a Google editor"),
        ([part("edit", False), part("rename", True)], "not an upload or activity"),
        ([part("edit", False)], "edit in a Google editor"),
        ([part("create", True, doc_type="shortcut")], "not a file"),
        ([part("create", True, doc_type="shared_drive")], "not a file"),
        ([part("create", True, doc_type="unknown")], "upload"),
        ([part("edit", False), part("upload", True), part("create", True)], "upload"),
        ([part("copy", True), part("source_copy", False)], "copy on the server: no new bytes"),
        ([part("add_to_folder", True)], "copy on the server: no new bytes"),
        ([part("untrash", True)], "copy on the server: no new bytes"),
        ([part("change_owner", True, "acl_change")], "copy on the server: no new bytes"),
        ([part("sync_item_content", True)], "not an upload or activity"),
        ([part("prefetch_item_content", True)], "not an upload or activity"),
        ([part("view", True)], "not an upload or activity"),
        ([part("move", True)], "copy on the server: no new bytes"),
        ([part("download", True)], "download"),
        ([part("trash", True)], "delete"),
        (
            [
                part("change_document_visibility", True, "acl_change", visibility_change="external"),
                part("change_document_access_scope", True, "acl_change", visibility_change="external"),
            ],
            "share_external",
        ),
        ([part("change_user_access", True, "acl_change", visibility_change="internal")], "not an upload or activity"),
        ([part("storage_usage_update", None, "pooled_quota_metadata")], "not an upload or activity"),
        ([part("upload", None)], "upload"),
        ([part("login_success", None, "login", is_suspicious=True)], "sign_in"),
        ([part("login_failure", None, "login")], "sign_in_failed"),
        ([part("login_challenge", None, "login")], "not an upload or activity"),
        ([part("login_verification", None, "login")], "not an upload or activity"),
        ([part("logout", None, "login")], "not an upload or activity"),
        ([part("email_forwarding_out_of_domain", None, "email_forwarding_change")], "share_external"),
        ([part("account_disabled_hijacked", None, "account_warning")], "provider_alert"),
        ([part("risky_sensitive_action_allowed", None, "login")], "provider_alert"),
        ([part("titanium_enroll", None, "titanium_change")], "credentials_changed"),
        ([part("recovery_email_edit", None, "recovery_info_change")], "credentials_changed"),
        ([part("recovery_secret_qa_edit", None, "recovery_info_change")], "credentials_changed"),
        ([part("2sv_disable", None, "2sv_change")], "mfa_disabled"),
        ([part("password_edit", None, "password_change")], "password_reset"),
        ([part("titanium_unenroll", None, "titanium_change")], "mfa_disabled"),
        ([part("2sv_enroll", None, "2sv_change")], "credentials_changed"),
        ([part("recovery_phone_edit", None, "recovery_info_change")], "credentials_changed"),
        ([part("gov_attack_warning", None, "attack_warning")], "provider_alert"),
        ([part("risky_sensitive_action_blocked", None, "login")], "provider_alert"),
        ([], "does not tell what happened"),
        ([None, 5, {"name": None}], "does not tell what happened"),
    ],
)
def test_events(tmp_path: Path, events: list[Event], expected: str) -> None:
    """The primary event says what the user did; a secondary edit is no upload of its own."""
    assert [kind for kind, _ in told(run(tmp_path, activity(*events)))] == [expected]


@pytest.mark.parametrize(
    ("events", "files"),
    [
        ([part("upload", False), part("change_user_access", True, "acl_change")], ["D1"]),
        ([part("upload"), part("edit", True, doc_type="document")], ["D1"]),
        ([part("upload", False), part("create", True, doc_type="folder", doc_id="D0")], ["D1"]),
        ([part("upload", False), part("move", True), part("download", True)], ["D1"]),
        ([part("upload", True), part("upload", True, doc_id="D2")], ["D1", "D2"]),
        ([part("upload", True), part("upload", False, doc_id="D2")], ["D1", "D2"]),
        ([part("upload", True), part("upload", True)], ["D1"]),
        (
            [part("upload", True), part("create", True, doc_id="D2"), part("edit", True, doc_id="D3")],
            ["D1", "D2", "D3"],
        ),
        ([part("create", True, doc_type="folder", doc_id="D0"), part("create", True)], ["D1"]),
        ([part("create", True), part("create", False, doc_id="D2"), part("edit", False, doc_id="D3")], ["D1"]),
        ([part("copy", True), part("create", False), part("edit", False)], []),
        ([part("upload", True, doc_id=None), part("upload", True, doc_id=None)], [None, None]),
    ],
)
def test_every_file_of_an_activity_counts_once(tmp_path: Path, events: list[Event], files: list[str]) -> None:
    """Prevents an upload beside another event, or the second of two, from counting for nothing."""
    one, other = activity(*events), activity(*reversed(events))
    con = run(tmp_path, one, other)
    found = con.execute("SELECT file_id, asset FROM uploads ORDER BY ALL").fetchall()
    assert found == [(file, n) for n, file in enumerate(files)]
    [(told_of,)] = con.execute(
        "SELECT count(DISTINCT event_key) + (SELECT sum(events) FROM ignored) FROM uploads"
    ).fetchall()
    assert told_of == 2, "every activity is told of once"


def test_one_event_without_a_list_is_read(tmp_path: Path) -> None:
    """Some exporters give one object for the list of events."""
    assert told(run(tmp_path, activity(events=part("upload", True)))) == [("upload", "upload")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("ada@example.com", "person")),
        ({"actor": {"email": "eve@else.net", "profileId": "2"}}, ("eve@else.net", "guest")),
        ({"actor": {"email": "", "profileId": "105250506097979753968"}}, ("google_workspace:anonymous", "anonymous")),
        ({"actor": {}}, ("google_workspace:anonymous", "anonymous")),
        ({"actor": {"profileId": "3"}}, ("google_workspace:3", "person")),
        ({"actor": {"callerType": "USER", "email": "ada@example.com"}}, ("ada@example.com", "person")),
        ({"actor": {"email": "ada@example.com"}, "isAgenticAction": True}, ("ada@example.com", "app")),
        (
            {"actor": {"email": "ada@example.com", "agentAttributionInfo": {"agentName": "helper"}}},
            ("ada@example.com", "app"),
        ),
        ({"actor": {"callerType": "KEY", "key": "other"}}, ("google_workspace:service", "service")),
        ({"actor": {"callerType": "KEY", "key": "SYSTEM"}}, ("google_workspace:system", "system")),
        (
            {"actor": {"email": "bot@p.iam.gserviceaccount.com", "profileId": "4"}},
            ("bot@p.iam.gserviceaccount.com", "service"),
        ),
        (
            {"actor": {"email": "ada@example.com", "profileId": "1", "applicationInfo": {"oauthClientId": "x"}}},
            ("ada@example.com", "app"),
        ),
    ],
)
def test_actor(tmp_path: Path, changes: Event, expected: tuple[str, str]) -> None:
    """Google's stand-in id for nobody must not become a user whom all strangers share with no mark."""
    con = run(tmp_path, activity(*CHAIN, **changes), domains=("example.com",))
    assert con.execute('SELECT "user", actor_class FROM uploads').fetchall() == [expected]


def test_a_collaborator_without_an_account_is_a_guest(tmp_path: Path) -> None:
    """Without the organisation's domains, this mark of Google's is all that tells."""
    con = run(tmp_path, activity(part("upload", True, actor_is_collaborator_account=True)))
    assert con.execute("SELECT actor_class FROM uploads").fetchall() == [("guest",)]


@pytest.mark.parametrize(
    ("changes", "ip", "country"),
    [
        ({"ipAddress": "203.0.113.5", "networkInfo": {"ipAsn": [64500], "regionCode": "nl"}}, "203.0.113.5", "NL"),
        ({"ipAddress": None, "networkInfo": None}, None, None),
        ({"networkInfo": {"regionCode": "ZZ"}}, "2001:db8::9", None),
        ({"networkInfo": {"regionCode": "xk"}}, "2001:db8::9", "XK"),
        ({"networkInfo": {"ipAsn": ["64500"], "subdivisionCode": "NL-NH"}}, "2001:db8::9", None),
    ],
)
def test_where_it_came_from_is_optional(tmp_path: Path, changes: Event, ip: str | None, country: str | None) -> None:
    """What the system makes has no address, and old events no network."""
    con = run(tmp_path, activity(*CHAIN, **changes))
    assert con.execute("SELECT ip, country FROM uploads").fetchall() == [(ip, country)]


def test_values_come_in_many_fields(tmp_path: Path) -> None:
    """Numbers are text, some values are messages, and exporters write them their own way: the upload counts."""
    odd = [
        {"name": "size", "intValue": "12"},
        {"name": "size", "intValue": 12},
        {"name": "labels", "multiIntValue": ["1", "2"]},
        {"name": "change", "messageValue": {"parameter": [{"name": "a", "value": "b"}]}},
        {"name": "changes", "multiMessageValue": [{"parameter": []}]},
        {"name": "primary_event", "value": "odd", "boolValue": None},
        "text",
        None,
    ]
    whole = part("upload", True)
    whole["parameters"] += odd
    con = run(tmp_path, activity(whole, resourceDetails=[{"id": "D1", "appliedLabels": []}], userDeviceInfo={"x": 1}))
    assert con.execute("SELECT kind, file_id, file_name FROM uploads").fetchall() == [("upload", "D1", "Plan.pdf")]


def test_ids_are_unique_within_application_and_time(tmp_path: Path) -> None:
    """The qualifier alone is not unique: taken for the id, uploads of different times would be one."""
    lines = [
        activity(*CHAIN),
        activity(*CHAIN),
        activity(*CHAIN, id={"time": "2026-03-04T12:00:01Z", "uniqueQualifier": "-77", "applicationName": "drive"}),
        activity(*CHAIN, id={"time": "2026-03-04T12:00:00Z", "uniqueQualifier": -77, "applicationName": "login"}),
    ]
    con = run(tmp_path, *lines)
    assert con.execute("SELECT count(DISTINCT event_key) FROM events").fetchall() == [(3,)]
    assert con.execute("SELECT * FROM ignored").fetchall() == [("duplicate delivery", 1)]


def test_a_time_in_seconds_is_shown_as_a_reject(tmp_path: Path) -> None:
    """Google's description speaks of seconds, every activity seen has a date: a guess would move uploads by years."""
    line = activity(*CHAIN, id={"time": "1772625600", "uniqueQualifier": "1", "applicationName": "drive"})
    assert told(run(tmp_path, line)) == [("time cannot be read", None)]


def test_a_sign_in_that_google_suspects_says_so(tmp_path: Path) -> None:
    """Google's own doubt would otherwise look like any other sign-in."""
    login = part("login_success", None, "login", is_suspicious=True, login_challenge_method=["password", "password"])
    con = run(tmp_path, activity(login))
    assert con.execute("SELECT kind, detail FROM activity").fetchall() == [("sign_in", "marked suspicious by Google")]


def test_a_warning_is_about_its_victim(tmp_path: Path) -> None:
    """The actor of a blocked sign-in is nobody; the account is in a parameter."""
    warning = part("suspicious_login", None, "account_warning", affected_email_address="Ada@example.com")
    con = run(tmp_path, activity(warning, actor={"email": "", "profileId": "105250506097979753968"}))
    found = con.execute('SELECT "user", actor_class, kind, user_id FROM activity').fetchall()
    assert found == [("ada@example.com", "person", "provider_alert", None)]


def test_a_size_is_asked_of_someone_who_can_see_the_file(tmp_path: Path) -> None:
    """A stranger can't be impersonated: then the owner is asked, and where there is none, nobody."""
    stranger = {"email": "", "profileId": "105250506097979753968"}
    lines = [
        activity(*CHAIN),
        activity(part("upload", True, doc_id="D2"), actor=stranger),
        activity(part("upload", True, doc_id="D3", owner="A shared drive"), actor=stranger),
    ]
    for n, line in enumerate(lines):
        line["id"] = {**line["id"], "uniqueQualifier": str(n)}
    con = run(tmp_path, *lines)
    assert con.execute("SELECT asker, file_id FROM uploads ORDER BY file_id").fetchall() == [
        ("ada@example.com", "D1"),
        ("own@example.com", "D2"),
        (None, "D3"),
    ]


@pytest.mark.parametrize(
    ("details", "label"),
    [
        ([{"appliedLabels": [{"title": "Internal"}, {"title": "Finance"}]}], "Internal, Finance"),
        ([{"appliedLabels": []}], None),
        ([{"appliedLabels": "Internal"}], None),
        ({"appliedLabels": []}, None),
        (None, None),
    ],
)
def test_labels_and_visibility_are_read_where_they_are_told(tmp_path: Path, details: Any, label: str | None) -> None:
    """Prevents a page that says there is no label where Google tells one, and an upload lost to one of odd shape."""
    con = run(tmp_path, activity(part("upload", True, visibility="people_with_link"), resourceDetails=details))
    assert con.execute("SELECT file_id, owner, label, visibility FROM uploads").fetchall() == [
        ("D1", "Own@example.com", label, "people_with_link")
    ]


@pytest.mark.parametrize("name", ["download", "delete", "upload", "edit", "create", "trash", "login_success"])
def test_events_of_other_applications_are_not_those_of_drive(tmp_path: Path, name: str) -> None:
    """Prevents a mail that was downloaded or deleted from counting as a file, where other applications are imported."""
    other = {"time": "2026-03-04T12:00:00Z", "uniqueQualifier": "1", "applicationName": "gmail"}
    con = run(
        tmp_path, activity(part(name, True), id=other), activity(part("x", visibility_change="external"), id=other)
    )
    assert {kind for kind, _ in told(con)} == {"of an application that is not watched"}


def test_an_activity_that_does_not_tell_its_application_is_read(tmp_path: Path) -> None:
    """Prevents uploads from being lost in an export that left the application out."""
    con = run(tmp_path, activity(part("upload", True), id={"time": "2026-03-04T12:00:00Z", "uniqueQualifier": "1"}))
    assert told(con) == [("upload", "upload")]


def test_an_application_in_nobodys_name_is_known_by_its_id(tmp_path: Path) -> None:
    """Prevents what an application uploads on its own account from being nobody's, whom nobody judges."""
    info = {"oauthClientId": "c1.apps.example", "applicationName": "Rclone"}
    con = run(tmp_path, activity(part("upload", True), actor={"callerType": "APPLICATION", "applicationInfo": info}))
    found = con.execute('SELECT actor_class, "user" FROM uploads').fetchall()
    assert found == [("app", "google_workspace:c1.apps.example")]
