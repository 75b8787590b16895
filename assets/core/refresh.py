"""Incremental refresh of derived tables: recomputes a day only when its inputs, rules or settings changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from queue import SimpleQueue

import dagster as dg
import duckdb

from assets.core.partitions import range_of
from assets.core.preview import preview
from assets.core.provenance import Provenance
from assets.core.resources import Engine
from lake.days import REACH
from lake.store import Lake, Note

__all__ = ["READ_BACK", "Step", "refresh", "touched_days"]

READ_BACK = timedelta(days=62)
"""Look-behind of a run before its range: a month of training before the days that late events reach."""

_DAYS_AT_ONCE = min(4, os.cpu_count() or 1)


def touched_days(context: dg.AssetExecutionContext, lake: Lake, table: str, *, reach: timedelta = REACH) -> list[date]:
    """Return the days that the run may change, ascending: its range, and existing days that its data can affect."""
    wanted = range_of(context)
    reached = (day for day in lake.days(table) if day >= wanted[0] - reach)
    return sorted({*wanted, *reached})


def _broken_days(lake: Lake, steps: Sequence[Step], upstream: Sequence[str], read_from: date) -> list[date]:
    """Return the days with a lost or damaged partition, ascending.

    Missing files are found for every day. Content is verified only from ``read_from``, since no run reads older days.
    """
    tables = {table for step in steps for table in step.outputs.values()}
    broken = {day for table in tables for day in lake.lost_days(table)}
    expected = {day for above in upstream for day in (lake.days(above) or lake.landed_days(above))}
    for table in tables:
        there = lake.days(table)
        if not there:
            broken |= expected
        broken |= {day for day in there if day >= read_from and lake.fault(table, day)}
    return sorted(broken)


@dataclass(frozen=True)
class Step:
    """Step that makes tables of one day.

    Attributes:
        outputs: Table of the lake by the relation that ``compute`` makes; the first decides whether a day exists.
        made_from: Input digest of a day.
        compute: Makes the relations of one day and returns the day's metadata.
        picture: Makes a picture of the day, as metadata, from the relations that ``compute`` makes.
        describe: Returns metadata of a day of the run's range from stored tables, whether the day was computed or not.
    """

    outputs: Mapping[str, str]
    made_from: Callable[[date], str]
    compute: Callable[[duckdb.DuckDBPyConnection, date], Mapping[str, dg.MetadataValue] | None]
    picture: Callable[[duckdb.DuckDBPyConnection], Mapping[str, dg.MetadataValue]] | None = None
    describe: Callable[[duckdb.DuckDBPyConnection, date], Mapping[str, dg.MetadataValue]] | None = None


def refresh(
    context: dg.AssetExecutionContext,
    lake: Lake,
    engine: Engine,
    *steps: Step,
    reach: timedelta = REACH,
    also: Sequence[date] = (),
    days_apart: bool = False,
    failed: Callable[[Exception, date], None] | None = None,
    upstream: Sequence[str] = (),
) -> None:
    """Compute the days of the run's range, and existing days outside it whose inputs changed.

    So changes by a late event or a backfill in other days are written, too, and reported as materialisations of those
    days. A table with unchanged inputs keeps its file. Days are computed in ascending order, and the steps of a day in
    theirs, so a step may read what earlier steps wrote, for this day and earlier days. Independent days are computed
    in parallel: small queries spend most of their time in planning, which uses one core.

    Runs that overlap take turns, table by table. A digest is computed before its inputs are read. If another run
    changes the inputs meanwhile, this run stores the old digest, and the other run, which reaches this table later,
    computes the day again.

    Args:
        context: The run.
        lake: Where the tables are.
        engine: Where they are computed.
        *steps: The steps, in order.
        reach: How far before the range its data can change a day of these tables.
        also: Further days, however old, that are to be brought up to date.
        days_apart: Whether days are independent: no day reads what the steps wrote for another one.
        failed: Receives the error of a day, which keeps its earlier tables while the other days go on; None raises it.
        upstream: Tables with a partition for each day that these tables should have; they show that a whole table was
            lost.
    """
    wanted = range_of(context)
    table = next(iter(steps[0].outputs.values()))
    computed = 0
    provenance = Provenance(context)
    with ExitStack() as stack:
        stack.enter_context(lake.alone(table))
        # Another run may have made further days while this one waited.
        broken = _broken_days(lake, steps, upstream, wanted[0] - READ_BACK)
        if broken:
            context.log.warning("%s: %s are missing or damaged: computing again", table, ", ".join(map(str, broken)))
        days = sorted({*touched_days(context, lake, table, reach=reach), *also, *broken})
        opened = stack.enter_context(engine.get_connection())
        for day, made in zip(
            days, _make(opened, lake, steps, days, _DAYS_AT_ONCE if days_apart else 1, failed), strict=True
        ):
            in_range = wanted[0] <= day <= wanted[-1]
            computed += any(each.computed for each in made)
            for step, each in zip(steps, made, strict=False):
                if in_range:
                    described = step.describe(opened, day) if step.describe else {}
                    _report(context, each.notes, day, {**each.extra, **described}, None)
                elif each.computed:
                    _report(context, each.notes, day, each.extra, provenance)
        for step in steps:
            _show(context, lake, opened, step, wanted[-1])
    context.log.info("%d of %d days computed, the others were up to date", computed, len(days))


def _make(
    opened: duckdb.DuckDBPyConnection,
    lake: Lake,
    steps: Sequence[Step],
    days: Sequence[date],
    at_once: int,
    failed: Callable[[Exception, date], None] | None,
) -> Iterator[list[_Made]]:
    """Bring the days up to date, ``at_once`` in parallel; yield the results of each day, in the order of the days."""
    free: SimpleQueue[list[duckdb.DuckDBPyConnection]] = SimpleQueue()

    def make(day: date) -> list[_Made]:
        connections = free.get()
        try:
            return [_bring_up_to_date(con, lake, step, day) for con, step in zip(connections, steps, strict=True)]
        except Exception as error:
            if failed is None:
                raise
            failed(error, day)
            return []
        finally:
            free.put(connections)

    with ExitStack() as stack:
        for _ in range(at_once):
            # Each step has its own cursor: a name may be a table in one step and a view in the next.
            free.put([stack.enter_context(opened.cursor()) for _ in steps])
        if at_once == 1:
            # A day that fails must stop the days that read it.
            yield from map(make, days)
        else:
            threads = stack.enter_context(ThreadPoolExecutor(at_once, thread_name_prefix="days"))
            yield from threads.map(make, days)


@dataclass(frozen=True)
class _Made:
    notes: Mapping[str, Note | None]
    extra: Mapping[str, dg.MetadataValue]
    computed: bool


def _bring_up_to_date(con: duckdb.DuckDBPyConnection, lake: Lake, step: Step, day: date) -> _Made:
    digest = step.made_from(day)
    notes = {table: lake.note(table, day) for table in step.outputs.values()}
    if all(note is not None and note.made_from == digest for note in notes.values()):
        return _Made(notes, {}, computed=False)
    extra = step.compute(con, day) or {}
    for relation, table in step.outputs.items():
        notes[table], _ = lake.write(con, relation, table, day, digest)
    return _Made(notes, extra, computed=True)


def _show(context: dg.AssetExecutionContext, lake: Lake, con: duckdb.DuckDBPyConnection, step: Step, day: date) -> None:
    """Attach a preview and, if there is one, a picture; only for the last day, since the event log keeps them."""
    known = {"/".join(key.path): key for key in context.selected_asset_keys}
    for number, (relation, table) in enumerate(step.outputs.items()):
        if table not in known or lake.fault(table, day):
            continue
        lake.view(con, relation, [table], [day])
        shown = preview(con, relation, table.rpartition("/")[2])
        if step.picture and number == 0:
            shown |= step.picture(con)
        if shown:
            context.add_asset_metadata(shown, asset_key=known[table], partition_key=day.isoformat())


def _report(
    context: dg.AssetExecutionContext,
    notes: Mapping[str, Note | None],
    day: date,
    extra: Mapping[str, dg.MetadataValue],
    provenance: Provenance | None,
) -> None:
    """Attach a day's metadata to the run's own materialisation, or report one for a day outside its range.

    A reported materialisation needs provenance tags, which Dagster adds only to those of the run's range.
    """
    known = {"/".join(key.path): key for key in context.selected_asset_keys}
    for table, note in notes.items():
        if table not in known:
            continue
        rows = {"dagster/partition_row_count": dg.MetadataValue.int(note.rows)} if note else {}
        metadata = {**rows, **extra}
        if provenance is None:
            context.add_asset_metadata(metadata, asset_key=known[table], partition_key=day.isoformat())
        else:
            tags = provenance.tags(known[table], note.content if note else "")
            context.log_event(
                dg.AssetMaterialization(known[table], partition=day.isoformat(), metadata=metadata, tags=tags)
            )
