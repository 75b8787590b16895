"""Faults of the machine and its settings: a full disk, a wrong clock, variables that are not set, no network."""

from __future__ import annotations

from datetime import timedelta

from bench.chaos.disk import PAGE_BYTES, leave, mount, tree_bytes
from bench.chaos.nursery import Strike
from bench.chaos.scene import MissedError, Scene
from bench.chaos.stage import keep_outbox

__all__ = ["clock_ahead", "clock_back", "fill_disk", "unreachable", "unset"]

_APART = (timedelta(hours=2), timedelta(hours=13), timedelta(days=1), timedelta(days=3))


def fill_disk(scene: Scene) -> None:
    """Leave less room than the poll run needs; then free it."""
    scene.before(scene.at)
    share = scene.draw.uniform(0.0, 0.6)
    if mount(scene.home):
        keep_outbox(scene.home)
        room = int(share * _growth_bytes(scene)) // PAGE_BYTES * PAGE_BYTES
        leave(scene.home, room)
        scene.point.append(f"{room} bytes left on the disk")
        ended = scene.stage.do(scene.stage.poll_act(scene.run))
        scene.hear(ended)
        scene.notify()
        leave(scene.home, None)
    else:
        limit = int(2000 + share * 20_000)
        scene.point.append(f"no file beyond {limit} bytes")
        ended = scene.stage.do(scene.stage.poll_act(scene.run), Strike(file_bytes=limit))
        scene.hear(ended)
    if not ended.said.get("status") and not ended.said.get("failing"):
        raise MissedError
    scene.operator.remedies.append("made room on the disk")
    scene.again()
    scene.after(scene.at)


def _growth_bytes(scene: Scene) -> int:
    """Return the growth of the home in the calm poll run."""
    after, before = (tree_bytes(scene.calm.snapshots[number].home) for number in (scene.at, scene.at - 1))
    return max(after - before, 64 * PAGE_BYTES)


def clock_ahead(scene: Scene) -> None:
    """Let the host's clock be ahead for one poll run."""
    _clock(scene, scene.draw.choice(_APART))


def clock_back(scene: Scene) -> None:
    """Let the host's clock be behind for one poll run."""
    _clock(scene, -scene.draw.choice(_APART))


def _clock(scene: Scene, ahead: timedelta) -> None:
    scene.point.append(f"the host's clock is {ahead / timedelta(hours=1):+g} hours apart")
    scene.stage.world.ahead = ahead
    scene.before(scene.at)
    scene.poll(scene.run)
    scene.notify()
    scene.stage.world.ahead = timedelta()
    scene.operator.remedies.append("set the host's clock")
    scene.again()
    # A review counts from the time at which it is given, so it is given by the right clock.
    scene.after(scene.at)


def unset(scene: Scene) -> None:
    """Run without the variables of a source, once or twice."""
    source = scene.draw.choice(scene.stage.organisation.providers)
    scene.stage.world.without = frozenset({source})
    times = scene.draw.choice((1, 2))
    scene.point.append(f"{times} times without {source}")
    scene.step(scene.at)
    if times == 2:
        scene.again()
        scene.notify()
    scene.stage.world.without = frozenset()
    scene.operator.remedies.append(f"set {source} again")
    scene.again()
    scene.notify()


def unreachable(scene: Scene) -> None:
    """Run while some or all sources cannot be reached."""
    providers = scene.stage.organisation.providers
    down = scene.draw.sample(providers, scene.draw.randint(1, len(providers)))
    scene.point.append(f"{', '.join(down)} cannot be reached")
    scene.stage.world.unreachable = frozenset(down)
    scene.step(scene.at)
    scene.stage.world.unreachable = frozenset()
    scene.again()
    scene.notify()
