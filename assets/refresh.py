"""How a derived table is brought up to date: only days whose inputs, rule or settings changed are computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from assets.lake import Lake, Note

__all__ = ["days_between", "range_of", "refresh", "touched_days"]

_REACH = timedelta(days=14)
"""How far before a range its data can change a derived day: a stream tells of events that came two weeks late; two
days of publication at Office 365, a window over midnight and an alert that opened a day before are less."""


def days_between(first: date, last: date) -> list[date]:
    """All days from first to last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def range_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[date]:
    """Days of the run's partition range, ascending."""
    if isinstance(context, dg.AssetCheckExecutionContext):
        keys = context.op_execution_context.partition_key_range
    else:
        keys = context.partition_key_range
    return days_between(date.fromisoformat(keys.start), date.fromisoformat(keys.end))


def touched_days(context: dg.AssetExecutionContext, lake: Lake, table: str) -> list[date]:
    """Days that the run may change: its range, and the table's existing days that its data can reach, ascending."""
    wanted = range_of(context)
    reached = (day for day in lake.days(table) if day >= wanted[0] - _REACH)
    return sorted({*wanted, *reached})


def refresh(
    context: dg.AssetExecutionContext,
    lake: Lake,
    engine: DuckDBResource,
    *,
    outputs: Mapping[str, str],
    made_from: Callable[[date], str | None],
    compute: Callable[[duckdb.DuckDBPyConnection, date], Mapping[str, dg.MetadataValue] | None],
) -> None:
    """Computes the days of the run's range, and days outside it that exist and whose inputs changed.

    What a late event or a backfill changes in other days is thus written, and reported as a materialisation of
    those days, too. A day whose inputs are as they were keeps its file.

    Args:
        context: The run.
        lake: Where the tables are.
        engine: Where they are computed.
        outputs: Table of the lake by the relation that ``compute`` makes; the first names the day's existence.
        made_from: Digest of a day's inputs, code and settings; None where that is not known before computing.
        compute: Makes the relations of one day; what it returns is attached as the day's metadata.
    """
    wanted = range_of(context)
    days = touched_days(context, lake, next(iter(outputs.values())))
    computed = 0
    with engine.get_connection() as con:
        for day in days:
            digest = made_from(day)
            notes = {table: lake.note(table, day) for table in outputs.values()}
            extra: Mapping[str, dg.MetadataValue] | None = None
            changed = False
            if digest is None or any(note is None or note.made_from != digest for note in notes.values()):
                extra = compute(con, day)
                computed += 1
                for relation, table in outputs.items():
                    notes[table], differs = lake.write(con, relation, table, day, digest or "")
                    changed = changed or differs
            in_range = wanted[0] <= day <= wanted[-1]
            if in_range or changed:
                _tell(context, notes, day, extra or {}, in_range=in_range)
    context.log.info("%d of %d days computed, the others were up to date", computed, len(days))


def _tell(
    context: dg.AssetExecutionContext,
    notes: Mapping[str, Note | None],
    day: date,
    extra: Mapping[str, dg.MetadataValue],
    *,
    in_range: bool,
) -> None:
    """Attaches a day's metadata to the run's own materialisation, or reports one for a day outside its range."""
    known = {"/".join(key.path): key for key in context.selected_asset_keys}
    for table, note in notes.items():
        if table not in known:
            continue
        rows = {"dagster/row_count": dg.MetadataValue.int(note.rows)} if note else {}
        metadata = {**rows, **extra}
        if in_range:
            context.add_asset_metadata(metadata, asset_key=known[table], partition_key=day.isoformat())
        else:
            context.log_event(dg.AssetMaterialization(known[table], partition=day.isoformat(), metadata=metadata))
