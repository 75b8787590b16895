"""Risk indicators: the queries, the rule and the docs name the same, and one that is not known stops nothing."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from detection import reasons
from detection.dependencies import dependencies
from detection.reasons import REASONS, is_suspicious, known_only
from detection.sql import load
from detection.suspicion import find_reasons
from tests.support.made_alert import ABROAD, event, found
from tests.support.made_alert import OPENS as ALERT_OPENS

ROOT = Path(__file__).resolve().parents[3]
FUTURE = "seen_on_the_moon"


@pytest.fixture(autouse=True)
def _nothing_logged_yet():
    reasons.log_unknown.cache_clear()


def said_by(query: str) -> set[str]:
    """Return the indicators that a query's first line names."""
    names, colon, _ = load(query).splitlines()[0].removeprefix("-- ").partition(": ")
    found = re.fullmatch(r"[a-z_]+(, [a-z_]+)*", names)
    return set(names.split(", ")) if colon and found else set()


def test_queries_and_rule_name_the_same_indicators():
    """Prevents an indicator that is found and not declared, or declared and never found."""
    told: list[str] = []
    for query in dependencies(find_reasons).queries:
        if not query.startswith("reasons/"):
            continue
        text = "\n".join(line for line in load(query).splitlines() if not line.startswith("--"))
        literals = {name for name in re.findall(r"'([a-z_]+)'", text) if name in REASONS}
        named = set(re.findall(r"'([a-z_]+)' AS name\b", text))
        assert named <= said_by(query), query
        assert said_by(query) <= literals, query
        told += said_by(query)
    assert sorted(told) == sorted(REASONS)


def test_every_query_of_an_indicator_is_run():
    """Prevents a query file that nothing runs."""
    there = {
        f"reasons/{file.name.removesuffix('.sql')}" for file in files("detection").joinpath("sql/reasons").iterdir()
    }
    assert there <= set(dependencies(find_reasons).queries)


def test_docs_and_rule_name_the_same_indicators():
    """Prevents docs/alerts.md from explaining an indicator that is gone, or leaving one out."""
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (strong|weak) \| (\w+) \|", text, flags=re.MULTILINE)
    assert sorted(rows) == sorted((name, each.strength, each.about) for name, each in REASONS.items())


def test_an_unknown_indicator_counts_for_nothing(caplog: pytest.LogCaptureFixture):
    """Prevents one name that this version does not know from stopping the alerts of everybody."""
    with caplog.at_level(logging.WARNING):
        assert not is_suspicious([FUTURE])
        assert not is_suspicious([FUTURE, "first_country"])
        assert is_suspicious([FUTURE, "risk_list"])
        assert known_only([FUTURE, "first_country", FUTURE]) == ["first_country"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert FUTURE in caplog.text


def test_a_query_that_finds_an_undeclared_indicator_stops_no_alert(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Prevents a query that is ahead of the rule from failing the alerts of every day."""
    extra: dict[str, Any] = event("mfa_disabled", ALERT_OPENS - timedelta(minutes=10))
    assert {"first_country", "mfa_disabled"} <= set(found(ABROAD, extra))
    monkeypatch.delitem(REASONS, "mfa_disabled")
    with caplog.at_level(logging.WARNING):
        left = found(ABROAD, extra)
        found(ABROAD, extra)
    assert "first_country" in left
    assert "mfa_disabled" not in left
    assert len([record for record in caplog.records if "mfa_disabled" in record.message]) == 1
