"""Meaning of ``least`` and ``greatest`` in the rules: the same where an engine skips NULL and where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from detection import sql
from detection.sql import load
from tests.support.organisation import GB, Hour, at, burst, evaluated, ordinary, played

SQL = Path(sql.__file__).parent / "sql"
QUERIES = sorted(path.relative_to(SQL).with_suffix("").as_posix() for path in SQL.rglob("*.sql"))
JUDGING = [name for name in QUERIES if "/" not in name]


def strict(text: str) -> str:
    """The query with NULL wherever an argument of ``least`` or ``greatest`` is NULL."""
    tree = sqlglot.parse_one(text, read="duckdb")
    for node in list(tree.find_all(exp.Least, exp.Greatest)):
        arguments = [node.this, *node.expressions]
        unknown = exp.or_(*(exp.Is(this=each.copy(), expression=exp.Null()) for each in arguments))
        node.replace(exp.Case(ifs=[exp.If(this=unknown, true=exp.Null())], default=node.copy()))
    return tree.sql(dialect="duckdb")


@pytest.fixture
def organisation() -> list[Hour]:
    """People of whom some upload by bytes alone, and some without known sizes."""
    rows: list[Hour] = ordinary(people=60)
    rows += [("box", f"video{n}@example.com", "people", at(6 + n % 7), 3, (20 + n) * GB) for n in range(9)]
    rows += [("box", f"notes{n}@example.com", "people", at(6 + n % 7), 900 + 40 * n, None) for n in range(9)]
    return [*rows, burst("person003@example.com", at(12))]


@pytest.mark.sampled
def test_null_means_the_same_to_every_engine(organisation: list[Hour], monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a score that is not known from becoming the other argument on one engine, and NULL on another."""
    usual = evaluated(organisation)
    assert usual
    strictly = {name: strict(load(name)) for name in JUDGING}
    monkeypatch.setattr(sql, "load", strictly.__getitem__)
    assert evaluated(organisation) == usual


def test_a_user_day_without_a_score_by_files_is_not_calibrated_by_files(organisation: list[Hour]) -> None:
    """Prevents alerts by bytes from standing among the scores by files, each at the threshold and one more."""
    with played(organisation) as con:
        [(by_files,)] = con.execute(
            """
            SELECT count(DISTINCT ("user", CAST(window_start AS DATE))) FROM played_scores
            WHERE files_score IS NOT NULL AND day < (SELECT max(day) FROM played_thresholds)
            """
        ).fetchall()
        [(calibrated,)] = con.execute(
            "SELECT scored_user_days FROM played_thresholds WHERE metric = 'files' AND population = 'people' "
            "ORDER BY day DESC LIMIT 1"
        ).fetchall()
    assert calibrated <= by_files
