"""Texts by which a person is found: plain, in JSON, in a web address, and never in somebody else's address."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from urllib.parse import quote

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.erasure.everywhere import forget_database
from privacy.erasure.person import Person
from privacy.erasure.rows import forget_parquet

ANN = Person("ann@example.com", ["ann@example.com"])
STRICT = Person("ann@example.com", ["ann@example.com"], strict=True)
QUOTED = Person("o'\"neil@exämple.com", ["o'\"neil@exämple.com"])


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com",
        "ANN@Example.COM",
        "shared with ann@example.com.",
        "ann@example.com,ann@example.com;ann@example.com",
        json.dumps("a\nann@example.com\tb"),
        json.dumps("\x01ann@example.com"),
        "https://x/personal?user=" + quote("ann@example.com"),
        "<ann@example.com>",
        "ann@example.com-notes",
    ],
)
def test_the_person_is_found_and_replaced_everywhere(text):
    """Prevents an address that stays because of what stands beside it."""
    assert ANN.named_in(text)
    assert "ann@example" not in ANN.redacted(text).lower()
    assert "forgotten" in ANN.redacted(text)


@pytest.mark.parametrize(
    "text", ["joann@example.com", "x.ann@example.com", "ann@example.company", "ann @example.com", ""]
)
def test_somebody_else_is_left_alone(text):
    """Prevents a longer address from being taken for the person's."""
    assert not ANN.named_in(text)
    assert ANN.redacted(text) == text


def test_where_an_address_goes_on_as_another_it_is_not_touched():
    """Prevents ann@example.com.au from being renamed where she exists, and a mailbox file from being kept where not."""
    assert STRICT.redacted("ann@example.com.au and ann@example.com.") == "ann@example.com.au and forgotten."
    assert ANN.redacted("ann@example.com.pst") == "forgotten.pst"


@given(st.text(), st.text())
def test_an_address_with_quotes_and_letters_beyond_ascii_is_found_in_json(before, after):
    """Prevents an address that JSON writes otherwise from staying in a raw event."""
    for text in (json.dumps(QUOTED.user), json.dumps(QUOTED.user, ensure_ascii=False)):
        line = f"{json.dumps(before)} {text} {json.dumps(after)}"
        assert QUOTED.named_in(line)
        assert "neil@" not in QUOTED.redacted(line) or "neil@" in before + after


def test_rows_of_others_keep_all_but_the_name(tmp_path):
    """Prevents a nested text, a map or a list that keeps the name, and values of other types that change."""
    path = tmp_path / "part.parquet"
    with duckdb.connect() as con:
        con.execute(
            f"""
            COPY (
              SELECT 'bob@example.com' AS "user", MAP {{'for ann@example.com': 2}} AS apps, 7 AS files,
                [{{'name': 'r', 'evidence': 'ann@example.com, ann@example.com'}}] AS reasons,
                {{'at': TIMESTAMP '2026-01-01', 'who': 'Ann@example.com'}} AS held, NULL::VARCHAR[] AS none
              UNION ALL SELECT 'ann@example.com', MAP {{}}, 9, [], NULL, NULL
              UNION ALL SELECT NULL, NULL, 1, NULL, NULL, NULL
            ) TO '{path}' (FORMAT parquet)
            """
        )
        assert forget_parquet(con, path, ANN, write=False) == (1, 1)
        assert forget_parquet(con, path, ANN, write=True) == (1, 1)
        assert forget_parquet(con, path, ANN, write=True) == (0, 0)
        rows = con.execute(f"SELECT * FROM '{path}' ORDER BY files DESC").fetchall()
        types = con.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
    assert rows[0][:4] == (
        "bob@example.com",
        {"for forgotten": 2},
        7,
        [{"name": "r", "evidence": "forgotten, forgotten"}],
    )
    assert rows[0][4]["who"] == "forgotten"
    assert rows[1] == (None, None, 1, None, None, None)
    assert [kind for _, kind, *_ in types][1] == "MAP(VARCHAR, INTEGER)"


def test_records_in_sqlite_lose_the_alert_and_the_name_to_the_last_page(tmp_path):
    """Prevents a message about the person that waits to be sent, and pages of the file that keep what was replaced."""
    path = tmp_path / "records.db"
    ann = Person("ann@example.com", ["ann@example.com"], alert_ids=["a1"])
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("CREATE TABLE messages (alert_id TEXT, body TEXT, size INTEGER)")
        bodies = [("a1", "three hours"), ("a2", "shared with Ann@example.com"), ("a2", "joann@example.com")]
        con.executemany("INSERT INTO messages VALUES (?, ?, 7)", bodies)
        con.executemany("INSERT INTO messages VALUES ('a1', ?, 7)", [["ann@example.com " * 200]] * 50)
        con.commit()
    before = path.read_bytes()
    assert forget_database(path, ann, write=False) == (51, 1)
    assert path.read_bytes() == before
    assert forget_database(path, ann, write=True) == (51, 1)
    assert forget_database(path, ann, write=True) == (0, 0)
    with closing(sqlite3.connect(path)) as con:
        assert con.execute("SELECT * FROM messages").fetchall() == [
            ("a2", "shared with forgotten", 7),
            ("a2", "joann@example.com", 7),
        ]
    for file in tmp_path.iterdir():
        assert b"ann@example.com" not in file.read_bytes().lower().replace(b"joann@", b"")
