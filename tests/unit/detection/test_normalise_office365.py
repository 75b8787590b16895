"""Normalisation of Office 365 records: days of publication, pairs of records, many kinds of users."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

from detection.normalise import normalise
from tests.support.memory import connect

DAY = date(2026, 3, 4)
Event = dict[str, Any]


def record(**changes: Any) -> Event:
    return {
        "Id": "r1",
        "CreationTime": "2026-03-04T12:00:00",
        "Operation": "FileUploaded",
        "RecordType": 6,
        "UserId": "Ada@Example.com",
        "UserKey": "i:0h.f|membership|1001@live.com",
        "UserType": 0,
        "ClientIP": "203.0.113.5",
        "ItemType": "File",
        "ListItemUniqueId": "item-1",
        "SourceFileName": "Plan.docx",
        "SourceFileExtension": "DOCX",
        "SourceRelativeUrl": "Documents/2026",
        "SiteUrl": "https://example-my.sharepoint.com/personal/ada_example_com/",
        "Site": "site-1",
        "ListId": "list-1",
        **changes,
    }


def land(directory: Path, published: date, lines: list[Event]) -> str:
    path = directory / f"day={published}" / "0000-2400.ndjson.zst"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(json.dumps(line) for line in lines)
    path.write_bytes(zstandard.ZstdCompressor().compress(text.encode()))
    return str(path)


def run(day: date, *files: str) -> duckdb.DuckDBPyConnection:
    con = connect()
    normalise(con, "office365", day=day, raw_files=files, organisation_domains=["example.com"])
    return con


def counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(
        con.execute("""
            SELECT kind, count(*) FROM uploads GROUP BY ALL
            UNION ALL SELECT kind, count(*) FROM activity GROUP BY ALL
            UNION ALL SELECT reason, count(*) FROM rejects GROUP BY ALL
            UNION ALL SELECT reason, events FROM ignored
        """).fetchall()
    )


def test_upload_is_read_whole(tmp_path: Path) -> None:
    """Every column of an ordinary upload."""
    con = run(DAY, land(tmp_path, DAY, [record(FileSizeBytes=77, SensitivityLabelId="label-1")]))
    found = con.sql("SELECT * EXCLUDE (provider, time) FROM uploads").to_arrow_table().to_pylist()
    assert found == [
        {
            "event_key": "r1",
            "asset": 0,
            "user_id": "i:0h.f|membership|1001@live.com",
            "user": "ada@example.com",
            "actor_class": "person",
            "kind": "upload",
            "operation": "FileUploaded",
            "file_id": "item-1",
            "version": None,
            "file_name": "Plan.docx",
            "extension": "docx",
            "folder": "Documents/2026",
            "owner": "ada_example_com",
            "label": "label-1",
            "visibility": None,
            "bytes": 77,
            "app": None,
            "ip": "203.0.113.5",
            "country": None,
            "app_id": None,
            "asker": "",
            "site_id": "site-1",
            "list_id": "list-1",
            "folder_id": None,
        }
    ]


@pytest.mark.parametrize(
    ("happened", "lag", "normalised", "expected"),
    [
        ("2026-03-04T23:59:59", 0, 0, {"upload": 1}),
        ("2026-03-04T12:00:00", 2, 0, {"upload": 1}),
        ("2026-03-04T12:00:00", 2, 1, {"another day": 1}),
        ("2026-03-04T12:00:00", 2, 2, {"another day": 1}),
        ("2026-03-04T12:00:00", 3, 3, {"published more than two days after it happened": 1}),
        ("2026-03-04T12:00:00", 3, 2, {"another day": 1}),
        ("2026-03-05T00:00:01", 0, 0, {"later than its publication": 1}),
        ("not a time", 1, 1, {"time cannot be read": 1}),
        ("not a time", 1, 0, {"another day": 1}),
    ],
)
def test_each_record_belongs_to_one_day(
    tmp_path: Path, happened: str, lag: int, normalised: int, expected: dict[str, int]
) -> None:
    """A record is read with up to three days of publication: it must be in exactly one partition, never in none."""
    file = land(tmp_path, DAY + timedelta(days=lag), [record(CreationTime=happened)])
    assert counts(run(DAY + timedelta(days=normalised), file)) == expected


def at(clock: str, id_: str, operation: str = "FileModified", **changes: Any) -> Event:
    return record(Id=id_, Operation=operation, CreationTime=f"2026-03-04T{clock}", **changes)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([at("12:00:00", "u", "FileUploaded"), at("12:00:02", "m", FileSizeBytes=9)], [("u", 9)]),
        ([at("12:00:00", "u", "FileUploaded", FileSizeBytes=10), at("12:05:00", "m", FileSizeBytes=9)], [("u", 10)]),
        ([at("12:00:00", "u", "FileUploaded"), at("12:05:01", "m", FileSizeBytes=9)], [("u", None), ("m", 9)]),
        (
            [at("12:00:00", "u", "FileUploaded"), at("12:00:02", "m", ListItemUniqueId="item-2")],
            [("u", None), ("m", None)],
        ),
        ([at("12:00:00", "u", "FileUploaded"), at("12:00:02", "m", UserKey="other")], [("u", None), ("m", None)]),
        ([at("12:00:00", "m1", FileSizeBytes=1), at("12:00:02", "m2", FileSizeBytes=2)], [("m1", 1), ("m2", 2)]),
        (
            [
                at("12:00:00", "u1", "FileUploaded", FileSizeBytes=1),
                at("12:03:00", "u2", "FileUploaded", FileSizeBytes=5),
                at("12:03:01", "m", FileSizeBytes=50),
                at("12:03:01", "m", FileSizeBytes=50),
            ],
            [("u1", 1), ("u2", 50)],
        ),
    ],
)
def test_an_upload_and_its_save_are_one(
    tmp_path: Path, lines: list[Event], expected: list[tuple[str, int | None]]
) -> None:
    """Counted apart they double the files; folded too widely they swallow another file's save."""
    con = run(DAY, land(tmp_path, DAY, lines))
    assert con.execute("SELECT event_key, bytes FROM uploads ORDER BY time").fetchall() == expected
    assert sum(counts(con).values()) == len(lines)


