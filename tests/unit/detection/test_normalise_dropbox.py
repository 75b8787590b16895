"""Normalisation of Dropbox events: several files in an event, no ids, actors in other people's names."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

from detection.normalise import normalise
from tests.support.memory import connect

DAY = date(2026, 3, 4)
Event = dict[str, Any]
ADA = {".tag": "team_member", "account_id": "dbid:A", "team_member_id": "dbmid:A", "email": "Ada@example.com"}


def file(name: str, size: Any = 5, tag: str = "file") -> Event:
    return {
        ".tag": tag,
        "file_id": f"id:{name}",
        "display_name": name,
        "file_size": size,
        "path": {"contextual": f"/Team/{name}"},
    }


def event(tag: str = "file_add", **changes: Any) -> Event:
    whole = {
        "timestamp": "2026-03-04T12:00:00Z",
        "event_type": {".tag": tag, "description": "whatever"},
        "actor": {".tag": "user", "user": ADA},
        "context": ADA,
        "origin": {
            "geo_location": {"ip_address": "203.0.113.5", "country": "nl"},
            "access_method": {".tag": "end_user", "end_user": {".tag": "desktop"}},
        },
        "assets": [file("a.txt")],
        "details": {".tag": f"{tag}_details"},
        **changes,
    }
    return {key: value for key, value in whole.items() if value != "absent"}


def run(directory: Path, *slices: list[Event]) -> duckdb.DuckDBPyConnection:
    files = []
    for n, lines in enumerate(slices):
        path = directory / f"{n}.ndjson.zst"
        text = "\n".join(json.dumps(line) for line in lines)
        path.write_bytes(zstandard.ZstdCompressor().compress(text.encode()))
        files.append(str(path))
    con = connect()
    normalise(con, "dropbox", day=DAY, raw_files=files, organisation_domains=["example.com"])
    return con


def uploads(con: duckdb.DuckDBPyConnection, columns: str) -> list[tuple[Any, ...]]:
    return con.execute(f"SELECT {columns} FROM uploads").fetchall()


def ignored(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(con.execute("SELECT reason, events FROM ignored").fetchall())


def test_every_file_of_an_event_counts(tmp_path: Path) -> None:
    """Read as one upload an event, a burst of a thousand files would be a handful."""
    con = run(tmp_path, [event(assets=[file("a.txt", 1), file("b.BIN", 2), file("c", "x")])])
    assert uploads(con, "asset, file_name, extension, folder, bytes") == [
        (0, "a.txt", "txt", "/Team", 1),
        (1, "b.BIN", "bin", "/Team", 2),
        (2, "c", "", "/Team", None),
    ]
    assert len({key for (key,) in uploads(con, "event_key")}) == 1
    assert uploads(con, "ip, country, app")[0] == ("203.0.113.5", "NL", "desktop")


def test_folder_totals_are_not_uploads(tmp_path: Path) -> None:
    """A folder carries the size of its whole tree: counted, the same bytes come twice."""
    folder = {**file("dir", 9000, "folder"), "file_count": 12}
    con = run(tmp_path, [event(assets=[folder]), event(assets=[folder, file("a.txt", 1)])])
    assert uploads(con, "asset, file_name, bytes") == [(1, "a.txt", 1)]
    assert ignored(con) == {"folder only": 1}


@pytest.mark.parametrize("assets", ["absent", [], None, "text", {}])
def test_upload_without_files_is_one_of_unknown_size(tmp_path: Path, assets: Any) -> None:
    """The list of files is optional: without it the upload happened all the same."""
    found = uploads(run(tmp_path, [event(assets=assets)]), '"user", asset, bytes')
    assert found == [("ada@example.com", 0, None)]


def test_names_stand_in_for_missing_files(tmp_path: Path) -> None:
    """Mail and file requests may name files without listing them."""
    mailed = event("email_ingest_receive_file", assets=[], details={"attachment_names": ["a.pdf", "b.pdf"]})
    assert uploads(run(tmp_path, [mailed]), "asset, file_name, bytes") == [(0, "a.pdf", None), (1, "b.pdf", None)]


def test_alike_in_one_pull_are_two_and_in_two_pulls_one(tmp_path: Path) -> None:
    """Without an id, a second pull of the same hour must not double it, nor a pull swallow equal events."""
    shuffled = dict(reversed(event().items()))
    con = run(tmp_path, [event(), event(), event(assets=[file("b.txt")])], [event(), shuffled])
    assert len(uploads(con, "event_key")) == 3
    assert ignored(con) == {"duplicate delivery": 2}
    again = run(tmp_path, [event(assets=[file("b.txt")])], [event(), event()])
    assert set(uploads(con, "event_key")) == set(uploads(again, "event_key"))


def test_files_of_a_request_are_told_by_its_list_or_by_their_names(tmp_path: Path) -> None:
    """Whoever drops files into a request has no account: the files count, under nobody's name."""
    told = {
        "actor": {".tag": "anonymous"},
        "context": {".tag": "team_member", "email": "owner@example.com"},
        "details": {"submitted_file_names": ["a.pdf", "b.pdf"], "submitter_email": "eve@else.net"},
    }
    folder = file("inbox", 9000, "folder")
    con = run(
        tmp_path,
        [
            event("file_request_receive_file", assets=[folder], **told),
            event("file_request_receive_file", assets=[folder, file("c.pdf", 7)], **told),
        ],
    )
    assert sorted(uploads(con, "file_name, bytes")) == [("a.pdf", None), ("b.pdf", None), ("c.pdf", 7)]
    assert set(uploads(con, '"user", actor_class')) == {("dropbox:anonymous", "anonymous")}


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, 0), (2**50, 2**50), (2**50 + 1, None), (2**64 - 1, None), ("5", 5), (None, None), ("absent", None)],
)
def test_sizes_may_be_large_or_missing(tmp_path: Path, size: Any, expected: int | None) -> None:
    """The size came late to Dropbox's events, and is a number of 64 bits: above a pebibyte it is no file's."""
    one = {key: value for key, value in file("a.txt", size).items() if value != "absent"}
    assert uploads(run(tmp_path, [event(assets=[one])]), "bytes") == [(expected,)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"origin": None}, (None, None, None)),
        ({"origin": {"geo_location": None, "access_method": {".tag": "api", "request_id": "x"}}}, (None, None, "api")),
        ({"origin": {"geo_location": {"ip_address": "2001:DB8::5"}}}, ("2001:db8::5", None, None)),
        ({"origin": {"host": {"host_id": 7}, "access_method": {".tag": "sign_in_as"}}}, (None, None, "sign_in_as")),
    ],
)
def test_where_it_came_from_is_optional(tmp_path: Path, changes: Event, expected: tuple[Any, ...]) -> None:
    """Everything about the origin may be missing, and with it goes nothing else."""
    assert uploads(run(tmp_path, [event(**changes)]), "ip, country, app") == [expected]


