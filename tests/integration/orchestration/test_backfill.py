"""``uploadwatch backfill``: one run over a range, that can be stopped and goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorEvaluationContext
from dagster._core.remote_origin import RegisteredCodeLocationOrigin
from rich.console import Console

from cli import backfill as commands
from cli.replay import Home, Sandbox, deployment, sandbox
from notify.outbox import Outbox
from orchestration.definitions import build_defs
from tests.support.command import say
from tests.support.notified import receiver
from tests.support.pipeline import FIRST, burst, moment, write
from tests.support.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.sampled

DAYS = 4
LAST = FIRST + timedelta(days=DAYS - 1)
COMMAND = [sys.executable, "-c", "from cli.app import main; main()", "backfill"]


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("backfill")
    events = burst("box", "one@example.com", moment(2, 10), files=300, minutes=50)
    workload = write(folder / "workload.parquet", events, days=DAYS, people=10)
    with sandbox(workload, folder / "sandbox", now=moment(DAYS, 0)) as running:
        yield running


def deployed(home: Path, stand_in: Sandbox) -> dict[str, str]:
    """The environment of a deployment with a home of its own."""
    place = Home(home)
    place.instance().dispose()
    values = deployment(place, stand_in, FIRST, LAST, providers=["box", "dropbox"], settings={})
    return {
        **os.environ,
        **values,
        "DAGSTER_HOME": str(home / "dagster"),
        "UPLOADWATCH_NOW": moment(DAYS, 0).isoformat(),
    }


def command(first: str, last: str) -> list[str]:
    return [*COMMAND, "--from", first, "--to", last]


def tables(home: Path) -> dict[str, bytes]:
    """The bytes of every table that is made from what was pulled."""
    lake = home / "lake"
    return {str(path.relative_to(lake)): path.read_bytes() for path in sorted(lake.rglob("part.parquet"))}


def test_a_backfill_that_was_stopped_goes_on_where_it_was(stand_in: Sandbox, tmp_path: Path) -> None:
    """Prevents a stop in the middle of months from losing days, doubling events, or pulling all of it again."""
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    days = command(FIRST.isoformat(), LAST.isoformat())
    done = subprocess.run(days, env=deployed(whole, stand_in), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "done in run" in done.stdout
    values = deployed(stopped, stand_in)
    with subprocess.Popen(days, env=values, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        landed = stopped / "lake" / "box" / "logged_uploads"
        wait_until(
            lambda: list(landed.rglob("part.parquet")),
            "a day has landed",
            ended=lambda: process.poll() is not None,
            pause_seconds=0.02,
        )
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode
    before = tables(stopped)
    assert before.keys() < tables(whole).keys()
    raw = {path: path.stat().st_mtime_ns for path in (stopped / "lake" / "box" / "audit_events").rglob("*.zst")}
    again = subprocess.run(days, env=values, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert tables(stopped) == tables(whole)
    final = [path for path in raw if f"day={FIRST}" in str(path)]
    assert final
    assert [path.stat().st_mtime_ns for path in final] == [raw[path] for path in final]


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-01-04", "2026-01-06", "--from: 2026-01-04 is before the deployment's first day. Begin with 2026-01-05"),
        ("2026-01-06", "2026-01-09", "--to: 2026-01-09 is after UPLOADWATCH_END_DATE. The last day is 2026-01-08"),
        ("2026-01-06", "2026-02-01", "--to: 2026-02-01 is in the future. The last day is 2026-01-08"),
        ("2026-01-08", "2026-01-06", "--from: 2026-01-08 is after --to 2026-01-06. Swap them"),
    ],
)
def test_days_that_are_no_partitions_are_refused(stand_in: Sandbox, tmp_path: Path, first: str, last: str, said: str):
    """Prevents a traceback of Dagster's, or a run over nothing, where a day was mistyped."""
    values = deployed(tmp_path, stand_in)
    done = say("backfill", "--from", first, "--to", last, values=values)
    assert done.status == 2
    assert said in " ".join(done.err.replace("│", " ").split())


