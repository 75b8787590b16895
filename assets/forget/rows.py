"""Parquet files without a person: their own rows go, their address in the rows of others is replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import duckdb
from duckdb.sqltypes import DuckDBPyType

from assets.forget.person import FORGOTTEN, Person
from assets.lake import Note, replace_text, replacing

__all__ = ["forget_csv", "forget_parquet", "naming"]


def naming(con: duckdb.DuckDBPyConnection, paths: Sequence[Path], person: Person) -> list[Path]:
    """Those among the Parquet files of one table that :func:`forget_parquet` would change; one query for all."""
    own, named, bound = _conditions(con, paths, person)
    query = f"SELECT DISTINCT filename FROM held WHERE {own} OR {named}"  # noqa: S608 -- our own names
    found = {Path(name) for (name,) in con.execute(query, _used(query, bound)).fetchall()}
    return [path for path in paths if path in found]


def forget_parquet(con: duckdb.DuckDBPyConnection, path: Path, person: Person, *, write: bool) -> tuple[int, int]:
    """Removes a person from a Parquet file.

    A row is the person's own where its column ``user`` says so; in a table without that column, where it names the
    person at all.

    Args:
        con: Connection, in which ``held`` and ``kept`` are made.
        path: The file.
        person: Whom to remove.
        write: Whether the file is changed, or the rows are only counted.

    Returns:
        Rows removed, and rows of others in which the address was replaced.
    """
    own, named, bound = _conditions(con, [path], person)
    counts = f"SELECT count(*) FILTER ({own}), count(*) FILTER (NOT {own} AND {named}) FROM held"  # noqa: S608 -- our own names
    [(removed, redacted)] = con.execute(counts, _used(counts, bound)).fetchall()
    if write and (removed or redacted):
        columns = _columns(con)
        kept = ", ".join(f"{_redacted(_quoted(name), kind)} AS {_quoted(name)}" for name, kind in columns)
        query = f"CREATE OR REPLACE TEMP TABLE kept AS SELECT {kept} FROM held WHERE NOT {own}"  # noqa: S608 -- our own names
        con.execute(query, _used(query, bound))
        _replace(con, path, _note(path))
    return int(removed), int(redacted)


def _conditions(
    con: duckdb.DuckDBPyConnection, paths: Sequence[Path], person: Person
) -> tuple[str, str, dict[str, object]]:
    """Makes ``held`` of the files; gives when a row is the person's own, when it names the person, and parameters."""
    held = con.read_parquet([str(path) for path in paths], hive_partitioning=False, filename=True, union_by_name=True)
    held.create_view("held", replace=True)
    columns = _columns(con)
    named = " OR ".join(_named(_quoted(name), kind) for name, kind in columns if _texts(kind)) or "FALSE"
    has_user = any(name == "user" for name, _ in columns)
    own = 'coalesce(list_contains($names, "user"), FALSE)' if has_user else f"({named})"
    return own, f"({named})", {"pattern": person.pattern, "names": person.names}


def _columns(con: duckdb.DuckDBPyConnection) -> list[tuple[str, DuckDBPyType]]:
    """The columns of the file, without the one that names it."""
    return [(name, kind) for name, kind in _typed(con.view("held")) if name != "filename"]


def _replace(con: duckdb.DuckDBPyConnection, path: Path, note: Note | None) -> None:
    """Writes ``kept`` in the place of a file, and tells the lake's note of it, where there is one."""
    with replacing(path) as temporary:
        con.table("kept").write_parquet(str(temporary), compression="zstd")
        content = hashlib.sha256(temporary.read_bytes()).hexdigest()
        stat = temporary.stat()
    if note:
        [(rows,)] = con.execute("SELECT count(*) FROM kept").fetchall()
        after = replace(note, content=content, rows=rows, size=stat.st_size, modified=stat.st_mtime_ns)
        replace_text(path.with_suffix(".json"), json.dumps(asdict(after)))


def forget_csv(con: duckdb.DuckDBPyConnection, path: Path, person: Person, *, write: bool) -> int:
    """Removes the records of an exported CSV file that name a person; returns how many."""
    source = (
        "read_csv($path, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', "
        "hive_partitioning = false)"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE kept AS FROM {source}", {"path": str(path)})
    named = " OR ".join(_named(_quoted(name), kind) for name, kind in _typed(con.table("kept")))
    [(removed,)] = con.execute(f"SELECT count(*) FROM kept WHERE {named}", {"pattern": person.pattern}).fetchall()  # noqa: S608 -- our own names
    if write and removed:
        con.execute(f"DELETE FROM kept WHERE {named}", {"pattern": person.pattern})  # noqa: S608 -- our own names
        with replacing(path) as temporary:
            name = str(temporary).replace("'", "''")
            con.execute(f"COPY kept TO '{name}' (FORMAT csv, HEADER, FORCE_QUOTE *)")
    return int(removed)


def _typed(relation: duckdb.DuckDBPyRelation) -> list[tuple[str, DuckDBPyType]]:
    return list(zip(relation.columns, relation.types, strict=True))


def _note(path: Path) -> Note | None:
    """The lake's note beside a partition."""
    try:
        return Note(**json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _used(query: str, bound: Mapping[str, object]) -> dict[str, object]:
    """The parameters that a query names; DuckDB refuses others."""
    return {name: value for name, value in bound.items() if f"${name}" in query}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _within(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    return [(name, of) for name, of in kind.children if isinstance(of, DuckDBPyType)] if _nested(kind) else []


def _nested(kind: DuckDBPyType) -> bool:
    return kind.id in ("struct", "list", "map")


def _texts(kind: DuckDBPyType) -> bool:
    """Whether values of the type hold text."""
    return kind.id == "varchar" or any(_texts(of) for _, of in _within(kind))


def _named(value: str, kind: DuckDBPyType) -> str:
    text = f"CAST(to_json({value}) AS VARCHAR)" if _nested(kind) else value
    return f"coalesce(regexp_matches({text}, $pattern), FALSE)"


def _redacted(value: str, kind: DuckDBPyType) -> str:
    """The value with the person's name replaced in all its texts; twice, as :meth:`Person.redacted` says."""
    if kind.id == "varchar":
        once = f"regexp_replace({value}, $pattern, '\\1{FORGOTTEN}\\2', 'g')"
        return f"regexp_replace({once}, $pattern, '\\1{FORGOTTEN}\\2', 'g')"
    if not _texts(kind):
        return value
    within = dict(_within(kind))
    if kind.id == "list":
        [each] = within.values()
        return f"list_transform({value}, lambda e: {_redacted('e', each)})"
    if kind.id == "map":
        keys, values = _redacted("m.key", within["key"]), _redacted("m.value", within["value"])
        entries = f"list_transform(map_entries({value}), lambda m: struct_pack(k := {keys}, v := {values}))"
        return f"map_from_entries({entries})"
    fields = ", ".join(
        f"{_quoted(name)} := {_redacted(f'({value}).{_quoted(name)}', of)}" for name, of in within.items()
    )
    return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({fields}) END"
