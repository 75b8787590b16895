"""Normalisation of Box events, and what holds for every provider: reading, identity, sizes, days."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import zstandard

from detection.normalise import normalise
from detection.tables import TABLES
from tests.support.memory import connect

DAY = date(2026, 3, 4)
NOON = "2026-03-04T12:00:00Z"
Event = dict[str, Any]


def event(**changes: Any) -> Event:
    """A plain upload, changed."""
    return {
        "type": "event",
        "event_id": "e1",
        "event_type": "UPLOAD",
        "created_at": "2026-03-04T04:00:00-08:00",
        "created_by": {"type": "user", "id": "71", "name": "Ada", "login": "Ada@Example.com"},
        "ip_address": "198.51.100.7",
        "source": {
            "item_type": "file",
            "item_id": "501",
            "item_name": "Plan.Final.PDF",
            "parent": {"type": "folder", "id": "0", "name": "All Files"},
            "owned_by": {"id": "72", "login": "owner@example.com"},
            "classification": {"name": "Confidential"},
        },
        "additional_details": {"size": 1234, "version_id": "9", "service_name": "Box Drive", "service_id": "5000"},
        **changes,
    }


def land(directory: Path, lines: list[Event | bytes], name: str = "0000-2400") -> str:
    path = directory / f"day={DAY}" / f"{name}.ndjson.zst"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(zstandard.ZstdCompressor().compress(text))
    return str(path)


def run(*files: str, domains: tuple[str, ...] = ()) -> duckdb.DuckDBPyConnection:
    con = connect()
    normalise(con, "box", day=DAY, raw_files=files, organisation_domains=domains)
    return con


def rows(con: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, Any]]:
    return con.sql(f"SELECT * FROM {table} ORDER BY ALL").to_arrow_table().to_pylist()


def counts(con: duckdb.DuckDBPyConnection) -> int:
    uploads = con.execute("SELECT count(DISTINCT event_key) FROM uploads").fetchall()[0][0]
    others = con.execute(
        "SELECT (SELECT count(*) FROM activity), (SELECT count(*) FROM rejects), (SELECT sum(events) FROM ignored)"
    ).fetchall()[0]
    return int(uploads + sum(n or 0 for n in others))


def test_upload_is_read_whole(tmp_path: Path) -> None:
    """Every column of an ordinary upload: a swapped path or a time left in Box's zone would show here."""
    con = run(land(tmp_path, [event()]), domains=("example.com",))
    assert rows(con, "uploads") == [
        {
            "provider": "box",
            "event_key": "e1",
            "asset": 0,
            "time": datetime(2026, 3, 4, 12),
            "user_id": "71",
            "user": "ada@example.com",
            "actor_class": "person",
            "kind": "upload",
            "operation": "UPLOAD",
            "file_id": "501",
            "version": "9",
            "file_name": "Plan.Final.PDF",
            "extension": "pdf",
            "folder": "All Files",
            "owner": "owner@example.com",
            "label": "Confidential",
            "visibility": None,
            "bytes": 1234,
            "app": "Box Drive",
            "ip": "198.51.100.7",
            "country": None,
            "app_id": "5000",
            "asker": "71",
            "site_id": None,
            "list_id": None,
            "folder_id": "0",
        }
    ]


@pytest.mark.parametrize("table", ["uploads", "activity", "rejects", "ignored"])
def test_columns_are_those_promised_even_without_files(tmp_path: Path, table: str) -> None:
    """An empty day must give tables of the same columns, or everything downstream fails on the first quiet day."""
    wanted = [(column.name, column.type) for column in TABLES["logged_uploads" if table == "uploads" else table]]
    for con in (run(), run(land(tmp_path, [])), run(land(tmp_path, [event()]))):
        assert [row[:2] for row in con.execute(f"DESCRIBE {table}").fetchall()] == wanted


@pytest.mark.parametrize(
    ("source", "details", "expected"),
    [
        ({"item_type": "folder", "item_id": "1"}, {"service_name": "x"}, "ignored"),
        ({"type": "file", "id": "88", "name": "a.doc"}, {"size": 5}, "uploads"),
        (None, {"size": 5, "version_id": "2"}, "uploads"),
        (None, None, "rejects"),
        ({"type": "user", "id": "71"}, {"size": 5}, "ignored"),
        ("text", {"size": 5}, "uploads"),
        ([1, 2], None, "rejects"),
    ],
)
def test_only_files_are_uploads(tmp_path: Path, source: Any, details: Any, expected: str) -> None:
    """A folder must never count as a file, and an upload without its file must not vanish."""
    con = run(land(tmp_path, [event(source=source, additional_details=details)]))
    assert len(rows(con, expected)) == 1
    assert counts(con) == 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, 0),
        ("488936", 488936),
        (1 << 50, 1 << 50),
        ((1 << 50) + 1, None),
        (1 << 70, None),
        (-1, None),
        (1.5, None),
        ("1e3", None),
        ("many", None),
        (None, None),
        ({"bytes": 1}, None),
        (True, None),
    ],
)
def test_size_is_a_whole_number_or_unknown(tmp_path: Path, size: Any, expected: int | None) -> None:
    """A rounded, negative or absurd size would be summed as if it were true; an unknown one is never zero."""
    (row,) = rows(run(land(tmp_path, [event(additional_details={"size": size})])), "uploads")
    assert row["bytes"] == expected