def test_an_event_that_dropbox_could_not_convert_counts(tmp_path: Path) -> None:
    """Details may be missing, descriptions vary, files may have no path or id: the upload happened all the same."""
    bare = event(
        event_type={".tag": "file_add", "description": "(file_operations) Added files and/or folders"},
        event_category={".tag": "brand_new"},
        details={".tag": "missing_details", "source_event_fields": ["a"]},
        assets=[{".tag": "file"}, {".tag": "file", "path": {"namespace_relative": {"relative_path": "/Team/b.txt"}}}],
        participants=[{".tag": "user", "user": None}],
        involve_non_team_member=None,
    )
    assert uploads(run(tmp_path, [bare]), "file_id, file_name, folder") == [(None, None, None), (None, None, "/Team")]


def test_an_alert_says_its_category(tmp_path: Path) -> None:
    """The alert's name is free text: its category is what can be relied on."""
    details = {
        "alert_name": "Many files",
        "alert_category": {".tag": "massive_file_operation"},
        "alert_severity": {".tag": "high"},
    }
    con = run(tmp_path, [event("admin_alerting_triggered_alert", details=details, assets="absent")])
    found = con.execute('SELECT "user", detail FROM activity').fetchall()
    assert found == [("ada@example.com", "Dropbox alert: massive_file_operation: Many files")]


