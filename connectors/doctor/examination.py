"""Checks that all providers share, and the base class for checks of one provider."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from connectors.core.errors import ConfigurationError, ConnectorError
from connectors.core.provider_time import ProviderTime
from connectors.core.settings import ProviderSettings
from connectors.core.types import Connector, FileQuestion
from connectors.doctor.findings import CheckResult, State
from connectors.doctor.watching import Watch

__all__ = ["Check", "Context", "Examination", "Quota", "read"]

S = TypeVar("S", bound=ProviderSettings)

SKEW_WARNS = timedelta(minutes=1)
SKEW_FAILS = timedelta(minutes=5)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
LOOKS = (_HOUR, 6 * _HOUR, _DAY, 2 * _DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY)
"""Look-behind steps in the search for the newest event; short ones first, so that little of a busy log is read."""
AGES = (14 * _DAY, 7 * _DAY, 3 * _DAY, _DAY, timedelta())
"""Range of ages in which the beginning of a short history is searched."""


@dataclass(frozen=True)
class Context:
    """Input of an examination.

    Attributes:
        connector: The connector of the deployment, with the limits of ``watch``.
        recovers_sizes: Whether the deployment looks sizes up.
        now: The present as the provider sees it, UTC.
        activation: History that a source needs before it raises alerts.
        watch: Limits of the requests, and records of the answers.
        time: Receives the headers of each answer.
    """

    connector: Connector
    recovers_sizes: bool
    now: datetime
    activation: timedelta
    watch: Watch
    time: ProviderTime


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: Its name.
        ask: Runs it on an examination. A ``ConnectorError`` means that it failed.
        needs: Checks that must have passed before.
    """

    name: str
    ask: Callable[[Any], CheckResult]
    needs: tuple[str, ...] = ("sign_in",)


@dataclass(frozen=True)
class Quota:
    """Request rate of an API.

    Attributes:
        variable: Environment variable that sets the rate.
        configured: Requests a minute.
        documented: Requests a minute that the provider allows; None where it publishes no such figure.
        source: The provider's statement.
    """

    variable: str
    configured: int
    documented: int | None
    source: str


