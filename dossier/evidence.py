"""The evidence behind an alert's page: what each row of the queries in ``detection/sql/dossier`` tells."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Amount", "Day", "Destination", "Evidence", "Moment", "OtherAlert", "Place", "Step", "Told", "Type"]


class Told(BaseModel):
    """Base class of a row of a query's result."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Amount(Told):
    """Files, how many of them have a known size, and the bytes of those; None where no size is known."""

    files: int
    sized_files: int
    bytes: int | None


class ProviderId(Told):
    """Name by which a provider calls a user."""

    provider: str
    id: str


class Member(Amount):
    """A user of the alert; ``one_in`` user-days is as unusual, ``addresses`` are those that the user has or had."""

    user: str
    one_in: int | None
    ids: list[ProviderId] | None
    addresses: list[str] | None


class Day(Told):
    """The largest window of a day."""

    day: date
    files: int
    bytes: int | None


class Step(Told):
    """Users whose largest window falls into half a decade: from 10^(step/2) on; ``most`` is the largest of them."""

    metric: Literal["files", "bytes"]
    step: int
    users: int
    most: int


class Sign(Told):
    """Events of a kind about the account, in the days before the alert and in the usual days before those."""

    kind: str
    number: int
    usual: int
    first_time: datetime | None
    last_time: datetime | None


class Place(Told):
    """A country, network or application (of a provider) of a user's, and on how many of the usual days it was."""

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
        """True if it was seen now but not before, and others were seen before."""
        return self.number > 0 and self.usual_days == 0 and self.is_known

    @property
    def is_suspect(self) -> bool:
        """True if it is a network of Tor or of a hosting provider, and was seen now."""
        return self.number > 0 and self.listed in ("tor", "hosting")


class Moment(Told):
    """A row of the timeline: events alike."""

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


class Feed(Told):
    """Kinds of events that a provider's log has at all in these days, for any user."""

    provider: str
    has_sign_ins: bool
    has_downloads: bool


class Gap(Told):
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
    """Files that the dictionary has an entry for, and such files of the user's usual days before."""

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


class App(Told):
    """An application that files were uploaded with; ``app_id`` is the provider's id of it, where all have one."""

    provider: str
    app: str | None
    app_id: str | None
    files: int
    earlier_files: int
    earlier_days: int


class ReadBefore(Told):
    """Files of whose names the user downloaded some just before."""

    files: int
    first_time: datetime
    providers: list[str]
    examples: list[str]


class Type(Amount):
    """Files of an extension, and those of the user's usual days before."""

    extension: str
    usual_files: int
    usual_bytes: int | None


class Conduct(Told):
    """Actions of the account since the alert opened, and how often it did them in the usual days before."""

    kind: str
    number: int
    on_files: int
    usual: int
    first_time: datetime
    last_time: datetime
    detail: str | None


class Other(Told):
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


class Evidence(Told):
    """All that the page of one alert is made of, besides the alert itself."""

    users: list[Member] = Field(default_factory=list)
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