def test_details_as_text_are_opened(tmp_path: Path) -> None:
    """Some hand on the details as a JSON text: read as an object only, the size would be lost."""
    details = json.dumps({"size": 77, "version_id": "v"})
    (row,) = rows(run(land(tmp_path, [event(additional_details=details), event(event_id="e2")])), "uploads")[:1]
    assert (row["bytes"], row["version"]) == (77, "v")


@pytest.mark.parametrize(
    ("actor", "domains", "user", "actor_class"),
    [
        ({"id": 71, "login": "ada@example.com"}, (), "ada@example.com", "person"),
        ({"id": "5", "login": "eve@else.net"}, (), "eve@else.net", "person"),
        ({"id": "5", "login": "eve@else.net"}, ("Example.com",), "eve@else.net", "guest"),
        ({"id": "2", "name": "Unknown User", "login": ""}, (), "box:anonymous", "anonymous"),
        (None, (), "box:anonymous", "anonymous"),
        ([1], (), "box:anonymous", "anonymous"),
        ({"id": "9"}, ("example.com",), "box:9", "person"),
        (
            {"id": "7", "login": "AutomationUser_1_x@boxdevedition.com"},
            ("example.com",),
            "automationuser_1_x@boxdevedition.com",
            "service",
        ),
    ],
)
def test_actor(tmp_path: Path, actor: Any, domains: tuple[str, ...], user: str, actor_class: str) -> None:
    """Anonymous and service accounts merged with people would drown or hide a person's burst."""
    (row,) = rows(run(land(tmp_path, [event(created_by=actor)]), domains=domains), "uploads")
    assert (row["user"], row["actor_class"]) == (user, actor_class)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Unknown IP", None),
        ("", None),
        (12, None),
        ("203.0.113.9:443", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[2001:DB8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("javascript:alert(1)", None),
    ],
)
def test_address_is_cleaned(tmp_path: Path, given: Any, expected: str | None) -> None:
    """A port or a word in the address made other collectors drop the event."""
    assert rows(run(land(tmp_path, [event(ip_address=given)])), "uploads")[0]["ip"] == expected


@pytest.mark.parametrize("when", ["yesterday", "", 1772625600, None, "infinity", "2026-03-04T25:00:00Z", {"a": 1}])
def test_unreadable_time_is_a_reject(tmp_path: Path, when: Any) -> None:
    """An event without a day belongs nowhere: it must be shown, not lost and not an exception."""
    con = run(land(tmp_path, [event(created_at=when), event(event_id="e2")]))
    (reject,) = rows(con, "rejects")
    assert reject["reason"] == "time cannot be read"
    assert (reject["event_key"], reject["day"]) == ("e1", DAY)
    assert json.loads(reject["event"])["event_id"] == "e1"
    assert counts(con) == 2


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b'{"event_id": "cut',
        b"[1, 2]",
        b'"text"',
        b"null",
        b"{}",
        b'{"uploadwatch_not_an_object": "x"}',
        b'{"a": "\xff\xfe"}',
        b'{"a": "\x00"}',
        b"[" * 4000 + b"]" * 4000,
        b'{"type":"error","status":429}',
    ],
)
def test_line_that_is_no_event_is_a_reject(tmp_path: Path, line: bytes) -> None:
    """One bad line must neither stop the file nor disappear."""
    con = run(land(tmp_path, [event(), line, event(event_id="e2")]))
    assert len(rows(con, "uploads")) == 2
    (reject,) = rows(con, "rejects")
    assert reject["event"]
    assert len(reject["event"]) <= 4000


def test_half_a_character_in_a_name_does_not_hide_the_upload(tmp_path: Path) -> None:
    """A name with a lone surrogate makes the line no JSON for DuckDB: an easy way to hide an upload."""
    line = json.dumps(event()).replace("Plan.Final", "Plan\\ud800").encode()
    assert [row["file_name"] for row in rows(run(land(tmp_path, [line])), "uploads")] == ["Plan\ufffd.PDF"]


