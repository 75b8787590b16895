"""Generator of workloads: an organisation's uploads over some weeks, with labelled incidents among them.

Belongs here: the combination of the parts, and the command. All randomness comes from the seed; the same
arguments give the same bytes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer

from sandbox.workload import lookalikes as workload_lookalikes
from sandbox.workload import saves as workload_saves
from sandbox.workload import scenarios
from sandbox.workload.delivery import deliver
from sandbox.workload.events import DAY, Events
from sandbox.workload.format import Label, labels_path, write_labels, write_workload
from sandbox.workload.ordinary import make_ordinary
from sandbox.workload.people import make_organisation
from sandbox.workload.renames import relabel
from sandbox.workload.stage import Scene, Stage, spread
from sandbox.workload.stats import describe

__all__ = ["FEWEST_DAYS", "add_command", "make_workload"]

FEWEST_DAYS = 45
"""Shortest workload with incidents: they need a source past its activation, and some need weeks of history."""

_ORGANISATION, _ORDINARY, _SCENES, _DELIVERY, _RENAMES = range(5)


def make_workload(
    *,
    seed: int = 7,
    days: int = 60,
    people: int = 300,
    start: date = date(2026, 1, 5),
    incidents: bool = True,
    saves: bool = True,
    renames: bool = False,
) -> tuple[pa.Table, list[Label]]:
    """Make a workload and its labels.

    Args:
        seed: Source of all randomness.
        days: Length from `start`, whole UTC days.
        people: Size of the organisation.
        start: First day.
        incidents: False leaves out the incidents and look-alikes (and with them the service accounts).
        saves: False leaves out, of these, autosave and the sync client that saves the same files all day.
        renames: Whether addresses change, see `sandbox.workload.renames`.

    Returns:
        Events in the format of `sandbox.workload.format.SCHEMA`, sorted by time, and labels by their start.

    Raises:
        ValueError: too few days or people for the incidents.
    """
    if days < (FEWEST_DAYS if incidents else 1):
        raise ValueError(f"a workload with incidents needs at least {FEWEST_DAYS} days, not {days}")
    first = int(np.datetime64(start, "ms").astype(np.int64))
    organisation = make_organisation(np.random.default_rng([seed, _ORGANISATION]), people)
    events = make_ordinary(np.random.default_rng([seed, _ORDINARY]), organisation, first, days)
    labels: list[Label] = []
    if incidents:
        stage = Stage.set_up(organisation, events, first, days)
        scenes = _play(stage, seed, saves=saves)
        events = _add(events, scenes)
        labels = _number(scenes)
    # all providers except Google log whole seconds
    whole = np.where(events.provider == "google_workspace", events.time, events.time // 1_000 * 1_000)
    events = events.having(time=whole)
    events = events.take((events.time >= first) & (events.time < first + days * DAY))
    if renames:
        events = relabel(np.random.default_rng([seed, _RENAMES]), events, organisation.people, first, days)
    return deliver(np.random.default_rng([seed, _DELIVERY]), events).table(), labels


def add_command(app: typer.Typer) -> None:
    """Add the command `workload` to a command line."""

    @app.command("workload")
    def workload(
        out: Annotated[Path, typer.Option(help="File to write, .parquet or .csv; labels go beside it.")],
        seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 7,
        days: Annotated[int, typer.Option(help=f"Length in days, at least {FEWEST_DAYS}.")] = 60,
        people: Annotated[int, typer.Option(help="Size of the organisation.")] = 300,
        start: Annotated[str, typer.Option(help="First day, as 2026-01-05.")] = "2026-01-05",
        saves: Annotated[bool, typer.Option(help="With autosave and a sync client that saves all day.")] = True,
        renames: Annotated[bool, typer.Option(help="With renames, aliases and accounts without address.")] = False,
    ) -> None:
        """Make a workload with labelled incidents and look-alikes."""
        try:
            table, labels = make_workload(
                seed=seed, days=days, people=people, start=date.fromisoformat(start), saves=saves, renames=renames
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        out.parent.mkdir(parents=True, exist_ok=True)
        write_workload(table, out)
        write_labels(labels, labels_path(out))
        typer.echo(describe(table, labels))
        typer.echo(f"Written to {out} and {labels_path(out)}")


def _play(stage: Stage, seed: int, *, saves: bool) -> list[Scene]:
    """Play all programmes; each scene has a stream of randomness of its own."""
    # scenes that need a particular kind of user choose first, those that accept any user last
    entries = (*workload_lookalikes.PROGRAMME, *reversed(scenarios.PROGRAMME))
    if saves:
        entries += workload_saves.PROGRAMME
    return [
        entry.play(
            stage.for_scene(np.random.default_rng([seed, _SCENES, index])),
            spread(index, entry, stage.days),
            entry.providers,
        )
        for index, entry in enumerate(entries)
    ]


def _add(ordinary: Events, scenes: Sequence[Scene]) -> Events:
    """Remove the events that scenes silence, and add their own."""
    kept = np.ones(len(ordinary), dtype=bool)
    for scene in scenes:
        for user, begin, end in scene.silent:
            kept &= (ordinary.user != user) | (ordinary.time < begin) | (ordinary.time >= end)
    return Events.join([ordinary.take(kept), *(scene.events for scene in scenes)])


def _number(scenes: Sequence[Scene]) -> list[Label]:
    """Sort labels by their start and give each an id: the scenario and a number."""
    labels = sorted(
        (label for scene in scenes for label in scene.labels),
        key=lambda label: (label.start, label.scenario, label.users),
    )
    seen: Counter[str] = Counter()
    numbered = []
    for label in labels:
        seen[label.scenario] += 1
        numbered.append(replace(label, incident_id=f"{label.scenario}-{seen[label.scenario]:02d}"))
    return numbered
