"""Identity resolution: accounts of the providers joined to persons, whatever addresses they have at a time.

A person's key is the account of theirs that was seen first; it stays when an address changes. Their present address is
shown. Both depend only on the identities of all days and the operator's file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator, model_validator

from detection.account_groups import AccountGroups
from detection.operator_files import OperatorFileError, Row, read_rows_with_places
from detection.operator_values import ProviderName
from detection.risk import printable_text
from detection.rule import RULE
from detection.sql import into, load, nested, parsed
from providers import PROVIDERS

__all__ = [
    "TABLES",
    "MappedAccount",
    "create_empty_person_tables",
    "named",
    "read_persons",
    "rekeyed",
    "relabelled",
    "resolve",
    "view_by_person",
    "view_with_person",
]

TABLES: Mapping[str, Mapping[str, str]] = {
    "account_persons": {
        "account": "VARCHAR",
        "since": "TIMESTAMP",
        "until": "TIMESTAMP",
        "person": "VARCHAR",
        "actor_class": "VARCHAR",
        "has_address": "BOOLEAN",
    },
    "person_names": {
        "person": "VARCHAR",
        "provider": "VARCHAR",
        "account": "VARCHAR",
        "address": "VARCHAR",
        "is_first": "BOOLEAN",
    },
    "person_labels": {"person": "VARCHAR", "label": "VARCHAR"},
    "person_keys": {"name": "VARCHAR", "person": "VARCHAR"},
}
"""Tables that :func:`resolve` makes, each by the query of its name, with the types of their columns."""

_MAPPED = pa.schema([(name, pa.int64() if name == "row" else pa.string()) for name in (
    "row", "person", "provider", "account", "address"
)])  # fmt: skip
_RESOLVED = pa.schema([("account", pa.string()), ("person", pa.string())])


class MappedAccount(Row):
    """Row of the operator's file of persons: an account and its person.

    Attributes:
        person: Any name for the person; rows with the same name are one person.
        source: The provider; with an address, empty means all providers.
        account: The provider's id of the account.
        address: Instead of an account, an address: it means the account that had it first.
    """

    person: str = Field(min_length=1, max_length=320)
    source: ProviderName | None = None
    account: str | None = Field(default=None, max_length=320)
    address: str | None = Field(default=None, max_length=320)

    @field_validator("person", "account", "address", mode="before")
    @classmethod
    def _printable(cls, value: object) -> object:
        return printable_text(value)

    @field_validator("account")
    @classmethod
    def _without_source(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Extract the id from an account as tables and alerts write it, such as ``box:12345``."""
        return value.removeprefix(f"{info.data.get('source')}:") if value else value

    @field_validator("address")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and "@" not in value[1:-1]:
            raise ValueError("it is not an address; write it as ann@example.com")
        return value.lower() if value else value

    @model_validator(mode="after")
    def _one(self) -> MappedAccount:
        if (self.account is None) == (self.address is None):
            raise ValueError("give either account or address")
        if self.account is not None and self.source is None:
            raise ValueError("an account needs its source")
        return self

    @property
    def vagueness(self) -> int:
        """Return the row's rank from exact to vague: an account, an address at a source, an address alone."""
        return (self.account is None) + (self.source is None)


def read_persons(path: Path) -> list[MappedAccount]:
    """Read accounts by person, from CSV or Parquet with the columns of :class:`MappedAccount`.

    Raises:
        OperatorFileError: The file or a row of it can't be used, or two rows assign one account to two persons.
    """
    rows = list(read_rows_with_places(path, MappedAccount))
    known: dict[tuple[str | None, str | None], dict[str | None, tuple[str, str]]] = defaultdict(dict)
    for place, row in rows:
        of_sources = known[row.account, row.address]
        # An address without a source means all of them.
        for source, (first, person) in of_sources.items():
            if person != row.person and (source is None or row.source in (None, source)):
                raise OperatorFileError(
                    f"{path}, {first} and {place}: {(row.account or row.address)!r} is given to {person!r} and to "
                    f"{row.person!r}. Remove one."
                )
        of_sources.setdefault(row.source, (place, row.person))
    return [row for _, row in rows]