class Examination(ABC):
    """The checks of one provider.

    Attributes:
        kind: The provider's settings.
        own: Checks that are specific to this provider.
    """

    kind: ClassVar[type[ProviderSettings]]
    own: ClassVar[tuple[Check, ...]] = ()

    def __init__(self, environment: Mapping[str, str], context: Context) -> None:
        """Open the APIs; nothing is requested yet.

        Raises:
            ConfigurationError: A value of the environment can't be used.
        """
        self.context = context
        self.throttled = False

    @classmethod
    def checks(cls) -> tuple[Check, ...]:
        """Return all checks in their order; those that only use the answers of others come last."""
        return (
            Check("sign_in", lambda self: self.sign_in(), needs=()),
            Check("audit_log", lambda self: self.audit_log()),
            *cls.own,
            Check("newest_event", lambda self: self.newest_event(), needs=("sign_in", "audit_log")),
            Check("retention", lambda self: self.retention(), needs=("sign_in", "audit_log")),
            Check("clock", lambda self: self.clock(), needs=()),
            Check("quota", lambda self: self.quota(), needs=()),
        )

    @abstractmethod
    def configuration(self) -> CheckResult:
        """Report on settings that are complete."""

    @abstractmethod
    def sign_in(self) -> CheckResult:
        """Sign in.

        Raises:
            ConnectorError: The credentials are refused, or the provider does not answer.
        """

    @abstractmethod
    def audit_log(self) -> CheckResult:
        """Check whether the audit log may be read.

        Raises:
            ConnectorError: It may not.
        """

    @abstractmethod
    def seen(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the times of some events of a window, UTC; empty only where it holds none.

        Raises:
            ConnectorError: The provider refused.
        """

    @abstractmethod
    def quotas(self) -> tuple[Quota, ...]:
        """Return the request rates of its APIs."""

    @abstractmethod
    def remedy(self, check: str, error: ConnectorError) -> str:
        """Return the remedy for an error that a check met, in the words of the provider's console."""

    def looked_up(self, questions: Sequence[FileQuestion], denied: str) -> CheckResult:
        """Look up the sizes of a few recent uploads, each as the account that can see it, as the deployment would.

        Args:
            questions: The uploads.
            denied: What to do if all are denied.

        Raises:
            ConnectorError: The file API can't be used at all.
        """
        if not questions:
            return CheckResult(State.NOT_CHECKED, "no upload of the last week to try")
        states = {answer.state for answer in self.context.connector.file_sizes(questions)}
        if states & {"found", "gone"}:
            return CheckResult(State.OK, "sizes of recent uploads can be looked up")
        return CheckResult(State.FAILURE, f"none of {len(questions)} recent uploads can be looked up", denied)

    def clock(self) -> CheckResult:
        """Compare this machine's clock with the server's."""
        skew = self.context.time.skew
        if skew is None:
            return CheckResult(State.NOT_CHECKED, "no answer carried a usable Date header")
        seconds = skew.total_seconds()
        side = "ahead of" if seconds > 0 else "behind"
        if abs(seconds) <= SKEW_WARNS.total_seconds():
            return CheckResult(State.OK, f"within {SKEW_WARNS.total_seconds():.0f} s of the provider's")
        found = f"this machine's clock is {abs(seconds):.0f} s {side} the provider's"
        state = State.FAILURE if abs(seconds) > SKEW_FAILS.total_seconds() else State.WARNING
        to_do = "Synchronise this machine's clock (timedatectl set-ntp true): sign-in and the life of tokens need it."
        return CheckResult(state, found, to_do)

    def quota(self) -> CheckResult:
        """Compare the configured rates with the provider's limits, and report whether it throttled just now."""
        quotas, waits = self.quotas(), self.context.watch.waits
        found = "; ".join(f"{quota.variable} is {quota.configured:,} a minute, {quota.source}" for quota in quotas)
        above = [quota for quota in quotas if quota.documented and quota.configured > quota.documented]
        to_do = [f"Set {quota.variable} below {quota.documented:,}." for quota in above]
        if self.throttled or waits:
            asked = f" and asked to wait {max(waits):.0f} s" if waits else ""
            found += f". The provider throttled or failed just now{asked}"
            lower = " or ".join(quota.variable for quota in quotas)
            to_do.append(f"See what else uses this quota, and lower {lower} if it lasts.")
        return CheckResult(State.WARNING if to_do else State.OK, found, " ".join(to_do))

    def newest_event(self) -> CheckResult:
        """Compare the age of the newest event with the allowed lateness."""
        now, horizon = self.context.now, self.context.connector.lateness
        newer = now
        for look in LOOKS:
            older = max(now - look, self.oldest())
            times = self.seen(older, newer) if older < newer else []
            if times:
                age = max(now - max(times), timedelta())
                found = f"the newest event seen is {time_span(age)} old; late ones may come for {time_span(horizon)}"
                return (
                    CheckResult(State.OK, found) if age <= horizon else CheckResult(State.WARNING, found, self.quiet())
                )
            newer = min(newer, older)
        return CheckResult(State.WARNING, f"no event in the last {time_span(now - newer)}", self.quiet())

    def quiet(self) -> str:
        """Return the remedy for a log without new events."""
        return "If people worked in that time, look at the provider's status page and ask its support."

    def retention(self) -> CheckResult:
        """Check how far back the log goes, and so when alerts begin."""
        now, needed = self.context.now, self.context.activation
        kept = self.context.connector.retention
        keeps = f"the provider keeps {kept.days} days" if kept.days < 3650 else "the provider names no limit"
        if kept > needed and (times := self.seen(self.oldest(), now - needed)):
            found = f"answers back to {min(times):%Y-%m-%d} at least ({keeps})"
            return CheckResult(State.OK, f"{found}: alerts begin once {needed.days} days or more are backfilled")
        ages = [age for age in AGES if age < kept]
        for older, younger in zip([min(kept, AGES[0]), *ages], ages, strict=False):
            times = self.seen(max(now - older, self.oldest()), now - younger) if older > younger else []
            if times:
                age = now - min(times)
                begins = min(times) + needed
                found = (
                    f"the oldest event seen is {time_span(age)} old ({keeps}): once they are backfilled, alerts begin "
                    f"about {begins:%Y-%m-%d}"
                )
                if age >= min(kept, needed) - _DAY:
                    return CheckResult(State.OK, found)
                return CheckResult(State.WARNING, found, "Wait until the log is old enough.")
        return CheckResult(
            State.WARNING, f"no event seen ({keeps}): alerts begin {needed.days} days after the first", "Wait."
        )

    def oldest(self) -> datetime:
        """Return the earliest time that may be requested: slightly inside the retention, since requests take time."""
        return self.context.now - self.context.connector.retention + timedelta(minutes=5)


def read(kind: type[S], environment: Mapping[str, str]) -> S:
    """Return the settings of a configured provider.

    Raises:
        ConfigurationError: The provider is not configured.
    """
    settings = kind.read(environment)
    if settings is None:
        raise ConfigurationError(f"{kind.provider} is not configured. Set {', '.join(kind.required())}.")
    return settings


def time_span(span: timedelta) -> str:
    """Format a duration for people: ``3 days``, ``5 hours``, ``12 minutes``."""
    for unit, length in (("day", _DAY), ("hour", _HOUR)):
        if span >= (2 if unit == "day" else 1) * length:
            count = span // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    count = span // timedelta(minutes=1)
    return f"{count} minute{'' if count == 1 else 's'}"
