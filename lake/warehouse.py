"""Views over the lake in ``warehouse.duckdb``, for SQL queries by people."""

from __future__ import annotations

from pathlib import Path

import duckdb

from common.digests import text_digest
from detection.persons import TABLES as PERSON_TABLES
from detection.sql import load, nested
from detection.tables import TABLES, empty
from lake.kept import LEDGER
from lake.people import people_file
from lake.store import Lake, quoted, replacing

__all__ = ["build_warehouse", "warehouse_path"]


def warehouse_path(lake: Lake) -> Path:
    """Return the file, beside the lake."""
    return Path(lake.root).absolute().parent / "warehouse.duckdb"


def build_warehouse(lake: Lake) -> bool:
    """Write the file, unless the existing one has the same views.

    It only holds views, one for each kind of table with a partition: over all providers, with the partition as ``day``.
    It replaces the old file by a rename, so that open readers of the old file are not interrupted.

    Returns:
        Whether it was written.
    """
    views = _views(lake)
    digest = text_digest(repr(sorted(views.items())))
    path = warehouse_path(lake)
    if _made_for(path) == digest:
        return False
    with replacing(path) as temporary:
        # DuckDB must create the file itself; it rejects an empty one.
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
    # Views that others read come first.
    return {**by_person, **views, **by_person}


def _by_person(lake: Lake, views: dict[str, str]) -> dict[str, str]:
    """Return views of persons, and views of uploads, activity and alerts with their persons."""
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
    """Return the digest of the views in a file; None if it is missing, or open for writing elsewhere."""
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            return str(con.execute("SELECT made_for FROM about").fetchall()[0][0])
    except duckdb.Error:
        return None