def resolve(
    con: duckdb.DuckDBPyConnection, *, organisation_domains: Sequence[str], mapped: Sequence[MappedAccount] = ()
) -> None:
    """Make the temporary tables :data:`TABLES`.

    ``account_persons`` maps accounts to persons (account, since, until, person, actor_class, has_address),
    ``person_names`` lists a person's names (person, provider, account, address, is_first), ``person_labels`` has the
    address to show for a person (person, label), and ``person_keys`` maps stored names to present keys (name, person).
    The result depends only on the rows that it reads, not on their order.

    Args:
        con: Connection in which ``identities`` (of all days, see :data:`detection.tables.TABLES`) can be read.
        organisation_domains: Mail domains whose addresses join accounts of different providers.
        mapped: Rows of the operator's file.
    """
    puid_sources = [each.name for each in PROVIDERS.values() if each.puids]
    into(con, "spans", "persons/spans", {"puid_sources": puid_sources})
    into(con, "same", "persons/same")
    domains = sorted(domain.lower() for domain in organisation_domains)
    into(con, "links", "persons/links", {"organisation_domains": domains, "training_days": RULE.periods.training_days})
    given = [
        {
            "row": number,
            "person": row.person,
            "provider": row.source,
            "account": f"{row.source}:{row.account}" if row.account else None,
            "address": row.address,
        }
        # The most exact rows come first, since an account is assigned once.
        for number, row in enumerate(sorted(mapped, key=lambda row: row.vagueness), 1)
    ]
    con.register("mapped_rows", pa.Table.from_pylist(given, schema=_MAPPED))
    into(con, "mapped", "persons/mapped")
    con.unregister("mapped_rows")
    joined = AccountGroups(
        con.execute(
            """
            SELECT account, min(space) AS space, min(first_seen) AS first_seen
            FROM spans
            GROUP BY account
            ORDER BY account
            """
        ).fetchall()
    )
    for one, other in con.execute("SELECT one, other FROM same ORDER BY one, other").fetchall():
        joined.join(one, other)
    for person, account in con.execute("SELECT person, account FROM mapped ORDER BY row, account").fetchall():
        joined.give(account, person)
    for one, other in con.execute("SELECT one, other FROM links ORDER BY since, one, other").fetchall():
        joined.join_if_free(one, other)
    accounts = joined.accounts()
    persons = pa.Table.from_pydict(
        {"account": accounts, "person": [joined.key(account) for account in accounts]}, schema=_RESOLVED
    )
    con.register("resolved", persons)
    for table in TABLES:
        into(con, table, f"persons/{table}")
    con.unregister("resolved")
    for table in ("spans", "same", "links", "mapped"):
        con.execute(f"DROP TABLE {table}")


def view_by_person(con: duckdb.DuckDBPyConnection, name: str, source: str) -> None:
    """Make a view of uploads or activity in which ``user`` is the person's key, with a column ``has_address``.

    Args:
        con: Connection in which ``account_persons`` exists, see :func:`resolve`.
        name: Name of the view.
        source: Table or view with the columns of uploads or activity.
    """
    _view_keyed(con, name, source, "persons/by_person")


def view_with_person(con: duckdb.DuckDBPyConnection, name: str, source: str) -> None:
    """Make a view of uploads or activity as stored, with the person's key in an extra column ``person``.

    Args:
        con: Connection in which ``account_persons`` exists, see :func:`resolve`.
        name: Name of the view.
        source: Table or view with the columns of uploads or activity.
    """
    _view_keyed(con, name, source, "persons/with_person")


def _view_keyed(con: duckdb.DuckDBPyConnection, name: str, source: str, query: str) -> None:
    given = {"acts": f'SELECT * FROM "{source}"', "keyed": load("persons/keyed")}  # noqa: S608 -- our own names
    con.execute(parsed(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {nested(query, given)}'))


def rekeyed(con: duckdb.DuckDBPyConnection, name: str, source: str) -> None:
    """Make a view of rows whose ``user`` is a person's key, with the present keys.

    Args:
        con: Connection in which ``person_keys`` exists.
        name: Name of the view.
        source: Table or view.
    """
    given = {"stored": f'SELECT * FROM "{source}"'}  # noqa: S608 -- our own names
    con.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {nested("persons/rekeyed", given)}')


def relabelled(con: duckdb.DuckDBPyConnection, name: str, source: str) -> None:
    """Make a view of rows with a ``person``, with the present keys and the present address as ``user``.

    Args:
        con: Connection in which ``person_keys`` and ``person_labels`` exist.
        name: Name of the view.
        source: Table or view with ``user`` and ``person``.
    """
    given = {"stored": f'SELECT * FROM "{source}"'}  # noqa: S608 -- our own names
    con.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {nested("persons/relabelled", given)}')


def create_empty_person_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the missing ones of :data:`TABLES`, empty, so that every name is its own key."""
    for table, columns in TABLES.items():
        declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        con.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} ({declared})")


def named(con: duckdb.DuckDBPyConnection, name: str, *, first_only: bool) -> list[str]:
    """Find the keys of the persons that a name in an operator's list means.

    Args:
        con: Connection in which ``person_names`` exists.
        name: In lower case: an address, ``*@domain`` for all who ever had an address of that domain, or provider and
            id.
        first_only: Whether an address means only the account that had it first at a provider, since a later holder is
            somebody else.

    Returns:
        Keys in order; an unknown name is returned as its own key.
    """
    rows = con.execute(
        """
        SELECT DISTINCT person
        FROM person_names
        WHERE lower(account) = $name OR (address = $name AND (is_first OR NOT $first_only))
          OR (starts_with($name, '*@') AND ends_with(address, substr($name, 2)))
        ORDER BY person
        """,
        {"name": name, "first_only": first_only},
    ).fetchall()
    return [person for (person,) in rows] or [name]
