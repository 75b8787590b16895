"""Meaning of each published operation: the data files, and how events of all providers follow them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detection.normalise import outcomes
from detection.normalise.operations import IRRELEVANT, TABLES, create_operations, drop_operations, read_rows
from detection.normalise.reference import PAGES, page
from providers import PROVIDERS
from tests.support.memory import connect

Event = dict[str, Any]
KINDS = {
    *("upload", "edit", "download", "delete", "share", "share_external", "sign_in", "sign_in_failed"),
    *("sign_in_interrupted", "mfa_disabled", "credentials_changed", "password_reset", "provider_alert"),
    *("new_device", "admin_impersonation"),
}


def made_of(directory: Path, provider: str, *events: Event) -> list[tuple[str | None, str | None]]:
    """Return each event's kind, or the reason why it has none, and its user."""
    files = []
    for number, event in enumerate(events):
        path = directory / f"{number:04}.ndjson"
        path.write_text(json.dumps(event) + "\n")
        files.append(str(path))
    with connect() as con:
        found = outcomes(con, provider, raw_files=files, organisation_domains=["example.com"]).to_pylist()
    return [(row["reason"] or row["kind"], row["user"]) for row in found]


def example(provider: str, operation: str, application: str = "") -> Event:
    """An event of this operation by Ann, about a file."""
    if provider == "box":
        ann = {"id": "71", "login": "ann@example.com"}
        return {
            "event_id": f"b-{operation}",
            "event_type": operation,
            "created_at": "2026-03-04T12:00:00Z",
            "created_by": ann,
            "source": {"item_type": "file", "item_id": "1", "item_name": "a.pdf"},
        }
    if provider == "dropbox":
        return {
            "timestamp": "2026-03-04T12:00:00Z",
            "event_type": {".tag": operation},
            "actor": {".tag": "user", "user": {".tag": "team_member", "email": "ann@example.com"}},
            "assets": [{".tag": "file", "file_id": "id:1", "display_name": "a.pdf"}],
        }
    if provider == "google_workspace":
        parameters = [{"name": "primary_event", "boolValue": True}, {"name": "doc_type", "value": "pdf"}]
        return {
            "id": {"time": "2026-03-04T12:00:00Z", "uniqueQualifier": operation, "applicationName": application},
            "actor": {"email": "ann@example.com", "profileId": "1"},
            "events": [{"name": operation, "parameters": parameters}],
        }
    return {
        "Id": f"o-{operation}",
        "CreationTime": "2026-03-04T12:00:00",
        "Operation": operation,
        "RecordType": 6,
        "UserId": "ann@example.com",
        "UserKey": "1001",
        "UserType": 0,
        "ItemType": "File",
        "ListItemUniqueId": operation,
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_operation_is_decided_once(provider: str) -> None:
    """A second row would double each of its events, and one with a misspelt meaning would lose them."""
    rows = read_rows(provider)
    assert {row["meaning"] for row in rows} <= KINDS | set(IRRELEVANT)
    assert {row["otherwise"] for row in rows} <= KINDS | {"", "irrelevant"}
    assert all(row["note"] for row in rows if row["meaning"] == "irrelevant")
    with connect() as con:
        create_operations(con, provider)
        doubled = con.sql("SELECT application, operation FROM operations GROUP BY ALL HAVING count(*) > 1").fetchall()
        drop_operations(con)
        assert doubled == []
        assert con.sql("SHOW TABLES").fetchall() == []


@pytest.mark.parametrize(("name", "key"), [("office365_record_types", "number"), ("office365_sign_in_errors", "code")])
def test_codes_are_decided_once(name: str, key: str) -> None:
    """As above, of Microsoft's numbers."""
    codes = [row[key] for row in read_rows(name)]
    assert len(codes) == len(set(codes)) > 200
    with connect() as con:
        create_operations(con, "office365")
        for table, column in (("record_types", "record_type"), ("sign_in_errors", "code")):
            assert column in TABLES[table]
            assert con.sql(f"SELECT {column} FROM {table} GROUP BY ALL HAVING count(*) > 1").fetchall() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_operation_comes_out_as_decided(tmp_path: Path, provider: str) -> None:
    """A decision that no query follows, or one that a query overrides, shows here and not in an alert."""
    rows = [row for row in read_rows(provider) if row["operation"] != "*" and row["only_if"] in ("", "file")]
    found = made_of(
        tmp_path, provider, *(example(provider, row["operation"], row.get("application", "")) for row in rows)
    )
    words = {"copy": "copy on the server: no new bytes", "irrelevant": "not an upload or activity"}
    # Whom a Box item is shared with decides, and the example does not tell.
    words["share"] = words["irrelevant"]
    wrong = {
        row["operation"]: told
        for row, (told, _) in zip(rows, found, strict=True)
        if told not in (words.get(row["meaning"], row["meaning"]), "part of another upload")
    }
    assert wrong == {}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ("file_created_v2", "unknown operation, perhaps an upload"),
        ("BulkUpload2", "unknown operation, perhaps an upload"),
        ("PROFILE_CREATE_X", "unknown operation"),
        ("file_seen_v2", "unknown operation"),
    ],
)
def test_what_is_unknown_is_not_what_is_irrelevant(tmp_path: Path, provider: str, operation: str, reason: str) -> None:
    """A new upload operation of a provider must be seen, and not vanish among the views and comments."""
    assert made_of(tmp_path, provider, example(provider, operation, "drive")) == [(reason, None)]


