"""Normalisation of Office 365 records: days of publication, pairs of records, many kinds of users."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

from detection.normalise import normalise

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
    con = duckdb.connect()
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
    con = run(DAY, land(tmp_path, DAY, [record(FileSizeBytes=77)]))
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
            "bytes": 77,
            "app": None,
            "ip": "203.0.113.5",
            "country": None,
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
        ({"Operation": "FileModifiedExtended"}, "edit"),
        ({"ItemType": "Folder"}, "not a file"),
        ({"Operation": "FileCopied"}, "copy on the server: no new bytes"),
        ({"Operation": "FileSyncDownloadedFull"}, "download"),
        ({"Operation": "UserLoggedIn", "RecordType": 15}, "sign_in"),
        ({"Operation": "UserLoginFailed", "RecordType": 15, "ResultStatus": "Success"}, "sign_in_failed"),
        ({"Operation": "AnonymousLinkCreated", "RecordType": 14}, "share_external"),
        ({"Operation": "AddedToSecureLink", "TargetUserOrGroupType": "Member"}, "not an upload or activity"),
        ({"Operation": "AddedToSecureLink", "TargetUserOrGroupType": "Guest"}, "share_external"),
        ({"Operation": "Something new", "RecordType": "strange"}, "not an upload or activity"),
    ],
)
def test_operations(tmp_path: Path, changes: Event, expected: str) -> None:
    """A failed sign-in may have the status of a success, and a folder is no file."""
    assert counts(run(DAY, land(tmp_path, DAY, [record(**changes)]))) == {expected: 1}


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


def test_the_office_server_is_nowhere(tmp_path: Path) -> None:
    """The address of Microsoft's own server would look like a new place of the user."""
    con = run(DAY, land(tmp_path, DAY, [record(UserAgent="MSWAC", ClientIP="52.108.0.1")]))
    assert con.execute("SELECT ip FROM uploads").fetchall() == [(None,)]


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
