"""Files for other systems, a day at a time: OCSF as JSON lines, OCSF as Parquet for Amazon Security Lake, and CSV.

A part holds an hour, or less of it where the hour has many rows; its name is when it begins. Parts whose rows are as
they were keep their files. Every file is written beside its place and renamed, so that a reader sees the old one or the
new one. Which parts there are, and what is in them, follows from the rows alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from detection.dependencies import dependencies
from detection.persons import view_with_person
from exports.files import Destination, ExportFormat, write_pieces
from exports.mapping import (
    Piece,
    largest_uploads,
    map_alerts,
    map_uploads,
    pick_uploads,
    pieces,
)
from exports.state import DayState, FileState, digest_of, is_as_written, read_day, write_day
from lake.days import days_between
from lake.engine import opened
from lake.ledger import publish
from lake.store import Lake
from providers import PROVIDERS

__all__ = ["ALERTS_MADE_BY", "Export", "Exported", "alert_rules", "open_export", "upload_rules"]

_MOST_ROWS = 20_000
"""Rows of a part, where a second has no more: so many are written again for one late event."""
_BATCH_ROWS = 60_000
"""Rows of the parts that are mapped together: each query costs a little, and each row memory."""


@dataclass(frozen=True)
class Exported:
    """Result of exporting a day.

    Attributes:
        rows: Number of uploads, findings and alerts of the day.
        files: Number of its files, and
        written: of those that were written now.
    """

    rows: Mapping[str, int]
    files: int
    written: int


@dataclass(frozen=True)
class _Source:
    """Rows of a day that go into files.

    Attributes:
        pieces: The parts that they are cut in.
        rules: Digest of the queries that make them.
        load: Makes the relations of the rows between two times, in the order of time; raises :class:`_ChangedError`.
        outputs: By format the name of the table in the paths, and the relation of its rows.
    """

    pieces: Sequence[Piece]
    rules: str
    load: Callable[[Sequence[Piece]], None]
    outputs: Mapping[ExportFormat, tuple[str, str]]


class _ChangedError(Exception):
    """The rows are no longer those that were cut in parts: another run has written the table meanwhile."""


_JSON, _PARQUET, _CSV = ExportFormat.OCSF_JSON, ExportFormat.OCSF_PARQUET, ExportFormat.CSV
_TABLES = {
    "uploads": ((_JSON, "file_hosting"), (_PARQUET, "file_hosting"), (_CSV, "uploads")),
    "alerts": ((_JSON, "detection_finding"), (_PARQUET, "detection_finding"), (_CSV, "alerts")),
}
_ATTEMPTS = 5


def _parts(con: duckdb.DuckDBPyConnection, table: str, time: str) -> list[Piece]:
    return pieces(con, table, time, most_rows=_MOST_ROWS)


_UPLOADS_MADE_BY = (_parts, pick_uploads, map_uploads, write_pieces)
"""The functions that make the files of uploads."""
ALERTS_MADE_BY = (*_UPLOADS_MADE_BY, view_with_person, largest_uploads, map_alerts)
"""The same of alerts, which hold uploads as evidence."""


def upload_rules() -> str:
    """Digest of what decides the files of uploads beside the uploads and the settings."""
    return dependencies(*_UPLOADS_MADE_BY).digest


def alert_rules() -> str:
    """Digest of what decides the files of alerts."""
    return dependencies(*ALERTS_MADE_BY).digest


@contextmanager
def open_export(lake: Lake, destination: Destination, now: datetime) -> Iterator[Export]:
    """Publish the alerts, and keep other exports to the same place waiting until the block ends.

    Args:
        lake: Where the uploads and alerts are.
        destination: What is written, and where.
        now: When the alerts are published, UTC.

    Raises:
        OSError: The place, or the home of the lake, can't be written to.
    """
    # The functions that make tokens belong to a database: not to the one that all steps share.
    with destination.alone(), opened(Path(lake.root).parent) as con:
        con.execute("SET TimeZone = 'UTC'")
        publish(con, lake, now)
        con.execute("CREATE OR REPLACE TEMP TABLE plain_alerts AS FROM shown")
        con.execute("CREATE OR REPLACE TEMP TABLE plain_reviews AS FROM reviews")
        con.execute("DROP VIEW reviews")
        if pseudonyms := destination.pseudonyms:
            pseudonyms.register(con)
            for table in ("shown", "ledger", "revisions"):
                pseudonyms.cover(con, table, table)
            pseudonyms.cover(con, "reviews", "plain_reviews")
        else:
            con.execute("CREATE OR REPLACE TEMP TABLE reviews AS FROM plain_reviews")
        yield Export(con, lake, destination)


class Export:
    """An export to one place; see :func:`open_export`.

    Attributes:
        told: By day, a digest of what was said of each alert that opens on it: its forms, how it ended, its reviews.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, lake: Lake, destination: Destination) -> None:
        self._con, self._lake, self._destination = con, lake, destination
        # A day without uploads of a provider has no partition, whichever it is.
        self._tables = [table for provider in PROVIDERS if lake.landed_days(table := f"{provider}/uploads")]
        self.told: dict[date, str] = dict(con.execute(_TOLD).fetchall())
        self._lasts: dict[date, date] = dict(con.execute(_LASTS).fetchall())

    def day(self, day: date) -> Exported:
        """Bring all files of a day up to date: of its uploads, and of the alerts that open on it.

        Parts that hold what they held are left alone, unless somebody deleted or altered them.

        Args:
            day: The day, UTC.

        Raises:
            OSError: A file can't be written.
            duckdb.Error: A table can't be read, or goes on changing.
        """
        state = read_day(self._destination.out, day)
        done = 0
        for subject, made_from, rows in (
            ("uploads", self._uploads_from(day), self._upload_rows),
            ("alerts", self._alerts_from(day), self._alert_rows),
        ):
            if state.made_from.get(subject) == made_from and self._are_there(state, subject, day):
                continue
            for attempt in range(_ATTEMPTS):
                try:
                    counted, sources = rows(day)
                    done += self._bring(state, subject, day, sources)
                    break
                except _ChangedError:
                    if attempt == _ATTEMPTS - 1:
                        raise duckdb.IOException(f"the uploads of {day} change while they are exported") from None
            state.made_from[subject] = made_from
            state.rows |= counted
        write_day(self._destination.out, day, state)
        files = sum(name.startswith(place) for place in self._places(day) for name in state.files)
        return Exported(state.rows, files, done)

    def _uploads_from(self, day: date) -> str:
        return self._lake.digest(self._tables, [day], upload_rules(), self._destination.settings)

    def _alerts_from(self, day: date) -> str:
        said = [alert_rules(), self._destination.settings, self.told.get(day, "")]
        evidence = self._lake.digest(self._tables, self._days_of_evidence(day))
        return self._lake.digest(["alerts"], [day], *said, evidence)

    def _days_of_evidence(self, day: date) -> list[date]:
        return days_between(day, self._lasts[day]) if day in self._lasts else []

    def _outputs(self, subject: str) -> list[tuple[ExportFormat, str]]:
        return [(kind, table) for kind, table in _TABLES[subject] if kind in self._destination.formats]

    def _places(self, day: date) -> list[str]:
        """Return the directories of the day's files, as their paths begin in the state."""
        return [self._place(kind, table, day) for subject in _TABLES for kind, table in self._outputs(subject)]

    def _place(self, kind: ExportFormat, table: str, day: date) -> str:
        return f"{self._destination.directory(kind, table, day).relative_to(self._destination.out)}/"

    def _are_there(self, state: DayState, subject: str, day: date) -> bool:
        """Return whether all files are as they were written, and none of an earlier version is left."""
        places = tuple(self._place(kind, table, day) for kind, table in self._outputs(subject))
        return all(
            is_as_written(self._destination.out / name, file)
            for name, file in state.files.items()
            if name.startswith(places)
        ) and not any(
            self._destination.former_path(kind, table, day).exists() for kind, table in self._outputs(subject)
        )

    def _upload_rows(self, day: date) -> tuple[dict[str, int], list[_Source]]:
        con, pseudonyms = self._con, self._destination.pseudonyms
        self._lake.view(con, "plain_uploads", self._tables or ["uploads"], [day])

        def load(chosen: Sequence[Piece]) -> None:
            pick_uploads(con, chosen)
            [held] = con.execute("SELECT count(*), coalesce(sum(hash(p)), 0) FROM picked p").fetchall()
            if held != (sum(piece.rows for piece in chosen), sum(piece.content for piece in chosen)):
                raise _ChangedError
            if pseudonyms:
                pseudonyms.cover(con, "uploads", "picked")
            else:
                con.execute("CREATE OR REPLACE TEMP VIEW uploads AS FROM picked")
            if {_JSON, _PARQUET} & set(self._destination.formats):
                map_uploads(con)

        found = _parts(con, "plain_uploads", "time")
        outputs = {_JSON: "file_hosting", _PARQUET: "file_hosting", _CSV: "uploads"}
        named = {kind: (table, outputs[kind]) for kind, table in self._outputs("uploads")}
        return {"uploads": sum(piece.rows for piece in found)}, [_Source(found, upload_rules(), load, named)]

    def _alert_rows(self, day: date) -> tuple[dict[str, int], list[_Source]]:
        con = self._con
        if day not in self.told:
            outputs = {kind: (table, "") for kind, table in self._outputs("alerts")}
            nothing = _Source([], alert_rules(), lambda _: None, outputs)
            return {"findings": 0, "alerts": 0}, [nothing]
        self._lake.view(con, "days_uploads", self._tables or ["uploads"], self._days_of_evidence(day))
        view_with_person(con, "person_uploads", "days_uploads")
        largest_uploads(con, day)
        if self._destination.pseudonyms:
            self._destination.pseudonyms.cover(con, "uploads", "largest")
        else:
            con.execute("CREATE OR REPLACE TEMP VIEW uploads AS FROM largest")
        map_uploads(con, "ocsf_uploads")
        map_alerts(con, day)
        counted, sources = {}, []
        wanted = self._outputs("alerts")
        for name, table, time, kinds in (
            ("findings", "detection_finding", "make_timestamp(time * 1000)", {_JSON, _PARQUET}),
            ("alerts", "alert_rows", "first_window_start", {_CSV}),
        ):
            found = _parts(con, table, time)
            counted[name] = sum(piece.rows for piece in found)
            outputs = {kind: (place, f"chosen_{table}") for kind, place in wanted if kind in kinds}
            sources.append(_Source(found, alert_rules(), self._chooser(table, time), outputs))
        return counted, sources

    def _chooser(self, table: str, time: str) -> Callable[[Sequence[Piece]], None]:
        def load(chosen: Sequence[Piece]) -> None:
            self._con.execute(
                f"CREATE OR REPLACE TEMP TABLE chosen_{table} AS FROM {table} "
                f"WHERE {time} >= $first AND {time} < $last",
                {"first": chosen[0].starts, "last": chosen[-1].ends},
            )

        return load

    def _bring(self, state: DayState, subject: str, day: date, sources: Sequence[_Source]) -> int:
        """Write the parts that are new, changed or damaged, and remove those that are no more; returns how many."""
        out = self._destination.out
        kept: dict[str, FileState] = {}
        done = 0
        for source in sources:
            for kind, (table, _) in source.outputs.items():
                self._clear(
                    kind, table, day, {self._destination.path(kind, table, each.starts) for each in source.pieces}
                )
            due: list[tuple[Piece, set[ExportFormat]]] = []
            for piece in source.pieces:
                kinds = set()
                for kind, (table, _) in source.outputs.items():
                    path = self._destination.path(kind, table, piece.starts)
                    known = state.files.get(name := str(path.relative_to(out)))
                    if known and known.made_from == self._digest(source, piece) and is_as_written(path, known):
                        kept[name] = known
                    else:
                        kinds.add(kind)
                due.append((piece, kinds))
            for batch in _batches(due):
                source.load([piece for piece, _ in batch])
                for kind, (table, relation) in source.outputs.items():
                    wanted = {
                        number: self._destination.path(kind, table, piece.starts)
                        for number, (piece, kinds) in enumerate(batch)
                        if kind in kinds
                    }
                    if not wanted:
                        continue
                    write_pieces(self._con, kind, relation, [piece for piece, _ in batch], wanted)
                    done += len(wanted)
                    for number, path in wanted.items():
                        piece = batch[number][0]
                        name = str(path.relative_to(out))
                        kept[name] = self._written(path, self._digest(source, piece), piece.rows, state.files.get(name))
        places = tuple(self._place(kind, table, day) for kind, table in self._outputs(subject))
        state.files = {
            **{name: file for name, file in state.files.items() if not name.startswith(places)},
            **{name: kept[name] for name in sorted(kept)},
        }
        return done

    def _clear(self, kind: ExportFormat, table: str, day: date, wanted: set[Path]) -> None:
        """Remove what is no part of the day any more.

        Before the parts are written: a reader may miss rows for a moment, but finds none twice.
        """
        for path in self._destination.files(kind, table, day):
            if path not in wanted:
                path.unlink()
        self._destination.former_path(kind, table, day).unlink(missing_ok=True)

    def _digest(self, source: _Source, piece: Piece) -> str:
        return f"{piece.rows}:{piece.content}:{digest_of(source.rules, self._destination.settings)}"

    def _written(self, path: Path, made_from: str, rows: int, before: FileState | None) -> FileState:
        state = FileState.of(path, made_from, rows)
        if before and before.sha256 == state.sha256:
            state.valid_by = before.valid_by
        return state


