"""Exported rows: the OCSF mapping of hostile uploads, the check of every row, and cells that are no formulas."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from detection.tables import TABLES, empty
from exports.mapping import csv_header, csv_line, json_line, map_uploads
from exports.ocsf_validation import check, schema
from tests.support.memory import connect

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HOSTILE = st.one_of(
    TEXT,
    st.sampled_from(
        ["", '"', "\\", '{"size": 1}', "a\nb", "\x00", "\u2028", "=1+1", "a@b", "a@b.c\n", "é@example.com", "999.1.1.1"]
    ),
)
ADDRESS = st.one_of(
    st.ip_addresses().map(str), st.from_regex(r"[0-9a-f:]{2,40}", fullmatch=True), st.just("::ffff:1"), HOSTILE
)
UPLOAD = st.fixed_dictionaries(
    {
        "event_key": TEXT.filter(bool),
        "user": st.one_of(st.emails().map(str.lower), HOSTILE),
        "user_id": st.none() | HOSTILE,
        "actor_class": st.sampled_from(["person", "service", "app", "guest", "anonymous", "system"]),
        "kind": st.sampled_from(["upload", "edit"]),
        "operation": HOSTILE,
        "file_id": st.none() | HOSTILE,
        "file_name": st.none() | HOSTILE,
        "extension": HOSTILE,
        "folder": st.none() | HOSTILE,
        "owner": st.none() | HOSTILE,
        "bytes": st.none() | st.integers(0, 2**50),
        "size_source": st.sampled_from(["log", "unknown"]),
        "app": st.none() | HOSTILE,
        "ip": st.none() | ADDRESS,
        "country": st.none() | st.just("DE"),
    }
)


def given_uploads(con: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    """Make the table of uploads, as the lake has it."""
    con.execute(f"CREATE OR REPLACE TABLE uploads AS {empty('uploads')}")
    full = [
        {**dict.fromkeys(column.name for column in TABLES["uploads"])}
        | {"provider": "box", "asset": 0, "time": datetime(2026, 1, 1, 9)}
        | row
        for row in rows
    ]
    con.register("given", pa.Table.from_pylist(full))
    con.execute("INSERT INTO uploads BY NAME FROM given")
    con.unregister("given")


def lines(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The uploads as JSON lines, kept in the table exported, too."""
    map_uploads(con)
    con.execute(
        f"CREATE OR REPLACE TABLE exported AS SELECT {json_line(con, 'file_hosting')} AS line FROM file_hosting"
    )
    return [line for (line,) in con.execute("SELECT line FROM exported").fetchall()]


@settings(max_examples=30)
@given(rows=st.lists(UPLOAD, min_size=1, max_size=8))
def test_hostile_uploads_are_valid_ocsf(rows):
    """Prevents a file name, an address or a client that breaks a line of JSON, or makes it invalid for the receiver."""
    validator = Draft202012Validator(schema("file_hosting"))
    with connect() as con:
        given_uploads(con, rows)
        found = [json.loads(line) for line in lines(con)]
        assert [error.message for row in found for error in validator.iter_errors(row)] == []
        assert check(con, "exported", "file_hosting").faults == ()
    by_key = {row["event_key"]: row for row in rows}
    for row in found if len(by_key) == len(rows) else []:
        given_row = by_key[row["metadata"]["original_event_uid"]]
        assert row["actor"]["user"]["name"] == given_row["user"]
        assert row["file"].get("size") == given_row["bytes"]
        assert row["file"].get("parent_folder") == given_row["folder"]


def test_an_unknown_size_is_absent():
    """Prevents an unknown size that a receiver would sum up as zero, and a true zero that is lost."""
    with connect() as con:
        given_uploads(
            con, [{"event_key": "a", "bytes": None, "user": "u"}, {"event_key": "b", "bytes": 0, "user": "u"}]
        )
        unknown, none = (json.loads(line) for line in lines(con))
    assert "size" not in unknown["file"]
    assert none["file"]["size"] == 0


def test_what_is_no_address_is_in_no_field_of_addresses():
    """Prevents a made-up IP address where there is none, and rows without a source, which the schema refuses."""
    with connect() as con:
        given_uploads(
            con,
            [
                {"event_key": "a", "user": "x@example.com", "ip": "300.1.1.1", "app": "Rclone"},
                {"event_key": "b", "user": "o'neil@example.com", "ip": "2001:db8::1"},
                {"event_key": "c", "user": "ü@example.com", "ip": None, "app": None},
            ],
        )
        first, second, third = (json.loads(line) for line in lines(con))
    assert first["src_endpoint"] == {"svc_name": "Rclone"}
    assert second["src_endpoint"] == {"ip": "2001:db8::1"}
    assert second["actor"]["user"]["email_addr"] == "o'neil@example.com"
    assert third["src_endpoint"] == {"svc_name": "box"}
    assert "email_addr" not in third["actor"]["user"]


