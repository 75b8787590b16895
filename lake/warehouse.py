"""``warehouse.duckdb``: views over the lake, for whoever wants to ask it something in SQL."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

from detection.persons import TABLES as PERSON_TABLES
from detection.sql import load, nested
from detection.tables import TABLES, empty
from lake.kept import LEDGER
from lake.people import people_file
from lake.store import Lake, quoted, replacing

__all__ = ["build_warehouse", "warehouse_path"]


def warehouse_path(lake: Lake) -> Path:
    """The file, beside the lake."""
    return Path(lake.root).absolute().parent / "warehouse.duckdb"


def build_warehouse(lake: Lake) -> bool:
    """Make the file, unless the existing one has the same views.

    It holds nothing but views, one for each kind of table that has a partition: those of all providers together, with
    the partition as ``day``. It is put in place of the old one, so that somebody who reads that goes on reading it.

    Returns:
        Whether it was made.
    """
    views = _views(lake)
    digest = hashlib.sha256(repr(sorted(views.items())).encode()).hexdigest()
    path = warehouse_path(lake)
    if _made_for(path) == digest:
        return False
    with replacing(path) as temporary:
        # DuckDB makes its own file; an empty one is none of its.
        temporary.unlink()
        with duckdb.connect(str(temporary)) as con:
            for name, query in views.items():
                con.execute(f'CREATE VIEW "{name}" AS {query}')
            con.execute(f"CREATE VIEW about AS SELECT '{digest}' AS made_for")
    return True


def _views(lake: Lake) -> dict[str, str]:
    root = Path(lake.root).absolute()
    views = {}
    for kind, columns in TABLES.items():
        if kind in LEDGER:
            path = root / f"{kind}.parquet"
            if path.exists():
                files = f"read_parquet('{quoted(path)}', union_by_name = true)"
                views[kind] = f"{empty(kind)} UNION ALL BY NAME SELECT * FROM {files}"  # noqa: S608 -- our own paths
            continue
        patterns = [f"{place}{kind}/day=*/part.parquet" for place in ("", "*/")]
        found = [pattern for pattern in patterns if next(root.glob(pattern), None)]
        if found:
            dated = "day" not in {column.name for column in columns}
            hive = "hive_partitioning = true, hive_types = {'day': DATE}" if dated else "hive_partitioning = false"
            paths = ", ".join(f"'{quoted(root / pattern)}'" for pattern in found)
            rows = f"SELECT * FROM read_parquet([{paths}], {hive}, union_by_name = true)"  # noqa: S608 -- our own paths
            views[kind] = f"{empty(kind, dated=dated)} UNION ALL BY NAME {rows}"
    by_person = _by_person(lake, views)
    # Those that others read come first.
    return {**by_person, **views, **by_person}


def _by_person(lake: Lake, views: dict[str, str]) -> dict[str, str]:
    """Return views of persons, and views of uploads, activity and alerts, each with its person."""
    path = people_file(lake)
    found = {}
    for name, columns in PERSON_TABLES.items():
        typed = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in columns.items())
        known = f"FROM read_parquet('{quoted(path)}') WHERE kind = '{name}'" if path.exists() else ""
        found[name] = f"SELECT {', '.join(columns)} {known}" if known else f"SELECT {typed} WHERE FALSE"
    for kind in ("uploads", "activity"):
        if kind in views:
            found[kind] = nested("persons/with_person", {"acts": views[kind], "keyed": load("persons/keyed")})
    if "alerts" in views:
        found["alerts"] = f'SELECT * REPLACE (coalesce(person, "user") AS person) FROM ({views["alerts"]})'  # noqa: S608
    return found


def _made_for(path: Path) -> str | None:
    """The digest of the views in a file; None where there is no such file, or it is open for writing elsewhere."""
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            return str(con.execute("SELECT made_for FROM about").fetchall()[0][0])
    except duckdb.Error:
        return None