@pytest.mark.parametrize(
    ("application", "operation", "kind"),
    [
        ("gmail", "download", "of an application that is not watched"),
        ("calendar", "create", "of an application that is not watched"),
        ("chat", "upload", "of an application that is not watched"),
        ("brand_new", "download", "unknown operation"),
        ("drive", "download", "download"),
        ("login", "passkey_enrolled", "credentials_changed"),
        ("login", "passkey_removed", "credentials_changed"),
        ("saml", "login_failure", "not an upload or activity"),
        ("admin", "USERS_BULK_UPLOAD", "not an upload or activity"),
    ],
)
def test_an_event_of_google_means_what_its_application_says(
    tmp_path: Path, application: str, operation: str, kind: str
) -> None:
    """The same name is a file in Drive and an attachment in Gmail."""
    line = example("google_workspace", operation, application)
    # A type that passkeys share with warnings.
    line["events"][0]["type"] = "account_warning"
    assert [told for told, _ in made_of(tmp_path, "google_workspace", line)] == [kind]


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("UNENROLL_USER_FROM_STRONG_AUTH", "mfa_disabled"),
        ("TURN_OFF_2_STEP_VERIFICATION", "mfa_disabled"),
        ("CHANGE_PASSWORD", "password_reset"),
        ("PASSKEY_REVOKED", "credentials_changed"),
    ],
)
def test_what_an_administrator_of_google_does_is_a_sign_of_the_user(tmp_path: Path, operation: str, kind: str) -> None:
    """A second factor that an administrator's account switched off is the user's that lost it."""
    line = example("google_workspace", operation, "admin")
    line["actor"] = {"email": "root@example.com", "profileId": "9"}
    line["events"][0]["parameters"] = [{"name": "USER_EMAIL", "value": "Ann@example.com"}]
    assert made_of(tmp_path, "google_workspace", line) == [(kind, "ann@example.com")]


def test_a_rule_of_google_that_raises_no_alert_is_none(tmp_path: Path) -> None:
    """Audit-only rules match all day long."""
    quiet, loud = (example("google_workspace", "rule_match", "rules") for _ in range(2))
    loud["id"] = {**loud["id"], "uniqueQualifier": "2"}
    loud["events"][0]["parameters"] = [{"name": "has_alert", "boolValue": True}]
    assert made_of(tmp_path, "google_workspace", quiet, loud) == [
        ("not an upload or activity", None),
        ("provider_alert", "ann@example.com"),
    ]


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        ({"email": "bob@mygserviceaccount.com", "profileId": "7"}, ("bob@mygserviceaccount.com", "person")),
        ({"email": "bob@gserviceaccount.com.example", "profileId": "7"}, ("bob@gserviceaccount.com.example", "person")),
        ({"email": "1@developer.gserviceaccount.com"}, ("1@developer.gserviceaccount.com", "service")),
        ({"callerType": "EXTERNAL_USER"}, ("google_workspace:anonymous", "anonymous")),
        (
            {"callerType": "EXTERNAL_USER", "profileId": "105250506097979753968"},
            ("google_workspace:anonymous", "anonymous"),
        ),
        ({"callerType": "EXTERNAL_USER", "profileId": "7"}, ("google_workspace:7", "guest")),
        ({"callerType": "EXTERNAL_USER", "email": "eve@else.example"}, ("eve@else.example", "guest")),
        (
            {"email": "ann@example.com", "profileId": "1", "applicationInfo": {"applicationName": "Rclone"}},
            ("ann@example.com", "person"),
        ),
    ],
)
def test_an_actor_of_google_is_what_google_says(tmp_path: Path, actor: Event, expected: tuple[str, str]) -> None:
    """A domain that only ends like Google's, or an application's own name, takes nobody out of the watch."""
    line = {**example("google_workspace", "upload", "drive"), "actor": actor}
    path = tmp_path / "a.ndjson"
    path.write_text(json.dumps(line))
    with connect() as con:
        [row] = outcomes(con, "google_workspace", raw_files=[str(path)], organisation_domains=[]).to_pylist()
    assert (row["user"], row["actor_class"]) == expected


