"""Who is to be forgotten, and by which texts the person is found."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import duckdb

from assets.lake import Lake, replace_text
from connectors import PROVIDERS
from detection.pseudonyms import Pseudonyms

__all__ = ["FORGOTTEN", "Person", "identify", "plan_file"]

FORGOTTEN = "forgotten"
"""What stands in place of the person's address in what is about others."""

_BEFORE = r"^|[^\w.%+'-]|\\[nrtbf]|\\u[0-9a-f]{4}"
"""What comes before an address, plain or in JSON: ann@… is not joann@…"""
_AFTER = r"$|\W"
_AFTER_STRICT = r"$|[^\w.-]|[.-](?:$|\W)"
"""What comes after it. Where ann@example.com.au is somebody, ann@example.com.pst can't be told to be Ann's file."""


@dataclass(frozen=True)
class Person:
    """A person as the lake knows them.

    Attributes:
        user: As alerts name them.
        names: All values of the column ``user`` that are theirs: the address, and provider and id.
        tokens: Pseudonyms of these, where there is a key.
        alert_ids: Published alerts about them, by which files are named.
        strict: Whether somebody else's address goes on where this one ends.
        resumed: Whether a run before was killed.
    """

    user: str
    names: list[str]
    tokens: list[str] = field(default_factory=list)
    alert_ids: list[str] = field(default_factory=list)
    strict: bool = False
    resumed: bool = False

    @cached_property
    def needles(self) -> list[str]:
        """Texts one of which stands, capitals aside, wherever the person is named; none for a provider's id."""
        address = [self.user] if "@" in self.user else []
        spelt = [how(text) for text in address for how in (str, _in_json, _in_ascii, quote)]
        return list(dict.fromkeys(text.lower() for text in [*spelt, *self.tokens]))

    @cached_property
    def pattern(self) -> str:
        """Regular expression of the same, for Python and DuckDB; its two groups are what stands before and after."""
        if not self.needles:
            return r"(\b)(\B)"  # matches nothing
        after = _AFTER_STRICT if self.strict else _AFTER
        return f"(?i)({_BEFORE})(?:{'|'.join(map(re.escape, self.needles))})({after})"

    def redacted(self, text: str) -> str:
        """A text without the person's name."""
        # Names with one sign between them share it, so that every other one is left for a second round.
        for _ in range(2):
            text = re.sub(self.pattern, rf"\g<1>{FORGOTTEN}\g<2>", text)
        return text

    def named_in(self, text: str) -> bool:
        """Whether a text names the person."""
        low = text.lower()
        return any(needle in low for needle in self.needles) and re.search(self.pattern, text) is not None

    def ids(self, provider: str) -> list[str]:
        """The provider's ids of the person, where events name the person by these alone."""
        return [name.removeprefix(f"{provider}:") for name in self.names if name.startswith(f"{provider}:")]


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _in_ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def plan_file(lake: Lake) -> Path:
    """File that holds whom a run is forgetting until that is done, since what tells it is among what is removed."""
    return Path(lake.root) / "forgetting.json"


def identify(lake: Lake, user: str, pseudonyms: Pseudonyms | None, *, keep: bool) -> Person:
    """Finds what the lake knows a user by; goes on with what a run that was killed had found.

    Args:
        lake: The lake.
        user: An e-mail, or provider and id, as alerts name the user.
        pseudonyms: What makes tokens of names, if there is a key.
        keep: Whether the finding is kept until the person is forgotten.

    Raises:
        LookupError: The text is no name of one person, or another person is being forgotten.
    """
    user = user.strip().lower()
    provider, _, id_ = user.partition(":")
    if not ("@" in user[1:] or (provider in PROVIDERS and id_ not in ("", "anonymous", "system", "service", "app"))):
        raise LookupError(f"{user!r} names no one person: give an e-mail, or provider:id as alerts name the user.")
    plan = plan_file(lake)
    if plan.exists():
        begun = Person(**json.loads(plan.read_text(encoding="utf-8")))
        if begun.user != user:
            raise LookupError(f"{begun.user} is not yet forgotten; finish that first: uploadwatch forget {begun.user}")
        return replace(begun, resumed=True)
    ids, strict = _known(lake, user)
    names = [user, *ids]
    tokens = [pseudonyms.of(name) for name in names] if pseudonyms else []
    person = Person(user, names, tokens, _alerts(lake, names), strict)
    if keep:
        replace_text(plan, json.dumps(asdict(person)))
    return person


def _known(lake: Lake, user: str) -> tuple[list[str], bool]:
    """What the lake knows of a user.

    Returns:
        Names of provider and id, by which the lake knows somebody with an id that the user's own rows have, too; and
        whether another user's address begins with this one.
    """
    found: list[str] = []
    longer = False
    with duckdb.connect() as con:
        for provider in PROVIDERS:
            for table in ("logged_uploads", "activity"):
                lake.view(con, table, [f"{provider}/{table}"], lake.days(f"{provider}/{table}"))
            con.execute(
                """
                CREATE OR REPLACE TEMP TABLE acts AS
                SELECT DISTINCT "user", user_id FROM logged_uploads
                UNION
                SELECT DISTINCT "user", user_id FROM activity
                """
            )
            rows = con.execute(
                """
                SELECT DISTINCT "user"
                FROM acts
                WHERE "user" IN (SELECT concat($provider, ':', own.user_id) FROM acts own WHERE own."user" = $user)
                  AND "user" <> $user
                ORDER BY 1
                """,
                {"provider": provider, "user": user},
            ).fetchall()
            found += [name for (name,) in rows]
            query = 'SELECT count(*) FROM acts WHERE starts_with("user", $user) AND "user" <> $user'
            longer = longer or con.execute(query, {"user": user}).fetchall() != [(0,)]
    return found, longer


def _alerts(lake: Lake, names: Sequence[str]) -> list[str]:
    path = Path(lake.root) / "published.parquet"
    if not path.exists():
        return []
    with duckdb.connect() as con:
        rows = con.execute(
            'SELECT alert_id FROM read_parquet($path) WHERE list_contains($names, "user") ORDER BY 1',
            {"path": str(path), "names": list(names)},
        ).fetchall()
    return [alert_id for (alert_id,) in rows]
