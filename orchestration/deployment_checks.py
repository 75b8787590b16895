"""Checks of a deployment apart from its providers: variables, files, home, channels and schedules."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from common.errors import MendableError
from connectors import variables
from connectors.doctor import Finding, State
from detection import allow_list
from detection.geoip import read_geography
from detection.persons import read_persons
from detection.risk import read_networks, read_risk_list
from detection.sensitive import read_terms
from lake.home import REPLAY_NOTE
from notify.settings import channel_variables, read_channels
from orchestration.pseudonymity import pseudonyms_of
from orchestration.schedules import SCHEDULES
from orchestration.settings import PREFIX, Settings
from orchestration.variables import access_table, deployment_table
from providers import PROVIDERS

__all__ = ["examine_deployment"]

_OF_THE_SANDBOX = f"{PREFIX}SANDBOX_URL"


def examine_deployment(values: Mapping[str, str]) -> list[Finding]:
    """Return the findings of a deployment; a setting that cannot be used ends them."""
    found = [_finding("variables", *each) for each in _variables(values)]
    try:
        settings = Settings.read(values)
    except MendableError as error:
        return [*found, _finding("settings", State.FAILURE, str(error))]
    found += [_finding("files", *each) for each in _files(settings)]
    found.append(_finding("home", *_home(settings)))
    found += [_finding("channels", *each) for each in _channels(values, settings)]
    if values.get("DAGSTER_HOME"):
        found.append(_finding("schedules", *_schedules(values)))
    return found


def _finding(check: str, state: State, found: str, to_do: str = "") -> Finding:
    return Finding(state, found, to_do, provider="deployment", check=check)


def _variables(values: Mapping[str, str]) -> Iterator[tuple[State, str, str]]:
    """Find variables that nothing reads, as misspelt ones are."""
    known = {variable.name for variable in (*deployment_table(), *access_table())} | {
        _OF_THE_SANDBOX,
        *channel_variables(values),
    }
    of_providers = {name for provider in PROVIDERS for name in variables(provider)}
    prefixes = {f"{name.partition('_')[0]}_" for name in of_providers}
    odd = sorted(
        name
        for name in values
        if (name.startswith(PREFIX) and not name.startswith(f"{PREFIX}TEST_") and name not in known)
        or (name.startswith(tuple(prefixes)) and name not in of_providers and get_close_matches(name, of_providers))
    )
    for name in odd:
        near = get_close_matches(name, [*known, *of_providers], n=1)
        meant = f"Rename it to {near[0]}, or remove it." if near else "Remove it; docs/configuration.md lists all."
        yield State.WARNING, f"{name} is set, and nothing reads it", meant
    if not odd:
        yield State.OK, "all variables are known", ""


def _files(settings: Settings) -> Iterator[tuple[State, str, str]]:
    """Read the operator's files, each as a run would: one that cannot be used stops the evaluation."""
    readers: dict[str, tuple[Path | None, Callable[[Path], object]]] = {
        "allow-list": (settings.allow_list, allow_list.read),
        "risk list": (settings.risk_list, read_risk_list),
        "networks": (settings.networks, read_networks),
        "countries": (settings.geoip_country, lambda path: read_geography(path, None)),
        "autonomous systems": (settings.geoip_asn, lambda path: read_geography(None, path)),
        "persons": (settings.persons, read_persons),
        "sensitive words": (settings.sensitive, read_terms),
    }
    used = []
    for name, (path, read) in readers.items():
        if path is None:
            continue
        try:
            read(path)
            used.append(name)
        except (MendableError, OSError) as error:
            yield State.FAILURE, f"{name}: {error}", "Runs raise no alert until the file can be read."
    if used:
        yield State.OK, f"can be read: {', '.join(used)}", ""


def _home(settings: Settings) -> tuple[State, str, str]:
    home = settings.home.absolute()
    there = home
    while not there.exists():
        there = there.parent
    if (home / REPLAY_NOTE).exists() and not settings.now:
        to_do = "Set UPLOADWATCH_HOME to a directory of its own for your organisation."
        return State.FAILURE, f"{home} holds a replay of made-up history", to_do
    if not os.access(there, os.W_OK | os.X_OK):
        return (
            State.FAILURE,
            f"{there} can't be written",
            "Run this as the user of the deployment, or set UPLOADWATCH_HOME.",
        )
    return State.OK, f"{home} can be written", ""


def _channels(values: Mapping[str, str], settings: Settings) -> Iterator[tuple[State, str, str]]:
    channels = read_channels(values)
    for channel in channels:
        if channel.fault:
            yield State.FAILURE, f"{channel.name}: {channel.fault}", "Correct it, then: uploadwatch notify --test"
    if not channels:
        to_do = "Set UPLOADWATCH_NOTIFY_<CHANNEL>_URL, see docs/notifications.md."
        yield State.WARNING, "no channel is configured, so nobody is notified", to_do
    elif not settings.console_url:
        to_do = "Set UPLOADWATCH_CONSOLE_URL to the address of the console, see docs/console.md."
        yield State.WARNING, "messages cannot link to the pages of alerts", to_do
    elif not any(channel.fault for channel in channels):
        yield State.OK, ", ".join(channel.name for channel in channels), ""
    try:
        pseudonyms_of(values)
    except MendableError as error:
        yield State.FAILURE, str(error), ""


def _schedules(values: Mapping[str, str]) -> tuple[State, str, str]:
    from orchestration.dagster_records import open_records  # noqa: PLC0415 -- imports Dagster

    try:
        with open_records(values) as instance:
            states = instance.all_instigator_state()
    except MendableError as error:
        return State.WARNING, "off: Dagster has no records yet", str(error)
    except Exception as error:  # noqa: BLE001 -- whatever the storage raises
        said = " ".join(str(error).split()) or type(error).__name__
        return State.FAILURE, f"Dagster's records can't be read: {said}", "See DAGSTER_HOME and its dagster.yaml."
    switched = {state.instigator_name: state.is_running for state in states}
    from_start = Settings.read(values).schedules_on
    off = [name for name in SCHEDULES if not switched.get(name, from_start)]
    if off:
        return (
            State.WARNING,
            f"off: {', '.join(off)}",
            "Switch them on in the UI, under Automation, or set UPLOADWATCH_SCHEDULES_ON.",
        )
    return State.OK, f"on: {', '.join(SCHEDULES)}", ""
