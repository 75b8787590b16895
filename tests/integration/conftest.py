"""Fixtures that several test files share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from dagster._core.storage.event_log import in_memory as events_in_memory
from dagster._core.storage.runs import in_memory as runs_in_memory

from detection.sql import ENGINE
from tests.support.faulty import Provider, Pulled, provider_day

Day = tuple[Provider, Pulled]

# As deployments have it: without this variable Dagster stores each event by itself, a tenth of a run's time.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")

# Several tests run side by side: more threads than cores only wait for each other. What connects without
# these settings, as the unit tests of the rules do, and the processes that tests begin have as many as there are.
ENGINE["threads"] = 1


@pytest.fixture(scope="session", autouse=True)
def instances_in_memory_without_a_revision() -> Iterator[None]:
    """Make ephemeral instances in a quarter of the time: nobody migrates what is in memory."""
    with pytest.MonkeyPatch.context() as patch:
        for storage in (events_in_memory, runs_in_memory):
            patch.setattr(storage, "stamp_alembic_rev", lambda _config, _connection: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def environment_of_its_own() -> Iterator[None]:
    """Restore the environment after a test file: the next file would call sandboxes that are gone, for minutes."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Day]]:
    """Yield a function that gives a provider's day in its own sandbox and a calm run over it, made on first use."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())

        @cache
        def made(provider: str) -> Day:
            day = stack.enter_context(provider_day(tmp_path_factory.mktemp("served"), provider, patch))
            return day, day.pull(tmp_path_factory.mktemp("calm"), read=True)

        yield made


@pytest.fixture
def served(request: pytest.FixtureRequest, days: Callable[[str], Day]) -> Day:
    """A provider's day in the sandbox, and a calm run over it; the parameter is the provider."""
    return days(request.param)
