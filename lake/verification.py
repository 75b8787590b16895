"""Verification of the lake: damaged, missing and left-over files, with consequence and remedy.

Every file is read whole and compared with its recorded digest. What can be repaired without loss is repaired on
request; the other problems are reported with their remedy.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from detection.tables import TABLES
from lake.audit_log import audit_log_path, broken_acts
from lake.durable import LEFT_BEHIND_SECONDS, make_way
from lake.health import damaged_health
from lake.kept import LEDGER, copy_of, restore, state_of
from lake.manifest import Manifest
from lake.manifest_entries import Piece
from lake.parsed_events import damaged_parsed
from lake.raw_days import lost_raw_days
from lake.salvage import salvage
from lake.store import KEPT_TABLES, Lake
from providers import PROVIDERS

__all__ = ["Problem", "verify"]

_TEMPORARY = re.compile(r"\.(?:.+\.[a-z0-9_]{8}|[0-9a-f]{32})")
"""Names of unfinished files, see :mod:`lake.durable` and :mod:`lake.landing`."""

_STOPS = "what follows from it is not made meanwhile"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Problem:
    """Problem of a file or directory.

    Attributes:
        state: ``damaged``, ``missing`` or ``left over``.
        path: The file or directory.
        cause: What is wrong with it.
        means: Consequence of it.
        remedy: What repairs it.
        repair: Function that repairs it without loss and returns what it did; None if a person has to.
    """

    state: str
    path: Path
    cause: str
    means: str
    remedy: str
    repair: Callable[[], str] | None = None


def verify(lake: Lake, progress: Progress = lambda _what: None) -> Iterator[Problem]:
    """Yield the problems of a lake and of the files beside it.

    Args:
        lake: The lake.
        progress: Called with the name of what is verified next.
    """
    for provider in PROVIDERS:
        progress(f"{provider}/audit_events")
        yield from _raw(lake, provider)
        yield from _health(lake, provider)
    for table in _tables(lake):
        progress(table)
        yield from _partitions(lake, table)
    progress("ledger and reviews")
    for name in LEDGER:
        yield from _kept(Path(lake.root) / f"{name}.parquet")
    progress("outbox")
    yield from _outbox(Path(lake.root).parent / "outbox.db")
    progress("audit log")
    yield from _audit_log(audit_log_path(lake))
    progress("files left behind")
    yield from _left_over(Path(lake.root).parent)


def _raw(lake: Lake, provider: str) -> Iterator[Problem]:
    table = f"{provider}/audit_events"
    for day in lost_raw_days(lake, provider):
        yield Problem(
            "missing",
            lake.directory(table, day),
            "raw events were read from it, and it is gone",
            "the day can't be read again; what was read of it before stays",
            "what the provider still keeps is pulled again by the next run; otherwise restore it from a backup",
        )
    for day in lake.landed_days(table):
        directory = lake.directory(table, day)
        yield from _manifest_files(directory)
        manifest = Manifest(directory)
        pieces = {piece.file: piece for piece in manifest.pieces}
        for name, cause in manifest.damaged().items():
            yield _raw_problem(manifest, pieces[name], cause)
        for path in damaged_parsed(directory):
            yield Problem(
                "damaged",
                path,
                "it is not what was written",
                "nothing: what was parsed of the raw events is only there to save time",
                "the next run that reads the day removes it, or --repair does now",
                partial(_remove, path, "removed; a run that needs it makes it again"),
            )
        for path in manifest.unlisted():
            yield Problem(
                "left over",
                path,
                "the manifest does not list it",
                "its events are not read; a run or an import was killed, or the manifest is older than the file",
                "list it again with --repair: what it holds beside the other files is counted, and nothing twice",
                partial(manifest.adopt, path),
            )


def _health(lake: Lake, provider: str) -> Iterator[Problem]:
    if path := damaged_health(lake, provider):
        yield Problem(
            "damaged",
            path,
            "it is not what was written",
            "since when the source fails is not known, nor that it was removed",
            "the next run writes it again; remove a source again that was removed, or let --repair delete the file",
            partial(_remove, path, "deleted; the next run writes it again"),
        )


def _manifest_files(directory: Path) -> Iterator[Problem]:
    for path in Manifest.broken_files(directory):
        yield Problem(
            "damaged" if path.exists() else "missing",
            path,
            "it is not what was written" if path.exists() else "its twin is there, it is not",
            "one of the manifest's two files can't stand in for the other any more",
            "the next run that touches the day writes it again, or --repair does now",
            partial(_rewrite, directory),
        )


def _raw_problem(manifest: Manifest, piece: Piece, cause: str) -> Problem:
    path = manifest.directory / piece.file
    return Problem(
        "missing" if not path.exists() else "damaged",
        path,
        cause,
        f"{piece.events} raw events can't be read again; what was read of the day before stays",
        "what the provider still keeps is pulled again by the next run over the day; otherwise restore the file from a "
        "backup, import the export again, or let --repair keep what can still be read",
        partial(salvage, manifest, piece) if path.exists() else None,
    )


def _rewrite(directory: Path) -> str:
    Manifest(directory).write()
    return "written again from its twin and the raw files"


def _remove(path: Path, done: str) -> str:
    make_way(path)
    path.unlink(missing_ok=True)
    return done


def _restore(path: Path) -> str:
    restore(path)
    return "restored, with its copy"


def _tables(lake: Lake) -> list[str]:
    """Return the tables with partitions in the lake, those of the providers first."""
    kinds = [*TABLES]
    names = [f"{provider}/{kind}" for provider in PROVIDERS for kind in kinds] + kinds
    return [name for name in dict.fromkeys(names) if lake.made_days(name) or (Path(lake.root) / name).is_dir()]


def _partitions(lake: Lake, table: str) -> Iterator[Problem]:
    if table.rpartition("/")[2] in KEPT_TABLES:
        for day in sorted({*lake.landed_days(table), *lake.lost_days(table)}):
            yield from _kept(lake.part(table, day))
        return
    remedy = "the next run that reaches the day makes it again; materialise it for an older day"
    for day in lake.lost_days(table):
        path = lake.part(table, day)
        yield Problem("missing", path, "it was there, and is gone", _STOPS, remedy)
    for day in lake.days(table):
        cause = lake.fault(table, day, deep=True)
        if cause:
            path = lake.part(table, day)
            yield Problem(
                "damaged",
                path,
                cause,
                _STOPS,
                f"{remedy}; --repair removes it, so that it is",
                partial(_remove, path, "removed; the next run makes it again"),
            )


def _kept(path: Path) -> Iterator[Problem]:
    state, cause = state_of(path)
    if state == "restorable":
        yield Problem(
            "damaged",
            path,
            cause,
            "nothing yet: its copy stands in for it, but there is one less",
            "the next run restores it, or --repair does now",
            partial(_restore, path),
        )
    elif state == "lost":
        yield Problem(
            "damaged" if path.exists() or copy_of(path).exists() else "missing",
            path,
            cause,
            "what it holds can't be computed again",
            f"restore {path.name}, with the .json and the .copy.parquet beside it, from the latest backup",
        )


def _outbox(path: Path) -> Iterator[Problem]:
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
            [(said,)] = database.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        yield Problem(
            "damaged",
            path,
            said,
            "nobody is notified",
            "restore it from the latest backup, or delete it: what ended within the notification age is sent again",
        )


def _audit_log(path: Path) -> Iterator[Problem]:
    if not path.exists():
        return
    remedy = "restore it from the latest backup; compare it with the log lines of logger uploadwatch.audit"
    try:
        broken = broken_acts(path)
    except sqlite3.DatabaseError as error:
        yield Problem("damaged", path, str(error), "nobody can act on a case", remedy)
        return
    if broken:
        said = f"{len(broken)} acts do not follow from the one before, the first is number {broken[0]}"
        yield Problem("damaged", path, said, "somebody changed or removed acts", remedy)


def _left_over(home: Path) -> Iterator[Problem]:
    now = time.time()
    for directory, directories, files in os.walk(home):
        # A repair also sets aside directories that were in a file's place.
        for name in [*files, *(name for name in directories if name.endswith(".damaged"))]:
            path = Path(directory, name)
            if name.endswith(".damaged"):
                yield Problem(
                    "left over",
                    path,
                    "a repair set it aside",
                    "it takes room, and may name people",
                    "delete it once its events were restored, or are given up",
                )
            if _TEMPORARY.fullmatch(name) and now - path.lstat().st_mtime > LEFT_BEHIND_SECONDS:
                yield Problem(
                    "left over",
                    path,
                    "a process that was writing it was killed",
                    "it takes room, and may name people",
                    "--repair removes it",
                    partial(_remove, path, "removed"),
                )