def test_a_pair_over_midnight_is_one(tmp_path: Path) -> None:
    """The save of an upload at 23:59 comes on the next day: neither day may count it again."""
    upload = record(Id="u", CreationTime="2026-03-04T23:59:00")
    save = record(Id="m", Operation="FileModified", CreationTime="2026-03-05T00:01:00", FileSizeBytes=9)
    file = land(tmp_path, DAY + timedelta(days=1), [upload, save])
    first, second = run(DAY, file), run(DAY + timedelta(days=1), file)
    assert first.execute("SELECT event_key, bytes FROM uploads").fetchall() == [("u", 9)]
    assert counts(second) == {"another day": 1, "part of another upload": 1}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"UserId": "x_y_else.net#EXT#@example.onmicrosoft.com"}, ("x_y@else.net", "guest")),
        ({"UserId": "urn:spo:guest#Eve@else.net"}, ("eve@else.net", "guest")),
        ({"UserId": "eve@else.net", "UserType": 10}, ("eve@else.net", "guest")),
        ({"UserId": "urn:spo:anon#abc", "UserKey": "anon"}, ("office365:anonymous", "anonymous")),
        ({"UserId": "", "UserKey": ""}, ("office365:anonymous", "anonymous")),
        ({"UserId": "Not Available"}, ("office365:anonymous", "anonymous")),
        ({"UserId": None, "UserKey": None}, ("office365:anonymous", "anonymous")),
        ({"UserId": "SHAREPOINT\\system"}, ("office365:system", "system")),
        ({"UserId": "app@sharepoint"}, ("app@sharepoint", "service")),
        (
            {"UserId": "ServicePrincipal_1-2", "UserKey": "1-2", "UserType": 6},
            ("office365:1-2", "service"),
        ),
        ({"UserId": "some-guid", "UserKey": ""}, ("office365:some-guid", "person")),
        ({"UserId": "partner@else.net"}, ("partner@else.net", "person")),
    ],
)
def test_actor(tmp_path: Path, changes: Event, expected: tuple[str, str]) -> None:
    """Microsoft writes a guest in three ways: as three users, none of them reaches a threshold."""
    con = run(DAY, land(tmp_path, DAY, [record(**changes)]))
    assert con.execute('SELECT "user", actor_class FROM uploads').fetchall() == [expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Operation": "FileSyncUploadedFull"}, "upload"),
        ({"Operation": "FileSyncUploadedPartial"}, "upload"),
        ({"Operation": "FileModified"}, "edit"),
        ({"Operation": "FileModifiedExtended"}, "edit"),
        ({"ItemType": "Folder"}, "not a file"),
        ({"ItemType": None}, "upload"),
        ({"Operation": "FileCopied"}, "copy on the server: no new bytes"),
        ({"Operation": "FileRestored"}, "copy on the server: no new bytes"),
        ({"Operation": "FileMoved"}, "copy on the server: no new bytes"),
        ({"Operation": "FileRenamed"}, "copy on the server: no new bytes"),
        ({"Operation": "FileCheckedIn"}, "copy on the server: no new bytes"),
        ({"Operation": "FolderCreated", "ItemType": "Folder"}, "not an upload or activity"),
        ({"Operation": "FileDownloaded"}, "download"),
        ({"Operation": "FileMalwareDetected", "UserId": "app@sharepoint"}, "provider_alert"),
        ({"Operation": "UnmanagedSyncClientBlocked"}, "provider_alert"),
        ({"Operation": "AlertUpdated"}, "not an upload or activity"),
        ({"Operation": "Add member to role.", "RecordType": 8}, "not an upload or activity"),
        ({"Operation": "CompanyLinkCreated", "RecordType": 14}, "not an upload or activity"),
        ({"Operation": "SharingInvitationCreated", "RecordType": 14}, "share_external"),
        ({"Operation": "FileSyncDownloadedFull"}, "download"),
        ({"Operation": "UserLoggedIn", "RecordType": 15}, "sign_in"),
        ({"Operation": "UserLoginFailed", "ErrorNumber": "50126", "ResultStatus": "Success"}, "sign_in_failed"),
        ({"Operation": "AnonymousLinkCreated", "RecordType": 14}, "share_external"),
        ({"Operation": "AddedToSecureLink", "TargetUserOrGroupType": "Member"}, "not an upload or activity"),
        ({"Operation": "AddedToSecureLink", "TargetUserOrGroupType": "Guest"}, "share_external"),
        ({"Operation": "Something new", "RecordType": "strange"}, "unknown operation"),
    ],
)
def test_operations(tmp_path: Path, changes: Event, expected: str) -> None:
    """A failed sign-in may have the status of a success, and a folder is no file."""
    assert counts(run(DAY, land(tmp_path, DAY, [record(**changes)]))) == {expected: 1}