@pytest.mark.parametrize("actor", [{"callerType": "ROBOT"}, {"callerType": "ROBOT", "email": "", "profileId": ""}])
def test_an_unknown_kind_of_actor_of_google_is_not_anonymous(tmp_path: Path, actor: Event) -> None:
    """Prevents whoever a new kind of actor is from being taken for nobody, whom nothing watches."""
    upload, view = (example("google_workspace", name, "drive") for name in ("upload", "view"))
    lines = [{**upload, "actor": actor}, {**view, "actor": actor}, {**upload, "actor": {**actor, "profileId": "7"}}]
    for number, line in enumerate(lines):
        line["id"] = {**line["id"], "uniqueQualifier": str(number)}
    unknown, viewed, known = made_of(tmp_path, "google_workspace", *lines)
    assert unknown[0] == "an actor of an unknown kind, without an id"
    assert viewed[0] == "not an upload or activity"
    assert known == ("upload", "google_workspace:7")


@pytest.mark.parametrize("application", ["drive", "login", "user_accounts", "admin"])
@pytest.mark.parametrize(
    ("operation", "reason"), [("upload", "upload"), ("ADD_GROUP_MEMBER", "not an upload or activity")]
)
def test_an_event_means_the_same_under_another_application(
    tmp_path: Path, application: str, operation: str, reason: str
) -> None:
    """Prevents an upload that an exporter files under the admin console from being unknown."""
    assert made_of(tmp_path, "google_workspace", example("google_workspace", operation, application))[0][0] == reason


ROOT = {"id": "9", "login": "root@example.com"}
ANN = {"type": "user", "id": "71", "login": "ann@example.com"}
NOBODY = {"id": "2", "login": ""}
FILE = {"item_type": "file", "item_id": "1", "owned_by": {"id": "71", "login": "ann@example.com"}}


@pytest.mark.parametrize(
    ("operation", "actor", "source", "user"),
    [
        ("ADD_DEVICE_ASSOCIATION", ROOT, ANN, "ann@example.com"),
        ("EMAIL_ALIAS_CONFIRM", ROOT, ANN, "ann@example.com"),
        ("DEVICE_TRUST_CHECK_FAILED", NOBODY, ANN, "ann@example.com"),
        ("FILE_MARKED_MALICIOUS", NOBODY, FILE, "ann@example.com"),
        ("FILE_MARKED_MALICIOUS", ROOT, FILE, "root@example.com"),
        ("CONTENT_WORKFLOW_SHARING_POLICY_VIOLATION", ROOT, FILE, "root@example.com"),
    ],
)
def test_a_sign_at_box_is_of_the_account_concerned(
    tmp_path: Path, operation: str, actor: Event, source: Event, user: str
) -> None:
    """Filed under an administrator or under nobody, a sign never meets the account."""
    line = {**example("box", operation), "created_by": actor, "source": source}
    assert [found for _, found in made_of(tmp_path, "box", line)] == [user]


def test_an_alert_of_box_told_twice_is_one(tmp_path: Path) -> None:
    """Shield may tell an alert again as it grows."""
    shield = {"rule_name": "Odd place", "alert_id": 5, "user": {"id": 71, "email": "ann@example.com"}}
    lines = [
        {**example("box", "SHIELD_ALERT"), "event_id": f"e{n}", "additional_details": {"shield_alert": shield}}
        for n in range(2)
    ]
    assert [told for told, _ in made_of(tmp_path, "box", *lines)] == ["provider_alert", "part of another alert"]


@pytest.mark.parametrize(
    ("operation", "context", "user"),
    [
        ("device_link_success", True, "ben@example.com"),
        ("passkey_add", True, "ben@example.com"),
        ("tfa_add_security_key", False, "ann@example.com"),
        ("ransomware_restore_process_started", True, "ben@example.com"),
        ("ransomware_restore_process_started", False, "dropbox:system"),
    ],
)
def test_a_sign_at_dropbox_is_of_the_member_concerned(tmp_path: Path, operation: str, context: bool, user: str) -> None:
    """An administrator who restores a member's files is not the one that was attacked."""
    line = example("dropbox", operation)
    if context:
        line["context"] = {".tag": "team_member", "email": "ben@example.com", "team_member_id": "dbmid:B"}
    assert [found for _, found in made_of(tmp_path, "dropbox", line)] == [user]


def test_an_alert_of_dropbox_told_twice_is_one(tmp_path: Path) -> None:
    """As above; an alert without an id is one of its own."""
    lines = [
        {
            **example("dropbox", "admin_alerting_triggered_alert"),
            "timestamp": f"2026-03-04T12:00:0{n}Z",
            "details": {"alert_name": "Many files", "alert_instance_id": instance},
        }
        for n, instance in enumerate(("a", "a", "b", None, None))
    ]
    again = [told for told, _ in made_of(tmp_path, "dropbox", *lines)]
    assert again.count("part of another alert") == 1
    assert again.count("provider_alert") == 4


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_page_of_operations_is_that_of_the_files(provider: str) -> None:
    """A stale page sends who asks why an event was ignored the wrong way."""
    path = PAGES / f"operations_{provider}.md"
    assert path.read_text(encoding="utf-8") == page(provider), "run: python -m detection.normalise.reference"
    assert path.name in (PAGES / f"{provider}.md").read_text(encoding="utf-8")
