"""Pseudonyms: tokens that belong together, hide the name, and give it back to the holder of the key."""

from __future__ import annotations

import base64
import re

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.tables import TABLES
from privacy.pseudonyms import COLUMNS, KeyFormatError, Pseudonyms, TokenError

KEY = base64.b64encode(bytes(range(64))).decode()
OTHER = base64.b64encode(bytes(range(1, 65))).decode()
PSEUDONYMS = Pseudonyms(KEY)


@given(st.text())
def test_the_holder_of_the_key_reads_every_token(text):
    """Prevents a name that its token does not give back, and one that two runs name differently."""
    token = PSEUDONYMS.of(text)
    assert PSEUDONYMS.reveal(token) == text
    assert Pseudonyms(KEY).of(text) == token
    assert re.fullmatch(r"pn_[A-Za-z0-9_-]+", token)


@given(st.text(), st.text())
def test_names_and_tokens_are_one_to_one(one, other):
    """Prevents two people who become one, and a key that makes no difference."""
    assert (PSEUDONYMS.of(one) == PSEUDONYMS.of(other)) == (one == other)
    assert Pseudonyms(OTHER).of(one) != PSEUDONYMS.of(one)


@given(st.text(), st.integers(3, 20))
def test_a_changed_token_is_refused(text, place):
    """Prevents a token that was cut, changed or made with another key from being read as somebody else."""
    token = PSEUDONYMS.of(text)
    changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    for wrong in (changed, token[:-6], Pseudonyms(OTHER).of(text), "pn_", "x" + token, "ann@example.com"):
        with pytest.raises(TokenError):
            PSEUDONYMS.reveal(wrong)


@pytest.mark.parametrize("key", ["", "short", "not base64 at all!", base64.b64encode(bytes(20)).decode()])
def test_a_key_of_another_form_is_refused_and_not_shown(key):
    """Prevents a weak key, and one that stands in an error message."""
    with pytest.raises(KeyFormatError) as error:
        Pseudonyms(key)
    assert not key or key not in str(error.value)


def test_a_covered_table_names_nobody():
    """Prevents a name left in an export: in a sentence, in a reason's evidence, in what a reviewer wrote."""
    with duckdb.connect() as con:
        PSEUDONYMS.register(con)
        con.execute(
            """
            CREATE TABLE shown AS SELECT
              'ann' || chr(7) || '@example.com' AS "user",
              'box:ann@example.com' AS person,
              'In three hours, ann' || chr(65533) || '@example.com uploaded 9 files.' AS sentence,
              [{'name': 'risk_list', 'strength': 'strong', 'evidence': 'says bob@example.com'}] AS reasons,
              'bob@example.com' AS reviewed_by, NULL AS review_note,
              'eve@example.com' AS outgrown_by, 'asked bob@example.com' AS outgrown_note, 9 AS files
            """
        )
        PSEUDONYMS.cover(con, "shown", "shown")
        [(row, sentence, user, name, note)] = con.execute(
            'SELECT CAST(shown AS VARCHAR), sentence, "user", reasons[1].name, review_note FROM shown'
        ).fetchall()
    assert "@example.com" not in row
    assert sentence == f"In three hours, {user} uploaded 9 files."
    assert PSEUDONYMS.reveal(user) == "ann\a@example.com"
    assert (name, note) == ("risk_list", None)


def test_why_an_alert_ended_names_nobody_and_keeps_the_other_alert():
    """Prevents an entry of the allow-list that is exported in clear, and a finding that no longer names its group."""
    with duckdb.connect() as con:
        PSEUDONYMS.register(con)
        con.execute(
            """
            CREATE TABLE ledger AS
            SELECT 'ann' AS "user", 'box:7' AS person,
              unnest(['part of alert f', 'allowed by ann (ops: backup)', NULL]) AS reason
            """
        )
        PSEUDONYMS.cover(con, "ledger", "ledger")
        reasons = [reason for (reason,) in con.execute("SELECT reason FROM ledger").fetchall()]
    assert reasons == ["part of alert f", PSEUDONYMS.of("allowed by ann (ops: backup)"), None]


def test_the_sentence_of_a_group_stays_and_an_unexpected_one_is_covered():
    """Prevents a sentence worded otherwise from naming the user in clear."""
    group = "On 2026-01-01, 30 users each uploaded so much with the same application."
    assert PSEUDONYMS.sentence(group, "(many users of box/Rclone)") == group
    assert PSEUDONYMS.sentence("Ann did it", "ann@example.com") == PSEUDONYMS.of("Ann did it")


NAMES_NOBODY = {
    "uploads": {
        *("provider", "event_key", "actor_class", "kind", "operation", "file_id", "version", "extension"),
        *("size_source", "app", "app_id", "country", "label", "visibility"),
    },
    "shown": {
        *("alert_id", "alert_key", "name", "severity", "actor_class", "population", "scope", "metric", "confidence"),
        *("parameters", "rules", "folded_into", "verdict", "providers", "case_id", "outgrown_verdict", "cause"),
    },
    "largest_members": {"alert_id", "largest_by", "member"},
    "revisions": {"alert_id", "state", "name", "severity"},
    "ledger": {"alert_id", "alert_key", "state", "digest"},
    "reviews": {"alert_id", "verdict"},
}
DECLARED = {"shown": "alerts", "ledger": "published"}
MORE = {
    "shown": {
        *("alert_key", "verdict", "reviewed_by", "review_note"),
        *("case_id", "outgrown_verdict", "outgrown_by", "outgrown_note"),
    },
    "ledger": {"alert_key"},
    "largest_members": {"alert_id", "largest_by", "member", "user"},
}
"""Columns of views beside those of the table that they show, if there is one."""


@pytest.mark.parametrize("table", COLUMNS)
def test_every_text_is_pseudonymized_or_known_to_name_nobody(table):
    """Prevents a column that is added later and leaves the lake in clear."""
    declared = TABLES.get(DECLARED.get(table, table), ())
    texts = {column.name for column in declared if "VARCHAR" in column.type} | MORE.get(table, set())
    assert texts - NAMES_NOBODY[table] == set(COLUMNS[table])