_TOLD = """
WITH reviewed AS (
  SELECT
    alert_id,
    string_agg(concat_ws('|', review, verdict, note, reviewed_by), ';' ORDER BY review) AS text
  FROM reviews
  GROUP BY alert_id
)
SELECT
  CAST(r.first_window_start AS DATE),
  sha256(string_agg(concat_ws('|', r.alert_id, r.revision, r.state, l.reason, l."user", v.text), ';'
    ORDER BY r.alert_id, r.revision))
FROM revisions r
LEFT JOIN ledger l ON l.alert_id = r.alert_id
LEFT JOIN reviewed v ON v.alert_id = r.alert_id
GROUP BY 1
"""

_LASTS = """
SELECT CAST(first_window_start AS DATE), max(CAST(last_window_end AS DATE))
FROM plain_alerts
GROUP BY CAST(first_window_start AS DATE)
"""


def _batches(
    due: Iterable[tuple[Piece, set[ExportFormat]]],
) -> Iterator[list[tuple[Piece, set[ExportFormat]]]]:
    """Put parts together that are to be written and follow one another, up to so many rows."""
    batch: list[tuple[Piece, set[ExportFormat]]] = []
    rows = 0
    for piece, kinds in due:
        if batch and (not kinds or rows + piece.rows > _BATCH_ROWS):
            yield batch
            batch, rows = [], 0
        if kinds:
            batch.append((piece, kinds))
            rows += piece.rows
    if batch:
        yield batch
