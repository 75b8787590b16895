"""Fault plans: which requests are answered badly, how often, and in which way.

A plan is a JSON list. Each fault names an API and a kind; the fields that all kinds have are those of `Fault`, the
others are the kind's own. How each fault is worded by each API stands in :mod:`sandbox.faults.answers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

AUDIT = ("box", "dropbox", "google_workspace", "office365")
FILES = ("google_drive", "graph")
TOKENS = ("box_token", "dropbox_token", "google_token", "office365_token")
APIS = (*AUDIT, *FILES, *TOKENS)
GOOGLE = ("google_workspace", "google_drive")
Form = Literal[
    "empty",
    "no_records",
    "error_object",
    "shape",
    "no_json",
    "nested",
    "bad_request",
    "not_found",
    "denied",
    "internal_error",
]
"""Ways in which an answer can be bad for good: 200 with nothing, with an empty list, with an error, with JSON of
another shape, with no JSON, or nested too deep; 400 without a code, 404 with HTML, 403, and the API's own internal
error."""


class PlanError(ValueError):
    """A fault plan can't be used; the message names the entry and what is wrong with it."""


class Fault(BaseModel):
    """One fault, and when it is played.

    Attributes:
        api: The API that misbehaves.
        path: Only requests with this text in their path and query, percent signs decoded.
        pass_first: So many requests that match go through before.
        every: Then each n-th is met.
        times: Played so often, or `always`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    possible: ClassVar[tuple[str, ...]] = APIS

    api: Literal[
        "box",
        "dropbox",
        "google_workspace",
        "office365",
        "google_drive",
        "graph",
        "box_token",
        "dropbox_token",
        "google_token",
        "office365_token",
    ]
    path: str = ""
    pass_first: NonNegativeInt = 0
    every: PositiveInt = 1
    times: PositiveInt | Literal["always"] = 1

    @model_validator(mode="after")
    def _is_possible(self) -> Fault:
        if self.api not in self.possible:
            raise ValueError(f"{self.api} has no such fault; choose from {', '.join(self.possible)}")
        return self


class Throttled(Fault):
    """Too many requests: 429 as JSON or as plain text, or the 403 by which some APIs mean the same."""

    kind: Literal["throttled"]
    retry_after: NonNegativeInt | str | None = None
    form: Literal["json", "text", "forbidden"] = "json"

    @model_validator(mode="after")
    def _is_worded_so(self) -> Throttled:
        if self.form == "forbidden" and self.api not in (*GOOGLE, "office365"):
            raise ValueError(f"{self.api} throttles with 429 only: take the form json or text")
        return self


class Failing(Fault):
    """The server failed: 500, 502 (a proxy's page) or 503."""

    kind: Literal["failing"]
    status: Literal[500, 502, 503] = 503
    retry_after: NonNegativeInt | str | None = None


class SignInRefused(Fault):
    """The credentials are not, or no longer, good."""

    kind: Literal["sign_in_refused"]
    possible = TOKENS


class TokenExpired(Fault):
    """The token that the request bears is good no longer, from this request on."""

    kind: Literal["token_expired"]
    possible = (*AUDIT, *FILES)


class MissingScope(Fault):
    """The token lacks the permission."""

    kind: Literal["missing_scope"]
    possible = (*AUDIT, *FILES)


class WrongTenant(Fault):
    """The tenant is not the application's."""

    kind: Literal["wrong_tenant"]
    possible = ("office365", "office365_token")


class NoFileEvents(Fault):
    """The team's plan logs no file events: the feature `has_team_file_events` is off."""

    kind: Literal["no_file_events"]
    possible = ("dropbox",)


class AuditingOff(Fault):
    """Nobody switched auditing on: no subscription is there, and none can be started."""

    kind: Literal["auditing_off"]
    possible = ("office365",)


class ClockSkew(Fault):
    """The header Date is so many seconds before (negative) or after the present."""

    kind: Literal["clock_skew"]
    seconds: int


class Told(Fault):
    """Any answer.

    Attributes:
        status: HTTP status.
        headers: Its headers; `{url}` stands for the path and query asked for.
        body: Text, or what becomes JSON. In it `{authorization}` stands for that header of the request, `{body}` for
            the request's body.
    """

    kind: Literal["answer"]
    status: Annotated[int, Field(ge=200, le=599)]
    headers: dict[str, str] = {}
    body: Any = ""


class Redirect(Fault):
    """The same path at another host."""

    kind: Literal["redirect"]
    to: str
    status: Literal[301, 302, 303, 307, 308] = 307


class Reset(Fault):
    """The connection is reset in the middle of the body."""

    kind: Literal["reset"]


class Truncated(Fault):
    """The body ends in its middle, and the head says that it is whole."""

    kind: Literal["truncated"]


class Slow(Fault):
    """The body comes in pieces over so many seconds."""

    kind: Literal["slow"]
    seconds: Annotated[float, Field(gt=0, le=600)]


class ShortPage(Fault):
    """A page with so many events at most while more remains; 0 is an empty page, which at Box would be the end."""

    kind: Literal["short_page"]
    events: NonNegativeInt
    possible = AUDIT

    @model_validator(mode="after")
    def _is_no_end(self) -> ShortPage:
        if self.api == "box" and not self.events:
            raise ValueError("an empty page is the end at box: give at least one event")
        return self


class Stuck(Fault):
    """The mark of the next page is the one that was asked for. Met only by requests that bear a mark."""

    kind: Literal["stuck"]
    possible = AUDIT


class LostPlace(Fault):
    """The mark of a page is refused. Met only by requests that bear a mark.

    Attributes:
        tag: Dropbox only: `reset` or `bad_cursor`.
    """

    kind: Literal["lost_place"]
    tag: Literal["reset", "bad_cursor"] = "reset"
    possible = AUDIT


class ZeroPosition(Fault):
    """The next position is "0" although the page holds events."""

    kind: Literal["zero_position"]
    possible = ("box",)


class Refused(Fault):
    """An error of the Management Activity API by its code, as JSON or in single quotes."""

    kind: Literal["refused"]
    code: Literal[
        "AF20022",
        "AF20023",
        "AF20024",
        "AF20030",
        "AF20031",
        "AF20050",
        "AF20051",
        "AF20052",
        "AF20055",
        "AF50000",
    ]
    quotes: Literal["double", "single"] = "double"
    possible = ("office365",)


class Duplicates(Fault):
    """A page also holds so many events again, of its own or of the page that this API gave before it.

    The page before may be of another chain or slice. Dropbox's events have no id, so that an event given twice could
    not be told from two events: there is no such fault.
    """

    kind: Literal["duplicates"]
    events: PositiveInt = 1
    of: Literal["page", "earlier"] = "page"
    possible = ("box", "google_workspace", "office365")


class Disorder(Fault):
    """The events of a page in another order."""

    kind: Literal["disorder"]
    possible = AUDIT


class ForeignLinks(Fault):
    """Every `contentUri` and `NextPageUri` names another host."""

    kind: Literal["foreign_links"]
    to: str
    possible = ("office365",)


class OddToken(Fault):
    """The answer to a sign-in with these fields in place of its own."""

    kind: Literal["odd_token"]
    answer: dict[str, Any]
    possible = TOKENS


class BadBlob(Fault):
    """Blobs that are bad whenever they are asked for.

    Attributes:
        blobs: Which: their places in the order in which blobs are first asked for, from 0.
        form: How.
    """

    kind: Literal["bad_blob"]
    blobs: list[NonNegativeInt]
    form: Form = "internal_error"
    times: PositiveInt | Literal["always"] = "always"
    possible = ("office365",)


class TypeRefused(Fault):
    """One type of content is refused, its subscription and its list.

    Attributes:
        content_type: The type.
        status: HTTP status.
        code: Code of the Management Activity API.
    """

    kind: Literal["type_refused"]
    content_type: Literal["Audit.AzureActiveDirectory", "Audit.General", "Audit.SharePoint"]
    status: Annotated[int, Field(ge=400, le=499)] = 401
    code: str = "AF10001"
    times: PositiveInt | Literal["always"] = "always"
    possible = ("office365",)


class BadStretch(Fault):
    """Every page that holds an event of a stretch of time is bad.

    Attributes:
        start: ISO 8601 with a zone, inclusive.
        end: ISO 8601 with a zone, exclusive.
        form: How.
    """

    kind: Literal["bad_stretch"]
    start: AwareDatetime
    end: AwareDatetime
    form: Form = "shape"
    times: PositiveInt | Literal["always"] = "always"
    possible = ("box", "dropbox", "google_workspace")


AnyFault = Annotated[
    Throttled
    | Failing
    | SignInRefused
    | TokenExpired
    | MissingScope
    | WrongTenant
    | NoFileEvents
    | AuditingOff
    | ClockSkew
    | Told
    | Redirect
    | Reset
    | Truncated
    | Slow
    | ShortPage
    | Stuck
    | LostPlace
    | ZeroPosition
    | Refused
    | Duplicates
    | Disorder
    | ForeignLinks
    | OddToken
    | BadBlob
    | TypeRefused
    | BadStretch,
    Field(discriminator="kind"),
]
_PLAN: TypeAdapter[list[Any]] = TypeAdapter(list[AnyFault])


@dataclass
class Played:
    """A fault of a plan, and how it fared."""

    fault: Fault
    matched: int = 0
    played: int = 0
    wait: int = 0
    blobs: dict[str, int] = field(default_factory=dict)

    def meets(self, api: str, address: str) -> bool:
        """Check whether the fault answers a request; count the request as matched.

        A fault that is due and gives way to another one stays due.
        """
        if self.fault.api != api or self.fault.path not in address:
            return False
        if isinstance(self.fault, BadBlob):
            path = address.partition("?")[0]
            if "/audit/" not in path or self.blobs.setdefault(path, len(self.blobs)) not in self.fault.blobs:
                return False
        self.matched += 1
        if self.wait:
            self.wait -= 1
            return False
        return self.fault.times == "always" or self.played < self.fault.times

    def count(self) -> None:
        """The fault was played."""
        self.played += 1
        self.wait = self.fault.every - 1


class Plan:
    """The faults in play, in their order.

    A request is met by the first that is due and can be played; a page may be short besides.
    """

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.entries = [Played(fault, wait=fault.pass_first) for fault in faults]

    @classmethod
    def read(cls, text: str | bytes) -> Plan:
        """A plan from JSON.

        Raises:
            PlanError: It is no list of faults.
        """
        try:
            return cls(_PLAN.validate_json(text))
        except ValidationError as error:
            raise PlanError("; ".join(_problem(found) for found in error.errors()[:3])) from None

    @classmethod
    def load(cls, path: Path) -> Plan:
        """A plan from a file.

        Raises:
            PlanError: The file can't be read, or is no list of faults; names it.
        """
        try:
            return cls.read(path.read_bytes())
        except OSError as error:
            raise PlanError(f"{path} can't be read: {error.strerror}") from None
        except PlanError as error:
            raise PlanError(f"{path}: {error}") from None

    def due(self, api: str, address: str) -> list[Played]:
        """The faults that a request may be answered with, the first that can be wins."""
        return [entry for entry in self.entries if entry.meets(api, address)]

    def told(self) -> list[dict[str, Any]]:
        """The faults as given, each with how often it was matched and played."""
        return [
            {
                **entry.fault.model_dump(mode="json", exclude_unset=True),
                "matched": entry.matched,
                "played": entry.played,
            }
            for entry in self.entries
        ]


def _problem(error: Any) -> str:
    """One line: which entry, which field, what is wrong. The location begins with the entry's number and its kind."""
    place = error["loc"]
    if not place:
        return f"a plan is a JSON list of faults: {error['msg']}"
    number, *rest = place
    kind = f" ({rest[0]})" if rest else ""
    field = ".".join(str(part) for part in rest[1:])
    said = error["msg"].removeprefix("Value error, ")
    return f"fault {int(number) + 1}{kind}: {f'{field}: ' if field else ''}{said}"
