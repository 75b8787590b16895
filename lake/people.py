"""Persons of a lake, resolved from the identities of all its days and the operator's file of persons.

The result is stored in ``persons.parquet``, beside the tables, for readers. It can be computed again at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common.digests import text_digest
from detection.dependencies import dependencies
from detection.persons import TABLES, MappedAccount, create_empty_person_tables, named, rekeyed, resolve, view_by_person
from detection.sql import ENGINE
from lake.days import REACH as RE_EVALUATED
from lake.days import TRAINING_DAYS
from lake.durable import read_content, read_digest, replace_text, replacing
from lake.store import Lake, quoted
from providers import PROVIDERS

__all__ = [
    "IDENTITIES",
    "KEYED_BY",
    "PERSONS_VIEWED_BY",
    "REACH",
    "People",
    "find_people",
    "load_people",
    "people_file",
    "read_people",
    "view_people",
]

REACH = RE_EVALUATED + timedelta(days=TRAINING_DAYS + 2)
"""Period before a run's range whose user-hours are summed again by present persons: look-behind and training."""

IDENTITIES = tuple(f"{provider}/identities" for provider in PROVIDERS)
"""Tables of the names under which accounts were seen."""
_MADE_FROM, _LABELS, _OF = b"made_from", b"labels", "kind"
_BY_DAY = """
    CREATE OR REPLACE TEMP TABLE person_days AS
    SELECT i.day, CAST(bit_xor(hash(i.account, p.person, p.actor_class, p.has_address)) AS VARCHAR) AS digest
    FROM (SELECT DISTINCT day, account, first_seen FROM identities) i
    LEFT JOIN account_persons p ON p.account = i.account AND i.first_seen >= p.since AND i.first_seen < p.until
    GROUP BY i.day
    ORDER BY i.day
"""
_SHOWN = """
    SELECT CAST(bit_xor(hash(l.person, l.label)) AS VARCHAR)
    FROM person_labels l
    WHERE l.person IN (
        SELECT person FROM person_names WHERE address IS NOT NULL GROUP BY person HAVING count(DISTINCT address) > 1
    )
"""


def _rules() -> str:
    """Return a digest of everything that decides which person an event belongs to."""
    return dependencies(resolve, view_by_person).digest


class People:
    """Persons according to one state of the identities.

    Attributes:
        made_from: Input digest.
        labels: Digest of the shown addresses of persons with several.
    """

    def __init__(self, tables: Mapping[str, pa.Table], made_from: str, labels: str) -> None:
        self._tables = {name: tables[name] for name in TABLES if name in tables}
        days = tables["person_days"].to_pydict() if "person_days" in tables else {"day": [], "digest": []}
        self._by_day: dict[date, str] = dict(zip(days["day"], days["digest"], strict=True))
        self.made_from, self.labels = made_from, labels

    def digest(self, days: Iterable[date]) -> str:
        """Return a digest of the persons of these days' accounts and of the rules, for input digests."""
        text = "".join(f"{day} {self._by_day.get(day, '')}\n" for day in days)
        return text_digest(f"{_rules()}\n{text}")

    def load_into(self, con: duckdb.DuckDBPyConnection) -> None:
        """Create the tables of :func:`detection.persons.resolve` in a connection."""
        for name, table in self._tables.items():
            con.register("person_rows", table)
            con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM person_rows")
            con.unregister("person_rows")
        create_empty_person_tables(con)

    def named(self, name: str, *, first_only: bool) -> list[str]:
        """Find the persons that a name in an operator's list means, as :func:`detection.persons.named`."""
        with duckdb.connect() as con:
            self.load_into(con)
            return named(con, name, first_only=first_only)

    def view(
        self,
        con: duckdb.DuckDBPyConnection,
        lake: Lake,
        name: str,
        tables: Sequence[str],
        days: Iterable[date],
        **options: bool,
    ) -> None:
        """Make a view like :meth:`lake.store.Lake.view`, with the person's present key as ``user``.

        Call :meth:`load_into` first. Tables without accounts have keys already.
        """
        view_people(con, lake, name, tables, days, **options)


def view_people(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    name: str,
    tables: Sequence[str],
    days: Iterable[date],
    **options: bool,
) -> None:
    """Make a view as :meth:`People.view`, in a connection with the tables of the persons."""
    lake.view(con, f"stored_{name}", tables, days, **options)
    kind = tables[0].rpartition("/")[2] if tables else name
    made = view_by_person if kind in ("uploads", "activity") else rekeyed
    made(con, name, f"stored_{name}")


