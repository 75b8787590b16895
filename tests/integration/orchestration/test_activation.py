"""The detector as it is set for a deployment: a fortnight in which nothing is raised, and its days played again."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from cli.replay import Home, deployment, materialise
from tests.support.command import say
from tests.support.pipeline import FIRST, Watched, burst, moment, sandbox, write

pytestmark = pytest.mark.sampled("module")

DAYS = 16


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """One provider, a burst before it has fourteen days, and two after."""
    events = [
        *burst("box", "early@example.com", moment(11, 10), files=900, minutes=50),
        *burst("box", "one@example.com", moment(14, 10), files=900, minutes=50),
        *burst("box", "two@example.com", moment(15, 9), files=900, minutes=50),
    ]
    folder: Path = tmp_path_factory.mktemp("fortnight")
    workload = write(folder / "workload.parquet", events, days=DAYS)
    home, last, now = Home(folder / "home"), FIRST + timedelta(days=DAYS - 1), moment(DAYS, 0)
    with sandbox(workload, folder / "sandbox", now=now) as stand_in, dg.DagsterInstance.ephemeral() as instance:
        values = deployment(home, stand_in, FIRST, last, providers=["box"], settings={"UPLOADWATCH_BUDGET": "20"})
        materialise(instance, values, FIRST, last, now=now)
    return Watched(home)


def test_nothing_is_raised_before_a_source_has_fourteen_days(fortnight: Watched):
    """Prevents alerts in the activation period, when nobody's usual is known yet, and silence when it is over."""
    assert {alert["user"] for alert in fortnight.alerts} >= {"one@example.com", "two@example.com"}
    assert fortnight.of("early@example.com") == []
    assert all(alert["last_window_end"] > moment(14, 0).isoformat() for alert in fortnight.alerts)


def test_a_backtest_at_the_same_budget_comes_to_the_alerts_that_there_are(fortnight: Watched):
    """Prevents a backtest that plays other rules than the detector's."""

    def backtest(budget: str) -> tuple[int, str, str]:
        span = ("--from", "2026-01-19", "--to", "2026-01-20", "--home", str(fortnight.home.path))
        values = {"UPLOADWATCH_NOW": "2026-01-21T12:00:00+00:00"}
        said = say("backtest", *span, "--budget", budget, "--format", "json", values=values)
        return said.status, said.out, said.err

    status, told, _ = backtest("20,1000")
    assert status == 0
    same, more = json.loads(told)["budgets"]
    assert same["alerts"] == len(fortnight.alerts)
    assert (same["would_come"], same["would_go"]) == (0, 0)
    assert more["would_go"] == 0
    assert more["alerts"] >= same["alerts"]
    status, _, wrong = backtest("many")
    assert status
    assert "give cases per 1000" in " ".join(wrong.replace("│", " ").split())
