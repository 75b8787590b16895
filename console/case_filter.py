"""Filter of the queue, read from the address of the page, so that an address shows the same cases to everybody."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from detection.reasons import REASONS
from detection.rule import SEVERITIES
from providers import PROVIDERS

__all__ = ["Assigned", "CaseFilter", "Sort", "State"]

_LONGEST = 200


class State(StrEnum):
    """States of cases to show."""

    ALL = ""
    TO_REVIEW = "to review"
    OPEN = "open"
    REOPENED = "reopened"
    REVIEWED = "reviewed"
    BENIGN = "benign"
    CONFIRMED = "confirmed"
    NEW = "new"


class Assigned(StrEnum):
    """Assignees of cases to show."""

    ANYONE = ""
    ME = "me"
    NOBODY = "nobody"
    OTHERS = "others"


class Sort(StrEnum):
    """Order of cases."""

    QUEUE = "queue"
    NEWEST = "newest"
    RARITY = "rarity"
    FILES = "files"
    BYTES = "bytes"
    PERSON = "person"


def _one_of(allowed: Collection[str]) -> Callable[[str], str]:
    def checked(value: str) -> str:
        if value and value not in allowed:
            raise ValueError("it is none of the list")
        return value

    return checked


_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=_LONGEST)]


class CaseFilter(BaseModel):
    """Cases to show, and their order.

    Attributes:
        state: State, or all.
        severity: Severity, or empty for all.
        source: Provider, or empty for all.
        indicator: Risk indicator, or empty for all.
        assigned: Who works on them.
        person: Part of a name or an address.
        text: Part of the sentence, or the beginning of the id of the case or of an alert.
        since: Day, UTC, on or after which a window of the case ended.
        sort: Order.
        page: Page of the list, from 1.
    """

    model_config = ConfigDict(frozen=True)

    state: State = State.ALL
    severity: Annotated[str, AfterValidator(_one_of(SEVERITIES))] = ""
    source: Annotated[str, AfterValidator(_one_of(PROVIDERS))] = ""
    indicator: Annotated[str, AfterValidator(_one_of(REASONS))] = ""
    assigned: Assigned = Assigned.ANYONE
    person: _Text = ""
    text: _Text = ""
    since: date | None = None
    sort: Sort = Sort.QUEUE
    page: int = Field(default=1, ge=1, lt=10**6)

    @classmethod
    def read(cls, given: Mapping[str, str]) -> tuple[CaseFilter, dict[str, str]]:
        """Read a filter from the parameters of an address; others are ignored.

        Returns:
            The filter, and by field what is wrong with a parameter, which is then left out.
        """
        known = {name: given[name] for name in cls.model_fields if given.get(name)}
        try:
            return cls.model_validate(known), {}
        except ValidationError as error:
            wrong = {str(each["loc"][0]): _fault(each["loc"][0], each["input"]) for each in error.errors()}
        return cls.model_validate({name: value for name, value in known.items() if name not in wrong}), wrong

    def address(self, path: str = "/", **changed: object) -> str:
        """Return the address of the queue with this filter, without what is the default.

        Args:
            path: Path of the page.
            changed: Fields with other values; another filter begins at the first page.
        """
        after = self.model_copy(update={"page": 1, **changed})
        said = {name: str(value) for name, value in after.model_dump(exclude_defaults=True).items()}
        return f"{path}?{urlencode(said)}" if said else path

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves cases out."""
        return self.model_copy(update={"sort": Sort.QUEUE, "page": 1}) != CaseFilter()


def _fault(name: int | str, value: Any) -> str:
    shown = repr(str(value)[:40])
    if name == "since":
        return f"{shown} is not a date: write YYYY-MM-DD."
    if name in ("person", "text"):
        return f"It has more than {_LONGEST} characters."
    return f"{shown} is not in the list."
