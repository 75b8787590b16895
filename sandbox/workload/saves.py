"""Files that autosave and a sync client save repeatedly: look-alikes, as in `sandbox.workload.lookalikes`.

Belongs here: scenes with many events of few files. Uploads are counted by file, so all of them stay quiet.
"""

import numpy as np

from sandbox.workload.events import DAY, HOUR, MINUTE, SECOND, Events
from sandbox.workload.lookalikes import working_days
from sandbox.workload.people import Person
from sandbox.workload.stage import Entry, Scene, Stage

__all__ = ["PROGRAMME"]

_DOCUMENTS = {"box": "pptx", "google_workspace": "docx", "office365": "xlsx"}
_SYNCED = 14
"""Number of files in the sync client's folder."""


def autosave(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """An office program saves a document every minute for hours, on one working day in four.

    Quiet: hundreds of events, of one file.
    """
    labels, parts = [], []
    for provider in providers:
        person = stage.pick((provider,), before=stage.end)
        days = [date for date in working_days(stage, day) if stage.rng.random() < 0.25]
        made = Events.join(_session(stage, person, provider, date) for date in days)
        parts.append(made)
        note = "a document that is saved every minute"
        labels.append(stage.label(autosave, person, made, expected="quiet", note=note, malicious=False))
    return Scene(Events.join(parts), tuple(labels))


def sync_client(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A client that synchronises saves the files of a project every half hour of each working day.

    Quiet: the same few files all day, every day.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.end)
    names = np.array([f"scene-{number:02}.psd" for number in range(_SYNCED)], dtype=object)
    parts = []
    for date in working_days(stage, day):
        begin = stage.start + date * DAY + int((9 - person.offset) % 24 * HOUR)
        for turn in range(16):
            times = begin + turn * 30 * MINUTE + np.sort(stage.rng.uniform(0, 3 * MINUTE, _SYNCED)).astype(np.int64)
            sizes = (4e6 * stage.rng.lognormal(0, 0.05, _SYNCED)).astype(np.int64)
            saves = stage.upload(person, provider, times, names=names, sizes=sizes, folder=f"/{person.name}/Film")
            first = date == day and turn == 0
            parts.append(saves if first else saves.having(kind=np.full(_SYNCED, "edit", dtype=object)))
    made = Events.join(parts)
    note = "a sync client that saves the same files all day"
    label = stage.label(sync_client, person, made, expected="quiet", note=note, malicious=False)
    return Scene(made, (label,))


def _session(stage: Stage, person: Person, provider: str, date: int) -> Events:
    """Make one document and its saves: about one per minute, each slightly larger."""
    count = int(stage.rng.integers(60, 200))
    begin = stage.moment(date, person, 9, 13)
    times = begin + np.arange(count) * MINUTE + stage.rng.integers(0, 20 * SECOND, count)
    sizes = np.cumsum(stage.rng.integers(0, 20_000, count)) + int(stage.rng.integers(200_000, 5_000_000))
    names = np.full(count, f"plan-{date:03}.{_DOCUMENTS[provider]}", dtype=object)
    made = stage.upload(person, provider, times, names=names, sizes=sizes, folder=f"/{person.name}/Documents")
    kinds = np.full(count, "edit", dtype=object)
    kinds[0] = "upload"
    return made.having(kind=kinds)


PROGRAMME = (
    Entry(autosave, tuple(_DOCUMENTS), earliest=0, latest=0),
    Entry(sync_client, ("dropbox",), earliest=0, latest=0),
)
"""Every such look-alike of a workload."""