@pytest.mark.parametrize(
    "when", ["2026-03-04T12:00:00", "2026-03-04T12:00:00Z", "2026-03-04T12:00:00.0000000", "2026-03-04T13:00:00+01:00"]
)
def test_times_without_a_zone_are_utc(tmp_path: Path, when: str) -> None:
    """Microsoft mostly leaves the zone out: read as local time, uploads would move by hours and days."""
    con = run(DAY, land(tmp_path, DAY, [record(CreationTime=when)]))
    assert con.execute("SELECT time FROM uploads").fetchall() == [(datetime(2026, 3, 4, 12),)]


@pytest.mark.parametrize(
    ("kind", "actor_class"),
    [
        *((kind, "person") for kind in (0, 2, "2", 9, 99, "odd", None)),
        *((kind, "system") for kind in (3, 4, 7, 8)),
        *((kind, "app") for kind in (5, "5", "Application")),
        *((kind, "service") for kind in (6, "ServicePrincipal")),
        *((kind, "system") for kind in ("System", "DcAdmin", "SystemPolicy")),
        ("Guest", "guest"),
    ],
)
def test_the_type_of_user_tells_people_from_machines(tmp_path: Path, kind: Any, actor_class: str) -> None:
    """An application's nightly copy counted as a person's would raise an alert every night."""
    con = run(DAY, land(tmp_path, DAY, [record(UserType=kind)]))
    assert con.execute("SELECT actor_class FROM uploads").fetchall() == [(actor_class,)]


