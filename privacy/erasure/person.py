"""Person to forget, and the texts by which they are found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import duckdb

from common.errors import MendableError
from detection.persons import named
from detection.tables import empty
from lake.people import read_people
from lake.store import Lake, replace_text
from privacy.erasure.spellings import KEPT, Spellings, canonical
from privacy.pseudonyms import Pseudonyms
from providers import PROVIDERS

__all__ = ["FORGOTTEN", "REPLACEMENT", "Person", "finish", "identify", "plan_file"]

FORGOTTEN = "forgotten"
"""Replacement for the person's address in records about others."""
REPLACEMENT = KEPT.format(FORGOTTEN)
"""The same for regular expressions."""


_ACCOUNTS = tuple(f"{provider}:" for provider in PROVIDERS)


@dataclass(frozen=True)
class Person:
    """Person as known to the lake.

    Attributes:
        user: Name in alerts.
        names: All values of the column ``user`` that are theirs: the address, and provider and id.
        tokens: Pseudonyms of these, if there is a key.
        alert_ids: Published alerts about them, whose ids occur in file names.
        addresses: Further present or former addresses that only they had.
        strict: Whether somebody else's address begins with one of theirs.
        resumed: Whether this continues a killed run.
    """

    user: str
    names: list[str]
    tokens: list[str] = field(default_factory=list)
    alert_ids: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    strict: bool = False
    resumed: bool = False

    @cached_property
    def spellings(self) -> Spellings:
        """Return the spellings of the person's address; for a provider's id, only pseudonyms are searched in texts."""
        own = self.user if "@" in self.user and not self.user.startswith(_ACCOUNTS) else ""
        return Spellings(own, self.strict, tuple(self.tokens), tuple(self.addresses))

    @cached_property
    def accounts(self) -> set[str]:
        """Return all values of a column or field that mark a row as the person's own, in lower case."""
        return {*(name.lower() for name in self.names), *self.spellings.accounts}

    @cached_property
    def pattern(self) -> str:
        """Return DuckDB's regular expression for the person's names, to replace by :data:`REPLACEMENT`."""
        return self.spellings.re2()

    @cached_property
    def certain(self) -> str:
        """Return :attr:`pattern` without spellings that may name somebody else."""
        return self.spellings.re2(certain=True)

    def redacted(self, text: str, *, certain: bool = False) -> str:
        """Return a text without the person's name.

        Args:
            text: The text.
            certain: Whether to keep spellings that may name somebody else.
        """
        return self.spellings.replaced(text, FORGOTTEN, certain=certain)

    def perhaps_in(self, low: str) -> bool:
        """Check quickly whether a text in lower case may name the person."""
        return self.spellings.perhaps_in(low)

    def named_in(self, text: str) -> bool:
        """Check whether a text names the person."""
        return self.spellings.found_in(text)

    def is_account(self, value: object) -> bool:
        """Check whether a value of a column or field of users is the person's."""
        if not isinstance(value, str):
            return False
        return value in self.tokens or value.lower() in self.accounts or canonical(value) in self.accounts

    def ids(self, provider: str) -> list[str]:
        """Return the provider's ids of the person, if events name the person only by these."""
        return [name.removeprefix(f"{provider}:") for name in self.names if name.startswith(f"{provider}:")]


def plan_file(lake: Lake) -> Path:
    """Return the file that records who is being forgotten, since the sources of this knowledge are removed too."""
    return Path(lake.root) / "forgetting.json"


def identify(lake: Lake, user: str, pseudonyms: Pseudonyms | None, *, keep: bool) -> Person:
    """Find all names by which the lake knows a user; continue with the findings of a killed run.

    Args:
        lake: The lake.
        user: An e-mail in any of its spellings, or provider and id, as alerts name the user.
        pseudonyms: Pseudonyms, if there is a key.
        keep: Whether to store the finding until the person is forgotten.

    Returns:
        The person, with all present and former accounts and addresses, at all providers.

    Raises:
        MendableError: The text does not name one person, or a killed run has not yet forgotten another person.
        MendableError: The file that holds who is being forgotten cannot be read.
    """
    user = canonical(user)
    provider, _, id_ = user.partition(":")
    if not ("@" in user[1:] or (provider in PROVIDERS and id_ not in ("", "anonymous", "system", "service", "app"))):
        raise MendableError(f"{user!r} names no one person: give an e-mail, or provider:id as alerts name the user.")
    begun, waiting = _read_plan(lake)
    if begun and begun.user == user:
        return replace(begun, resumed=True)
    if begun:
        raise MendableError(f"{begun.user} is not yet forgotten; finish that first: uploadwatch forget {begun.user}")
    before = waiting.get(user, Person(user, [user]))
    accounts, addresses = _identified(lake, user)
    addresses = list(dict.fromkeys([*before.addresses, *addresses]))
    ids, strict = _known(lake, Person(user, [user, *addresses], addresses=addresses))
    names = list(dict.fromkeys([*before.names, *addresses, *ids, *accounts]))
    tokens = [*before.tokens, *(pseudonyms.of(name) for name in names if pseudonyms)]
    alert_ids = [*before.alert_ids, *_alerts(lake, names)]
    person = Person(
        user,
        names,
        list(dict.fromkeys(tokens)),
        list(dict.fromkeys(alert_ids)),
        addresses,
        strict=strict or before.strict,
    )
    if keep:
        _write_plan(lake, person, waiting)
    return person


