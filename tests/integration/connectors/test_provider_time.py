"""The provider's clock, as the header Date of its answers tells it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from connectors import Gap, Page, SignInError, Timekeeping, build
from connectors.core.provider_time import ProviderTime
from tests.support.sandbox_server import Client, serving, uploads

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
PROVIDERS = ("box", "dropbox", "google_workspace", "office365")


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def hear(time: ProviderTime, clock: Clock, told: datetime | str, took: float = 0.0, **headers: str) -> None:
    """One exchange that takes so many seconds; the provider writes its time as it answers."""
    answered = time.begin()
    clock.now += timedelta(seconds=took)
    date = told if isinstance(told, str) else format_datetime(told, usegmt=True)
    answered({"Date": date, **headers})


@pytest.mark.parametrize("hours", [-72, -1, 1, 72])
def test_a_clock_that_is_off_is_corrected(hours: int) -> None:
    """Prevents a durable decision by a clock that ran ahead, or behind."""
    clock = Clock(NOON + timedelta(hours=hours))
    time = ProviderTime(clock, clock)
    assert time.skew is None
    assert time.now() == clock.now
    hear(time, clock, NOON)
    assert time.skew is not None
    assert abs(time.skew - timedelta(hours=hours)) <= timedelta(seconds=1)
    assert abs(time.now() - NOON) <= timedelta(seconds=1)
    assert ("ahead" if hours > 0 else "behind") in time.warning()


@pytest.mark.parametrize("seconds", [-110, 0, 110])
def test_a_clock_within_the_tolerance_counts_as_it_is(seconds: int) -> None:
    """Prevents windows that jump by the second with each header."""
    clock = Clock(NOON + timedelta(seconds=seconds))
    time = ProviderTime(clock, clock)
    hear(time, clock, NOON)
    assert time.now() == clock.now
    assert time.warning() == ""


def test_the_quickest_answer_counts() -> None:
    """Prevents an answer that took minutes from being taken for a clock that is minutes off."""
    clock = Clock(NOON)
    time = ProviderTime(clock, clock)
    hear(time, clock, NOON + timedelta(seconds=290), took=300)
    hear(time, clock, clock.now, took=0.2)
    hear(time, clock, clock.now + timedelta(seconds=290), took=300)
    assert time.skew is not None
    assert abs(time.skew) <= timedelta(seconds=1)


def test_a_clock_that_is_set_meanwhile_is_followed() -> None:
    """Prevents a correction by a difference that is gone."""
    clock = Clock(NOON + timedelta(days=3))
    time = ProviderTime(clock, clock)
    hear(time, clock, NOON)
    clock.now = NOON + timedelta(seconds=10)
    hear(time, clock, clock.now)
    hear(time, clock, clock.now)
    assert time.now() == clock.now


@pytest.mark.parametrize(
    ("date", "headers"),
    [
        ("never", {}),
        ("", {}),
        ("Thu, 01 Jan 0001 00:00:00 +1400", {}),
        ("Fri, 31 Dec 9999 23:59:59 -1400", {}),
        ("Thu, 01 Jan 1970 00:00:00 GMT", {}),
        ("Mon, 05 Jan 2026 02:00:00 GMT", {"Age": "36000"}),
    ],
)
def test_what_can_not_be_trusted_is_left_out(date: str, headers: dict[str, Any]) -> None:
    """Prevents a cache's copy, or a broken server, from moving the windows."""
    clock = Clock(NOON)
    time = ProviderTime(clock, clock)
    hear(time, clock, date, **headers)
    assert time.skew is None


def test_a_time_that_is_played_out_is_not_measured_by_this_machines() -> None:
    """Prevents a replay against a server that keeps this machine's time from being moved to today."""
    wall = datetime(2026, 11, 30, tzinfo=UTC)
    time = ProviderTime(lambda: NOON, lambda: wall)
    time.begin()({"Date": format_datetime(wall, usegmt=True)})
    assert time.now() == NOON


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    rows = [row for provider in PROVIDERS for row in uploads(provider, 90)]
    with serving(tmp_path_factory.mktemp("clock"), rows, NOON.isoformat()) as client:
        yield client


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("days", [-3, 3, 400])
def test_connectors_ask_by_the_providers_clock(sandbox: Client, provider: str, days: int) -> None:
    """Prevents days that are kept from being given up, and windows of the future from being asked, by a wrong clock."""
    day = NOON.replace(hour=0)
    source = build(provider, sandbox.environment, now=lambda: NOON + timedelta(days=days))
    assert isinstance(source, Timekeeping)
    assert source.skew is None
    assert abs(source.present() - NOON) <= timedelta(seconds=1)
    assert source.skew is not None
    assert abs(source.skew - timedelta(days=days)) <= timedelta(seconds=1)
    fresh = build(provider, sandbox.environment, now=lambda: NOON + timedelta(days=days))
    found = list(fresh.pages(day, day + timedelta(days=1)))
    assert not [gap for gap in found if isinstance(gap, Gap)]
    assert sum(len(page.events) for page in found if isinstance(page, Page)) >= 90
    assert list(fresh.pages(NOON + timedelta(hours=1), NOON + timedelta(hours=2))) == []


def test_a_refused_sign_in_names_the_clock(sandbox: Client) -> None:
    """Prevents looking for a wrong key where this machine's clock has Google refuse it."""
    plan = [{"api": "google_token", "kind": "sign_in_refused"}]
    sandbox.plain.put(f"{sandbox.url}/_sandbox/faults", json=plan).raise_for_status()
    source = build("google_workspace", sandbox.environment, now=lambda: NOON + timedelta(hours=5))
    assert isinstance(source, Timekeeping)
    with pytest.raises(SignInError) as refused:
        source.present()
    assert "5 hours ahead" in refused.value.remedy


def test_odd_dates_leave_the_local_clock(sandbox: Client, tmp_path: Path) -> None:
    """Prevents a header that tells nothing from ending a pull."""
    plan = [{"api": "box", "kind": "clock_skew", "seconds": 10**9, "times": "always"}]
    sandbox.plain.put(f"{sandbox.url}/_sandbox/faults", json=plan).raise_for_status()
    source = build("box", sandbox.environment, now=lambda: NOON)
    assert list(source.pages(NOON - timedelta(hours=12), NOON))
    sandbox.plain.put(f"{sandbox.url}/_sandbox/faults", json=[]).raise_for_status()
