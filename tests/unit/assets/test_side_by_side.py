"""Pulls in threads of their own: waited for together, each within its own time."""

from __future__ import annotations

import time
from functools import partial

import pytest

from assets.core.side_by_side import Patience, Pulls, Watch
from connectors import StoppedError

SHORT = Patience(silent_seconds=0.5, total_seconds=60)


def hang(watch: Watch) -> None:
    while not watch.stop.wait(0.05):
        pass
    raise StoppedError


def note(pulled: list[str], name: str, _watch: Watch) -> str:
    pulled.append(name)
    return name


def test_pulls_that_hang_are_waited_for_together() -> None:
    """Prevents one time limit after the other where several sources do not answer."""
    pulls, silent_seconds = Pulls(), 2.0
    hanging = (hang, Patience(silent_seconds, total_seconds=60))
    pulls.start(dict.fromkeys("abcd", hanging) | {"well": (lambda _watch: "done", SHORT)}, "a")
    began = time.monotonic()
    for name in "abcd":
        with pytest.raises(StoppedError):
            pulls.wait(name)
    assert pulls.wait("well") == "done"
    assert time.monotonic() - began < 4 * silent_seconds


def test_a_pull_that_does_not_stop_is_left() -> None:
    """Prevents a source that hangs in the network from holding up the run for good."""
    pulls = Pulls()
    pulls.start({"stuck": (lambda _watch: time.sleep(30), Patience(0.1, 60))}, "stuck")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assets.core.side_by_side._GRACE_SECONDS", 0.1)
        with pytest.raises(StoppedError):
            pulls.wait("stuck")


def test_what_is_raised_is_raised_where_it_is_waited_for() -> None:
    """Prevents an error of a thread from being lost with it."""
    pulls = Pulls()
    pulls.start({"broken": (lambda _watch: dict[str, int]()["gone"], SHORT)}, "broken")
    with pytest.raises(KeyError):
        pulls.wait("broken")


def test_a_source_that_goes_on_answering_is_known() -> None:
    """Prevents a source with much to give from being reported as one that does not answer."""

    def drip(watch: Watch) -> None:
        while not watch.stop.wait(0.05):
            watch.progress()
        assert watch.goes_on
        raise StoppedError

    pulls = Pulls()
    pulls.start({"slow": (drip, Patience(silent_seconds=5, total_seconds=0.5))}, "slow")
    with pytest.raises(StoppedError):
        pulls.wait("slow")


def test_each_source_is_pulled_once_in_a_run() -> None:
    """Prevents a source from being pulled again by the next source's step, while its files are read."""
    pulled: list[str] = []
    works = {name: (partial(note, pulled, name), SHORT) for name in "abc"}
    pulls = Pulls()
    for name in works:
        pulls.start(works, name)
        assert pulls.wait(name) == name
    assert sorted(pulled) == ["a", "b", "c"]


def test_a_step_that_is_run_again_pulls_its_own_source_again() -> None:
    """Prevents a step's retry from ending with an error about a pull that was never started."""
    pulled: list[str] = []
    works = {name: (partial(note, pulled, name), SHORT) for name in "ab"}
    pulls = Pulls()
    for name in ("a", "b", "a"):
        pulls.start(works, name)
        assert pulls.wait(name) == name
    assert sorted(pulled) == ["a", "a", "b"]
