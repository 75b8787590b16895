"""Which fields events have, by a sample: a provider that changes its format is to be noticed, and at little cost.

The first lines of a day's newest files are taken, about a thousand in all. A field that comes with few events may be
missed; one that comes with all, or is gone from all, is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import duckdb
import zstandard

from detection.normalise.fields import Layout, Shape
from detection.sql import parsed

__all__ = ["SAMPLE", "create_sample", "read_fields"]

SAMPLE = 1000
"""Lines of a day that are looked at."""
_FILES = 24
_LONGEST = 1 << 20
"""No more of a file than this is unpacked, however long its lines are."""
_PIECE = 1 << 15
_SAMPLED = """
CREATE OR REPLACE TEMP TABLE sampled AS
WITH given AS (
    SELECT unnest(CAST($lines AS VARCHAR [])) AS line, generate_subscripts(CAST($lines AS VARCHAR []), 1) AS n
)

SELECT n, CAST(line AS JSON) AS event, json_structure(CAST(line AS JSON)) AS shape
FROM given
WHERE json_valid(line) AND starts_with(ltrim(line), '{')
"""
_SHAPE_FIELDS = """
CREATE OR REPLACE TEMP TABLE shape_fields AS
SELECT
    tree.fullkey AS way,
    tree.key = 'name' AND tree.path LIKE '%.parameters[%' AS names_another,
    shapes.events
FROM (SELECT shape, count(*) AS events FROM sampled GROUP BY shape) AS shapes, json_tree(shapes.shape) AS tree
WHERE
    tree.type <> 'OBJECT' AND tree.key IS NOT NULL AND tree.fullkey NOT LIKE '%]'
    AND coalesce(tree.atom <> '"NULL"', TRUE)
"""
_SAMPLED_FIELDS = r"""
CREATE OR REPLACE TEMP TABLE sampled_fields AS
SELECT
    left(substr(regexp_replace(replace(way, '"', ''), '\[\d+\]', '', 'g'), 3), 120) AS name,
    CAST(sum(events) AS BIGINT) AS events
FROM shape_fields
WHERE NOT names_another
GROUP BY ALL
ORDER BY events DESC, name
LIMIT 1000
"""
_ZSTD = b"\x28\xb5\x2f\xfd"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def create_sample(con: duckdb.DuckDBPyConnection, files: Sequence[str]) -> None:
    """Makes the tables ``sampled_fields`` (name, events) and ``sample_size`` (events) of a day's files.

    A field's name is its path with dots, and without the places in lists. Of parameters that are given as a list of
    names and values, each name is a field. What a field holds that is of different kinds within one list is not
    looked into.

    Args:
        con: Connection.
        files: Files of newline-delimited JSON in order of time, compressed with zstd or not; may be empty.
    """
    newest = list(files)[-_FILES:]
    lines = [line for file in newest for line in _first_lines(Path(file), -(-SAMPLE // len(newest)))]
    con.execute(parsed(_SAMPLED), {"lines": lines})
    # Events of one kind have one shape, so that few shapes tell of all events.
    con.execute(parsed(_SHAPE_FIELDS))
    named = con.execute("SELECT DISTINCT way FROM shape_fields WHERE names_another ORDER BY way LIMIT 8").fetchall()
    for (way,) in named:
        con.execute(
            """
            INSERT INTO shape_fields
            SELECT $list || '.' || name, FALSE, count(DISTINCT n)
            FROM (SELECT n, unnest(json_extract_string(event, $way)) AS name FROM sampled)
            GROUP BY name
            """,
            {"list": way.rpartition(".")[0], "way": way.replace("[0]", "[*]")},
        )
    con.execute(parsed(_SAMPLED_FIELDS))
    con.execute("CREATE OR REPLACE TEMP TABLE sample_size AS SELECT count(*) AS events FROM sampled")
    con.execute("DROP TABLE sampled")
    con.execute("DROP TABLE shape_fields")


def read_fields(layout: Layout) -> list[str]:
    """Names of the fields that the rules read, as :func:`create_sample` names them."""
    ways = {path.replace("/", ".") for path in layout.columns.values()}
    for path, shape in layout.lists.values():
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
    """As much of a file as holds so many lines: to unpack more would take longer than all the rest of the sample."""
    content = bytearray()
    while content.count(b"\n") < lines and len(content) < _LONGEST:
        piece = file.read(_PIECE)
        if not piece:
            break
        content += piece
    return bytes(content)