def test_names_are_kept_as_they_are(tmp_path: Path) -> None:
    """Markup, control characters and long names are data; cutting or refusing them would lose evidence."""
    names = ["<img src=x onerror=alert(1)>.html", "a\x00b\x01.txt", "n" * 10_000, "\u202egnp.exe", "合同 📄.pdf"]
    events = [event(event_id=str(n), source={"item_type": "file", "item_name": name}) for n, name in enumerate(names)]
    found = {row["file_name"]: row["extension"] for row in rows(run(land(tmp_path, [*events])), "uploads")}
    assert found == dict(zip(names, ["html", "txt", "", "exe", "pdf"], strict=True))


def test_all_ways_of_reading_agree(tmp_path: Path) -> None:
    """A bad line sends its file to a slower reader: what that makes of the good lines must be the same."""
    events: list[Event | bytes] = [
        event(event_id=f"{n}", **{key: value})
        for n, (key, value) in enumerate(
            (key, value)
            for key in ("created_by", "source", "additional_details", "ip_address", "accessible_by", "event_type")
            for value in (None, 7, 1.50, True, "x", [], [{"a": 1}], {}, {"id": 1.0, "size": 1e3, "login": ["x"]})
        )
    ]
    fast = run(land(tmp_path, events, "fast"))
    by_text = run(land(tmp_path, [*events, b"{}"], "text"))
    by_line = run(land(tmp_path, [*events, b"{"], "line"))
    assert rows(fast, "uploads")
    for table in ("uploads", "activity", "ignored"):
        assert rows(fast, table) == rows(by_text, table) == rows(by_line, table)


def test_a_repeated_event_counts_once_and_the_same_in_any_order(tmp_path: Path) -> None:
    """Overlapping pulls deliver twice; which copy is taken must not depend on the order of the files."""
    one, other = event(), event(source={"item_type": "file", "item_id": "502", "item_name": "b"})
    first, second = land(tmp_path, [one, one], "a"), land(tmp_path, [other, event(event_id="e2")], "b")
    forward, backward = run(first, second), run(second, first)
    stored = [con.sql("SELECT * FROM uploads").to_arrow_table() for con in (forward, backward)]
    assert stored[0].equals(stored[1])  # in the order of the rows, too: the files are equal to the byte
    assert [row["event_key"] for row in rows(forward, "uploads")] == ["e1", "e2"]
    assert rows(forward, "ignored") == [{"reason": "duplicate delivery", "events": 2}]


def test_what_is_stored_depends_on_nothing_else_that_was_delivered(tmp_path: Path) -> None:
    """Rows in another order make other files, and days are computed again for the sake of what counts for nothing."""
    events = [event(event_id=f"e{n}", created_at=f"2026-03-04T{n % 24:02d}:00:00Z") for n in range(50)]
    events += [event(event_id=f"d{n}", event_type="DOWNLOAD", created_at="2026-03-04T09:00:00Z") for n in range(20)]
    nothing: list[Event | bytes] = [event(event_id=f"o{n}", event_type="ITEM_OPEN") for n in range(30)]

    def stored(*files: str) -> list[pa.Table]:
        con = run(*files)
        found = [con.sql(f"SELECT * FROM {table}").to_arrow_table() for table in ("uploads", "activity")]
        times = found[0]["time"].to_pylist()
        assert times == sorted(times)
        return found

    plain = stored(land(tmp_path, [*events], "plain"))
    assert [len(table) for table in plain] == [50, 20]
    assert stored(land(tmp_path, [*reversed(events)], "backward")) == plain
    assert stored(land(tmp_path, [*nothing, *events], "ignored")) == plain
    assert stored(land(tmp_path, [*events, *events[:9], *events[-9:]], "repeated")) == plain
    assert stored(land(tmp_path, [b"{", *events, b"{}"], "rejected")) == plain
    assert stored(land(tmp_path, [b"{", *events[:30]], "a"), land(tmp_path, [*events[30:]], "b")) == plain


def test_an_event_without_an_id_gets_one_from_its_text(tmp_path: Path) -> None:
    """Without an id two different events would be taken for one."""
    plain = {key: value for key, value in event().items() if key != "event_id"}
    con = run(land(tmp_path, [plain, {**plain, "ip_address": "198.51.100.8"}, plain]))
    keys = [row["event_key"] for row in rows(con, "uploads")]
    assert len(set(keys)) == 2
    assert all(key.startswith("sha256-") for key in keys)
    assert counts(con) == 3


