"""A source that raises anything, at any step, fails alone: every other source goes on to alerts in the same run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from assets.resources import Source
from connectors import Gap, Page
from tests.integration.damaged_home import Broken, Ran, made_home, standing

SECRET = "s3cr3t-value-of-a-token"


class Sabotaged:
    """A connector of which one step raises."""

    def __init__(self, connector: Any, step: str, error: Callable[[], BaseException]) -> None:
        self._connector, self._step, self._error = connector, step, error

    def __getattr__(self, name: str) -> Any:
        if self._step in (name, f"{name} later"):
            return self._raise if self._step == name else self._raise_later
        return getattr(self._connector, name)

    def _raise(self, *_: object) -> Any:
        raise self._error()

    def _raise_later(self, *arguments: Any) -> Iterator[Page | Gap]:
        yield Page(b"")
        raise self._error()


class SabotagedSource(Source):
    """A source whose connector raises."""

    step: str
    error: Any

    def connector(self, clock: Any, stop: Any = None) -> Any:
        if self.step == "connector":
            raise self.error()
        return Sabotaged(super().connector(clock, stop), self.step, self.error)


ERRORS: tuple[Callable[[], BaseException], ...] = (
    lambda: RecursionError("maximum recursion depth exceeded"),
    lambda: requests.exceptions.InvalidHeader(f"Invalid header: {SECRET}"),
    lambda: duckdb.InvalidInputException("Invalid Input Error"),
    lambda: OverflowError("date value out of range"),
    lambda: KeyError("entries"),
    MemoryError,
    lambda: OSError(28, "No space left on device"),
)
STEPS = ("connector", "pages", "pages later", "parallel_slices", "present", "retention", "streamed", "file_sizes")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_home(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def home(made: Path, tmp_path_factory: pytest.TempPathFactory):
    with standing(made, tmp_path_factory.mktemp("standing") / "home") as broken:
        yield broken


def run(home: Broken, provider: str, step: str, error: Callable[[], BaseException]) -> Ran:
    values = {**home.values, "TOKEN": SECRET}
    source = SabotagedSource(
        provider=provider,
        environment={
            name: value for name, value in values.items() if name.startswith(provider.upper()) or name == "TOKEN"
        },
        limits=str(home.home.path / "limits"),
        step=step,
        error=error,
    )
    return home.run(2, 4, overrides={f"{provider}_source": source})


@pytest.mark.parametrize("provider", ["box", "dropbox"])
@pytest.mark.parametrize(("step", "error"), [(step, ERRORS[n % len(ERRORS)]) for n, step in enumerate(STEPS)])
def test_a_source_that_raises_at_a_step_fails_alone(
    home: Broken, provider: str, step: str, error: Callable[[], BaseException]
) -> None:
    """Prevents one source's fault, of whatever kind, from silencing all others."""
    before = home.alert_files()
    ran = run(home, provider, step, error)
    assert ran.success
    failing = ran.failing()
    assert any(name.startswith(f"{provider}/") and name.endswith(":pulled") for name in failing) or step in (
        "file_sizes",
        "streamed",
    )
    others = [name for name in failing if not name.startswith(f"{provider}/") and name.endswith((":pulled", ":read"))]
    assert not others
    assert home.alert_files() == before
    assert SECRET not in ran.log
    assert SECRET not in str(failing)


@pytest.mark.parametrize("error", ERRORS)
def test_whatever_is_raised_stands_with_its_traceback_in_the_log(
    home: Broken, error: Callable[[], BaseException]
) -> None:
    """Prevents a fault of the program from looking like one of the provider, without a trace of where it is."""
    ran = run(home, "box", "parallel_slices", error)
    said = ran.failing()["box/audit_events:pulled"]
    assert type(error()).__name__ in said
    assert "Traceback" in ran.log
    assert SECRET not in ran.log
