"""What several test files share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faulty import Provider, Pulled, provider_day


@pytest.fixture(scope="module")
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Provider, Pulled]]:
    """A provider's day in the sandbox, and a calm run over it; the parameter is the provider."""
    with (
        pytest.MonkeyPatch.context() as patch,
        provider_day(tmp_path_factory.mktemp("served"), request.param, patch) as day,
    ):
        yield day, day.pull(tmp_path_factory.mktemp("calm"), read=True)
