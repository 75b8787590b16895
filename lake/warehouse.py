"""Views over the lake in ``warehouse.duckdb``, for SQL queries by people.

Paths in it are relative to the home. DuckDB looks for them in its working directory, or where ``file_search_path``
says: a home that was copied or moved shows its own lake, or nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from common.digests import text_digest
from common.errors import MendableError
from detection.persons import TABLES as PERSON_TABLES
from detection.sql import load, nested
from detection.tables import TABLES, empty
from lake.kept import LEDGER
from lake.people import people_file
from lake.store import Lake, quoted, replacing

__all__ = ["build_warehouse", "open_warehouse", "warehouse_path"]

_NAME = "warehouse.duckdb"


def warehouse_path(lake: Lake) -> Path:
    """Return the file, beside the lake."""
    return Path(lake.root).absolute().parent / _NAME


def build_warehouse(lake: Lake) -> bool:
    """Write the file, unless the existing one has the same views.

    It only holds views, one for each kind of table with a partition: over all providers, with the partition as ``day``.
    Columns have comments. It replaces the old file by a rename, which interrupts nobody who reads the old one.

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
        with duckdb.connect(str(temporary)) as con, _found_from(con, path.parent):
            _create_views(con, views)
            con.execute(f"CREATE VIEW about AS SELECT '{digest}' AS made_for")
    return True


@contextmanager
def open_warehouse(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the views of a home for reading, from whatever working directory; other files can't be read.

    ``con.sql("FROM alerts").df()`` gives a data frame of pandas.

    Args:
        home: Directory of the deployment.

    Raises:
        MendableError: No run has written the file yet.
    """
    path = home / _NAME
    if not path.exists():
        raise MendableError(f"{path} does not exist. A run writes it: start one, or see whether this is the home.")
    # The file's views are relative, and DuckDB prefers the working directory, which may be another home.
    with duckdb.connect() as con, _linked(home.absolute()) as link:
        _create_views(con, _views(Lake(root=str(link / "lake"))), under=f"{link}/")
        con.execute("SET allowed_directories = ?", [[f"{link}/lake/"]])
        con.execute("SET enable_external_access = FALSE")
        con.execute("SET lock_configuration = TRUE")
        yield con


@contextmanager
def _found_from(con: duckdb.DuckDBPyConnection, home: Path) -> Iterator[None]:
    """Let the views of a connection find their files."""
    with _linked(home) as link:
        con.execute("SET file_search_path = ?", [str(link)])
        yield


@contextmanager
def _linked(home: Path) -> Iterator[Path]:
    """Make a link to a home whose path has no commas, which divide lists of paths, and no signs of patterns."""
    with tempfile.TemporaryDirectory(prefix="uploadwatch-") as directory:
        link = Path(directory) / "home"
        link.symlink_to(home, target_is_directory=True)
        yield link


def _create_views(con: duckdb.DuckDBPyConnection, views: dict[str, str], *, under: str = "") -> None:
    """Create views with their comments; ``under`` is put before the paths, which are relative to the home."""
    for name, query in views.items():
        absolute = query.replace("'lake/", f"'{under}lake/")
        con.execute(f'CREATE VIEW "{name}" AS {absolute}')
        _comment(con, name)


def _views(lake: Lake) -> dict[str, str]:
    root = Path(lake.root)
    views = {}
    for kind, columns in TABLES.items():
        if kind in LEDGER:
            path = root / f"{kind}.parquet"
            files = f"SELECT * FROM read_parquet('{_inside(lake, path)}', union_by_name = true)"  # noqa: S608 -- our own paths
            views[kind] = f"{empty(kind)} UNION ALL BY NAME {files}" if path.exists() else empty(kind)
            continue
        patterns = [f"{place}{kind}/day=*/part.parquet" for place in ("", "*/")]
        found = [pattern for pattern in patterns if next(root.glob(pattern), None)]
        if found:
            dated = "day" not in {column.name for column in columns}
            hive = "hive_partitioning = true, hive_types = {'day': DATE}" if dated else "hive_partitioning = false"
            paths = ", ".join(f"'{_inside(lake, root / pattern)}'" for pattern in found)
            rows = f"SELECT * FROM read_parquet([{paths}], {hive}, union_by_name = true)"  # noqa: S608 -- our own paths
            views[kind] = f"{empty(kind, dated=dated)} UNION ALL BY NAME {rows}"
    by_person = _by_person(lake, views)
    # Views that others read come first.
    return {**by_person, **views, **by_person}


def _inside(lake: Lake, path: Path) -> str:
    """Return a path relative to the home, for a string in SQL."""
    return quoted(path.relative_to(Path(lake.root).parent))


def _comment(con: duckdb.DuckDBPyConnection, view: str) -> None:
    """Explain the columns of a view in the words of the catalog."""
    present = {name for name, *_ in con.execute(f'DESCRIBE "{view}"').fetchall()}
    for column in TABLES.get(view, ()):
        if column.name in present:
            said = column.description.replace("'", "''")
            con.execute(f"""COMMENT ON COLUMN "{view}"."{column.name}" IS '{said}'""")
    if "day" in present and view not in LEDGER:
        con.execute(f"""COMMENT ON COLUMN "{view}".day IS 'Day of the partition, UTC'""")


def _by_person(lake: Lake, views: dict[str, str]) -> dict[str, str]:
    """Return views of persons, and views of uploads, activity and alerts with their persons."""
    path = people_file(lake)
    found = {}
    for name, columns in PERSON_TABLES.items():
        typed = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in columns.items())
        known = f"FROM read_parquet('{_inside(lake, path)}') WHERE kind = '{name}'" if path.exists() else ""
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
