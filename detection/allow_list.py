"""Allow-list: uploads that an owner vouches for until a date. They are detected and counted, but raise no alert."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import duckdb
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator, model_validator

from common.digests import text_digest
from common.errors import MendableError
from detection.operator_values import ProviderName
from detection.persons import create_empty_person_tables, named
from detection.user_agents import MARK, is_derived
from providers import title_of

__all__ = ["AllowListError", "Entry", "allow", "digest", "read"]

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_FIELDS = "user, owner, reason and expires, and may have provider, app and app_id"
_TABLE = [
    *((name, "string") for name in ("user", "provider", "app", "app_id", "allowed_by")),
    *((name, "date32") for name in ("first_day", "last_day")),
]
_DAY = timedelta(days=1)


class AllowListError(MendableError, ValueError):
    """Error of an allow-list that cannot be used; the message names the file, the entry, the fault and the remedy."""


class Entry(BaseModel):
    """Entry of the allow-list: whose uploads are allowed, where, with which application and until when.

    Attributes:
        user: A person by a present or former address, or by provider and account id; or ``*@domain`` for everybody
            who has or had an address of a mail domain. Where several had the address one after the other at a
            provider, the first is meant.
        provider: The provider; None for all.
        app: The client application exactly as in the column ``app``; None for all. Many applications choose
            their own name, so it only counts where there is no ``app_id``. A name that is derived from a user agent
            has a mark at its end, and narrows an entry for one user only.
        app_id: The provider's id of the application; if set, it alone identifies the application.
        owner: Who is responsible for the entry.
        reason: Why the entry exists.
        expires: Last day, UTC, whose windows it allows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    user: _Text
    provider: ProviderName | None = None
    app: _Text | None = None
    app_id: _Text | None = None
    owner: _Text
    reason: _Text
    expires: date

    @field_validator("user")
    @classmethod
    def _named(cls, user: str) -> str:
        user = user.lower()
        if user.startswith("*@") and _DOMAIN.fullmatch(user.removeprefix("*@")):
            return user
        if "*" in user or ("@" not in user and ":" not in user):
            raise ValueError("must be an e-mail, *@domain, or provider:id as alerts name the user")
        return user

    @model_validator(mode="after")
    def _not_by_user_agent_alone(self) -> Entry:
        if self.app and is_derived(self.app) and self.user.startswith("*@"):
            raise ValueError(
                f"app ends with{MARK}: the uploader chooses the user agent, so it can't stand for all of a domain. "
                "Name one user, or leave the app out"
            )
        return self

    @property
    def subject(self) -> str:
        """Return the subject of the entry, such as ``*@example.com at Box with Rclone``."""
        where = f" at {title_of(self.provider)}" if self.provider else ""
        named = " ".join(filter(None, (self.app, self.app_id and f"(id {self.app_id})")))
        return self.user + where + (f" with {named}" if named else "")

    @property
    def weakness(self) -> str:
        """Return why others could exploit the entry, and what to do about it; empty where they cannot."""
        if not self.app or self.app_id:
            return ""
        return (
            f"{self.said} matches by the name {self.app!r}, which any application can give itself. Add app_id with the "
            "provider's id of the application, which stands in the column app_id of the uploads."
        )

    @property
    def said(self) -> str:
        """Return the label of a suppressed detection: subject, owner and reason. Renewing an entry keeps it."""
        return f"{self.subject} ({self.owner}: {self.reason})"


def read(path: Path) -> list[Entry]:
    """Read an allow-list, a TOML file of ``[[allow]]`` tables with the fields of :class:`Entry`.

    Raises:
        AllowListError: The file cannot be read, or an entry is not valid.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AllowListError(
            f"the allow-list {path} cannot be read: {error.strerror}. Correct UPLOADWATCH_ALLOW_LIST, or the file's "
            "permissions."
        ) from error
    except ValueError as error:
        raise AllowListError(
            f"the allow-list {path} is not TOML: {error}. Correct that place; dates stand without "
            "quotes, texts in them."
        ) from error
    tables = content.pop("allow", [])
    if content or not isinstance(tables, list):
        named = ", ".join(sorted(content)) or "allow"
        raise AllowListError(
            f"the allow-list {path} has {named} outside of its entries. Begin every entry with a line [[allow]]."
        )
    return [_entry(path, number, table) for number, table in enumerate(tables, start=1)]


def _entry(path: Path, number: int, table: object) -> Entry:
    try:
        return Entry.model_validate(table)
    except ValidationError as error:
        whose = f" ({table['user']})" if isinstance(table, dict) and table.get("user") else ""
        what = "; ".join(
            f"{'.'.join(str(part) for part in found['loc']) or 'entry'}: {found['msg']}" for found in error.errors()
        )
        raise AllowListError(
            f"the allow-list {path} has an entry {number}{whose} that cannot be used: {what}. An entry "
            f"needs {_FIELDS}; expires is a date without quotes, such as 2026-12-31. Correct the entry, or remove it."
        ) from error


def digest(entries: Iterable[Entry], day: date) -> str:
    """Return a digest of what the entries mean for one day; empty where none applies.

    An entry's expiry after the day, or its renewal before it expires, does not change the digest.
    """
    holding = {
        (entry.user, entry.provider, entry.app, entry.app_id, entry.said) for entry in entries if day <= entry.expires
    }
    return text_digest(json.dumps(sorted(map(list, holding), key=repr))) if holding else ""


def allow(con: duckdb.DuckDBPyConnection, entries: Sequence[Entry], *, expired: bool = False) -> None:
    """Make the temporary table ``allow_list``, which ``detection/sql/allowed.sql`` reads.

    Args:
        con: Connection; ``person_names`` resolves names, see :func:`detection.persons.resolve`. Without that
            table, the name in an entry is taken as the user's key.
        entries: The entries.
        expired: Whether each applies from the day after its expiry instead, to find what it would have allowed.
    """
    create_empty_person_tables(con)
    rows = [
        {
            "user": person,
            "provider": entry.provider,
            "app": None if entry.app_id else entry.app,
            "app_id": entry.app_id,
            "allowed_by": entry.said,
            "first_day": min(entry.expires, date.max - _DAY) + _DAY if expired else date.min,
            "last_day": date.max if expired else entry.expires,
        }
        for entry in entries
        for person in named(con, entry.user, first_only=True)
    ]
    con.register("given_entries", pa.Table.from_pylist(rows, schema=pa.schema(_TABLE)))
    con.execute("CREATE OR REPLACE TEMP TABLE allow_list AS FROM given_entries")
    con.unregister("given_entries")
