"""Faults of processes: killed at any of their changes, or running at the same time."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from datetime import timedelta

from bench.chaos.acts import Act
from bench.chaos.comparison import state_of
from bench.chaos.faults_files import damage_one
from bench.chaos.organisation import Run
from bench.chaos.scene import MissedError, Scene

__all__ = [
    "command_beside",
    "forget_nobody",
    "kill_backfill",
    "kill_export",
    "kill_forget",
    "kill_import",
    "kill_notify",
    "kill_repair",
    "kill_review",
    "kill_run",
    "kill_sending",
    "restore_backup",
    "two_runs",
]

_STRANGER = "somebody-else@example.com"
_FINAL = timedelta(days=4)
"""After the last poll run: the data pulled by then may no longer change."""


def kill_run(scene: Scene) -> None:
    """Kill the poll run; the next one comes a quarter of an hour later."""
    scene.before(scene.at)
    before = scene.stage.snapshot("struck")
    scene.kill(scene.stage.poll_act(scene.run), scene.calm.changes["run", scene.at], before)
    scene.again()
    scene.after(scene.at)


def _kill_command(scene: Scene, act: Act) -> None:
    """Kill a command and repeat it."""
    before = scene.stage.snapshot("struck")
    rehearsed = scene.stage.do(act)
    scene.begin_again(before)
    scene.kill(act, int(rehearsed.said["changes"]), before)
    scene.hear(scene.stage.do(act))
    scene.operator.remedies.append(f"said {act.arguments[0]} again")


def kill_import(scene: Scene) -> None:
    """Kill an import."""
    _kill_command(scene, scene.import_act())
    scene.poll(scene.run)
    scene.after(scene.at)


def kill_backfill(scene: Scene) -> None:
    """Kill a backfill."""
    scene.before(scene.at)
    first, last = (day.isoformat() for day in scene.run.range)
    act = scene.stage.command_act("backfill", "--from", first, "--to", last)
    before = scene.stage.snapshot("struck")
    scene.kill(act, scene.calm.changes["run", scene.at], before)
    scene.hear(scene.stage.do(scene.stage.daemon_act()))
    if scene.draw.random() < 0.5:
        scene.hear(scene.stage.do(act))
        scene.operator.remedies.append("said backfill again")
    else:
        scene.again()
    scene.after(scene.at)


def kill_notify(scene: Scene) -> None:
    """Kill the notifier at a change of the home."""
    scene.before(scene.at)
    scene.poll(scene.run)
    act = scene.stage.command_act("notify")
    scene.kill(act, scene.calm.changes["notify", scene.at], scene.stage.snapshot("struck"))
    scene.after(scene.at)


def kill_sending(scene: Scene) -> None:
    """Kill the notifier while the receiver has a message, before or after the answer."""
    scene.before(scene.at)
    scene.poll(scene.run)
    before = scene.stage.snapshot("struck")
    messages = 0

    def count() -> None:
        nonlocal messages
        messages += 1

    scene.stage.receiver.meet = count
    scene.stage.do(scene.stage.command_act("notify"))
    if not messages:
        raise MissedError
    scene.begin_again(before)
    left = scene.draw.randint(1, messages)
    scene.point.append(f"killed at message {left} of {messages}")
    pid = 0

    def shoot() -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(pid, signal.SIGKILL)

    scene.stage.receiver.meet = shoot
    pid = scene.stage.start(scene.stage.command_act("notify"))
    ended = scene.stage.wait(pid)
    scene.stage.receiver.meet = lambda: None
    if not ended.signal:
        raise MissedError
    scene.after(scene.at)


def kill_review(scene: Scene) -> None:
    """Kill a review."""
    scene.before(scene.at)
    scene.poll(scene.run)
    scene.notify()
    act = scene.review_act()
    if act is None:
        raise MissedError
    _kill_command(scene, act)


def kill_export(scene: Scene) -> None:
    """Kill an export into the directory of the exports."""
    scene.step(scene.at)
    first, last = (day.isoformat() for day in scene.run.range)
    out = scene.home / "exports"
    words = ("--from", first, "--to", last, "--out", str(out), "--format", "csv", "--format", "ocsf-json")
    _kill_command(scene, scene.stage.command_act("export", *words))


def kill_repair(scene: Scene) -> None:
    """Kill the repair of a damaged file."""
    patterns = ("lake/*/audit_events/day=*/*.zst", "lake/*/audit_events/day=*/manifest*.json", "lake/published*")
    damage_one(scene, scene.files(*patterns))
    act = scene.stage.command_act("verify", "--repair")
    before = scene.stage.snapshot("struck")
    rehearsed = scene.stage.do(act)
    scene.begin_again(before)
    scene.kill(act, int(rehearsed.said["changes"]), before)
    scene.step(scene.at)


def kill_forget(scene: Scene) -> None:
    """Kill the removal of a person after the sources stopped sending their events."""
    scene.step(scene.at)
    scene.stage.set_clock(scene.stage.now + _FINAL)
    act = scene.stage.command_act("forget", scene.stage.organisation.bystander)
    calm = scene.stage.snapshot("calm")
    scene.hear(scene.stage.do(act))
    now = scene.stage.now
    scene.stage.set_clock(now + timedelta(minutes=15))
    scene.operator.expect(scene.stage.do(scene.stage.poll_act(Run(scene.stage.now, scene.run.days))))
    scene.notify()
    scene.expected = state_of(scene.home, scene.stage.receiver.taken)
    scene.stage.set_clock(now)
    scene.begin_again(calm)
    _kill_command(scene, act)
    scene.again()
    scene.notify()


def forget_nobody(scene: Scene) -> None:
    """Forget an unknown person, before or after the poll run."""
    act = scene.stage.command_act("forget", _STRANGER)
    if scene.draw.random() < 0.5:
        scene.hear(scene.stage.do(act))
        scene.step(scene.at)
    else:
        scene.step(scene.at)
        scene.hear(scene.stage.do(act))


def two_runs(scene: Scene) -> None:
    """Perform two poll runs at the same time."""
    scene.before(scene.at)
    acts = [scene.stage.poll_act(scene.run, late_data=late_data) for late_data in (True, scene.draw.random() < 0.5)]
    for pid in [scene.stage.start(act) for act in acts]:
        scene.hear(scene.stage.wait(pid))
    scene.point.append("at once")
    scene.after(scene.at)


def command_beside(scene: Scene) -> None:
    """Run a command during the poll run."""
    commands = {
        "notify": ("notify",),
        "alerts": ("alerts", "--format", "json"),
        "verify": ("verify",),
        "import": ("import", str(scene.stage.organisation.export), "--provider", "office365"),
        "forget": ("forget", _STRANGER),
        "status": ("status",),
    }
    name = scene.draw.choice(sorted(commands))
    scene.point.append(name)
    scene.before(scene.at)
    pids = [
        scene.stage.start(scene.stage.poll_act(scene.run)),
        scene.stage.start(scene.stage.command_act(*commands[name])),
    ]
    run, command = (scene.stage.wait(pid) for pid in pids)
    scene.hear(run)
    scene.hear(command)
    scene.after(scene.at)


def restore_backup(scene: Scene) -> None:
    """Restore the home from an older backup after the poll run, as docs/operations.md says."""
    scene.step(scene.at)
    older = scene.calm.snapshots[scene.draw.randrange(scene.at)]
    number = scene.calm.snapshots.index(older)
    parts = scene.draw.choice((("lake",), ("lake", "outbox.db")))
    scene.point.append(f"{' and '.join(parts)} as after poll run {number}")
    for part in parts:
        there = scene.home / part
        shutil.rmtree(there, ignore_errors=True)
        with suppress(FileNotFoundError, IsADirectoryError):
            there.unlink()
        source = older.home / part
        if source.is_dir():
            shutil.copytree(source, there)
        else:
            shutil.copy2(source, there)
    if "outbox.db" in parts:
        # The state of alerts is sent again, whether or not channels have it.
        scene.operator.resent = True
        for path in scene.home.glob("outbox.db-*"):
            path.unlink()
    # Reviews since the backup are given again.
    for each in range(number + 1, scene.at + 1):
        scene.before(each)
    first = scene.calm_first_day(number)
    act = scene.stage.command_act("backfill", "--from", first.isoformat(), "--to", scene.run.range[1].isoformat())
    scene.hear(scene.stage.do(act))
    scene.operator.remedies.append("backfilled the days since the backup")
    scene.after(scene.at)
