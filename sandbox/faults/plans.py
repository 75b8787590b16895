"""Fault plans: which requests are answered badly, how often, and in which way.

A plan is a JSON list. Each fault names an API and a kind. The fields of `Fault` are common to all kinds; the others
are specific to a kind. The form of each fault in each API is in :mod:`sandbox.faults.answers`.
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
"""Forms of a permanently bad answer: 200 with nothing, with an empty list, with an error, with JSON of another shape,
with no JSON, or nested too deeply; 400 without a code, 404 with HTML, 403, and the API's own internal error."""


class PlanError(ValueError):
    """A fault plan can't be used; the message names the entry and what is wrong with it."""


class Fault(BaseModel):
    """One fault, and when it is played.

    Attributes:
        api: The API that misbehaves.
        path: Only requests with this text in their path and query, percent signs decoded.
        pass_first: Number of matching requests that pass before the first fault.
        every: After that, every n-th matching request gets the fault.
        times: How often the fault is played, or `always`.
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
    """Too many requests: 429 as JSON or as plain text, or the 403 that some APIs use instead."""

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
    """The credentials are not, or no longer, valid."""

    kind: Literal["sign_in_refused"]
    possible = TOKENS


class TokenExpired(Fault):
    """The token of the request is invalid from this request on."""

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
    """Auditing is switched off: there is no subscription, and none can be started."""

    kind: Literal["auditing_off"]
    possible = ("office365",)


class ClockSkew(Fault):
    """The header Date is this many seconds before (negative) or after the present."""

    kind: Literal["clock_skew"]
    seconds: int


class CustomAnswer(Fault):
    """Any answer.

    Attributes:
        status: HTTP status.
        headers: Its headers; `{url}` is replaced by the requested path and query.
        body: Text, or a value that is sent as JSON. In it `{authorization}` is replaced by that header of the request,
            `{body}` by the request's body.
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
    """The body is cut in the middle, but its headers say that it is complete."""

    kind: Literal["truncated"]


class Slow(Fault):
    """The body is sent in pieces over this many seconds."""

    kind: Literal["slow"]
    seconds: Annotated[float, Field(gt=0, le=600)]


class ShortPage(Fault):
    """A page with at most this many events while more remains; 0 is an empty page, which at Box would be the end."""

    kind: Literal["short_page"]
    events: NonNegativeInt
    possible = AUDIT

    @model_validator(mode="after")
    def _is_no_end(self) -> ShortPage:
        if self.api == "box" and not self.events:
            raise ValueError("an empty page is the end at box: give at least one event")
        return self


class Stuck(Fault):
    """The cursor of the next page is that of the requested one. Applies only to requests with a page cursor."""

    kind: Literal["stuck"]
    possible = AUDIT


class LostPlace(Fault):
    """The page cursor is refused. Applies only to requests with a page cursor.

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
    """A page repeats this many events, of its own or of the page that this API gave before.

    The page before may belong to another chain or slice. Dropbox's events have no id, so a repeated event would look
    like two events: this fault does not exist there.
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
    """The answer to a sign-in with some fields replaced by these."""

    kind: Literal["odd_token"]
    answer: dict[str, Any]
    possible = TOKENS


class BadBlob(Fault):
    """Blobs that are bad whenever they are requested.

    Attributes:
        blobs: Their positions in the order of the first requests for blobs, from 0.
        form: Form of the bad answer.
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
    """Every page that holds an event of a time range is bad.

    Attributes:
        start: ISO 8601 with a zone, inclusive.
        end: ISO 8601 with a zone, exclusive.
        form: Form of the bad answer.
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
    | CustomAnswer
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
    """A fault of a plan, with counts of its matches and plays."""

    fault: Fault
    matched: int = 0
    played: int = 0
    wait: int = 0
    blobs: dict[str, int] = field(default_factory=dict)

    def meets(self, api: str, address: str) -> bool:
        """Check whether the fault is due for a request; count a matching request.

        A due fault stays due if another one is played instead.
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
        """Count that the fault was played."""
        self.played += 1
        self.wait = self.fault.every - 1


class Plan:
    """The faults in play, in order.

    A request gets the first fault that is due and can be played; in addition, its page may be short.
    """

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.entries = [Played(fault, wait=fault.pass_first) for fault in faults]

    @classmethod
    def read(cls, text: str | bytes) -> Plan:
        """Read a plan from JSON.

        Raises:
            PlanError: It is not a list of faults.
        """
        try:
            return cls(_PLAN.validate_json(text))
        except ValidationError as error:
            raise PlanError("; ".join(_problem(found) for found in error.errors()[:3])) from None

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a plan from a file.

        Raises:
            PlanError: The file can't be read or is not a list of faults; names it.
        """
        try:
            return cls.read(path.read_bytes())
        except OSError as error:
            raise PlanError(f"{path} can't be read: {error.strerror}") from None
        except PlanError as error:
            raise PlanError(f"{path}: {error}") from None

    def due(self, api: str, address: str) -> list[Played]:
        """Return the faults that are due for a request; the first that can be played is used."""
        return [entry for entry in self.entries if entry.meets(api, address)]

    def progress(self) -> list[dict[str, Any]]:
        """Return the faults as given, each with its counts of matches and plays."""
        return [
            {
                **entry.fault.model_dump(mode="json", exclude_unset=True),
                "matched": entry.matched,
                "played": entry.played,
            }
            for entry in self.entries
        ]


def _problem(error: Any) -> str:
    """Format an error in one line: entry, field and problem. The location starts with the entry's number and kind."""
    place = error["loc"]
    if not place:
        return f"a plan is a JSON list of faults: {error['msg']}"
    number, *rest = place
    kind = f" ({rest[0]})" if rest else ""
    field = ".".join(str(part) for part in rest[1:])
    said = error["msg"].removeprefix("Value error, ")
    return f"fault {int(number) + 1}{kind}: {f'{field}: ' if field else ''}{said}"
