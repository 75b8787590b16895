"""Walk over all files of a home, in an order that allows a killed run to be resumed."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb

from detection.sql import ENGINE
from lake.damage import DamagedError
from lake.engine import sweep
from lake.manifest import Manifest
from lake.parsed_events import PARSED, drop_parsed
from lake.raw_days import days_read_from
from lake.scratch import live_scratch, sweep_scratch
from lake.store import Lake
from privacy.erasure.databases import SQLITE, forget_database
from privacy.erasure.findings import Findings
from privacy.erasure.lines import forget_csv, forget_lines, forget_text, packing
from privacy.erasure.person import Person, finish, plan_file
from privacy.erasure.raw import forget_day, is_temporary
from privacy.erasure.rows import forget_parquet, naming
from providers import PROVIDERS

__all__ = ["ReadAgain", "forget", "forget_database"]

ReadAgain = Callable[[duckdb.DuckDBPyConnection, Lake, str, date, Sequence[str]], None]
"""Callback that reads a provider's day of raw events again, given the mail domains, and writes its tables."""

_LEFT_BEHIND = re.compile(r"\.(.+\.(?:parquet|json|ndjson|csv|html|duckdb)|stream_position)\.[a-z0-9_]{8}(\.wal)?")
"""Name that :func:`lake.store.replacing` gives an unfinished file; an existing one is from a killed process."""
_SPILLED = re.compile(r"duckdb_temp_.+")
_WAREHOUSE = ("warehouse.duckdb.wal", "warehouse.duckdb.tmp")
"""Files that DuckDB keeps beside a file that it writes; the file's views are made again."""
_DUCKDB = b"DUCK"
_MADE_UP = ("demo", "sandbox")
"""Directories of a replay's home that hold the made-up organisation and the stand-ins' credentials."""
_OF_TEXT: Mapping[str, Callable[..., tuple[int, int]]] = {".csv": forget_csv, ".ndjson": forget_lines}
_BESIDE_SQLITE = ("-wal", "-shm", "-journal")


def forget(
    lake: Lake,
    person: Person,
    *,
    organisation_domains: Sequence[str],
    read_again: ReadAgain,
    write: bool,
    progress: Callable[[str], None],
) -> Findings:
    """Remove a person from everything below the home that holds the lake.

    Every file is replaced atomically, so that a reader sees the old or the new one. Raw events come first, then the
    tables read from them, then all other files; the next run finds what a killed run left. Only the program's own
    temporary files, files named by an alert about the person, and files rewritten under another name are deleted. Files
    that cannot be searched stay, and so do links that lead out of the home.

    Args:
        lake: The lake; this process locks it meanwhile.
        person: From :func:`privacy.erasure.person.identify`.
        organisation_domains: The organisation's mail domains, by which events are read.
        read_again: Reads a day's raw events again and writes its tables.
        write: Whether to change files, rather than only count what they hold.
        progress: Called with the name of what is searched next.

    Returns:
        What was removed, by table or kind of files, and what could not be searched.
    """
    found = Findings()
    with lake.alone():
        _sweep(lake, found, write=write)
        for provider in PROVIDERS:
            progress(f"{provider}/audit_events")
            again = _forget_raw(lake, provider, person, found, organisation_domains, write=write)
            if write:
                _read_again(lake, provider, again, person, found, read_again, organisation_domains)
        tables = defaultdict[str, list[Path]](list)
        for path in _files(lake, found):
            tables[_table(lake, path)].append(path)
        with duckdb.connect() as con:
            # Last the tables that hold the person's names.
            for table in sorted(tables, key=lambda table: (tables[table][0].parent == Path(lake.root), table)):
                progress(table)
                _forget_files(con, tables[table], table, person, found, write=write)
        if write:
            _rename(lake, person, found)
            finish(lake, person, searched=not found.unsearched)
    found.removed = {table: removed for table, removed in sorted(found.removed.items()) if removed.files}
    return found


