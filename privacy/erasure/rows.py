"""Erasure from Parquet files: deletes the person's own rows, and replaces their address in others' rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import duckdb
from duckdb.sqltypes import DuckDBPyType

from lake.durable import file_digest, replace_text, replacing
from lake.kept import copy_of, write_kept
from lake.store import Note
from privacy.erasure.person import REPLACEMENT, Person

__all__ = ["forget_parquet", "naming"]


_WHOSE = ("user", "person", "account")
"""Columns with the user of a row: an address, or provider and id."""


def naming(con: duckdb.DuckDBPyConnection, paths: Sequence[Path], person: Person) -> list[Path]:
    """Return the Parquet files of one table that :func:`forget_parquet` would change, with one query for all.

    Raises:
        duckdb.Error: A file cannot be read.
    """
    own, named, bound = _conditions(con, paths, person)
    query = f"SELECT DISTINCT filename FROM held WHERE {own} OR {named}"  # noqa: S608 -- our own names
    found = {Path(name) for (name,) in con.execute(query, _used(query, bound)).fetchall()}
    return [path for path in paths if path in found]


def forget_parquet(con: duckdb.DuckDBPyConnection, path: Path, person: Person, *, write: bool) -> tuple[int, int]:
    """Remove a person from a Parquet file.

    A row is the person's own if its user, person, account or OCSF user is the person. In all other rows the address is
    replaced.

    Args:
        con: Connection, in which ``held`` and ``kept`` are made.
        path: The file.
        person: The person to remove.
        write: Whether to change the file, rather than only count the rows.

    Returns:
        Removed rows, and rows of others in which the address was replaced.

    Raises:
        duckdb.Error: The file cannot be read.
    """
    own, named, bound = _conditions(con, [path], person)
    counts = f"SELECT count(*) FILTER ({own}), count(*) FILTER (NOT {own} AND {named}) FROM held"  # noqa: S608 -- our own names
    [(removed, redacted)] = con.execute(counts, _used(counts, bound)).fetchall()
    if write and (removed or redacted):
        columns = _columns(con)
        kept = ", ".join(
            f"{_redacted(_quoted(name), kind, _pattern(name))} AS {_quoted(name)}" for name, kind in columns
        )
        query = f"CREATE OR REPLACE TEMP TABLE kept AS SELECT {kept} FROM held WHERE NOT {own}"  # noqa: S608 -- our own names
        con.execute(query, _used(query, bound))
        _replace(con, path, _note(path))
    return int(removed), int(redacted)


def _conditions(
    con: duckdb.DuckDBPyConnection, paths: Sequence[Path], person: Person
) -> tuple[str, str, dict[str, object]]:
    """Make ``held`` of the files; return conditions for own rows and for rows with the name, and parameters."""
    held = con.read_parquet([str(path) for path in paths], hive_partitioning=False, filename=True, union_by_name=True)
    held.create_view("held", replace=True)
    columns = _columns(con)
    held_by = [_named(_quoted(name), kind, _pattern(name)) for name, kind in columns if _texts(kind)]
    users = [user for name, kind in columns for user in _users(name, kind)]
    if {"provider", "user_id"} <= {name for name, _ in columns}:
        users.append('concat("provider", \':\', "user_id")')
    own = " OR ".join(
        f"coalesce(list_contains($names, lower({user})) OR list_contains($tokens, {user}), FALSE)" for user in users
    )
    bound: dict[str, object] = {
        "pattern": person.pattern,
        "certain": person.certain,
        "names": sorted(person.accounts),
        "tokens": person.tokens,
    }
    return f"({own or 'FALSE'})", f"({' OR '.join(held_by) or 'FALSE'})", bound


def _users(name: str, kind: DuckDBPyType) -> list[str]:
    """Return the expression for a column's values that decide whose a row is."""
    if name in _WHOSE and kind.id == "varchar":
        return [f'"{name}"']
    within = dict(_within(kind)) if kind.id == "struct" else {}
    if name == "actor" and "user" in within and within["user"].id == "struct":
        texts = {field for field, of in _within(within["user"]) if of.id == "varchar"}
        return [f'"actor"."user"."{field}"' for field in ("name", "email_addr", "uid") if field in texts]
    if name == "unmapped" and "user" in within and within["user"].id == "varchar":
        return ['"unmapped"."user"']
    return []