GUEST = {".tag": "non_team_member", "email": "eve@else.net"}
APP = {".tag": "app", "app": {".tag": "team_linked_app", "app_id": "dbaid:1", "display_name": "Sync"}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("ada@example.com", "person", "dbmid:A", "desktop")),
        ({"actor": "absent"}, ("ada@example.com", "person", "dbmid:A", "desktop")),
        ({"actor": {".tag": "user", "user": GUEST}}, ("eve@else.net", "guest", None, "desktop")),
        ({"actor": APP}, ("ada@example.com", "app", "dbmid:A", "Sync")),
        ({"actor": APP, "context": {".tag": "team"}}, ("dropbox:dbaid:1", "app", "dbaid:1", "Sync")),
        (
            {"actor": {".tag": "user", "user": {**GUEST, ".tag": "trusted_non_team_member"}}},
            ("eve@else.net", "guest", None, "desktop"),
        ),
        (
            {"actor": {".tag": "reseller", "reseller": {"reseller_email": "rs@else.net"}}},
            ("rs@else.net", "guest", None, "desktop"),
        ),
        ({"actor": APP, "context": {".tag": "organization_team"}}, ("dropbox:dbaid:1", "app", "dbaid:1", "Sync")),
        ({"actor": "absent", "context": {".tag": "anonymous"}}, ("dropbox:anonymous", "anonymous", None, "desktop")),
        ({"actor": {".tag": "robot"}}, ("ada@example.com", "person", "dbmid:A", "desktop")),
        ({"actor": {".tag": "robot"}, "context": GUEST}, ("eve@else.net", "guest", None, "desktop")),
        ({"actor": {".tag": "anonymous"}}, ("dropbox:anonymous", "anonymous", None, "desktop")),
        ({"actor": {".tag": "dropbox"}}, ("dropbox:system", "system", None, "desktop")),
        (
            {"actor": {".tag": "user", "user": {".tag": "team_member"}}},
            ("dropbox:anonymous", "anonymous", None, "desktop"),
        ),
        (
            {"actor": {".tag": "user", "user": {".tag": "team_member", "account_id": "dbid:Z"}}},
            ("dropbox:dbid:Z", "person", "dbid:Z", "desktop"),
        ),
        (
            {"actor": {".tag": "admin", "admin": {**ADA, "email": "root@example.com"}}},
            ("root@example.com", "person", "dbmid:A", "desktop"),
        ),
    ],
)
def test_actor(tmp_path: Path, changes: Event, expected: tuple[Any, ...]) -> None:
    """An app's uploads belong to its member, an outsider's drop never to the folder's owner."""
    assert uploads(run(tmp_path, [event(**changes)]), '"user", actor_class, user_id, app') == [expected]


@pytest.mark.parametrize("tag", ["other", "robot", ""])
@pytest.mark.parametrize("context", ["absent", {".tag": "team"}, {".tag": "anonymous"}])
def test_an_unknown_kind_of_actor_is_not_anonymous(tmp_path: Path, tag: str, context: Any) -> None:
    """Prevents whoever a new kind of actor is from being taken for nobody, whom nothing watches."""
    lines = [event(kind, actor={".tag": tag}, context=context) for kind in ("file_add", "file_download", "file_move")]
    con = run(tmp_path, lines)
    assert con.execute("SELECT DISTINCT reason, count(*) FROM rejects GROUP BY reason").fetchall() == [
        ("an actor of an unknown kind, without an id", 2)
    ]
    assert (uploads(con, "*"), ignored(con)) == ([], {"copy on the server: no new bytes": 1})


@pytest.mark.parametrize(
    ("tag", "changes", "expected"),
    [
        ("file_edit", {}, "edit"),
        ("file_add_from_automation", {}, "upload"),
        ("file_copy", {}, "copy on the server: no new bytes"),
        ("file_restore", {}, "copy on the server: no new bytes"),
        ("file_download", {}, "download"),
        ("file_permanently_delete", {}, "delete"),
        ("login_success", {}, "sign_in"),
        ("device_link_success", {}, "new_device"),
        ("tfa_change_status", {"details": {"new_value": {".tag": "disabled"}}}, "mfa_disabled"),
        ("tfa_change_status", {"details": {"new_value": {".tag": "authenticator"}}}, "credentials_changed"),
        ("account_lock_or_unlocked", {"details": {"new_value": {".tag": "locked"}}}, "sign_in_failed"),
        ("account_lock_or_unlocked", {"details": {"new_value": {".tag": "unlocked"}}}, "not an upload or activity"),
        ("shared_content_add_invitees", {"involve_non_team_member": True}, "share_external"),
        ("shared_content_add_invitees", {"involve_non_team_member": False}, "not an upload or activity"),
        ("shared_link_change_visibility", {"details": {"new_value": {".tag": "public"}}}, "share_external"),
        ("brand_new", {}, "unknown operation"),
    ],
)
def test_event_types(tmp_path: Path, tag: str, changes: Event, expected: str) -> None:
    """What counts, and what brings no bytes from outside."""
    con = run(tmp_path, [event(tag, **changes)])
    kinds = con.execute("SELECT kind FROM uploads UNION ALL SELECT kind FROM activity").fetchall()
    assert ([kind for (kind,) in kinds] or list(ignored(con))) == [expected]