def finish(lake: Lake, person: Person, *, searched: bool) -> None:
    """Record that everything possible has been done.

    Args:
        lake: The lake.
        person: Who was forgotten.
        searched: Whether all files could be searched; if not, the finding is kept, and others can be forgotten.
    """
    _, waiting = _read_plan(lake)
    others = {user: each for user, each in waiting.items() if user != person.user}
    _write_plan(lake, None, others if searched else {**others, person.user: person})


def _read_plan(lake: Lake) -> tuple[Person | None, dict[str, Person]]:
    """Return the person of a killed run, and the persons, by user, for whom some files could not be searched."""
    path = plan_file(lake)
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        begun = Person(**held["begun"]) if held["begun"] else None
        return begun, {each["user"]: Person(**each) for each in held["waiting"]}
    except FileNotFoundError:
        return None, {}
    except (ValueError, TypeError, KeyError) as error:
        raise MendableError(
            f"{path} holds who is being forgotten, and cannot be read. Remove it, and forget these persons again."
        ) from error


def _write_plan(lake: Lake, begun: Person | None, waiting: Mapping[str, Person]) -> None:
    path = plan_file(lake)
    if not begun and not waiting:
        path.unlink(missing_ok=True)
        return
    held = {"begun": asdict(begun) if begun else None, "waiting": [asdict(each) for each in waiting.values()]}
    replace_text(path, json.dumps(held))


def _identified(lake: Lake, user: str) -> tuple[list[str], list[str]]:
    """Return the accounts of everybody who has or had a name, and the addresses that nobody else had.

    A name that several persons had one after the other means all of them, so that none of it is left.
    """
    with duckdb.connect() as con:
        read_people(lake).load_into(con)
        rows = con.execute(
            """
            SELECT account, address, address IN (
                SELECT address FROM person_names WHERE NOT list_contains($persons, person) AND address IS NOT NULL
            )
            FROM person_names
            WHERE list_contains($persons, person)
            ORDER BY account, address
            """,
            {"persons": named(con, user, first_only=False)},
        ).fetchall()
    accounts = [account for account, _, _ in rows]
    addresses = [address for _, address, shared in rows if address and not shared]
    return list(dict.fromkeys(accounts)), list(dict.fromkeys(addresses))


def _known(lake: Lake, person: Person) -> tuple[list[str], bool]:
    """Return what the lake knows of a person.

    Returns:
        The person's values of the column ``user``: spellings of the address, and provider and id if the lake has a user
        with an id that is also in the person's own rows; and whether another user's address begins with this one.
    """
    found: list[str] = []
    longer = False
    with duckdb.connect() as con:
        for provider in PROVIDERS:
            con.execute('CREATE OR REPLACE TEMP TABLE acts ("user" VARCHAR, user_id VARCHAR)')
            for table in ("logged_uploads", "activity"):
                _add_acts(con, sorted(Path(lake.root, provider, table).glob("day=*/part.parquet")))
            own = [
                name
                for (name,) in con.execute('SELECT DISTINCT "user" FROM acts ORDER BY 1').fetchall()
                if person.is_account(name)
            ]
            rows = con.execute(
                """
                SELECT DISTINCT "user"
                FROM acts
                WHERE "user" IN (
                    SELECT concat($provider, ':', act.user_id) FROM acts AS act WHERE list_contains($own, act."user")
                )
                ORDER BY 1
                """,
                {"provider": provider, "own": own},
            ).fetchall()
            found += [*own, *(name for (name,) in rows)]
            query = 'SELECT count(*) FROM acts WHERE starts_with("user", $user) AND NOT list_contains($own, "user")'
            for user in dict.fromkeys([person.user, *person.addresses]):
                longer = longer or con.execute(query, {"user": user, "own": own}).fetchall() != [(0,)]
    return found, longer


def _add_acts(con: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> None:
    """Add the actors in these files to ``acts``; the search of all files reports unreadable ones."""
    add = 'INSERT INTO acts SELECT DISTINCT "user", user_id FROM read_parquet($paths, union_by_name = true)'
    try:
        if paths:
            con.execute(add, {"paths": [str(path) for path in paths]})
    except duckdb.Error:
        if len(paths) > 1:
            for path in paths:
                _add_acts(con, [path])


def _alerts(lake: Lake, names: Sequence[str]) -> list[str]:
    path = Path(lake.root) / "published.parquet"
    if not path.exists():
        return []
    with duckdb.connect() as con:
        try:
            rows = con.execute(
                f"""
                SELECT alert_id
                FROM ({empty("published")} UNION ALL BY NAME FROM read_parquet($path))
                WHERE list_contains($names, "user") OR list_contains($names, person)
                ORDER BY 1
                """,  # noqa: S608 -- our own columns
                {"path": str(path), "names": list(names)},
            ).fetchall()
        except duckdb.Error:
            # The search of all files reports it.
            return []
    return [alert_id for (alert_id,) in rows]
