"""Parts of a scrape: each reads one thing of a home, and may fail alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from importlib.metadata import version
from pathlib import Path

import duckdb

from assets.charts.load import load_of_days
from detection.rule import RULE
from detection.tables import TABLES
from lake.damage import DamagedError
from lake.days import DAY, TRAINING_DAYS
from lake.source_status import State
from lake.store import Lake
from lake.usage import TableSizes
from notify.backlog import read_backlog
from orchestration.monitoring.catalogue import Sample
from orchestration.monitoring.last_runs import LastRun
from orchestration.monitoring.reading import read_missing, read_silence, read_source, silence_limit, sound_view

__all__ = ["HOME_PARTS", "SOURCE_PARTS", "Scene", "run_samples"]


@dataclass(frozen=True)
class Scene:
    """Inputs of the parts.

    Attributes:
        home: Directory of the deployment.
        lake: Its lake.
        con: Connection to make views in.
        now: The present, UTC with zone.
        values: The environment.
        sizes: Sizes of the tables.
    """

    home: Path
    lake: Lake
    con: duckdb.DuckDBPyConnection
    now: datetime
    values: Mapping[str, str]
    sizes: TableSizes


def _build(_scene: Scene) -> Iterator[Sample]:
    yield Sample("uploadwatch_build_info", 1, (version("uploadwatch"),))


def _state(scene: Scene, provider: str) -> Iterator[Sample]:
    source = read_source(scene.lake, provider, scene.now)
    if source:
        for state in State:
            yield Sample("uploadwatch_source_state", source.state is state, (provider, state))


def _silence(scene: Scene, provider: str) -> Iterator[Sample]:
    found = read_silence(scene.con, scene.lake, provider, scene.now)
    if found:
        limit = silence_limit(found, provider, scene.values)
        yield Sample("uploadwatch_source_newest_event_age_seconds", found.length.total_seconds(), (provider,))
        yield Sample("uploadwatch_source_silence_limit_seconds", limit.total_seconds(), (provider,))


def _gaps(scene: Scene, provider: str) -> Iterator[Sample]:
    lost = read_missing(scene.lake, provider, scene.now).duration
    yield Sample("uploadwatch_source_missing_seconds", lost.total_seconds(), (provider,))


def _quarantine(scene: Scene, provider: str) -> Iterator[Sample]:
    table = f"{provider}/rejects"
    rows = 0
    for day in scene.lake.days(table):
        note = scene.lake.note(table, day)
        if note is None:
            raise DamagedError(scene.lake.part(table, day), "its metadata is missing", "The next run makes it again.")
        rows += note.rows
    yield Sample("uploadwatch_source_quarantined_events", rows, (provider,))


def _cases(scene: Scene) -> Iterator[Sample]:
    days = scene.lake.days("cases")
    if not days:
        return
    sound_view(scene.con, scene.lake, "cases", "cases", days)
    rows = scene.con.execute("SELECT severity, count(*) FROM cases WHERE state <> 'reviewed' GROUP BY ALL").fetchall()
    counts = dict(rows)
    for severity in RULE.severities:
        yield Sample("uploadwatch_open_cases", counts.get(severity, 0), (severity,))


def _budget(scene: Scene) -> Iterator[Sample]:
    # The balance of a day is in the thresholds of the next.
    days = scene.lake.days("thresholds")[-TRAINING_DAYS - 1 :]
    sound_view(scene.con, scene.lake, "checked", "thresholds", days)
    load = load_of_days(scene.con, scene.lake, [day - DAY for day in days[1:]])
    for population in sorted({row["population"] for row in load}):
        rows = [row for row in load if row["population"] == population]
        label = (population,)
        yield Sample("uploadwatch_budget_target_cases", sum(row["allowed"] for row in rows), label)
        yield Sample("uploadwatch_budget_actual_cases", sum(row["raised"] for row in rows), label)
        yield Sample("uploadwatch_budget_balance_cases", rows[-1]["balance"], label)


def _outbox(scene: Scene) -> Iterator[Sample]:
    for channel, found in read_backlog(scene.home / "outbox.db").items():
        age = max((scene.now - found.oldest).total_seconds(), 0.0) if found.oldest else 0.0
        yield Sample("uploadwatch_outbox_messages", found.pending, (channel, "pending"))
        yield Sample("uploadwatch_outbox_messages", found.parked, (channel, "parked"))
        yield Sample("uploadwatch_outbox_oldest_pending_age_seconds", age, (channel,))


def _days(scene: Scene) -> Iterator[Sample]:
    for table in TABLES:
        days = scene.lake.days(table)
        if days:
            began = datetime.combine(days[-1], time(), UTC)
            yield Sample("uploadwatch_newest_day_age_seconds", (scene.now - began).total_seconds(), (table,))


def _lake(scene: Scene) -> Iterator[Sample]:
    for table, size in scene.sizes.read().items():
        yield Sample("uploadwatch_table_size_bytes", size, (table,))


def _disk(scene: Scene) -> Iterator[Sample]:
    usage = shutil.disk_usage(scene.home)
    yield Sample("uploadwatch_filesystem_free_bytes", usage.free)
    yield Sample("uploadwatch_filesystem_size_bytes", usage.total)


def run_samples(runs: list[LastRun], now: datetime) -> Iterator[Sample]:
    """Yield the samples of the last runs."""
    for run in runs:
        labels = (run.job, run.schedule)
        yield Sample("uploadwatch_last_run_age_seconds", (now - run.ended).total_seconds(), labels)
        yield Sample("uploadwatch_last_run_success", run.success, labels)
        if run.succeeded:
            age = (now - run.succeeded).total_seconds()
            yield Sample("uploadwatch_last_successful_run_age_seconds", age, labels)


HOME_PARTS = {
    "build": _build,
    "budget": _budget,
    "cases": _cases,
    "days": _days,
    "disk": _disk,
    "lake": _lake,
    "outbox": _outbox,
}
"""Parts that are read once, by name."""

SOURCE_PARTS = {"state": _state, "silence": _silence, "gaps": _gaps, "quarantine": _quarantine}
"""Parts that are read for each source, by name."""