@pytest.mark.parametrize(
    ("changes", "ip"),
    [
        ({"ClientIP": "203.0.113.5:50012"}, "203.0.113.5"),
        ({"ClientIP": "[2001:DB8::5]:50012"}, "2001:db8::5"),
        ({"ClientIP": "2001:db8::5"}, "2001:db8::5"),
        ({"ClientIP": "::ffff:203.0.113.5"}, "203.0.113.5"),
        ({"ClientIP": "", "ActorIpAddress": "203.0.113.6"}, "203.0.113.6"),
        ({"ClientIP": None, "ActorIpAddress": "203.0.113.6"}, "203.0.113.6"),
        ({"ClientIP": None}, None),
        ({"ClientIP": "<null>"}, None),
        ({"ClientIP": "Not Available"}, None),
        ({"ClientIP": "[203.0.113.5]:50012"}, "203.0.113.5"),
        ({"ClientIP": "[::ffff:203.0.113.5]:50012"}, "203.0.113.5"),
        ({"ClientIP": "999.1.2.3"}, None),
        ({"ClientIP": "Unknown", "ActorIpAddress": "[203.0.113.6]:1"}, "203.0.113.6"),
        ({"ClientIP": "203.0.113.5", "ActorIpAddress": "203.0.113.5"}, "203.0.113.5"),
        ({"ClientIP": None, "ClientIPAddress": "2001:DB8::6"}, "2001:db8::6"),
        ({"ClientIP": "203.0.113.5", "UserAgent": "MSWAC"}, "203.0.113.5"),
    ],
)
def test_addresses_come_in_many_shapes(tmp_path: Path, changes: Event, ip: str | None) -> None:
    """A port, brackets or no address at all in the field made other collectors drop the record."""
    con = run(DAY, land(tmp_path, DAY, [record(GeoLocation="NAM", **changes)]))
    # Where Microsoft's data centre is says nothing of the user's country.
    assert con.execute("SELECT ip, country FROM uploads").fetchall() == [(ip, None)]


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"FileSizeBytes": 77}, 77),
        ({"FileSizeBytes": "77"}, 77),
        ({"FileSyncBytesCommitted": "78"}, 78),
        ({"FileSyncBytesCommitted": 78}, 78),
        ({"FileSizeBytes": 77, "FileSyncBytesCommitted": "78"}, 77),
        ({"FileSizeBytes": None, "FileSyncBytesCommitted": "78"}, 78),
        ({}, None),
    ],
)
def test_sizes_are_numbers_or_text_or_missing(tmp_path: Path, changes: Event, size: int | None) -> None:
    """Neither field is documented: one is a number and one a text, and both may be missing."""
    con = run(DAY, land(tmp_path, DAY, [record(**changes)]))
    assert con.execute("SELECT bytes FROM uploads").fetchall() == [(size,)]


def test_fields_that_drift_cost_no_record(tmp_path: Path) -> None:
    """Types change from record to record: one odd field must neither lose its record nor those beside it."""
    odd: list[Event] = [
        {"Parameters": "-Identity x", "HighPriorityMediaProcessing": "False", "DoNotDistributeEvent": True},
        {"Parameters": [{"Name": "a", "Value": "b"}], "HighPriorityMediaProcessing": False},
        {"ModifiedProperties": ["Name", "Size"], "ExtendedProperties": [{"Name": "x", "Value": "{}"}]},
        {"ModifiedProperties": [{"Name": "Size", "OldValue": "", "NewValue": "1"}], "DoNotDistributeEvent": "True"},
        {"AppAccessContext": "text", "Version": 2.5, "EventData": "<a>1</a><b>2</b>", "RecordType": "6"},
        {"AppAccessContext": {"ClientAppName": 5, "IssuedAtTime": "1601-01-01T00:00:00"}, "Workload": ["OneDrive"]},
    ]
    con = run(DAY, land(tmp_path, DAY, [record(Id=str(n), **changes) for n, changes in enumerate(odd)]))
    assert counts(con) == {"upload": len(odd)}


def test_a_name_is_found_in_the_address_of_the_file(tmp_path: Path) -> None:
    """Some records carry the whole address only."""
    address = "https://example.sharepoint.com/sites/x/Documents/2026/Plan.final.PPTX"
    con = run(DAY, land(tmp_path, DAY, [record(SourceFileName="", SourceFileExtension="", ObjectId=address)]))
    assert con.execute("SELECT file_name, extension FROM uploads").fetchall() == [("Plan.final.PPTX", "pptx")]


def test_the_same_record_twice_counts_once(tmp_path: Path) -> None:
    """Microsoft repeats records by design, in one blob, in another, and in one published a day later."""
    files = [land(tmp_path, DAY, [record(), record()]), land(tmp_path, DAY + timedelta(days=1), [record()])]
    assert counts(run(DAY, *files)) == {"upload": 1, "duplicate delivery": 2}


