"""Guarantee of a limiter: no time range as long as the period holds more requests than allowed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from datetime import timedelta
from multiprocessing.queues import Queue
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.core.errors import StoppedError
from connectors.core.rate_limits import Limiter
from tests.support.waiting import PATIENCE_SECONDS

SECOND = 1_000_000_000
PERIOD = timedelta(seconds=60)
SPAWN = multiprocessing.get_context("spawn")

STEPS = st.tuples(
    st.integers(0, 2),  # which of the limiters that share the file
    st.one_of(st.integers(0, 2 * SECOND), st.integers(0, 90 * SECOND)),  # real time that passes before
    st.one_of(st.just(0), st.integers(0, 10 * SECOND), st.integers(0, 3 * 3600 * SECOND)),  # the clock is put back
    st.integers(0, 8),  # wanted
    st.one_of(st.just(0.0), st.just(0.0), st.floats(0, 30)),  # a pause that the provider asks for
)


def most(times: list[int], period: int) -> int:
    """The most that any stretch of the period's length holds."""
    return max((sum(first <= other < first + period for other in times) for first in times), default=0)


class Clock:
    """A clock that lags behind the real time by as much as it was put back."""

    def __init__(self) -> None:
        self.real = 1_800_000_000 * SECOND
        self.lag = 0

    def __call__(self) -> int:
        return self.real - self.lag


@settings(max_examples=150)
@given(st.integers(1, 12), st.lists(STEPS, max_size=40))
def test_no_period_holds_more_than_may_go_and_nobody_waits_for_ever(requests: int, steps):
    """Prevents a provider's quota from being passed, and a clock that was put back from stopping everything."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory) / "limits" / "box.json"
        limiters = [Limiter(state, requests, PERIOD, clock=clock) for _ in range(3)]
        gone: list[int] = []
        quiet_until = 0
        for which, passes, put_back, wanted, pause in steps:
            clock.real += passes
            clock.lag += put_back
            granted = limiters[which].take(wanted)
            assert 0 <= granted <= wanted
            assert not granted or clock.real >= quiet_until, "went although the provider asked to wait"
            gone += [clock.real] * granted
            if pause:
                limiters[which].pause(pause)
                quiet_until = max(quiet_until, clock.real + int(pause * SECOND))
        assert most(gone, 60 * SECOND) <= requests
        # One period until the clock has caught up, and one until the last request no longer counts.
        clock.real += 122 * SECOND
        assert limiters[0].take(requests + 1) == requests


def test_what_cannot_be_read_and_another_period_are_no_free_pass_and_no_error(tmp_path: Path):
    """Prevents a file that was cut off from stopping all pulls, and a changed setting from starting a quota anew."""
    state = tmp_path / "box.json"
    state.write_bytes(b'{"width":1,"se')
    assert Limiter(state, 5, PERIOD).take(9) == 5
    assert Limiter(state, 5, timedelta(hours=1)).take(9) == 0
    assert json.loads(state.read_bytes())["taken"][0] == 5
    with pytest.raises(ValueError, match="at least one"):
        Limiter(state, 0, PERIOD)


def test_a_pause_holds_for_everybody(tmp_path: Path):
    """Prevents threads and runs from going on asking while a provider has told one of them to wait."""
    state = tmp_path / "box.json"
    here, there = Limiter(state, 1000, PERIOD), Limiter(state, 1000, PERIOD)
    here.pause(0.2)
    began = time.monotonic()
    assert there.take(1) == 0
    there.wait()
    assert time.monotonic() - began >= 0.19


def test_who_waits_is_stopped_at_once():
    """Prevents a terminated run from sleeping through a minute's quota before it ends."""
    stop = threading.Event()
    limiter = Limiter(None, 1, timedelta(hours=1), stop=stop)
    limiter.wait()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    with pytest.raises(StoppedError):
        limiter.wait()
    assert time.monotonic() - began < 60


def _ask(state: Path, requests: int, period: timedelta, each: int, threads: int, told: Queue[list[int]]) -> None:
    times: list[int] = []

    def ask() -> None:
        # The clock is read when the request is granted; the caller may get to know of it much later.
        read: list[int] = []
        limiter = Limiter(state, requests, period, clock=lambda: read.append(time.time_ns()) or read[-1])
        for _ in range(each):
            limiter.wait()
            times.append(read[-1])

    running = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    told.put(times)


def test_processes_and_threads_share_one_quota(tmp_path: Path):
    """Prevents a backfill and a tick that run side by side from asking for twice the quota."""
    period, requests = timedelta(milliseconds=300), 20
    told: Queue[list[int]] = SPAWN.Queue()
    arguments = (tmp_path / "box.json", requests, period, 12, 2, told)
    running = [SPAWN.Process(target=_ask, args=arguments) for _ in range(3)]
    for process in running:
        process.start()
    times = [moment for _ in running for moment in told.get(timeout=PATIENCE_SECONDS)]
    for process in running:
        process.join()
    assert len(times) == 72
    assert most(times, 300_000_000) <= requests


def _ask_for_ever(state: Path, began: Queue[bool]) -> None:
    limiter = Limiter(state, 1_000_000, timedelta(seconds=1))
    limiter.wait()
    began.put(True)
    while True:
        limiter.wait()


def test_killed_processes_leave_nothing_to_wait_for(tmp_path: Path):
    """Prevents a lock or a lease of a run that was killed from stopping all runs after it."""
    state = tmp_path / "box.json"
    began: Queue[bool] = SPAWN.Queue()
    running = [SPAWN.Process(target=_ask_for_ever, args=(state, began), daemon=True) for _ in range(2)]
    for process in running:
        process.start()
    for _ in running:
        began.get(timeout=PATIENCE_SECONDS)
    for process in running:
        assert process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    until = time.monotonic() + 60
    limiter = Limiter(state, 1_000_000, timedelta(seconds=1))
    while not limiter.take(1):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_several_requests_are_waited_for_together():
    """Prevents a batch from passing for one request, and one that is larger than a period's from never going."""
    limiter = Limiter(None, 10, timedelta(seconds=0.6))
    limiter.wait(7)
    assert limiter.take(9) == 3
    began = time.monotonic()
    limiter.wait(15)
    assert time.monotonic() - began >= 1.0
    assert limiter.take(99) <= 5
