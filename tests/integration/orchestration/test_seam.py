"""A source that raises anything, at any step, fails alone: every other source goes on to alerts in the same run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
import requests

from assets import audit_events, normalised
from assets.core.resources import Source
from assets.core.side_by_side import Patience, Watch
from cli.options import lake_of
from connectors import Gap, Page, StoppedError, variables
from detection.normalise import normalise, normalise_parsed
from lake.health import read_health
from providers import PROVIDERS
from tests.support.damaged_home import END, Broken, Ran, made_home, standing

pytestmark = pytest.mark.sampled

SECRET = "s3cr3t-value-of-a-token"


class Sabotaged:
    """A connector of which one step raises."""

    def __init__(self, connector: Any, step: str, error: Callable[[], BaseException]) -> None:
        self._connector, self._step, self._error = connector, step, error

    def __getattr__(self, name: str) -> Any:
        if self._step == name and not callable(getattr(self._connector, name)):
            raise self._error()
        if self._step in (name, f"{name} later"):
            return self._raise if self._step == name else self._raise_later
        return getattr(self._connector, name)

    def _raise(self, *_: object) -> Any:
        raise self._error()

    def _raise_later(self, *arguments: Any) -> Iterator[Page | Gap]:
        yield Page(b"")
        raise self._error()


ERRORS: tuple[Callable[[], BaseException], ...] = (
    lambda: RecursionError("maximum recursion depth exceeded"),
    lambda: requests.exceptions.InvalidHeader(f"Invalid header: {SECRET}"),
    lambda: duckdb.InvalidInputException("Invalid Input Error"),
    lambda: OverflowError("date value out of range"),
    lambda: KeyError("entries"),
    MemoryError,
    lambda: OSError(28, "No space left on device"),
)


class SabotagedSource(Source):
    """A source whose connector raises."""

    step: str
    error: int

    def connector(self, clock: Any, stop: Any = None) -> Any:
        if self.step == "connector":
            raise ERRORS[self.error]()
        return Sabotaged(super().connector(clock, stop), self.step, ERRORS[self.error])


class CountedSource(Source):
    """A source that notes what it is asked for."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def connector(self, clock: Any, stop: Any = None) -> Any:
        connector: Any = super().connector(clock, stop)
        pages = connector.pages

        def noted(start: Any, end: Any) -> Iterator[Page | Gap]:
            self.asked.append((self.provider, f"{start} {end}"))
            return pages(start, end)

        connector.pages = noted
        return connector


STEPS = ("connector", "pages", "pages later", "parallel_slices", "present", "retention", "streamed", "file_sizes")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_home(tmp_path_factory.mktemp("made"), list(PROVIDERS))


@pytest.fixture(scope="module")
def home(made: Path, tmp_path_factory: pytest.TempPathFactory):
    with standing(made, tmp_path_factory.mktemp("standing") / "home", list(PROVIDERS)) as broken:
        yield broken


def run(home: Broken, providers: Sequence[str], step: str, error: int) -> Ran:
    """A run in which one step of some sources raises; something of each is due."""
    sources = {}
    for provider in providers:
        for path in home.raw(provider, 4):
            path.unlink()
        values = {**home.values, "TOKEN": SECRET}
        sources[f"{provider}_source"] = SabotagedSource(
            provider=provider,
            environment={name: value for name, value in values.items() if name in (*variables(provider), "TOKEN")},
            limits=str(home.home.path / "limits"),
            step=step,
            error=error,
        )
    return home.run(2, 4, overrides=sources)


def test_each_slice_is_asked_for_once_in_a_run(home: Broken) -> None:
    """Prevents a source from being pulled again by each other source's step, which moves files under its readers."""
    sources = {
        f"{provider}_source": CountedSource(
            provider=provider,
            environment={name: value for name, value in home.values.items() if name in variables(provider)},
            limits=str(home.home.path / "limits"),
        )
        for provider in PROVIDERS
    }
    for provider in PROVIDERS:
        for path in home.raw(provider, 4):
            path.unlink()
    CountedSource.asked.clear()
    home.run(2, 4, overrides=sources)
    asked = CountedSource.asked
    assert {provider for provider, _ in asked} == set(PROVIDERS)
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("providers", [tuple(PROVIDERS)[::2], tuple(PROVIDERS)[1::2]])
@pytest.mark.parametrize(("step", "error"), [(step, n % len(ERRORS)) for n, step in enumerate(STEPS)])
def test_sources_that_raise_at_a_step_fail_alone(home: Broken, providers: Sequence[str], step: str, error: int) -> None:
    """Prevents one source's fault, of whatever kind, from silencing all others."""
    before = home.alert_files()
    ran = run(home, providers, step, error)
    assert ran.success
    failing = ran.failing()
    for provider in PROVIDERS:
        failed = {name for name in failing if name.startswith(f"{provider}/") and name.endswith((":pulled", ":read"))}
        if provider not in providers:
            assert not failed
        elif step not in ("file_sizes", "streamed"):
            # Not every source has a stream, or is asked for sizes here.
            assert f"{provider}/audit_events:pulled" in failed
    assert home.alert_files() == before
    assert SECRET not in ran.log
    assert SECRET not in str(failing)