WRONG = st.sampled_from(
    [
        ("activity_id", 42),
        ("activity_id", "1"),
        ("time", "now"),
        ("severity_id", 1.5),
        ("severity_id", 1.0),
        ("unknown", 1),
        ("src_endpoint", {}),
        ("src_endpoint", {"ip": "1.2.3"}),
        ("src_endpoint", {"intermediate_ips": ["1.2.3.4", "x"]}),
        ("src_endpoint", {"ip": "1.2.3.4", "port": 70000}),
        ("file", {"name": "a", "type_id": 77}),
        ("file", None),
        ("actor", {"user": {"email_addr": "a@b.cd"}}),
        ("actor", {"user": {"name": "a", "email_addr": "a b"}}),
        ("http_request", {"x_forwarded_for": ["1.2.3.4"]}),
        ("observables", [{"type_id": 1}, {}]),
        ("unmapped", {"any": [1.5, None]}),
    ]
)


@settings(max_examples=40)
@given(changes=st.lists(st.lists(WRONG, max_size=2), min_size=1, max_size=6))
def test_the_check_by_shapes_is_the_check_of_every_row(changes):
    """Prevents a fault that the check passes over because another row of the same shape is well."""
    validator = Draft202012Validator(schema("file_hosting"))
    with connect() as con:
        given_uploads(con, [{"event_key": "a", "user": "a@example.com", "ip": "10.0.0.1"}])
        [line] = lines(con)
        rows = [json.loads(line) | dict(change) for change in changes]
        con.execute("CREATE OR REPLACE TABLE exported (line JSON)")
        con.executemany("INSERT INTO exported VALUES (?)", [[json.dumps(row)] for row in rows])
        verdict = check(con, "exported", "file_hosting")
    assert verdict.rows == len(rows)
    assert bool(verdict.faults) == any(not validator.is_valid(row) for row in rows)


def test_a_fault_is_told_with_its_place_and_without_the_value():
    """Prevents a check that names a person, or does not say where to look."""
    with connect() as con:
        given_uploads(con, [{"event_key": "a", "user": "a@example.com", "ip": "10.0.0.1"}])
        [line] = lines(con)
        rows = [line.replace('"email_addr":"a@example.com"', '"email_addr":"secret name"'), line]
        con.execute("CREATE OR REPLACE TABLE exported (line JSON)")
        con.executemany("INSERT INTO exported VALUES (?)", [[row] for row in rows])
        assert check(con, "exported", "file_hosting").faults == ("/actor/user/email_addr: breaks pattern in 1 row",)


@settings(max_examples=30)
@given(
    cells=st.lists(st.none() | HOSTILE | st.sampled_from(["=A1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1"]), max_size=8)
)
def test_no_cell_is_a_formula(tmp_path_factory, cells):
    """Prevents a file name that a spreadsheet runs, and one that comes out as another name."""
    path = Path(tmp_path_factory.getbasetemp()) / "cells.csv"
    with connect() as con:
        con.execute("CREATE TABLE named (name VARCHAR, size BIGINT)")
        if cells:
            con.executemany("INSERT INTO named VALUES (?, -1)", [[cell] for cell in cells])
        lines = con.execute(f"SELECT {csv_line(con, 'named')} FROM named").fetchall()
        text = csv_header(con, "named") + "".join(f"{line}\n" for (line,) in lines)
        path.write_text(text, encoding="utf-8", newline="")
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(line.replace("\0", "\ufffd") for line in file))
    assert len(found) == len(cells)
    for row, cell in zip(found, cells, strict=True):
        text = (cell or "").replace("\0", "\ufffd")
        assert row["name"][:1] not in ("=", "+", "-", "@", "\t", "\r", "＝")
        assert row["name"] in (text, f"'{text}")
        assert row["size"] == "-1"


def test_there_is_a_check_only_for_classes_that_exist():
    """Prevents a misspelt class that every row would be valid by."""
    with pytest.raises(ValueError, match="no_such_class"):
        schema("no_such_class")