def _sweep(lake: Lake, found: Findings, *, write: bool) -> None:
    """Remove leftovers of killed commands and DuckDB, and parsed events, which runs make again."""
    for _ in sweep_scratch(Path(lake.root), write=write):
        found.removed["leftovers"].add(1, 0)
    for path in live_scratch(Path(lake.root)):
        found.unsearched[path] = "belongs to a running command. Wait for its end"
    home = Path(lake.root).parent
    if write:
        sweep(home)
        for provider in PROVIDERS:
            drop_parsed(lake, provider)
    for name in _WAREHOUSE:
        path = home / name
        if path.is_symlink() or not path.exists():
            continue
        found.removed["leftovers"].add(1, 0)
        if write and path.is_dir():
            shutil.rmtree(path)
        elif write:
            path.unlink()


def _forget_raw(
    lake: Lake,
    provider: str,
    person: Person,
    found: Findings,
    organisation_domains: Sequence[str],
    *,
    write: bool,
) -> set[date]:
    """Remove the person from a provider's raw events; return the days of uploads to be read again."""
    again: set[date] = set()
    for directory in _raw_days(lake, provider):
        try:
            day = date.fromisoformat(directory.name.removeprefix("day="))
            manifest = Manifest(directory)
        except (OSError, ValueError):
            found.unsearched[directory / "manifest.json"] = "cannot be read. Put it back from a backup"
            for path in directory.glob("*.ndjson.zst"):
                found.unsearched[path] = "may count or not, since its manifest cannot be read"
            continue
        root = Path(lake.root)
        changed = forget_day(
            manifest, provider, person, found, root=root, organisation_domains=organisation_domains, write=write
        )
        # A killed run may have changed events without reading them again.
        if changed or person.resumed:
            again.update(days_read_from(provider, day))
    return again


def _raw_days(lake: Lake, provider: str) -> list[Path]:
    return sorted(path for path in Path(lake.root, provider, "audit_events").glob("day=*") if path.is_dir())


def _read_again(
    lake: Lake,
    provider: str,
    days: set[date],
    person: Person,
    found: Findings,
    read_again: ReadAgain,
    organisation_domains: Sequence[str],
) -> None:
    """Read the events of these days again, and count what that removes."""
    with duckdb.connect(config=dict(ENGINE)) as con:
        for day in sorted(days):
            for table in ("logged_uploads", "activity", "rejects"):
                for path in lake.parts(f"{provider}/{table}", [day]):
                    try:
                        found.removed[f"{provider}/{table}"].add(*forget_parquet(con, Path(path), person, write=False))
                    except duckdb.Error:
                        # The table is written again here, or reported by the search of all files.
                        continue
            part = lake.part(f"{provider}/logged_uploads", day)
            if part.exists():
                try:
                    read_again(con, lake, provider, day, organisation_domains)
                except (duckdb.Error, DamagedError, OSError, ValueError) as error:
                    found.unsearched[part] = f"was not made again from the raw events: {error}"


def _files(lake: Lake, found: Findings) -> Iterator[Path]:
    """Yield all files of the home except landed raw events, what was parsed of them, and the plan."""
    root = Path(lake.root)
    home = root.parent.resolve()

    def failed(error: OSError) -> None:
        found.unsearched[Path(error.filename)] = f"cannot be entered: {error.strerror}"

    skipped = {plan_file(lake), *(path for path in live_scratch(root))}
    for start in [root.parent, *([root] if root.is_symlink() else [])]:
        for name, directories, files in os.walk(start, onerror=failed):
            place = Path(name)
            directories[:] = sorted(
                each
                for each in directories
                if place / each not in skipped and each != PARSED and not (place == root.parent and each in _MADE_UP)
            )
            for path in (place / each for each in sorted([*directories, *files])):
                if path.is_symlink():
                    target = path.resolve()
                    if target.exists() and not target.is_relative_to(home) and path != root:
                        found.unsearched[path] = f"leads out of the home, to {target}: remove the person there yourself"
                elif path.is_file() and path not in skipped and path.stat().st_size and not _is_apart(path):
                    yield path


