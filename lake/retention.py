"""Retention of each table: removal of days that are past it, but never of data that a run may still need."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from detection.alerts import LONG_LOOK_BACK
from detection.chain import BALANCE_DAYS, CAUSE_DAYS, PERIOD_DAYS, SCORE_DAYS
from detection.parameters import Parameters
from lake.days import DAY, REACH, TRAINING_DAYS, midnight
from lake.home import dossier_path
from lake.identity_retention import drop_identities, old_identities
from lake.kept import LEDGER, intact, write_kept
from lake.store import Lake
from providers import PROVIDERS

__all__ = [
    "EXPORTS",
    "LEAST_DAYS",
    "PROVIDER_TABLES",
    "TABLES",
    "Old",
    "by_table",
    "find_old",
    "kept_days",
    "remove_old",
]

EXPORTS = "exports"
DOSSIERS = "dossiers"
_NAMES = "identities"
PROVIDER_TABLES = (
    "audit_events",
    "logged_uploads",
    "file_sizes",
    "measured_sizes",
    "uploads",
    "activity",
    "rejects",
    "ignored",
    "counts",
)
"""Tables that each provider has."""
_OF_ALL = (
    "typical_sizes",
    "user_hours",
    "day_sums",
    "recent_sums",
    "period_sums",
    "baselines",
    "scores",
    "thresholds",
    "detections",
    "causes",
    "evaluations",
    "alerts",
    "cases",
    DOSSIERS,
)
TABLES = (*PROVIDER_TABLES, *_OF_ALL, _NAMES, EXPORTS)
"""Tables for which a number of days may be set."""

_LOOKED_BACK = max(BALANCE_DAYS, PERIOD_DAYS, SCORE_DAYS, CAUSE_DAYS, LONG_LOOK_BACK.days)
LEAST_DAYS = max(TRAINING_DAYS + Parameters().activation_days, _LOOKED_BACK) + REACH.days + 2
"""Minimum for the lake's tables: a run evaluates days again as far back as late events reach. Each of these days needs
its training days and those of its budget balance and of long scales, and the history before must show that the source
is past its activation."""

_DAY = re.compile(r"(?:day=(\d{4})-(\d{2})-(\d{2})|eventDay=(\d{4})(\d{2})(\d{2}))")


@dataclass(frozen=True)
class Old:
    """Data that is past its retention.

    Attributes:
        table: Name of the table, with its provider.
        day: Its day, or the last day if rows of a file are meant.
        path: The partition, exported file, or file with old rows.
        rows: Number of old rows in that file; None if the whole file is old.
        size: Bytes on disk, if the whole file is old.
        identities: The old rows, if only those of some persons are.
    """

    table: str
    day: date
    path: Path
    rows: int | None
    size: int
    identities: pa.Table | None = field(default=None, compare=False)


def kept_days(text: str) -> dict[str, int]:
    """Parse a setting such as ``audit_events=90,uploads=400``; a table that it does not name is kept forever.

    Raises:
        ValueError: A table is not known, or the number of days cannot be used.
    """
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        table, _, days = (each.strip() for each in part.partition("="))
        if table not in TABLES:
            raise ValueError(f"{table!r} is not a table with retention: choose from {', '.join(TABLES)}")
        least = 1 if table == EXPORTS else LEAST_DAYS
        if not days.isdecimal() or not least <= int(days) <= 36500:
            reason = "" if table == EXPORTS else ", which baselines, activation and late events still need"
            raise ValueError(f"{part}: give a whole number of days, {least} or more{reason}")
        found[table] = int(days)
    return found


def _known_today(lake: Lake, today: date) -> date:
    """Return the day by the sources' clocks: at most the day after the newest pulled day.

    Removal is final, so this host's clock alone must not decide it.
    """
    pulled = [days[-1] for provider in PROVIDERS if (days := lake.landed_days(f"{provider}/audit_events"))]
    return min(today, max(pulled) + DAY) if pulled else today


def find_old(lake: Lake, keep: Mapping[str, int], today: date) -> Iterator[Old]:
    """Yield data that is past its retention, table by table.

    Args:
        lake: The lake; exported files are beside it.
        keep: Days by table, from :func:`kept_days`.
        today: The current day, UTC, from which kept days count back, unless nothing so recent was pulled: a clock that
            runs ahead removes nothing.
    """
    today = _known_today(lake, today)
    # Identities first: they depend on the other tables, and a dry run must find the same as a real one.
    for table, days in sorted(keep.items(), key=lambda kept: kept[0] != _NAMES):
        first = today - timedelta(days=days - 1)
        if table == _NAMES:
            for name, day, rows in old_identities(lake, first):
                yield Old(name, day, lake.part(name, day), rows.num_rows, 0, rows)
            continue
        if table == EXPORTS:
            yield from _old_exports(Path(lake.root).parent / EXPORTS, first)
        if table == "alerts":
            # Before the partitions: an alert in the ledger without a partition would be closed as withdrawn.
            yield from _old_rows(lake, first)
        names = [f"{provider}/{table}" for provider in PROVIDERS] if table in PROVIDER_TABLES else [table]
        for name in names:
            for day in lake.landed_days(name):
                if day < first:
                    if table == DOSSIERS:
                        # Before the partition, since only the partition lists them.
                        yield from _old_pages(lake, day)
                    path = lake.directory(name, day)
                    yield Old(name, day, path, None, sum(file.stat().st_size for file in path.rglob("*")))


def remove_old(lake: Lake, keep: Mapping[str, int], today: date) -> Iterator[Old]:
    """Remove what :func:`find_old` finds, and yield each item."""
    with lake.alone():
        for old in find_old(lake, keep, today):
            if old.identities is not None:
                drop_identities(lake, old.table, old.day, old.identities)
            elif old.rows is not None:
                _drop_rows(old)
            elif old.path.is_dir():
                lake.remove(old.table, old.day)
            else:
                old.path.unlink()
            yield old


def _old_exports(root: Path, first: date) -> Iterator[Old]:
    for path in sorted(root.rglob("*")):
        found = _DAY.search(str(path.relative_to(root)))
        if found and path.is_file():
            day = date(*(int(part) for part in found.groups() if part))
            if day < first:
                yield Old(EXPORTS, day, path, None, path.stat().st_size)


def _old_pages(lake: Lake, day: date) -> Iterator[Old]:
    with duckdb.connect() as con:
        lake.view(con, DOSSIERS, [DOSSIERS], [day])
        for (alert_id,) in con.execute("SELECT alert_id FROM dossiers ORDER BY alert_id").fetchall():
            page = dossier_path(lake, alert_id)
            if page.exists():
                yield Old(DOSSIERS, day, page, None, page.stat().st_size)


def _old_rows(lake: Lake, first: date) -> Iterator[Old]:
    for name in LEDGER:
        path = intact(Path(lake.root) / f"{name}.parquet")
        if path:
            with duckdb.connect() as con:
                [(rows, last)] = con.execute(
                    "SELECT count(*), CAST(max(first_window_start) AS DATE) FROM read_parquet($path) "
                    "WHERE first_window_start < $first",
                    {"path": str(path), "first": midnight(first)},
                ).fetchall()
            if rows:
                yield Old(name, last, path, rows, 0)


def _drop_rows(old: Old) -> None:
    after: datetime = midnight(old.day + timedelta(days=1))
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE kept AS SELECT * FROM read_parquet($path) WHERE first_window_start >= $after",
            {"path": str(old.path), "after": after},
        )
        write_kept(old.path, lambda temporary: con.table("kept").write_parquet(str(temporary)))


def by_table(found: Iterable[Old]) -> dict[str, list[Old]]:
    """Group old data by the name of its table."""
    tables: dict[str, list[Old]] = defaultdict(list)
    for old in found:
        tables[old.table].append(old)
    return dict(sorted(tables.items()))
