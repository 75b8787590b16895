"""Status of the sources, as shown to people: failing, not configured, or not checked for long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from connectors import configured
from detection.parameters import Parameters
from detection.wording import printable
from lake.coverage import first_days
from lake.health import Health, Trouble, read_health
from lake.home import REPLAY_NOTE
from lake.store import Lake
from providers import PROVIDERS, title_of

__all__ = ["OVERDUE", "Activation", "Source", "State", "activations", "sources_of", "utc_text", "warnings"]

OVERDUE = timedelta(hours=2)
"""Time without a run after which sources are overdue: poll runs start every 15 minutes and stop after two hours."""
_SCHEDULE = "Check that the schedule `poll` is on and that Dagster's daemon runs, and read the last run's log."
_ACTIVATION = timedelta(days=Parameters().activation_days)


class State(StrEnum):
    """State of a source, worst first."""

    UNCONFIGURED = "not configured"
    FAILING = "failing"
    OVERDUE = "overdue"
    WELL = "well"


@dataclass(frozen=True)
class Source:
    """Status of a source after the latest runs.

    Attributes:
        provider: Its name.
        health: Health that the runs recorded.
        overdue: Whether no run has checked it for long.
    """

    provider: str
    health: Health
    overdue: bool = False

    @property
    def title(self) -> str:
        """Return the display name of the source."""
        return title_of(self.provider)

    @property
    def state(self) -> State:
        """Return the state of the source; a failing one stays failing, however old the last run is."""
        if self.health.unconfigured_since:
            return State.UNCONFIGURED
        if self.health.troubles:
            return State.FAILING
        return State.OVERDUE if self.overdue else State.WELL

    @property
    def since(self) -> datetime | None:
        """Return the start of its state, UTC; None if it is well."""
        match self.state:
            case State.UNCONFIGURED:
                return self.health.unconfigured_since
            case State.FAILING:
                return min(trouble.since for trouble in self.health.troubles.values())
            case State.OVERDUE:
                return self.health.checked_at
            case State.WELL:
                return None

    @property
    def problem(self) -> str:
        """Return what is wrong and what to do; empty if the source is well."""
        match self.state:
            case State.UNCONFIGURED:
                return "Its alerts and history stay. Set its variables again to resume monitoring."
            case State.FAILING:
                said = dict.fromkeys(trouble.problem for trouble in self.health.troubles.values())
                return " ".join(printable(" ".join(text.split())) for text in said)
            case State.OVERDUE:
                return _SCHEDULE
            case State.WELL:
                return ""

    def as_json(self) -> dict[str, Any]:
        """Return it in the form of a JSON object."""
        return {
            "provider": self.provider,
            "state": str(self.state),
            "since": utc_text(self.since),
            "problem": self.problem,
            "checked_at": utc_text(self.health.checked_at),
            "steps": {name: _step(trouble) for name, trouble in self.health.troubles.items()},
        }


def _step(trouble: Trouble) -> dict[str, Any]:
    return {
        "kind": trouble.kind,
        "since": utc_text(trouble.since),
        "failures": trouble.failures,
        "problem": trouble.problem,
    }


def utc_text(time: datetime | None) -> str | None:
    """Return a time with zone as ISO 8601 in UTC, to the second."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if time else None


def sources_of(lake: Lake, now: datetime) -> list[Source]:
    """Return the sources that runs have checked or reported missing, in their usual order."""
    # No run checks a replay once it is over.
    replayed = (Path(lake.root).parent / REPLAY_NOTE).exists()
    return [
        Source(provider, health, not replayed and health.checked_at is not None and now - health.checked_at > OVERDUE)
        for provider, health in read_health(lake, PROVIDERS).items()
        if (health.checked_at or health.unconfigured_since) and not health.removed
    ]


def warnings(sources: Sequence[Source]) -> list[str]:
    """Return what is wrong with the sources, one line each; overdue ones share a line."""
    lines = []
    for source in sources:
        since = f"since {source.since:%Y-%m-%d %H:%M} UTC" if source.since else ""
        if source.state is State.UNCONFIGURED:
            lines.append(f"{source.title} is not configured {since}. {source.problem}")
        elif source.state is State.FAILING:
            lines.append(f"{source.title} fails {since}: {source.problem}")
    late = [source for source in sources if source.overdue and source.state is not State.UNCONFIGURED]
    if late:
        last = max(source.health.checked_at for source in late if source.health.checked_at)
        names = ", ".join(source.title for source in late)
        lines.append(f"No run since {last:%Y-%m-%d %H:%M} UTC has checked {names}. {_SCHEDULE}")
    return lines


class Activation(NamedTuple):
    """Reason why a source cannot raise an alert yet.

    Attributes:
        line: The reason, for a person.
        until: First day on which it can; None if not known.
    """

    line: str
    until: date | None


def activations(lake: Lake, values: Mapping[str, str], today: date) -> list[Activation]:
    """Return why sources cannot raise an alert yet, one entry for each such source.

    Args:
        lake: The lake.
        values: Variables of the deployment, so that a configured source is included before it has events.
        today: The current day, UTC.
    """
    watched = configured(values)
    began, health = first_days(lake, tuple(PROVIDERS)), read_health(lake, PROVIDERS)
    with duckdb.connect() as con:
        lake.view(con, "evaluations", ["evaluations"], lake.days("evaluations")[-1:])
        rows = con.execute(
            "SELECT scope, CAST(min(window_start) AS DATE), min(reason) FROM evaluations "
            "WHERE state = 'in activation' GROUP BY scope"
        ).fetchall()
    cold = {provider: reason for provider, day, reason in rows if day >= began.get(provider, day) + _ACTIVATION}
    found = []
    for provider in PROVIDERS:
        title, first = title_of(provider), began.get(provider)
        if first and today < first + _ACTIVATION:
            until = first + _ACTIVATION
            found.append(Activation(f"{title} is in activation until {until}.", until))
        elif first and provider in cold:
            found.append(Activation(f"{title} is in activation: {cold[provider]}.", None))
        elif first is None and provider in watched:
            tried = health[provider].checked_at or lake.landed_days(f"{provider}/audit_events")
            why = "no events yet; activation begins with the first" if tried else "no run yet"
            found.append(Activation(f"{title}: {why}.", None))
    return found