def _pattern(name: str) -> str:
    """Return the search parameter of a column: an ambiguous spelling must not change whose a row is."""
    return "$certain" if name in (*_WHOSE, "user_id", "actor") else "$pattern"


def _columns(con: duckdb.DuckDBPyConnection) -> list[tuple[str, DuckDBPyType]]:
    """Return the columns of the file, without the file name."""
    return [(name, kind) for name, kind in _typed(con.view("held")) if name != "filename"]


def _replace(con: duckdb.DuckDBPyConnection, path: Path, note: Note | None) -> None:
    """Replace a file with ``kept``, and update the lake's note of it, if there is one."""

    def write(place: Path) -> None:
        con.table("kept").write_parquet(str(place), compression="zstd")

    if copy_of(path).exists():
        content = write_kept(path, write)
    else:
        with replacing(path) as temporary:
            write(temporary)
        content = file_digest(path)
    stat = path.stat()
    if note:
        [(rows,)] = con.execute("SELECT count(*) FROM kept").fetchall()
        after = replace(note, content=content, rows=rows, size=stat.st_size, modified=stat.st_mtime_ns)
        replace_text(path.with_suffix(".json"), json.dumps(asdict(after)))


def _typed(relation: duckdb.DuckDBPyRelation) -> list[tuple[str, DuckDBPyType]]:
    return list(zip(relation.columns, relation.types, strict=True))


def _note(path: Path) -> Note | None:
    """Return the lake's note beside a partition."""
    try:
        return Note(**json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _used(query: str, bound: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters that a query names, since DuckDB refuses others."""
    return {name: value for name, value in bound.items() if f"${name}" in query}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _within(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    return [(name, of) for name, of in kind.children if isinstance(of, DuckDBPyType)] if _nested(kind) else []


def _nested(kind: DuckDBPyType) -> bool:
    return kind.id in ("struct", "list", "map")


def _texts(kind: DuckDBPyType) -> bool:
    """Check whether values of the type hold text."""
    return kind.id in ("varchar", "blob", "enum", "json") or any(_texts(of) for _, of in _within(kind))


def _named(value: str, kind: DuckDBPyType, pattern: str) -> str:
    text = f"CAST(to_json({value}) AS VARCHAR)" if _nested(kind) else _plain(value, kind)
    return f"coalesce(regexp_matches({text}, {pattern}), FALSE)"


def _plain(value: str, kind: DuckDBPyType) -> str:
    return value if kind.id == "varchar" else f"CAST({value} AS VARCHAR)"


def _redacted(value: str, kind: DuckDBPyType, pattern: str) -> str:
    """Return the value with the person's name replaced in all its texts; twice, as in :meth:`Person.redacted`."""
    if _nested(kind) and not _texts(kind):
        return value
    if kind.id == "list":
        [each] = dict(_within(kind)).values()
        return f"list_transform({value}, lambda e: {_redacted('e', each, pattern)})"
    if kind.id == "map":
        return _redacted_map(value, dict(_within(kind)), pattern)
    if kind.id == "struct":
        fields = ", ".join(
            f"{_quoted(name)} := {_redacted(f'({value}).{_quoted(name)}', of, pattern)}" for name, of in _within(kind)
        )
        return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({fields}) END"
    if not _texts(kind):
        return value
    once = f"regexp_replace({_plain(value, kind)}, {pattern}, '{REPLACEMENT}', 'g')"
    twice = f"regexp_replace({once}, {pattern}, '{REPLACEMENT}', 'g')"
    return f"CAST({twice} AS BLOB)" if kind.id == "blob" else twice


def _redacted_map(value: str, within: Mapping[str, DuckDBPyType], pattern: str) -> str:
    key, held = _redacted("m.key", within["key"], pattern), _redacted("m.value", within["value"], pattern)
    entries = f"list_transform(map_entries({value}), lambda m: struct_pack(k := {key}, v := {held}))"
    if within["key"].id == "varchar":
        # Keys that become equal are numbered, since a map has each key once.
        entries = (
            f"list_transform({entries}, lambda n, i: struct_pack("
            f"k := CASE WHEN list_position(list_transform({entries}, lambda o: o.k), n.k) < i "
            "THEN concat(n.k, ' ', i) ELSE n.k END, v := n.v))"
        )
    return f"map_from_entries({entries})"
