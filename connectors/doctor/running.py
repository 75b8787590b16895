"""Runner of the checks: providers in parallel, each check with a time limit. A failed check skips its dependents."""

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
from connectors.doctor.findings import CheckResult, Finding, State
from connectors.doctor.watching import Watch
from connectors.parts import part
from connectors.registry import build, recovers_sizes
from providers import PROVIDERS

__all__ = ["examine"]

SECONDS = 30.0
"""Time limit of a check: shorter than a pull would wait for an answer, since a person is waiting."""
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

    All requests are read-only, except that missing subscriptions of Office 365 are started, as the first pull would do.

    Args:
        providers: Names of providers, at least one.
        environment: Values of their variables.
        now: The present as the providers see it, UTC with zone.
        clock: This machine's clock, UTC with zone.
        activation: History that a source needs before it raises alerts.
        seconds: Time limit of a check; a slower check fails.

    Returns:
        The findings, those of one provider together. A provider that is not configured has one finding, which is a
        failure only where none is configured.
    """

    def one(provider: str) -> list[Finding]:
        results = _configured(provider, environment, now, clock, activation, seconds)
        return [Finding(**asdict(found), provider=provider, check=check) for check, found in results.items()]

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
) -> dict[str, CheckResult]:
    """Return the result of each check, the configuration first."""
    kind, guide = _EXAMINATIONS[provider], f"docs/providers/{provider}.md"
    try:
        if kind.kind.read(environment) is None:
            to_do = f"To watch it, set {', '.join(kind.kind.required())}: see {guide}."
            return {"configuration": CheckResult(State.NOT_CHECKED, _NOT_CONFIGURED, to_do)}
        watch, begun = Watch(), clock()
        connector = build(provider, environment, now=lambda: now, limits=watch)
        time = ProviderTime(lambda: now + (clock() - begun), clock)
        context = Context(connector, recovers_sizes(provider, environment), now, activation, watch, time)
        examination = kind(environment, context)
        configuration = examination.configuration()
    except ConfigurationError as error:
        failure = {"configuration": CheckResult(State.FAILURE, str(error), f"See {guide}.")}
        reason = CheckResult(State.NOT_CHECKED, "the configuration can't be used")
        return failure | {check.name: reason for check in kind.checks()}
    return {"configuration": configuration} | _checked(examination, seconds)


def _checked(examination: Examination, seconds: float) -> dict[str, CheckResult]:
    results: dict[str, CheckResult] = {}
    for check in examination.checks():
        missing = next((name for name in check.needs if results[name].state in (State.FAILURE, State.NOT_CHECKED)), "")
        reason = CheckResult(State.NOT_CHECKED, f"needs {missing}, which failed")
        results[check.name] = reason if missing else _within(seconds, examination, check)
    return results


def _within(seconds: float, examination: Examination, check: Check) -> CheckResult:
    """Run a check and return its result; a failure if it does not end in time."""
    answers: SimpleQueue[CheckResult | None] = SimpleQueue()

    def ask() -> None:
        result = None
        try:
            result = check.ask(examination)
        except StoppedError:
            result = CheckResult(State.NOT_CHECKED, "stopped")
        except ConnectorError as error:
            if isinstance(error, UnavailableError) and error.throttled:
                examination.throttled = True
            result = CheckResult(State.FAILURE, error.cause, examination.remedy(check.name, error))
        finally:
            answers.put(result)

    # A daemon, so that a check that waits for a provider does not keep the command from ending.
    threading.Thread(target=ask, name=f"doctor {check.name}", daemon=True).start()
    try:
        result = answers.get(timeout=seconds)
    except Empty:
        to_do = "Check the network, the proxy and the provider's status page."
        return CheckResult(State.FAILURE, f"no answer within {seconds:.0f} s", to_do)
    return result or CheckResult(State.FAILURE, "the check itself failed; the traceback is above", "Report it.")