def test_another_day_is_told(tmp_path: Path) -> None:
    """The bounds of a pull may be inclusive: an event of the next midnight belongs to the next day."""
    con = run(land(tmp_path, [event(), event(event_id="e2", created_at="2026-03-05T00:00:00Z")]))
    assert len(rows(con, "uploads")) == 1
    assert rows(con, "ignored") == [{"reason": "another day", "events": 1}]


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("EDIT", "edit"),
        ("ITEM_UPLOAD", "upload"),
        ("DOWNLOAD", "download"),
        ("DELETE", "delete"),
        ("LOGIN", "sign_in"),
        ("FAILED_LOGIN", "sign_in_failed"),
        ("ADD_LOGIN_ACTIVITY_DEVICE", "new_device"),
        ("DISABLE_MULTI_FACTOR_AUTH", "mfa_disabled"),
        ("ENABLE_TWO_FACTOR_AUTH", "credentials_changed"),
        ("EMAIL_ALIAS_CONFIRM", "credentials_changed"),
        ("ITEM_SHARED_UPDATE", "share_external"),
        ("FILE_MARKED_MALICIOUS", "provider_alert"),
        ("COPY", "copy on the server: no new bytes"),
        ("UNDELETE", "copy on the server: no new bytes"),
        ("PREVIEW", "not an upload or activity"),
        ("SOMETHING_NEW", "unknown operation"),
    ],
)
def test_operations(tmp_path: Path, operation: str, kind: str) -> None:
    """What counts as an upload: a copy or a restore brings no bytes and would raise false alerts."""
    con = run(land(tmp_path, [event(event_type=operation)]))
    told = [row["kind"] for row in rows(con, "uploads") + rows(con, "activity")]
    assert (told or [row["reason"] for row in rows(con, "ignored")]) == [kind]


@pytest.mark.parametrize(
    ("login", "domains", "external"),
    [
        ("bo@partner.net", ("example.com",), True),
        ("bo@example.com", ("example.com",), False),
        ("bo@example.com", (), False),
        ("bo@partner.net", (), True),
        (None, (), False),
    ],
)
def test_sharing_inside_is_not_external(
    tmp_path: Path, login: str | None, domains: tuple[str, ...], external: bool
) -> None:
    """Every invitation of a colleague would make its sender look suspicious."""
    invite = event(event_type="COLLABORATION_INVITE", accessible_by={"login": login})
    found = rows(run(land(tmp_path, [invite]), domains=domains), "activity")
    assert [row["kind"] for row in found] == ["share_external"] * external


def test_an_alert_is_about_its_subject(tmp_path: Path) -> None:
    """A Shield alert comes from an unknown user; filed there it would never meet the account it warns of."""
    alert = event(
        event_type="SHIELD_ALERT",
        source=None,
        created_by={"id": "2", "name": "Unknown User", "login": ""},
        additional_details={"shield_alert": {"rule_name": "Odd place", "user": {"id": 71, "email": "ada@example.com"}}},
    )
    (row,) = rows(run(land(tmp_path, [alert])), "activity")
    assert (row["user"], row["user_id"], row["detail"]) == ("ada@example.com", "71", "Box Shield: Odd place")


def test_a_size_is_asked_in_the_name_of_an_own_account(tmp_path: Path) -> None:
    """Box takes only the organisation's own accounts to act as: a guest's upload is its owner's to see."""
    own, guest = event(), event(event_id="e2", created_by={"id": "81", "login": "eve@else.net"})
    found = rows(run(land(tmp_path, [own, guest]), domains=("example.com",)), "uploads")
    assert [(row["asker"], row["folder_id"], row["version"]) for row in found] == [("71", "0", "9"), ("72", "0", "9")]


def test_what_is_left_behind_needs_no_file_and_settings_stay(tmp_path: Path) -> None:
    """A leftover view of a file that is gone breaks the connection's next query over it."""
    file = land(tmp_path, [event(), b"{"])
    con = run(file)
    Path(file).unlink()
    own = "database_name IN ('temp', current_database()) AND NOT internal"
    tables = con.execute(f"SELECT table_name FROM duckdb_tables() WHERE {own}").fetchall()
    assert {name for (name,) in tables} == {"events", "rejects", "ignored", "counts", "seen_accounts"}
    views = con.execute(f"SELECT view_name FROM duckdb_views() WHERE {own}").fetchall()
    assert {name for (name,) in views} == {"uploads", "activity"}
    assert (len(rows(con, "uploads")), len(rows(con, "activity"))) == (1, 0)
    assert con.execute("SELECT current_setting('preserve_insertion_order')").fetchall() == [(True,)]


def test_unknown_provider() -> None:
    """A misspelt provider must be named, not fail on a missing query."""
    with pytest.raises(ValueError, match="dropbx"):
        normalise(connect(), "dropbx", day=DAY, raw_files=[], organisation_domains=[])


@pytest.mark.parametrize("odd", ["Secret", ["Secret"], 7, {"title": "Secret"}, None])
def test_a_classification_of_another_shape_costs_nothing_else(tmp_path: Path, odd: Any) -> None:
    """Prevents an upload that is lost, or loses its owner, because its classification comes in an unknown shape."""
    source = event()["source"] | {"classification": odd}
    [row] = rows(run(land(tmp_path, [event(source=source)])), "uploads")
    assert (row["owner"], row["bytes"], row["label"]) == ("owner@example.com", 1234, None)
