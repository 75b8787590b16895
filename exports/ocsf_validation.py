"""Checks rows against the OCSF schema, every one of them, without the network.

The verdict of the schema on a row depends on its shape (which attributes it has, and of which types) and on the values
of those attributes whose values the schema restricts: numbers from a list, addresses of a form. All other values are
free. So rows of one shape share the verdict on their shape, and one of them is checked for all; of the restricted
attributes each distinct value is checked. A shape with a list or a fraction in it does not tell all of a row, and a
keyword of the schema that is not known here may tie values to one another: such rows are checked one by one. That this
comes to the verdict of checking every row is tested.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from common.digests import text_digest
from exports.files import CLASSES

__all__ = ["CHECKED_BY", "VERSION", "Verdict", "check", "schema", "schema_text"]

VERSION = "1.8.0"
"""The version of OCSF that the rows are of."""

_TOLD = 20
_SHAPE = {"$ref", "type", "properties", "additionalProperties", "required", "items", "anyOf", "$defs"}
_VALUE = {"enum", "const", "pattern", "maxLength", "minimum", "maximum"}
_SAID = {"$schema", "$id", "title", "description", "deprecated"}

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """Result of validating rows against the schema.

    Attributes:
        rows: How many there are.
        shapes: Different shapes among them.
        one_by_one: Rows that were checked each on its own.
        values: Distinct values of restricted attributes that were checked.
        faults: What is wrong, where, and in how many rows; no value is named, since it may name a person.
    """

    rows: int
    shapes: int
    one_by_one: int
    values: int
    faults: tuple[str, ...]


def schema_text(kind: str) -> str:
    """Return the text of a class's JSON schema, as it is shipped.

    Args:
        kind: Name of the class, such as ``file_hosting``.

    Raises:
        ValueError: It is not a class of the rows.
    """
    if kind not in CLASSES:
        raise ValueError(f"{kind} is not an exported class of OCSF; choose from {', '.join(CLASSES)}")
    # Written by docs/write_ocsf_schema.py.
    return files("exports").joinpath("data", "ocsf", f"{kind}.json").read_text(encoding="utf-8")


@cache
def schema(kind: str) -> Schema:
    """Return the JSON schema of a class."""
    found: dict[str, Any] = json.loads(schema_text(kind))
    return found


CHECKED_BY = f"{VERSION}/{text_digest(*map(schema_text, CLASSES))[:12]}/1"
"""Version of everything a verdict depends on, besides the rows. Increment the last number if this module finds more."""


def check(con: duckdb.DuckDBPyConnection, lines: str, kind: str) -> Verdict:
    """Check every row of ``lines`` against a class of OCSF.

    Args:
        con: Connection.
        lines: Table or view with the column ``line``: a JSON object.
        kind: Name of the class.
    """
    whole = schema(kind)
    validator = Draft202012Validator(whole)
    shapes = con.execute(
        f'SELECT CAST(json_structure(line) AS VARCHAR), count(*), any_value(line) FROM "{lines}" GROUP BY 1'  # noqa: S608 -- a caller's own table
    ).fetchall()
    faults: dict[str, int] = {}
    restricted: dict[str, Schema] = {}
    alone = []
    for shape, rows, line in shapes:
        row = json.loads(line)
        found = None if "[" in shape or "DOUBLE" in shape else _restricted(whole, whole, row, "")
        if found is None:
            alone.append(shape)
        else:
            _add(faults, _fault(validator, row, but=_VALUE), rows)
            restricted |= found
    one_by_one = values = 0
    leaves = {
        path: Draft202012Validator({key: part[key] for key in part.keys() & _VALUE})
        for path, part in restricted.items()
    }
    for path, text, rows in _values(con, lines, list(restricted), alone):
        values += 1
        value = json.loads(text)
        # Nearly all are valid, which is found out faster than what is wrong.
        if not leaves[path].is_valid(value):
            _add(faults, _fault(leaves[path], value, path), rows)
    for line in _alone(con, lines, alone):
        one_by_one += 1
        _add(faults, _fault(validator, json.loads(line)), 1)
    told = sorted(faults.items(), key=lambda each: -each[1])[:_TOLD]
    said = tuple(f"{fault} in {rows} row{'' if rows == 1 else 's'}" for fault, rows in told)
    return Verdict(sum(rows for _, rows, _ in shapes), len(shapes), one_by_one, values, said)


_OF_SHAPE = "list_contains(CAST($alone AS VARCHAR[]), CAST(json_structure(line) AS VARCHAR))"


def _values(
    con: duckdb.DuckDBPyConnection, lines: str, paths: list[str], alone: list[str]
) -> list[tuple[str, str, int]]:
    """Distinct values at each path, with the number of rows, of all rows but those of the shapes."""
    if not paths:
        return []
    others = f"WHERE NOT {_OF_SHAPE}" if alone else ""
    bound = {"paths": paths, "alone": alone} if alone else {"paths": paths}
    return con.execute(
        f"""
        WITH taken AS MATERIALIZED (SELECT json_extract(line, $paths) AS held FROM "{lines}" {others})
        SELECT $paths[place], CAST(held[place] AS VARCHAR), count(*)
        FROM taken, range(1, len($paths) + 1) AS places(place)
        WHERE held[place] IS NOT NULL
        GROUP BY ALL
        """,  # noqa: S608 -- a caller's own table
        bound,
    ).fetchall()


def _alone(con: duckdb.DuckDBPyConnection, lines: str, alone: list[str]) -> Iterator[str]:
    if not alone:
        return
    query = f'SELECT line FROM "{lines}" WHERE {_OF_SHAPE}'  # noqa: S608 -- a caller's own table
    found = con.execute(query, {"alone": alone})
    while rows := found.fetchmany(10_000):
        for (line,) in rows:
            yield line


def _restricted(whole: Schema, part: Schema, row: object, path: str) -> dict[str, Schema] | None:
    """Schema of each attribute of the row whose value is restricted, by its path; None where that does not say all."""
    if "$ref" in part:
        part = whole["$defs"][part["$ref"].rpartition("/")[2]]
    choices = [key for choice in part.get("anyOf", ()) for key in choice]
    if part.keys() - _SHAPE - _SAID - _VALUE or set(choices) - {"required"}:
        return None
    found = {path: part} if part.keys() & _VALUE else {}
    for key, value in row.items() if isinstance(row, dict) else ():
        if key in part.get("properties", {}):
            within = _restricted(whole, part["properties"][key], value, f"{path}/{key}")
            if within is None:
                return None
            found |= within
    return found


def _fault(validator: Draft202012Validator, row: object, path: str = "", *, but: Collection[str] = ()) -> str:
    """The most telling fault of a row, without the value; empty where there is none but of the keywords left out."""
    error = best_match(error for error in validator.iter_errors(row) if error.validator not in but)
    if error is None:
        return ""
    where = path or "/" + "/".join("*" if isinstance(step, int) else str(step) for step in error.absolute_path)
    # This one names an attribute of the schema; what others name may be a value.
    what = error.message if error.validator == "required" else f"breaks {error.validator}"
    return f"{where}: {what}"


def _add(faults: dict[str, int], fault: str, rows: int) -> None:
    if fault:
        faults[fault] = faults.get(fault, 0) + rows
