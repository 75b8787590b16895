"""Runs the checks: providers side by side, each check within its time, and none because of another that failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import cast

from connectors.core.errors import ConfigurationError, ConnectorError, StoppedError, UnavailableError
from connectors.core.provider_time import ProviderTime
from connectors.doctor.examination import Check, Context, Examination
from connectors.doctor.findings import Finding, State, Told
from connectors.doctor.watching import Watch
from connectors.parts import part
from connectors.registry import build, recovers_sizes
from providers import PROVIDERS

__all__ = ["examine"]

SECONDS = 30.0
"""Time of a check: less than an answer may take, since someone waits in front of a screen."""
_NOT_CONFIGURED = "not configured"
_EXAMINATIONS = {name: cast(type[Examination], part("doctor", name)) for name in PROVIDERS}


def examine(
    providers: Sequence[str],
    environment: Mapping[str, str],
    *,
    now: datetime,
    clock: Callable[[], datetime],
    activation: timedelta,
    seconds: float = SECONDS,
) -> list[Finding]:
    """Check the set-up of providers.

    Asks read-only questions, but for Office 365's subscriptions: missing ones are started, as the first pull would.

    Args:
        providers: Names of providers, at least one.
        environment: Values of their variables.
        now: The present as the providers see it, UTC with zone.
        clock: This machine's clock, UTC with zone.
        activation: So much history a source needs before it raises alerts.
        seconds: A check that takes longer has failed.

    Returns:
        The findings, those of one provider together. A provider that is not configured has one finding, which is a
        failure only where none is configured.
    """

    def one(provider: str) -> list[Finding]:
        told = _configured(provider, environment, now, clock, activation, seconds)
        return [Finding(**asdict(found), provider=provider, check=check) for check, found in told.items()]

    with ThreadPoolExecutor(len(providers)) as pool:
        findings = [finding for found in pool.map(one, providers) for finding in found]
    if all(finding.found == _NOT_CONFIGURED for finding in findings):
        return [replace(finding, state=State.FAILURE) for finding in findings]
    return findings


def _configured(
    provider: str,
    environment: Mapping[str, str],
    now: datetime,
    clock: Callable[[], datetime],
    activation: timedelta,
    seconds: float,
) -> dict[str, Told]:
    """Return the result of each check; the first is that of the configuration."""
    kind, guide = _EXAMINATIONS[provider], f"docs/providers/{provider}.md"
    try:
        if kind.kind.read(environment) is None:
            to_do = f"To watch it, set {', '.join(kind.kind.required())}: see {guide}."
            return {"configuration": Told(State.NOT_CHECKED, _NOT_CONFIGURED, to_do)}
        watch, begun = Watch(), clock()
        connector = build(provider, environment, now=lambda: now, limits=watch)
        time = ProviderTime(lambda: now + (clock() - begun), clock)
        context = Context(connector, recovers_sizes(provider, environment), now, activation, watch, time)
        examination = kind(environment, context)
        configuration = examination.configuration()
    except ConfigurationError as error:
        failure = {"configuration": Told(State.FAILURE, str(error), f"See {guide}.")}
        reason = Told(State.NOT_CHECKED, "the configuration can't be used")
        return failure | {check.name: reason for check in kind.checks()}
    return {"configuration": configuration} | _checked(examination, seconds)


def _checked(examination: Examination, seconds: float) -> dict[str, Told]:
    told: dict[str, Told] = {}
    for check in examination.checks():
        missing = next((name for name in check.needs if told[name].state in (State.FAILURE, State.NOT_CHECKED)), "")
        reason = Told(State.NOT_CHECKED, f"needs {missing}, which failed")
        told[check.name] = reason if missing else _within(seconds, examination, check)
    return told


def _within(seconds: float, examination: Examination, check: Check) -> Told:
    """Return a check's result; a failure where it does not end in time, whatever it waits for."""
    answers: SimpleQueue[Told | None] = SimpleQueue()

    def ask() -> None:
        told = None
        try:
            told = check.ask(examination)
        except StoppedError:
            told = Told(State.NOT_CHECKED, "stopped")
        except ConnectorError as error:
            if isinstance(error, UnavailableError) and error.throttled:
                examination.throttled = True
            told = Told(State.FAILURE, error.cause, examination.remedy(check.name, error))
        finally:
            answers.put(told)

    # A daemon, so that one that waits for a provider does not keep the command from ending.
    threading.Thread(target=ask, name=f"doctor {check.name}", daemon=True).start()
    try:
        told = answers.get(timeout=seconds)
    except Empty:
        to_do = "Check the network, the proxy and the provider's status page."
        return Told(State.FAILURE, f"no answer within {seconds:.0f} s", to_do)
    return told or Told(State.FAILURE, "the check itself broke; what it met stands above", "Report it.")
