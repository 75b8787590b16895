"""The evidence behind an alert's page: a class for the rows of each query in ``detection/sql/dossier``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Amount",
    "Day",
    "Destination",
    "Evidence",
    "EvidenceRow",
    "Largest",
    "Moment",
    "OtherAlert",
    "Place",
    "Step",
    "Type",
]


class EvidenceRow(BaseModel):
    """Base class of a row of a query's result."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Amount(EvidenceRow):
    """Files, how many of them have a known size, and the bytes of those; None where no size is known."""

    files: int
    sized_files: int
    bytes: int | None


class ProviderId(EvidenceRow):
    """Name by which a provider calls a user."""

    provider: str
    id: str


class Member(Amount):
    """A user of the alert; one of ``one_in`` user-days is as unusual, ``addresses`` are present and past ones."""

    user: str
    one_in: int | None
    ids: list[ProviderId] | None
    addresses: list[str] | None


class Day(EvidenceRow):
    """The largest window of a day."""

    day: date
    files: int
    bytes: int | None


class Step(EvidenceRow):
    """Users whose largest window lies in the half decade from 10^(step/2); ``most`` is the largest of them."""

    metric: Literal["files", "bytes"]
    step: int
    users: int
    most: int


class Sign(EvidenceRow):
    """Events of a kind about the account, before the alert and in the usual days before that."""

    kind: str
    number: int
    usual: int
    first_time: datetime | None
    last_time: datetime | None


class Place(EvidenceRow):
    """A user's country, network or application (of a provider), with the number of usual days it was seen on."""

    user: str
    dimension: Literal["country", "network", "application"]
    place: str
    provider: str | None
    listed: str | None
    number: int
    first_time: datetime | None
    usual_days: int
    is_known: bool
    of_rows: int

    @property
    def is_new(self) -> bool:
        """True if it was seen now and not before, while others were seen before."""
        return self.number > 0 and self.usual_days == 0 and self.is_known

    @property
    def is_suspect(self) -> bool:
        """True if it is a network of Tor or of a hosting provider and was seen now."""
        return self.number > 0 and self.listed in ("tor", "hosting")


class Moment(EvidenceRow):
    """A row of the timeline: events of the same kind."""

    time: datetime
    last_time: datetime
    phase: Literal["before", "during", "after"]
    user: str
    kind: str
    provider: str
    number: int
    ip: str | None
    country: str | None
    app: str | None
    detail: str | None
    of_rows: int


class Feed(EvidenceRow):
    """Kinds of events that a provider's log has for any user in these days."""

    provider: str
    has_sign_ins: bool
    has_downloads: bool


class Gap(EvidenceRow):
    """Windows of a provider that could not be evaluated."""

    provider: str
    reason: str | None
    windows: int
    first_time: datetime
    last_time: datetime


class Label(Amount):
    """Files that the provider itself labels."""

    provider: str
    label: str
    examples: list[str | None]


class Sensitive(Amount):
    """Files that match an entry of the dictionary, and such files in the user's usual days before."""

    category: str
    usual_files: int
    terms: list[str]
    examples: list[str | None]


class Destination(Amount):
    """Destination of files, and what the user uploaded there before."""

    provider: str
    folder: str | None
    owner: str | None
    users: int
    visibility: list[str] | None
    earlier_files: int
    earlier_days: int
    earlier_last: datetime | None
    places: int
    new_places: int


class App(EvidenceRow):
    """An application that files were uploaded with.

    Attributes:
        app_id: The provider's id of it, if all events have this one.
        app_ids: All ids that events under this name have; None if none has one.
    """

    provider: str
    app: str | None
    app_id: str | None
    app_ids: list[str] | None = None
    files: int
    earlier_files: int
    earlier_days: int


class ReadBefore(EvidenceRow):
    """Files that the user had downloaded under the same name just before."""

    files: int
    first_time: datetime
    providers: list[str]
    examples: list[str]


class Type(Amount):
    """Files of an extension, and such files in the user's usual days before."""

    extension: str
    usual_files: int
    usual_bytes: int | None


class Conduct(EvidenceRow):
    """Actions of the account since the alert opened, and how often it did them in the usual days before."""

    kind: str
    number: int
    on_files: int
    usual: int
    first_time: datetime
    last_time: datetime
    detail: str | None


class Other(EvidenceRow):
    """Actions of another user on files of the alert."""

    kind: str
    user: str
    number: int
    files: int
    first_time: datetime
    of_rows: int


class OtherAlert(Amount):
    """Another alert of the same user."""

    other: str
    name: str
    time: datetime
    is_later: bool
    verdict: str | None


class Largest(Amount):
    """The largest user of a group by one measure; ``distance`` is that of the score above its threshold."""

    largest_by: Literal["score", "files", "bytes"]
    member: str
    user: str
    distance: float | None


class Evidence(EvidenceRow):
    """Evidence for the page of one alert, besides the alert itself."""

    users: list[Member] = Field(default_factory=list)
    largest: list[Largest] = Field(default_factory=list)
    month: list[Day] = Field(default_factory=list)
    organisation: list[Step] = Field(default_factory=list)
    signs: list[Sign] = Field(default_factory=list)
    places: list[Place] = Field(default_factory=list)
    timeline: list[Moment] = Field(default_factory=list)
    sources: list[Feed] = Field(default_factory=list)
    gaps: list[Gap] = Field(default_factory=list)
    labels: list[Label] = Field(default_factory=list)
    sensitive: list[Sensitive] = Field(default_factory=list)
    destinations: list[Destination] = Field(default_factory=list)
    apps: list[App] = Field(default_factory=list)
    read_before: list[ReadBefore] = Field(default_factory=list)
    types: list[Type] = Field(default_factory=list)
    afterwards: list[Conduct] = Field(default_factory=list)
    others: list[Other] = Field(default_factory=list)
    other_alerts: list[OtherAlert] = Field(default_factory=list)
