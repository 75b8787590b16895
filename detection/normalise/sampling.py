"""Sample of the fields in events, to detect schema drift at little cost.

The sample is the first lines of a day's newest files, about a thousand in all. A field that occurs in few events may be
missed; a field that appears in all events, or disappears from all, is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import duckdb
import msgspec
import zstandard

from detection.sql import parsed
from providers import Layout, Shape

__all__ = ["SAMPLE", "create_sample", "read_fields"]

SAMPLE = 1000
"""Lines of a day in the sample."""
_FILES = 24
_LONGEST = 1 << 20
"""Upper bound on the bytes that are unpacked from one file, however long its lines are."""
_PIECE = 1 << 15
_SAMPLED_FIELDS = """
CREATE OR REPLACE TEMP TABLE sampled_fields AS
SELECT unnest(CAST($names AS VARCHAR [])) AS name, unnest(CAST($counts AS BIGINT [])) AS events
"""
_DEEPEST = 32
"""Deeper fields are left out: a provider's have five levels."""
_MOST_FIELDS = 1000
"""Upper bound on fields per event and in all: a provider has hundreds, more would be hostile."""
_NAME_LENGTH = 120
_ZSTD = b"\x28\xb5\x2f\xfd"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def create_sample(con: duckdb.DuckDBPyConnection, files: Sequence[str]) -> None:
    """Make the tables ``sampled_fields`` (name, events) and ``sample_size`` (events) of a day's files.

    A field's name is its path with dots, without list positions. Where parameters are a list of names and values, each
    name is a field. Names are untrusted: Python compares them, and they never become part of a query.

    Args:
        con: Connection.
        files: Files of newline-delimited JSON in order of time, compressed with zstd or not; may be empty.
    """
    newest = list(files)[-_FILES:]
    events = 0
    counted: Counter[str] = Counter()
    seen: set[str] = set()
    for file in newest:
        for line in _first_lines(Path(file), -(-SAMPLE // len(newest))):
            # A provider may deliver an event twice.
            event = _decoded(line) if line not in seen else None
            seen.add(line)
            if isinstance(event, dict):
                events += 1
                counted.update(set(islice(_fields(event), _MOST_FIELDS)))
    reported = sorted(counted.items(), key=lambda field: (-field[1], field[0]))[:_MOST_FIELDS]
    con.execute(
        parsed(_SAMPLED_FIELDS), {"names": [name for name, _ in reported], "counts": [count for _, count in reported]}
    )
    con.execute(parsed("CREATE OR REPLACE TEMP TABLE sample_size AS SELECT $events AS events"), {"events": events})


def _decoded(line: str) -> object:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def _fields(event: dict[str, Any]) -> Iterator[str]:
    """Yield the names of an event's fields that hold something, some more than once."""
    # Path, value, whether it is below a list of parameters, and depth. A stack, since nesting may be deep.
    held: list[tuple[str | None, Any, bool, int]] = [(None, event, False, 0)]
    while held:
        way, value, inside, depth = held.pop()
        if isinstance(value, list):
            inside = inside or f".{way}".endswith(".parameters")
            held += [(way, each, inside, depth + 1) for each in value if isinstance(each, dict | list)]
        elif isinstance(value, dict) and depth < _DEEPEST:
            for key, each in value.items():
                name = key if way is None else f"{way}.{key}"
                if isinstance(each, dict):
                    held.append((name, each, inside, depth + 1))
                elif isinstance(each, list):
                    yield name[:_NAME_LENGTH]
                    held.append((name, each, inside, depth + 1))
                elif inside and key == "name":
                    yield f"{way}.{each}"[:_NAME_LENGTH]
                elif each is not None:
                    yield name[:_NAME_LENGTH]


def read_fields(layout: Layout) -> list[str]:
    """Return the names of the fields that the rules read, as :func:`create_sample` names them."""
    ways = {path.replace("/", ".") for path in layout.columns.values()}
    lists = [*layout.lists.values(), *((layout.columns[column], shape) for column, shape in layout.text_lists.values())]
    for path, shape in lists:
        ways |= {".".join((path.replace("/", "."), *way)) for way in _inside(shape)}
    return sorted(ways)


def _inside(shape: Shape) -> list[tuple[str, ...]]:
    if isinstance(shape, str):
        return [()]
    if isinstance(shape, list):
        return _inside(shape[0])
    return [(key, *way) for key, inner in shape.items() for way in _inside(inner)]


def _first_lines(file: Path, count: int) -> list[str]:
    with file.open("rb") as raw:
        packed = raw.read(len(_ZSTD)) == _ZSTD
        raw.seek(0)
        if packed:
            with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as reader:
                content = _beginning(reader, count)
        else:
            content = _beginning(raw, count)
    whole, _, _ = content.rpartition(b"\n")
    return [line.decode("utf-8", errors="replace") for line in islice(whole.split(b"\n"), count) if line.strip()]


def _beginning(file: _Readable, lines: int) -> bytes:
    """Return the first lines of a file, since to unpack more would take longer than all other steps."""
    content = bytearray()
    while content.count(b"\n") < lines and len(content) < _LONGEST:
        piece = file.read(_PIECE)
        if not piece:
            break
        content += piece
    return bytes(content)
