"""Parsed events beside the raw files, as Parquet, so that a day that is read again parses only what is new to it.

One file per raw file, below ``.parsed`` in the day's directory. Its name has the raw file's name and digest, a digest
of the rules that parsed it, and its own digest. It can be made again from the raw file at any time, so a damaged one is
removed, and so is one of a replaced raw file or of other rules.
"""

from __future__ import annotations

import logging
import shutil
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import duckdb

from common.digests import text_digest
from detection.normalise import parse
from lake.durable import file_digest, make_directory
from lake.manifest import Manifest
from lake.manifest_entries import Piece
from lake.store import Lake, file_has, quoted

__all__ = ["PARSED", "damaged_parsed", "drop_parsed", "parsed_files"]

PARSED = ".parsed"
"""Directory of the parsed events in that of a day's raw events."""
_SUFFIX = ".parquet"
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""Locks of this process by directory: days that read the same raw events are computed side by side."""
logger = logging.getLogger(__name__)


def parsed_files(
    con: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    provider: str,
    *,
    organisation_domains: Sequence[str],
    read_by: str,
) -> tuple[list[str], int]:
    """Return the Parquet files of a day's parsed events, after parsing the raw files that have none.

    Args:
        con: Connection.
        manifest: The day's raw files.
        provider: Provider of the events.
        organisation_domains: The organisation's mail domains, by which events are read.
        read_by: Digest of the rules.

    Returns:
        The files, and the number of events that were parsed now.

    Raises:
        duckdb.Error: A raw file cannot be read at all.
    """
    directory = manifest.directory / PARSED
    wanted = {_key(piece, read_by): piece for piece in manifest.pieces if piece.events}
    with _locks[str(directory)]:
        found = {key: path for key, path in _intact(directory) if key in wanted}
        missing = {key: piece for key, piece in wanted.items() if key not in found}
        if missing:
            raw = {key: str(manifest.directory / piece.file) for key, piece in missing.items()}
            parse(con, provider, raw_files=list(raw.values()), organisation_domains=organisation_domains)
            found |= {key: _write(con, directory, key, path) for key, path in raw.items()}
            con.execute("DROP TABLE parsed_events")
        _remove_others(directory, found.values())
    return [str(found[key]) for key in sorted(found)], sum(piece.events for piece in missing.values())


def drop_parsed(lake: Lake, provider: str, *, before: date = date.max) -> None:
    """Remove the parsed events of a provider's days before a day; runs make those again that they need."""
    for day in lake.landed_days(f"{provider}/audit_events"):
        directory = lake.directory(f"{provider}/audit_events", day) / PARSED
        if day < before and directory.is_dir():
            shutil.rmtree(directory)


def damaged_parsed(directory: Path) -> list[Path]:
    """Return the damaged files of parsed events of a day, sorted."""
    return sorted(path for path in (directory / PARSED).glob(f"*{_SUFFIX}") if not _is_intact(path))


def _key(piece: Piece, read_by: str) -> str:
    # Files of earlier versions are named by their bounds alone.
    return f"{piece.file.partition('.')[0]}.{piece.sha256[:16]}.{text_digest(read_by)[:16]}"


def _intact(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield the intact files with their keys, and remove the others."""
    for path in directory.glob(f"*{_SUFFIX}"):
        if _is_intact(path):
            yield path.name.removesuffix(_SUFFIX).rpartition(".")[0], path
        else:
            logger.warning("%s is damaged: its events are parsed again", path)
            path.unlink(missing_ok=True)


def _is_intact(path: Path) -> bool:
    return file_has(path, path.name.removesuffix(_SUFFIX).rpartition(".")[2])


def _write(con: duckdb.DuckDBPyConnection, directory: Path, key: str, raw_file: str) -> Path:
    make_directory(directory, durable=False)
    staged = directory / f".{uuid.uuid4().hex}"
    con.execute(
        f"COPY (FROM parsed_events WHERE file_hash = hash('{quoted(raw_file)}')) "
        f"TO '{quoted(staged)}' (FORMAT parquet, COMPRESSION zstd)"
    )
    path = directory / f"{key}.{file_digest(staged)}{_SUFFIX}"
    staged.replace(path)
    return path


def _remove_others(directory: Path, kept: Iterable[Path]) -> None:
    for path in set(directory.glob(f"*{_SUFFIX}")) - set(kept):
        path.unlink(missing_ok=True)