@pytest.mark.parametrize("providers", [tuple(PROVIDERS)[::2], tuple(PROVIDERS)[1::2]])
def test_sources_whose_events_cannot_be_read_fail_alone(
    home: Broken, providers: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents a fault of the reader, met with the events of one source, from silencing all others."""

    def failing_reader(reader: Callable[..., None]) -> Callable[..., None]:
        def reading(con: Any, provider: str, **given: Any) -> None:
            if provider in providers:
                raise duckdb.BinderException(f"no such column {SECRET}"[:24])
            reader(con, provider, **given)

        return reading

    for reader in (normalise, normalise_parsed):
        monkeypatch.setattr(normalised, reader.__name__, failing_reader(reader))
    before = home.alert_files()
    for provider in PROVIDERS:
        shutil.rmtree(home.partition(f"{provider}/logged_uploads", 4), ignore_errors=True)
    ran = home.run(2, 4)
    assert ran.success
    failing = ran.failing()
    for provider in PROVIDERS:
        assert (f"{provider}/uploads:read" in failing) is (provider in providers)
    assert "no such column" in ran.log
    assert home.alert_files() == before


@pytest.mark.parametrize(
    ("variable", "value"), [("BOX_CLIENT_SECRET", ""), ("BOX_LATENESS_HOURS", "soon"), ("BOX_API_URL", "http://box")]
)
def test_a_source_with_a_wrong_variable_fails_alone(home: Broken, variable: str, value: str) -> None:
    """Prevents a slip in the variables of one source from keeping all sources from being watched."""
    before = home.alert_files()
    for provider in ("box", "dropbox"):
        for path in home.raw(provider, 4):
            path.unlink()
    ran = home.run(2, 4, settings={variable: value})
    assert ran.success
    failing = ran.failing()
    assert variable in failing["box/audit_events:pulled"]
    assert "dropbox/audit_events:pulled" not in failing
    assert home.alert_files() == before
    assert variable in read_health(lake_of(home.home.path), ["box"])["box"].troubles["pull"].problem


@pytest.mark.parametrize("error", [0, 4, 6])
def test_whatever_is_raised_stands_with_its_traceback_in_the_log(home: Broken, error: int) -> None:
    """Prevents a fault of the program from looking like one of the provider, without a trace of where it is."""
    ran = run(home, ["box"], "parallel_slices", error)
    said = ran.failing()["box/audit_events:pulled"]
    kind = type(ERRORS[error]()).__name__
    assert {"OSError": "The disk is full"}.get(kind, kind) in said
    assert "Traceback" in ran.log
    assert SECRET not in ran.log


class Hanging(Source):
    """A source whose audit API takes the connection and never answers.

    Attributes:
        hung: When each source's first request began and ended to wait, by source.
    """

    hung: ClassVar[dict[str, tuple[float, float]]] = {}

    def connector(self, clock: Any, stop: Any = None) -> Any:
        connector, hung, provider = super().connector(clock, stop), self.hung, self.provider

        class Silent(Sabotaged):
            def __getattr__(self, name: str) -> Any:
                return self._hang if name == "pages" else getattr(self._connector, name)

            def _hang(self, *_: object) -> Iterator[Page | Gap]:
                began = time.monotonic()
                stop.wait()
                hung.setdefault(provider, (began, time.monotonic()))
                raise StoppedError
                yield

        return Silent(connector, "", RuntimeError)


def test_sources_that_never_answer_are_waited_for_together(home: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents dead sources from holding up a run by one time limit after the other, and for good."""
    patience, short = Patience(silent_seconds=4, total_seconds=60), Patience(silent_seconds=1, total_seconds=60)
    monkeypatch.setattr(audit_events, "_POLL", patience)
    monkeypatch.setattr(audit_events, "_BREAKER", short)
    asked: list[Patience] = []
    over = Watch.over
    monkeypatch.setattr(Watch, "over", lambda watch, given: asked.append(given) or over(watch, given))
    hanging = {
        f"{provider}_source": Hanging(
            provider=provider,
            environment={name: value for name, value in home.values.items() if name in variables(provider)},
            limits=str(home.home.path / "limits"),
        )
        for provider in ("box", "dropbox")
    }
    # Failures that other tests left in the home count, too.
    assert home.run().success
    before = home.alert_files()
    tried = []
    for _ in range(4):
        Hanging.hung.clear()
        asked.clear()
        # Something is due each time.
        for provider in ("box", "dropbox"):
            for path in home.raw(provider, 4):
                path.unlink()
        ran = home.run(3, 4, overrides=hanging, late_data=False, now=END)
        tried.append(set(asked))
        assert max(began for began, _ in Hanging.hung.values()) < min(ended for _, ended in Hanging.hung.values())
        assert ran.success
        assert {"box/audit_events:pulled", "dropbox/audit_events:pulled"} <= set(ran.failing())
        assert "no answer within the time limit" in ran.failing()["box/audit_events:pulled"]
    assert home.alert_files() == before
    health = read_health(lake_of(home.home.path), ["box"])["box"]
    assert health.troubles["pull"].failures >= 4
    # The circuit breaker: the fourth run only tries.
    assert [short in each for each in tried] == [False, False, False, True]
    assert home.run().success
    assert home.alert_files() == before
    assert not read_health(lake_of(home.home.path), ["box"])["box"].troubles