def _is_apart(path: Path) -> bool:
    """Check whether a file is among raw events, which are searched by day, or a copy, which follows its file."""
    copy = ".copy.parquet"
    if path.name.endswith(copy) and path.with_name(f"{path.name.removesuffix(copy)}.parquet").exists():
        return True
    return path.parent.parent.name == "audit_events" and path.name.endswith(".ndjson.zst") and path.name[0] != "."


def _table(lake: Lake, path: Path) -> str:
    home = Path(lake.root).parent
    parts = path.relative_to(lake.root if path.is_relative_to(lake.root) else home).parts
    kept = [part for part in parts[:-1] if "=" not in part]
    return "/".join(kept[:3]) if kept else path.stem


def _forget_files(
    con: duckdb.DuckDBPyConnection, paths: Sequence[Path], table: str, person: Person, found: Findings, *, write: bool
) -> None:
    parquet = [path for path in paths if path.suffix == ".parquet" and not _is_left(path)]
    try:
        changing = naming(con, parquet, person) if parquet else []
    except duckdb.Error:
        # One of them cannot be read; reading each alone finds it.
        changing = parquet
    for path in paths:
        if path in changing or path not in parquet:
            try:
                found.removed[table].add(*_forget_file(con, path, person, write=write))
            except (duckdb.Error, sqlite3.Error, OSError, ValueError) as error:
                # A file that is gone meanwhile, such as one beside a database, names nobody.
                if path.exists():
                    found.unsearched[path] = str(error).partition("\n")[0]


def _is_left(path: Path) -> bool:
    """Check whether a file is a temporary one of a killed process."""
    if path.parent.parent.name == "audit_events" and is_temporary(path.name):
        return True
    return _LEFT_BEHIND.fullmatch(path.name) is not None or _SPILLED.fullmatch(path.name) is not None


def _forget_file(con: duckdb.DuckDBPyConnection, path: Path, person: Person, *, write: bool) -> tuple[int, int]:
    """Remove the person from a file; return the removed rows, and the rows in which the name was replaced.

    Raises:
        OSError, ValueError, duckdb.Error, sqlite3.Error: It cannot be searched.
    """
    if _is_left(path) or any(alert_id in str(path) for alert_id in person.alert_ids):
        if write:
            path.unlink()
        return 1, 0
    if path.suffix == ".parquet":
        return forget_parquet(con, path, person, write=write)
    if path.suffix in _OF_TEXT:
        return _OF_TEXT[path.suffix](path, person, write=write)
    with path.open("rb") as file:
        head = file.read(len(SQLITE))
    if head == SQLITE:
        return forget_database(path, person, write=write)
    if kind := packing(head):
        raise ValueError(f"is {kind}. Unpack it and say this again, or remove it")
    if head[8:12] == _DUCKDB and _has_tables(path):
        raise ValueError("is a DuckDB database with tables of its own: remove the person there yourself")
    # Opening a database applies the changes that wait beside it.
    beside = path.name.endswith(_BESIDE_SQLITE) and path.with_name(path.name.rpartition("-")[0]).exists()
    return (0, 0) if beside else forget_text(path, person, write=write)


def _has_tables(path: Path) -> bool:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute("SELECT count(*) FROM duckdb_tables()").fetchall() != [(0,)]


def _rename(lake: Lake, person: Person, found: Findings) -> None:
    """Rename files and directories whose names contain the person's."""
    home = Path(lake.root).parent
    for name, directories, files in os.walk(home, topdown=False):
        for path in (Path(name) / each for each in [*files, *directories]):
            made_up = path.relative_to(home).parts[0] in _MADE_UP
            if made_up or path.is_symlink() or not person.named_in(path.name):
                continue
            place = path.with_name(person.redacted(path.name))
            number = 1
            while place.exists():
                number += 1
                place = path.with_name(f"{number} {person.redacted(path.name)}")
            path.rename(place)
            found.removed["names of files"].add(0, 1)
