"""Runs that overlap, in processes of their own: they must leave the tables that one after the other leaves."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from cli.replay import Home, Sandbox, deployment
from lake.store import Lake, Note
from orchestration.definitions import build_defs
from orchestration.schedules import JOB, range_tags, run_config
from tests.support.memory import connect
from tests.support.pipeline import FIRST, Quick, burst, moment, sandbox, write
from tests.support.waiting import wait_until

pytestmark = pytest.mark.sampled

DAYS = 5
NOW = moment(DAYS + 1, 0)
_SPAWN = multiprocessing.get_context("spawn")
_PAUSE_SECONDS = 4.0
"""Longest wait of a paused run for the other run, which meanwhile waits for its turn if it has to."""


class Pausing(Lake):
    """A lake that stops before a table is first written, until the other run is over or has had its time.

    Attributes:
        table: The table.
        signals: Directory of two files: ``paused``, made here, and ``over``, made by the other run.
    """

    table: str
    signals: str

    def write(
        self, con: duckdb.DuckDBPyConnection, relation: str, table: str, day, made_from: str
    ) -> tuple[Note, bool]:
        paused = Path(self.signals) / "paused"
        if table == self.table and not paused.exists():
            paused.touch()
            _wait_for(Path(self.signals) / "over", _PAUSE_SECONDS)
        return super().write(con, relation, table, day, made_from)


def _wait_for(path: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def materialise(values: Mapping[str, str], first: int, last: int, pause: tuple[str, str] | None = None) -> None:
    """One run over days counted from 0, as a process of its own makes it."""
    lake = Path(values["UPLOADWATCH_HOME"]) / "lake"
    overrides: dict[str, object] = {"detector": Quick()}
    if pause:
        overrides["lake"] = Pausing(root=str(lake), table=pause[0], signals=pause[1])
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        for name, value in values.items():
            patch.setenv(name, value)
        defs = build_defs({**values, "UPLOADWATCH_NOW": NOW.isoformat()}, resource_overrides=overrides)
        config = run_config(["box"], late_data=False).to_config_dict()
        tags = range_tags(FIRST + timedelta(days=first), FIRST + timedelta(days=last))
        result = defs.resolve_job_def(JOB).execute_in_process(
            instance=instance,
            tags=tags,
            run_config={**config, "loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
        assert result.success


Start = Callable[..., BaseProcess]


@pytest.fixture
def start() -> Iterator[Start]:
    """Yield a function that starts runs as processes, and end those that still run."""
    begun: list[BaseProcess] = []

    def run(*arguments: object) -> BaseProcess:
        process = _SPAWN.Process(target=materialise, args=arguments)
        process.start()
        begun.append(process)
        return process

    yield run
    for process in begun:
        process.kill()
        process.join()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("overlapping")
    events = [
        *burst("box", "one@example.com", moment(3, 10), files=700, minutes=50),
        *burst("box", "two@example.com", moment(3, 22.5), files=900, minutes=170),
        # Is in the baselines of days after it.
        *burst("box", "two@example.com", moment(2, 9), files=300, minutes=40),
    ]
    workload = write(folder / "workload.parquet", events, days=DAYS, people=25, seed=11)
    with sandbox(workload, folder / "sandbox", now=NOW) as running:
        yield running


@pytest.fixture
def home(provider: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the variables of a deployment with an empty lake."""
    return _home(provider, tmp_path, monkeypatch)


def _home(provider: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    last: datetime = moment(DAYS - 1, 0)
    for name in provider.environment:
        monkeypatch.setenv(name, "")
    for name in ("HOME", "START_DATE", "END_DATE", "BUDGET"):
        monkeypatch.setenv(f"UPLOADWATCH_{name}", "")
    return deployment(Home(path), provider, FIRST, last.date(), providers=["box"], settings={})


@pytest.fixture(scope="module")
def one_after_the_other(provider: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Bytes of all tables after one run and then another, of the days at the end."""
    with pytest.MonkeyPatch.context() as patch:
        values = _home(provider, tmp_path_factory.mktemp("in_turn"), patch)
        materialise(values, 0, DAYS - 2)
        materialise(values, DAYS - 3, DAYS - 1)
    found = tables(values)
    with connect() as con:
        paths = f"{values['UPLOADWATCH_HOME']}/lake/alerts/*/part.parquet"
        users = {user for (user,) in con.execute('SELECT "user" FROM read_parquet(?)', [paths]).fetchall()}
    assert {"one@example.com", "two@example.com"} <= users
    return found


def tables(values: Mapping[str, str]) -> dict[str, bytes]:
    """Bytes of all tables by their path.

    Of the pages what they found: their revision counts the forms of an alert that were shown, and so depends on when a
    run looked.
    """
    root = Path(values["UPLOADWATCH_HOME"]) / "lake"
    found = {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("part.parquet"))}
    with connect() as con:
        for path in [path for path in found if path.startswith("dossiers/")]:
            query = "SELECT alert_id, state, found FROM read_parquet(?) ORDER BY alert_id"
            found[path] = repr(con.execute(query, [str(root / path)]).fetchall()).encode()
    return found


def differing(found: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[str]:
    """Return the paths that only one side has, or that differ in their bytes."""
    return sorted(path for path in {*found, *wanted} if found.get(path) != wanted.get(path))


def test_two_runs_over_the_same_days_at_once(home, start, one_after_the_other):
    """Prevents two ticks, or a tick beside a run by hand, from losing each other's slices or rows."""
    runs = [start(home, 0, DAYS - 2), start(home, 0, DAYS - 1)]
    for run in runs:
        run.join()
        assert run.exitcode == 0
    assert differing(tables(home), one_after_the_other) == []


@pytest.mark.parametrize("table", ["baselines", "alerts"])
def test_a_tick_during_a_backfill(home, start, one_after_the_other, tmp_path, table):
    """Prevents days that a tick makes from keeping what it saw of a history that a backfill was changing.

    The backfill stops in the midst of a table. Were it not for taking turns, the tick would come to its end then,
    with days that the backfill does not know of, or the backfill would write an older state over the tick's.
    """
    signals = tmp_path / "signals"
    signals.mkdir()
    backfill = start(home, 0, DAYS - 2, (table, str(signals)))
    wait_until((signals / "paused").exists, "the backfill comes to the table", ended=lambda: not backfill.is_alive())
    materialise(home, DAYS - 3, DAYS - 1)
    (signals / "over").touch()
    backfill.join()
    assert backfill.exitcode == 0
    assert differing(tables(home), one_after_the_other) == []
