"""The heartbeat: whether uploadwatch is at work, and the call that says so to a dead man's switch elsewhere.

It does not need Dagster's daemon, whose failure it reveals: silence is the alarm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import requests

from common.errors import ConfigurationError, MendableError
from detection.sql import ENGINE
from lake.days import DAY
from lake.silence import SILENCE_WEEKS
from lake.source_status import OVERDUE, State
from lake.store import Lake
from notify.quiet_http import UnansweredError, request
from notify.settings import check_address
from orchestration.monitoring.last_runs import RunRecords
from orchestration.monitoring.reading import landed_sources, read_silence, read_source, silence_limit

__all__ = ["HEARTBEAT_URL", "PingError", "address", "faults", "ping"]

HEARTBEAT_URL = "UPLOADWATCH_HEARTBEAT_URL"
_POLL = "poll"
_REMEDY = "Check that the schedule `poll` is on and that Dagster's daemon runs, and read the last run's log."


class PingError(MendableError):
    """The address did not take the call; the message does not show it."""


def address(values: Mapping[str, str]) -> str:
    """Return the address to call.

    Raises:
        ConfigurationError: It is not set, or cannot be used. The message does not repeat it.
    """
    url = values.get(HEARTBEAT_URL, "").strip()
    if not url:
        raise ConfigurationError(
            f"{HEARTBEAT_URL} is not set. Set it to the address of your check: docs/monitoring.md."
        )
    check_address(HEARTBEAT_URL, url, "whoever reads it can silence your alarm")
    return url


def faults(home: Path, values: Mapping[str, str], now: datetime) -> list[str]:
    """Return why uploadwatch does not seem to be at work, each with what to do; empty if all is well.

    Args:
        home: Directory of the deployment.
        values: The environment.
        now: The present, UTC with zone.
    """
    lake = Lake(root=str(home / "lake"))
    found = []
    for look in (
        partial(_of_runs, home, values, now),
        partial(_of_sources, lake, now),
        partial(_of_data, lake, values, now),
    ):
        try:
            found += list(look())
        except Exception as error:  # noqa: BLE001 -- what cannot be read is not well, whatever it is
            found.append(str(error) if isinstance(error, MendableError) else f"{type(error).__name__}: {error}")
    return found


def _of_runs(home: Path, values: Mapping[str, str], now: datetime) -> Iterator[str]:
    from orchestration.schedules import JOB  # noqa: PLC0415 -- imports Dagster

    run = RunRecords(home, values).last(JOB, _POLL)
    if run is None:
        yield f"No poll run has finished yet. {_REMEDY}"
        return
    if not run.success:
        yield f"The last poll run, which ended {run.ended:%Y-%m-%d %H:%M} UTC, failed. Read its log in Dagster's UI."
    if now - run.ended > OVERDUE:
        yield f"No poll run has finished since {run.ended:%Y-%m-%d %H:%M} UTC. {_REMEDY}"


def _of_sources(lake: Lake, now: datetime) -> Iterator[str]:
    sources = [source for provider in landed_sources(lake) if (source := read_source(lake, provider, now))]
    if not sources:
        yield f"No run has tried any source yet. {_REMEDY}"
    for source in sources:
        if source.state is not State.UNCONFIGURED and source.overdue:
            yield f"No run since {source.health.checked_at:%Y-%m-%d %H:%M} UTC has checked {source.title}. {_REMEDY}"


def _of_data(lake: Lake, values: Mapping[str, str], now: datetime) -> Iterator[str]:
    """Look for data that are too old: computed days, and events of all sources together."""
    days = lake.days("evaluations")
    if not days or days[-1] < (now - DAY).date():
        yield f"The newest evaluated day is {days[-1] if days else 'none'}. {_REMEDY}"
    silent: list[timedelta] = []
    with duckdb.connect(config=dict(ENGINE)) as con:
        for provider in landed_sources(lake):
            found = read_silence(con, lake, provider, now)
            # One source may be silent for its own reasons, which the check `fresh` reports.
            if found and found.length <= silence_limit(found, provider, values, lost=True):
                return
            silent += [found.length] if found else []
    if silent:
        newest = f"the newest events are {min(silent) / timedelta(hours=1):.0f} hours old"
    else:
        newest = f"the last {SILENCE_WEEKS} weeks have no events"
    yield f"All sources are silent for longer than usual: {newest}. See `uploadwatch status`."


def ping(url: str) -> None:
    """Call the address.

    Raises:
        PingError: It did not take the call.
    """
    try:
        with requests.Session() as session:
            answer = request(session, "GET", url, headers={"User-Agent": "uploadwatch"})
    except UnansweredError as error:
        raise PingError(f"The address of {HEARTBEAT_URL} did not answer: {error}.") from None
    if answer.status // 100 != 2:
        raise PingError(f"The address of {HEARTBEAT_URL} answered with status {answer.status}. Correct the variable.")