@pytest.mark.parametrize(
    ("changes", "user"),
    [
        ({"Data": json.dumps({"f3u": "ada@example.com"}), "Name": "Mass download by a single user"}, "ada@example.com"),
        ({"Data": "{'f3u': 'no JSON'}", "EntityType": "User", "AlertEntityId": "ada@example.com"}, "ada@example.com"),
        ({"Data": "{}", "EntityType": "MailMessage", "AlertEntityId": "<x@y>"}, "office365:system"),
        ({}, "office365:system"),
    ],
)
def test_an_alert_names_its_user_in_a_text_or_as_an_entity(tmp_path: Path, changes: Event, user: str) -> None:
    """Filed under the name of the service that raises them, alerts would never meet the account they warn of."""
    alert = record(Operation="AlertTriggered", RecordType=40, UserId="SecurityComplianceAlerts", UserType=4, **changes)
    con = run(DAY, land(tmp_path, DAY, [alert]))
    assert con.execute('SELECT "user", kind FROM activity').fetchall() == [(user, "provider_alert")]


@pytest.mark.parametrize(
    "changes",
    [
        {"Operation": "Reset user password.", "ObjectId": "Ada@example.com"},
        {"Operation": "Disable Strong Authentication.", "ObjectId": "ada@example.com"},
        {"Operation": "AlertTriggered", "Data": json.dumps({"f3u": "ada@example.com"})},
        {"Operation": "AlertEntityGenerated", "EntityType": "User", "AlertEntityId": "ada@example.com"},
    ],
)
def test_subject_is_the_account_concerned(tmp_path: Path, changes: Event) -> None:
    """An administrator's reset warns of the account that was reset, not of the administrator."""
    con = run(DAY, land(tmp_path, DAY, [record(UserId="root@example.com", **changes)]))
    assert con.execute('SELECT "user", actor_class FROM activity').fetchall() == [("ada@example.com", "person")]


@pytest.mark.parametrize(
    ("changes", "app"),
    [
        ({"UserAgent": "Microsoft SkyDriveSync 24.005 ship; Windows NT 10.0"}, "OneDrive sync (by user agent)"),
        ({"UserAgent": "curl/8.5.0", "ApplicationDisplayName": "Portal"}, "Portal"),
        ({"UserAgent": "curl/8.5.0", "AppAccessContext": {"ClientAppName": "Backup"}}, "Backup"),
        ({"UserAgent": "curl/8.5.0", "ApplicationDisplayName": ""}, "curl (by user agent)"),
        ({"ExtendedProperties": [{"Name": "UserAgent", "Value": "rclone/v1.66"}]}, "rclone (by user agent)"),
        ({"UserAgent": ""}, None),
        (
            {"ApplicationDisplayName": "OneDrive sync (by user agent)"},
            "OneDrive sync (by user agent) told by the provider",
        ),
    ],
)
def test_the_user_agent_names_the_application_where_nothing_else_does(
    tmp_path: Path, changes: Event, app: str | None
) -> None:
    """Real records name no application; a name that the log tells must never pass for a derived one, or the reverse."""
    con = run(DAY, land(tmp_path, DAY, [record(**changes)]))
    assert con.execute("SELECT app FROM uploads").fetchall() == [(app,)]


def test_reading_addresses_and_user_agents_leaves_the_order(tmp_path: Path) -> None:
    """Uploads are stored by time, on which what reads them relies."""
    clients = [("[203.0.113.5]:1", "curl/8"), ("203.0.113.6", ""), ("::1", "rclone/1")] * 19
    lines = [
        at(f"12:{n:02}:00", f"r{n}", "FileUploaded", ListItemUniqueId=f"i{n}", ClientIP=ip, UserAgent=agent)
        for n, (ip, agent) in enumerate(clients)
    ]
    con = run(DAY, land(tmp_path, DAY, lines[::-1]))
    times = [time for (time,) in con.execute("SELECT time FROM uploads").fetchall()]
    assert times == sorted(times)
    assert len(times) == len(lines)


def test_a_size_is_asked_by_site_and_list(tmp_path: Path) -> None:
    """Without site and list the file cannot be found; a pair whose save tells the size leaves nothing to ask."""
    lines = [
        at("12:00:00", "u1", "FileUploaded"),
        at("13:00:00", "u2", "FileUploaded", ListItemUniqueId="item-2"),
        at("13:00:01", "m2", ListItemUniqueId="item-2", FileSizeBytes=9),
        at("14:00:00", "u3", "FileUploaded", ListItemUniqueId="item-3", ListId=None),
    ]
    con = run(DAY, land(tmp_path, DAY, lines))
    assert con.execute("SELECT file_id, asker, site_id, list_id, bytes FROM uploads ORDER BY file_id").fetchall() == [
        ("item-1", "", "site-1", "list-1", None),
        ("item-2", "", "site-1", "list-1", 9),
        ("item-3", None, "site-1", None, None),
    ]