def test_a_run_that_would_be_forgotten_is_refused(
    stand_in: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents hours of a backfill that the UI never shows."""
    values = {name: value for name, value in deployed(tmp_path, stand_in).items() if name != "DAGSTER_HOME"}
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    done = say("backfill", "--from", "2026-01-05", "--to", "2026-01-06", values=values)
    assert done.status == 1
    assert "DAGSTER_HOME" in done.err


def test_a_source_that_refuses_is_told_by_the_exit_status(stand_in: Sandbox, tmp_path: Path) -> None:
    """Prevents a script from taking a backfill without one of its sources for done."""
    values = deployed(tmp_path, stand_in) | {"BOX_CLIENT_SECRET": "revoked"}
    done = say("backfill", "--from", FIRST.isoformat(), "--to", FIRST.isoformat(), values=values)
    said = " ".join(done.err.split())
    assert done.status == 1
    assert "not all was pulled" in said
    assert "box/audit_events" in said
    assert "Traceback" not in done.err
    assert "ERROR box/audit_events: pulled" in " ".join(done.out.split())
    assert list((tmp_path / "lake" / "dropbox" / "audit_events").glob("day=*"))


def test_what_a_source_keeps_waiting_for_is_shown(tmp_path: Path) -> None:
    """Prevents minutes without a word while a provider throttles, and an empty log of a backfill without a terminal."""
    workload = write(tmp_path / "workload.parquet", [], days=DAYS, people=10)
    faults = tmp_path / "faults.json"
    faults.write_text('[{"api": "box", "kind": "throttled", "retry_after": 1, "times": 1}]', encoding="utf-8")
    with sandbox(workload, tmp_path / "sandbox", now=moment(DAYS, 0), faults=faults) as throttling:
        values = deployed(tmp_path / "home", throttling)
        done = say("backfill", "--from", FIRST.isoformat(), "--to", FIRST.isoformat(), values=values)
    assert done.status == 0, done.err
    assert "attempt 1 of" in done.out
    assert "429" in done.out
    assert "box__audit_events success" in done.out
    assert "alerts success" in done.out


def test_a_run_that_fails_is_seen_by_the_sensor_and_says_why(stand_in: Sandbox, tmp_path: Path) -> None:
    """Prevents a failed backfill that nobody is told of, and one that only says where the reason may be looked up."""
    allow_list = tmp_path / "allow.toml"
    allow_list.write_text("[[allow]]\nuser = 1\n", encoding="utf-8")
    values = deployed(tmp_path / "home", stand_in) | {"UPLOADWATCH_ALLOW_LIST": str(allow_list)}
    with dg.DagsterInstance.from_config(values["DAGSTER_HOME"]) as instance, receiver() as soc:
        live = {name: value for name, value in values.items() if name != "UPLOADWATCH_NOW"} | soc.variables
        defs = build_defs(live)
        cursor: str | None = None
        for _ in range(2):
            context = SensorEvaluationContext(
                instance_ref=instance.get_ref(),
                instance=instance,
                cursor=cursor,
                repository_name="__repository__",
                repository_def=defs.get_repository_def(),
                resources=defs.get_repository_def().get_top_level_resources(),
                code_location_origin=RegisteredCodeLocationOrigin("uploadwatch"),
            )
            with pytest.MonkeyPatch.context() as patch, context:
                for name, value in live.items():
                    patch.setenv(name, value)
                cursor = defs.resolve_sensor_def("run_failures").evaluate_tick(context).cursor
            if not instance.get_runs():
                done = say("backfill", "--from", FIRST.isoformat(), "--to", FIRST.isoformat(), values=values)
        [run] = instance.get_runs()
        waiting = Outbox(tmp_path / "home" / "outbox.db").waiting()
    assert done.status == 1
    said = " ".join(done.err.split())
    assert str(allow_list) in said.replace(" ", "")
    assert "launch the backfill again" in said
    assert "Traceback" not in done.err
    assert [each.key for each in waiting] == [f"run-{run.run_id}-1"]


def test_the_bar_tells_which_steps_are_under_way_and_how_many_are_over(monkeypatch: pytest.MonkeyPatch):
    """Prevents a bar that stands still for an hour, or that tells of a step which is long over."""
    monkeypatch.setattr(commands, "_LOOK_SECONDS", 0.02)
    drawn = StringIO()
    shown: list[str] = []

    def until(text: str) -> None:
        wait_until(lambda: text in " ".join(drawn.getvalue().split()), f"{text} is drawn", pause_seconds=0.02)
        shown.append(text)

    @dg.op
    def first() -> None:
        until("first")

    @dg.op(ins={"start": dg.In(dg.Nothing)})
    def second() -> None:
        until("1/2")
        until("second")

    @dg.job
    def both() -> None:
        second(start=first())

    run_id = str(uuid4())
    out = Console(file=drawn, force_terminal=True, width=100)
    with dg.DagsterInstance.ephemeral() as instance, commands._progress(out, instance, run_id, steps=2):
        both.execute_in_process(instance=instance, run_id=run_id)
    assert shown == ["first", "1/2", "second"]
    assert "2/2" in drawn.getvalue()
