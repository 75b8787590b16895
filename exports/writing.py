"""Files for other systems, a day at a time: OCSF as JSON lines, OCSF as Parquet for Amazon Security Lake, and CSV.

A part holds an hour, or less of it where the hour has many rows; its name is when it begins. Parts whose rows are as
they were keep their files. Every file is written beside its place and renamed, so that a reader sees the old one or the
new one. Which parts there are, and what is in them, follows from the rows alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from common.digests import text_digest
from detection.dependencies import dependencies
from detection.persons import view_with_person
from exports.files import SUBJECTS, Destination, write_pieces
from exports.formats import ExportFormat, Subject
from exports.mapping import (
    Piece,
    largest_uploads,
    map_alerts,
    map_uploads,
    pick_uploads,
    pieces,
)
from exports.parts import Due, Source, bring
from exports.records import FileRecord, is_as_written
from lake.days import days_between
from lake.engine import opened
from lake.ledger import publish
from lake.store import Lake
from providers import PROVIDERS

__all__ = ["ALERTS_MADE_BY", "Export", "Exported", "open_export"]

_MOST_ROWS = 20_000
"""Rows of a part, where a second has no more: so many are written again for one late event."""


@dataclass(frozen=True)
class Exported:
    """Result of exporting a day.

    Attributes:
        rows: Number of uploads, findings and alerts of the day, of the subjects that were not up to date.
        files: Its files, all of them.
        written: Number of those that were written now.
    """

    rows: Mapping[str, int]
    files: Sequence[FileRecord]
    written: int


class _ChangedError(Exception):
    """The rows are no longer those that were cut in parts: another run has written the table meanwhile."""


_JSON, _PARQUET, _CSV = ExportFormat.OCSF_JSON, ExportFormat.OCSF_PARQUET, ExportFormat.CSV
_ATTEMPTS = 5


def _parts(con: duckdb.DuckDBPyConnection, table: str, time: str) -> list[Piece]:
    return pieces(con, table, time, most_rows=_MOST_ROWS)


_UPLOADS_MADE_BY = (_parts, pick_uploads, map_uploads, write_pieces)
"""The functions that make the files of uploads."""
ALERTS_MADE_BY = (*_UPLOADS_MADE_BY, view_with_person, largest_uploads, map_alerts)
"""The same of alerts, which hold uploads as evidence."""


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
        destination.drop_former_state()
        con.execute("SET TimeZone = 'UTC'")
        publish(con, lake, now)
        con.execute("CREATE OR REPLACE TEMP TABLE plain_alerts AS FROM shown")
        con.execute("CREATE OR REPLACE TEMP TABLE plain_reviews AS FROM reviews")
        con.execute("DROP VIEW reviews")
        if pseudonyms := destination.pseudonyms:
            pseudonyms.register(con)
            for table in ("shown", "largest_members", "ledger", "revisions"):
                pseudonyms.cover(con, table, table)
            pseudonyms.cover(con, "reviews", "plain_reviews")
        else:
            con.execute("CREATE OR REPLACE TEMP TABLE reviews AS FROM plain_reviews")
        yield Export(con, lake, destination)


class Export:
    """An export to one place; see :func:`open_export`.

    Attributes:
        stated: By day, a digest of the statements about each alert that opens on it: revisions, end, reviews, case.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, lake: Lake, destination: Destination) -> None:
        self._con, self._lake, self._destination = con, lake, destination
        # A day without uploads of a provider has no partition, whichever it is.
        self._tables = [table for provider in PROVIDERS if lake.landed_days(table := f"{provider}/uploads")]
        self._rules = {
            "uploads": dependencies(*_UPLOADS_MADE_BY).digest,
            "alerts": dependencies(*ALERTS_MADE_BY).digest,
        }
        self.stated: dict[date, str] = dict(con.execute(_STATED).fetchall())
        self._spans: dict[date, tuple[date, date]] = {
            day: (first, last) for day, first, last in con.execute(_SPANS).fetchall()
        }

    def made_from(self, day: date, known: Mapping[str, FileRecord]) -> str:
        """Return the digest of all that decides a day's files; another one where somebody deleted or altered some.

        Args:
            day: The day, UTC.
            known: Its files as they were recorded, by name.
        """
        altered = [name for name, record in known.items() if not is_as_written(self._destination.out, record)]
        former = [subject for subject in SUBJECTS if self._former(subject, day)]
        return f"{self._stated(day)}:{text_digest(self._uploads_from(day), self._alerts_from(day), *altered, *former)}"

    def differs_from(self, day: date, made_from: str) -> bool:
        """Check whether a day's alerts, the rules or the settings changed since a :meth:`made_from`."""
        return made_from.partition(":")[0] != self._stated(day)

    def _stated(self, day: date) -> str:
        return text_digest(*self._rules.values(), self._destination.settings, self.stated.get(day, ""))[:16]

    def day(
        self, day: date, known: Mapping[str, FileRecord] | None = None, subjects: Collection[Subject] = tuple(Subject)
    ) -> Exported:
        """Bring all files of a day up to date: of its uploads, and of the alerts that open on it.

        Parts that hold what they held are left alone, unless somebody deleted or altered them.

        Args:
            day: The day, UTC.
            known: Its files as they were recorded, by name. None: nothing was, so that all are made; those that come
                out the same are left alone.
            subjects: What to export; the files of others are left alone.

        Raises:
            OSError: A file can't be written.
            duckdb.Error: A table can't be read, or goes on changing.
        """
        counted: dict[str, int] = {}
        files: list[FileRecord] = []
        done = 0
        for subject, made_from, rows in (
            (Subject.UPLOADS, self._uploads_from(day), self._upload_rows),
            (Subject.ALERTS, self._alerts_from(day), self._alert_rows),
        ):
            if subject not in subjects:
                continue
            before = {name: record for name, record in (known or {}).items() if record.subject == subject}
            if self._is_up_to_date(subject, day, made_from, before):
                files += before.values()
                continue
            for attempt in range(_ATTEMPTS):
                try:
                    found, sources = rows(day)
                    written, now = bring(self._con, self._destination, Due(subject, day, made_from, before), sources)
                    break
                except _ChangedError:
                    if attempt == _ATTEMPTS - 1:
                        raise duckdb.IOException(f"the uploads of {day} change while they are exported") from None
            counted |= found
            done += written
            files += now
        return Exported(counted, files, done)

    def _uploads_from(self, day: date) -> str:
        return self._lake.digest(self._tables, [day], self._rules["uploads"], self._destination.settings)

    def _alerts_from(self, day: date) -> str:
        stated = [self._rules["alerts"], self._destination.settings, self.stated.get(day, "")]
        evidence = self._lake.digest(self._tables, self._days_of_evidence(day))
        return self._lake.digest(["alerts"], [day], *stated, evidence)

    def _days_of_evidence(self, day: date) -> list[date]:
        return days_between(*self._spans[day]) if day in self._spans else []

    def _former(self, subject: Subject, day: date) -> bool:
        """Check whether a file of the layout of earlier versions is left."""
        outputs = self._destination.outputs(subject).items()
        return any(self._destination.former_path(kind, table, day).exists() for kind, table in outputs)

    def _is_up_to_date(self, subject: Subject, day: date, made_from: str, before: Mapping[str, FileRecord]) -> bool:
        """Check that all files are as they were written, and made from the same; without a file it is not known."""
        return (
            bool(before)
            and all(
                record.made_from == made_from and is_as_written(self._destination.out, record)
                for record in before.values()
            )
            and not self._former(subject, day)
        )

    def _upload_rows(self, day: date) -> tuple[dict[str, int], list[Source]]:
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
        # The relations are called as the tables in the paths.
        named = {kind: (table, table) for kind, table in self._destination.outputs(Subject.UPLOADS).items()}
        return {"uploads": sum(piece.rows for piece in found)}, [Source(found, self._rules["uploads"], load, named)]

    def _alert_rows(self, day: date) -> tuple[dict[str, int], list[Source]]:
        con = self._con
        if day not in self.stated:
            outputs = {kind: (table, "") for kind, table in self._destination.outputs(Subject.ALERTS).items()}
            nothing = Source([], self._rules["alerts"], lambda _: None, outputs)
            return {"findings": 0, "alerts": 0}, [nothing]
        self._lake.view(con, "days_uploads", self._tables or ["uploads"], self._days_of_evidence(day))
        view_with_person(con, "person_uploads", "days_uploads")
        largest_uploads(con, day)
        if self._destination.pseudonyms:
            self._destination.pseudonyms.cover(con, "uploads", "largest")
        else:
            con.execute("CREATE OR REPLACE TEMP VIEW uploads AS FROM largest")
        map_uploads(con, "ocsf_uploads")
        map_alerts(con, day, self._destination.console_url)
        counted, sources = {}, []
        wanted = self._destination.outputs(Subject.ALERTS).items()
        for name, table, time, kinds in (
            ("findings", "detection_finding", "make_timestamp(time * 1000)", {_JSON, _PARQUET}),
            ("alerts", "alert_rows", "first_window_start", {_CSV}),
        ):
            found = _parts(con, table, time)
            counted[name] = sum(piece.rows for piece in found)
            outputs = {kind: (place, f"chosen_{table}") for kind, place in wanted if kind in kinds}
            sources.append(Source(found, self._rules["alerts"], self._chooser(table, time), outputs))
        return counted, sources

    def _chooser(self, table: str, time: str) -> Callable[[Sequence[Piece]], None]:
        def load(chosen: Sequence[Piece]) -> None:
            self._con.execute(
                f"CREATE OR REPLACE TEMP TABLE chosen_{table} AS FROM {table} "
                f"WHERE {time} >= $first AND {time} < $last",
                {"first": chosen[0].starts, "last": chosen[-1].ends},
            )

        return load


_STATED = """
WITH reviewed AS (
  SELECT
    alert_id,
    string_agg(concat_ws('|', review, verdict, note, reviewed_by, revision), ';' ORDER BY review) AS text
  FROM reviews
  GROUP BY alert_id
)
SELECT
  CAST(r.first_window_start AS DATE),
  sha256(string_agg(concat_ws('|', r.alert_id, r.revision, r.state, l.reason, l."user", v.text, c.case_id), ';'
    ORDER BY r.alert_id, r.revision))
FROM revisions r
LEFT JOIN ledger l ON l.alert_id = r.alert_id
LEFT JOIN reviewed v ON v.alert_id = r.alert_id
LEFT JOIN case_alerts c ON c.alert_id = r.alert_id
GROUP BY 1
"""

_SPANS = """
SELECT
  CAST(first_window_start AS DATE),
  min(CAST(coalesce(period_start, first_window_start) AS DATE)),
  max(CAST(last_window_end AS DATE))
FROM plain_alerts
GROUP BY CAST(first_window_start AS DATE)
"""