PERSONS_VIEWED_BY = (create_empty_person_tables, view_by_person)
"""Functions with which :meth:`People.view` names the rows of uploads and activity."""
KEYED_BY = (create_empty_person_tables, rekeyed)
"""Functions with which :meth:`People.view` names the rows of tables with persons' keys."""


def people_file(lake: Lake) -> Path:
    """Return the file that stores the resolved persons."""
    return Path(lake.root) / "persons.parquet"


def find_people(lake: Lake, *, organisation_domains: Sequence[str], mapped: Sequence[MappedAccount] = ()) -> People:
    """Resolve the persons from all identities of a lake, and store them for :func:`read_people`.

    Args:
        lake: The lake.
        organisation_domains: Mail domains whose addresses join accounts of different providers.
        mapped: Rows of the operator's file of persons.
    """
    given = text_digest(repr((_rules(), sorted(organisation_domains), list(mapped))))
    days = {table: lake.days(table) for table in IDENTITIES}
    made_from = text_digest("".join(lake.digest([table], days[table], given) for table in days))
    kept = read_people(lake)
    if kept.made_from == made_from:
        _record(people_file(lake))
        return kept
    with duckdb.connect(config=dict(ENGINE)) as con:
        every = sorted({day for found in days.values() for day in found})
        lake.view(con, "stored_identities", IDENTITIES, every, dated=True, lost_too=True)
        con.execute("CREATE TEMP TABLE identities AS FROM stored_identities")
        resolve(con, organisation_domains=organisation_domains, mapped=mapped)
        con.execute(_BY_DAY)
        [(labels,)] = con.execute(_SHOWN).fetchall()
        made = {name: con.table(name).to_arrow_table() for name in (*TABLES, "person_days")}
    people = People(made, made_from, labels or "")
    whole = pa.concat_tables(
        [table.append_column(_OF, pa.array([name] * table.num_rows, pa.string())) for name, table in made.items()],
        promote_options="permissive",
    ).replace_schema_metadata({_MADE_FROM: made_from, _LABELS: people.labels})
    with replacing(people_file(lake), durable=False) as temporary:
        pq.write_table(whole, temporary, compression="zstd", write_page_checksum=True)
        people_file(lake).with_suffix(".json").unlink(missing_ok=True)
    _record(people_file(lake))
    return people


def load_people(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Create the tables of the persons that the last run resolved, as :meth:`People.load_into` does.

    They are read by DuckDB where the file's digest is recorded, so that a command which only reads needs no Arrow.
    """
    path = people_file(lake)
    if not path.exists():
        create_empty_person_tables(con)
        return
    if not _is_recorded(path):
        read_people(lake).load_into(con)
        return
    # Read once: another process may replace the file.
    con.execute(f"CREATE OR REPLACE TEMP TABLE person_rows AS FROM read_parquet('{quoted(path)}')")
    for name, columns in TABLES.items():
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {', '.join(columns)} FROM person_rows "  # noqa: S608 -- our own
            f"WHERE {_OF} = '{name}'"
        )
    con.execute("DROP TABLE person_rows")
    create_empty_person_tables(con)


def _record(path: Path) -> None:
    """Record the file's digest, unless one is recorded."""
    recorded = path.with_suffix(".json")
    if not recorded.exists() and (content := read_digest(path)):
        replace_text(recorded, json.dumps({"content": content}), durable=False)


def _is_recorded(path: Path) -> bool:
    try:
        recorded = json.loads(read_content(path.with_suffix(".json")) or b"")["content"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(recorded == read_digest(path))


_read: dict[tuple[str, int, int, int], People] = {}


def read_people(lake: Lake) -> People:
    """Read the persons as the last run resolved them; empty if no run has, or the file is damaged."""
    path = people_file(lake)
    try:
        stat = path.stat()
        identity = (str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if identity not in _read:
            whole = pq.read_table(path, page_checksum_verification=True)
            said = whole.schema.metadata or {}
            tables = {}
            for name, columns in (*TABLES.items(), ("person_days", ("day", "digest"))):
                tables[name] = whole.filter(pc.equal(whole[_OF], name)).select(list(columns))
            _read.clear()
            _read[identity] = People(tables, said[_MADE_FROM].decode(), said[_LABELS].decode())
        return _read[identity]
    except (OSError, pa.ArrowException, KeyError):
        return People({}, "", "")