KINDS = {
    "upload": "file_add file_add_from_automation file_request_receive_file email_ingest_receive_file",
    "edit": "file_edit",
    "sign_in": "login_success",
    "sign_in_failed": "login_fail sso_error",
    "admin_impersonation": "sign_in_as_session_start reseller_support_session_start "
    "guest_admin_signed_in_via_trusted_teams",
    "new_device": "device_link_success dropbox_passwords_new_device_enrolled",
    "password_reset": "password_change password_reset password_reset_all",
    "mfa_disabled": "tfa_reset",
    "credentials_changed": "tfa_add_backup_phone tfa_change_backup_phone tfa_remove_backup_phone tfa_add_security_key "
    "tfa_remove_security_key passkey_add passkey_remove",
    "provider_alert": "admin_alerting_triggered_alert ransomware_alert_create_report "
    "ransomware_restore_process_started ransomware_restore_process_completed",
    "copy on the server: no new bytes": "file_save_copy_reference shared_content_copy shared_link_copy file_copy "
    "file_restore file_revert file_rollback_changes rewind_folder file_move file_rename",
    "not an upload or activity": "logout device_unlink device_link_fail device_change_ip_web file_add_comment "
    "file_edit_comment create_folder shmodel_link_create sf_add_group emm_error showcase_file_added "
    "paper_content_create device_sync_backup_status_changed external_drive_backup_status_changed app_link_team "
    "app_link_user integration_connected member_change_admin_role member_change_email "
    "ransomware_alert_create_report_failed tfa_change_policy passkey_login_policy_changed",
}


def test_tags_of_uploads_sign_ins_devices_and_credentials(tmp_path: Path) -> None:
    """Dropbox has 630 tags, many alike in name: one taken for another is an upload or a sign lost or made up."""
    wanted = {tag: kind for kind, tags in KINDS.items() for tag in tags.split()}
    con = run(tmp_path, [event(tag) for tag in wanted])
    found = dict(
        con.execute("SELECT operation, kind FROM uploads UNION SELECT operation, kind FROM activity").fetchall()
    )
    counted = {tag: kind for tag, kind in wanted.items() if " " not in kind}
    assert found == counted
    assert ignored(con) == {reason: len(tags.split()) for reason, tags in KINDS.items() if " " in reason}


@pytest.mark.parametrize("tag", ["login_fail", "sign_in_as_session_start", "admin_alerting_triggered_alert"])
def test_subject_is_the_account_concerned(tmp_path: Path, tag: str) -> None:
    """A failed sign-in has no actor and an alert Dropbox's: the account that they warn of is in the context."""
    con = run(tmp_path, [event(tag, actor={".tag": "anonymous"}, assets=[])])
    found = con.execute('SELECT "user", actor_class FROM activity').fetchall()
    assert found == [("ada@example.com", "person")]


def test_rejects_count_events_not_files(tmp_path: Path) -> None:
    """An event of three files without a time is one line that could not be read."""
    con = run(tmp_path, [event(timestamp="soon", assets=[file("a"), file("b"), file("c")])])
    assert con.execute("SELECT reason FROM rejects").fetchall() == [("time cannot be read",)]


def test_keys_do_not_depend_on_the_way_of_reading(tmp_path: Path) -> None:
    """A bad line in one of two overlapping pulls must not make its good events strangers to the other pull's."""
    odd = event(assets={**file("one.txt"), "unknown": {"deep": [1]}}, origin="text", context=[1, 2])
    plain = [event(), event(assets=[file("b.txt", 1.5), None, 5]), odd]
    con = run(tmp_path, plain, [*plain, {"no": "event"}])
    assert len(uploads(con, "DISTINCT event_key")) == 3
    assert ignored(con) == {"duplicate delivery": 3}
