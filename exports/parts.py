"""Parts of a day's export: those whose rows changed are written, those that are no more are removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from common.digests import text_digest
from exports.files import Destination, ExportFormat, write_pieces
from exports.mapping import Piece
from exports.records import FileRecord, is_as_written, record_of

__all__ = ["Due", "Source", "bring"]

_BATCH_ROWS = 60_000
"""Rows of the parts that are mapped together: each query costs a little, and each row memory."""


@dataclass(frozen=True)
class Source:
    """Rows of a day that go into files.

    Attributes:
        pieces: The parts that they are cut in.
        rules: Digest of the queries that make them.
        load: Makes the relations of the rows between two times, in the order of time.
        outputs: By format the name of the table in the paths, and the relation of its rows.
    """

    pieces: Sequence[Piece]
    rules: str
    load: Callable[[Sequence[Piece]], None]
    outputs: Mapping[ExportFormat, tuple[str, str]]


@dataclass(frozen=True)
class Due:
    """Files of a day and subject that are to be brought up to date.

    Attributes:
        subject: What is in them: uploads or alerts.
        day: The day, UTC.
        made_from: Digest of what they are made from.
        before: The files as they were recorded, by name.
    """

    subject: str
    day: date
    made_from: str
    before: Mapping[str, FileRecord]


def bring(
    con: duckdb.DuckDBPyConnection, destination: Destination, due: Due, sources: Sequence[Source]
) -> tuple[int, list[FileRecord]]:
    """Write the parts that are new, changed or damaged, and remove those that are no more.

    Args:
        con: Connection in which the sources make their relations.
        destination: What is written, and where.
        due: The files.
        sources: Their rows.

    Returns:
        How many were written, and all files that there are now.
    """
    out = destination.out
    files: list[FileRecord] = []
    written = 0
    for source in sources:
        for kind, (table, _) in source.outputs.items():
            _clear(destination, kind, table, due.day, {destination.path(kind, table, p.starts) for p in source.pieces})
        rules = text_digest(source.rules, destination.settings)
        stale: list[tuple[Piece, set[ExportFormat]]] = []
        for piece in source.pieces:
            kinds = set()
            for kind, (table, _) in source.outputs.items():
                known = due.before.get(str(destination.path(kind, table, piece.starts).relative_to(out)))
                if known and known.content == _content(piece, rules) and is_as_written(out, known):
                    files.append(known._replace(made_from=due.made_from))
                else:
                    kinds.add(kind)
            stale.append((piece, kinds))
        for batch in _batches(stale):
            source.load([piece for piece, _ in batch])
            for kind, (table, relation) in source.outputs.items():
                wanted = {
                    number: destination.path(kind, table, piece.starts)
                    for number, (piece, kinds) in enumerate(batch)
                    if kind in kinds
                }
                if wanted:
                    write_pieces(con, kind, relation, [piece for piece, _ in batch], wanted)
                    files += [_record(out, due, batch[number][0], rules, path) for number, path in wanted.items()]
                    written += len(wanted)
    return written, files


def _clear(destination: Destination, kind: ExportFormat, table: str, day: date, wanted: set[Path]) -> None:
    """Remove what is no part of the day any more.

    Before the parts are written: a reader may miss rows for a moment, but finds none twice.
    """
    for path in destination.files(kind, table, day):
        if path not in wanted:
            path.unlink()
    destination.former_path(kind, table, day).unlink(missing_ok=True)


def _content(piece: Piece, rules: str) -> str:
    return f"{piece.rows}:{piece.content}:{rules}"


def _record(out: Path, due: Due, piece: Piece, rules: str, path: Path) -> FileRecord:
    record = record_of(
        out,
        path,
        subject=due.subject,
        made_from=due.made_from,
        content=_content(piece, rules),
        rows=piece.rows,
    )
    before = due.before.get(record.file)
    return record._replace(valid_by=before.valid_by) if before and before.sha256 == record.sha256 else record


def _batches(
    stale: Iterable[tuple[Piece, set[ExportFormat]]],
) -> Iterator[list[tuple[Piece, set[ExportFormat]]]]:
    """Put parts together that are to be written and follow one another, up to so many rows."""
    batch: list[tuple[Piece, set[ExportFormat]]] = []
    rows = 0
    for piece, kinds in stale:
        if batch and (not kinds or rows + piece.rows > _BATCH_ROWS):
            yield batch
            batch, rows = [], 0
        if kinds:
            batch.append((piece, kinds))
            rows += piece.rows
    if batch:
        yield batch
