"""A process that is killed while it notifies: nothing is lost, and a receiver that honours the key sees each once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from notify.outbox import Outbox
from tests.support.notified import HOUR, NOON, NOW, Made, Receiver, receiver, write_alerts
from tests.support.sandbox_server import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.sampled

NURSERY = """
import json, os, signal, sys
from datetime import datetime, timedelta
from pathlib import Path

import requests
from lake.store import Lake
from notify.channels import open_channel
from notify.delivery import alone, deliver, enter_alerts, outbox_of
from notify.settings import read_channels

CODE = (f"{os.sep}notify{os.sep}", f"lake{os.sep}ledger.py", f"lake{os.sep}kept.py")


def round_(case):
    home, now = Path(case["home"]), datetime.fromisoformat(case["now"])
    channels = [open_channel(settings) for settings in read_channels(case["variables"])]
    with alone(home) as may:
        assert may
        outbox = outbox_of(home)
        enter_alerts(outbox, Lake(root=str(home / "lake")), channels, now, timedelta(days=7))
        deliver(outbox, channels, lambda: now)


def killing(kind, where):
    left = [where if kind == "line" else 1]

    def trace(frame, event, _argument):
        if not any(part in frame.f_code.co_filename for part in CODE):
            return None
        left[0] -= event == "line" if kind == "line" else (event, frame.f_code.co_name) == (kind, where)
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


for line in sys.stdin:
    case = json.loads(line)
    child = os.fork()
    if not child:
        if case.get("kill"):
            sys.settrace(killing(*case["kill"]))
        try:
            round_(case)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    print(json.dumps({"pid": child}), flush=True)
    _, status = os.waitpid(child, 0)
    print(json.dumps({"signal": os.WTERMSIG(status), "exit": os.waitstatus_to_exitcode(status)}), flush=True)
"""
"""Program that forks a process for each requested round, which saves the seconds of imports."""

Round = Callable[..., dict[str, int]]


class Shot:
    """Hook that kills the working process when the receiver gets a certain request, before or after it is answered."""

    def __init__(self) -> None:
        self.at = 0
        self.pid = 0

    def __call__(self, _asked: Any) -> None:
        self.at -= 1
        if self.at == 0:
            os.kill(self.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def shot() -> Shot:
    return Shot()


@pytest.fixture(scope="module")
def soc(shot: Shot) -> Iterator[Receiver]:
    with receiver(meet=shot) as found:
        yield found


@pytest.fixture(scope="module")
def at_work(soc: Receiver, shot: Shot) -> Iterator[Round]:
    """Yield a function that does a round in its own process, kills it at a given point, and returns how it ended."""
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as nursery:

        def work(home: Path, *kill: str | int, request: int = 0) -> dict[str, int]:
            case = {"home": str(home), "now": NOW.isoformat(), "variables": soc.variables, "kill": kill}
            shot.at = request
            nursery.stdin.write(json.dumps(case) + "\n")
            nursery.stdin.flush()
            shot.pid = json.loads(nursery.stdout.readline())["pid"]
            return json.loads(nursery.stdout.readline())

        yield work
        nursery.stdin.close()


@pytest.fixture
def home(tmp_path: Path, soc: Receiver) -> Path:
    soc.server.asked.clear()
    return tmp_path


FIRST = [Made("a1", "ann", NOON - 48 * HOUR), Made("a2", "ann", NOON), Made("b1", "ben", NOON)]
LATER = [Made("a1", "ann", NOON - 48 * HOUR), Made("a2", "ann", NOON, hours=5), Made("c1", "cy", NOON)]
TOLD = {
    "ann": [("a1-1", "case.opened"), ("a2-1", "case.updated"), ("a2-2", "case.updated")],
    "ben": [("b1-1", "case.opened"), ("b1-2", "alert.withdrawn")],
    "cy": [("c1-1", "case.opened")],
}


def told(soc: Receiver) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for key, body in soc.bodies().items():
        found.setdefault(body["alert"]["user"], []).append((key, body["event"]))
    return found


def kill_twice_and_finish(home: Path, work: Callable[[], dict[str, int]], calm: Round) -> None:
    """Kill a round, and another after the alerts changed; follow each with a round that nobody kills."""
    for alerts in (FIRST, LATER):
        write_alerts(home, *alerts)
        assert work()["signal"] == signal.SIGKILL
        assert calm(home) == {"signal": 0, "exit": 0}
    assert Outbox(home / "outbox.db").counts() == {"pending": 0, "parked": 0, "sent": 6}


@pytest.mark.parametrize(
    "kill",
    [
        ("call", "publish"),
        ("return", "publish"),
        ("return", "write_kept"),
        ("call", "add"),
        ("return", "_post"),
        ("return", "add"),
        ("call", "send"),
        ("return", "send"),
        ("call", "sent"),
        ("return", "sent"),
    ],
)
def test_a_kill_between_any_two_steps_loses_nothing(home, soc, at_work, kill):
    """Prevents a message from being lost between the ledger, the outbox and the wire, or from being told as two."""
    kill_twice_and_finish(home, lambda: at_work(home, *kill), at_work)
    assert told(soc) == TOLD
    assert len(soc.server.asked) - len(soc.bodies()) == (2 if kill in (("return", "send"), ("call", "sent")) else 0)


@pytest.mark.parametrize("line", range(10, 250, 30))
def test_a_kill_at_any_line_loses_nothing(home, soc, at_work, line):
    """Prevents a place that nobody thought of from being one where a death loses or doubles."""
    kill_twice_and_finish(home, lambda: at_work(home, "line", line), at_work)
    assert told(soc) == TOLD


@pytest.mark.parametrize("request_", [1, 2])
def test_a_kill_while_the_receiver_has_the_message_repeats_it_under_its_key(home, soc, at_work, request_):
    """Prevents a message whose answer never arrived from being taken for delivered, or sent under another key."""
    kill_twice_and_finish(home, lambda: at_work(home, request=request_), at_work)
    assert told(soc) == TOLD
    assert len(soc.server.asked) == 8


def test_one_that_is_killed_again_and_again_gets_through(home, soc, at_work):
    """Prevents a process that dies in every round from standing still, or from sending without end."""
    write_alerts(home, *FIRST)
    wait_until(lambda: not at_work(home, "return", "sent")["signal"], "a round is over")
    assert [key for key, _ in told(soc)["ann"]] == ["a1-1", "a2-1"]
    assert len(soc.server.asked) == 3
