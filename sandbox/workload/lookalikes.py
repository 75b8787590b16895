"""Uploads that only look like an incident: one function per look-alike, as in `sandbox.workload.scenarios`.

Belongs here: harmless mass uploads and the routine of service accounts. An audit log can't distinguish some of
them (a migration) from an incident: they are expected to raise an alert, which an analyst closes. Regular ones,
and those without a new upload, are expected to stay quiet.
"""

from dataclasses import dataclass

import numpy as np

from sandbox.workload.delivery import event_ids
from sandbox.workload.events import DAY, HOUR, MINUTE, Events
from sandbox.workload.format import Label
from sandbox.workload.people import Network, Person
from sandbox.workload.stage import Entry, Scene, Stage

__all__ = ["PROGRAMME", "SERVICES", "working_days"]


def _service(email: str, provider: str, app: str, host: int) -> Person:
    return Person(
        email=email, name=email.split("@", maxsplit=1)[0], department="Operations", persona="service",
        providers=(provider,), app={provider: app}, networks=(Network(f"198.51.100.{host}", "DE"),),
        rate=1.0, files=1.0, largeness=1.0, mix="office", offset=1.0,
    )  # fmt: skip


_BACKUP = _service("AutomationUser_1834521_Kq7mPz2xTb@boxdevedition.com", "box", "Nightly Archive", 101)
_SIGNING = _service("AutomationUser_2201877_vR4dLs9wQe@boxdevedition.com", "box", "Contract Signing", 102)
_EXPORT = _service(
    "nightly-export@example-data-prod.iam.gserviceaccount.com", "google_workspace", "Nightly Export", 103
)
_BUILDS = _service("build-artifacts@example-ci.iam.gserviceaccount.com", "google_workspace", "Build Artifacts", 104)
_RECORDS = _service("app@sharepoint", "office365", "Records Sync", 105)
_SCANS = _service("scans@example.com", "office365", "Scan to SharePoint", 106)
_TILLS = _service("pos-exports@example.com", "dropbox", "Till Export API", 107)

SERVICES = (_BACKUP, _SIGNING, _EXPORT, _BUILDS, _RECORDS, _SCANS, _TILLS)
"""Service accounts and shared mailboxes of the organisation, each with one provider and one client."""


@dataclass(frozen=True)
class _Work:
    """A routine: number of files, their approximate size in bytes, first hour (UTC) and duration.

    Attributes:
        spread: Share by which the number of files varies from time to time.
    """

    hour: float
    files: int
    minutes: int
    bytes: float
    folder: str
    extension: str = "pdf"
    spread: float = 0.1


_NIGHTLY = (
    (_BACKUP, _Work(1, 70, 25, 28e6, "/Backup", "tar")),
    (_EXPORT, _Work(1.5, 24, 25, 95e6, "/Exports", "parquet")),
)
_EVERY_DAY = (
    *((_TILLS, _Work(hour, 4, 6, 60e3, "/Tills", "csv")) for hour in range(5, 22, 2)),
    (_RECORDS, _Work(2, 12, 40, 300e3, "/Records")),
)
_WORKING_DAYS = (
    (_SCANS, _Work(7, 48, 560, 700e3, "/Scans", spread=0.25)),
    (_SIGNING, _Work(8, 14, 500, 400e3, "/Contracts/Signed")),
    (_BUILDS, _Work(9, 16, 480, 9e6, "/Engineering/Builds", "zip")),
)


def nightly_backup(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """Two service accounts copy a few gigabytes every night, at the same time and in the same amount.

    Quiet: large for a person, ordinary for these accounts.
    """
    del providers  # a service account has a provider of its own
    note = "the same amount every night by a service account"
    labels, parts = [], []
    for service, work in _NIGHTLY:
        made = Events.join(_routine(stage, service, night, work) for night in range(day, stage.days))
        parts.append(made)
        labels.append(stage.label(nightly_backup, service, made, expected="quiet", note=note, malicious=False))
    return Scene(Events.join(parts), tuple(labels))


def shared_accounts(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A scanner's mailbox, exports of tills every two hours, and three small integrations.

    Quiet: many files, but every day alike.
    """
    del providers  # a shared account has a provider of its own
    days = range(day, stage.days)
    made = Events.join(
        [
            *(_routine(stage, service, date, work) for service, work in _EVERY_DAY for date in days),
            *(
                _routine(stage, service, date, work)
                for service, work in _WORKING_DAYS
                for date in working_days(stage, day)
            ),
        ]
    )
    note = "a shared account with the same work every day"
    labels = tuple(
        stage.label(
            shared_accounts, service, made.take(made.user == service.email),
            expected="quiet", note=note, malicious=False,
        )
        for service in (_SCANS, _TILLS)
    )  # fmt: skip
    return Scene(made, labels)


def video_editor(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """An editor delivers about a gigabyte of film every working day.

    Quiet: far above all other users, but usual for this user.
    """
    person = stage.pick(providers, before=stage.end, personas=("video", "heavy"))
    work = _Work((15 - person.offset) % 24, 4, 50, 2.5e8, "/Film/Delivery", "mp4", spread=0.25)
    made = Events.join(_routine(stage, person, date, work) for date in working_days(stage, day))
    note = "about a gigabyte every working day: this user's habit"
    label = stage.label(video_editor, person, made, expected="quiet", note=note, malicious=False)
    return Scene(made, (label,), ((person.email, stage.start, stage.end),))


def migration(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """Somebody moves a file server to the cloud: 4,000 files in one working day.

    Raises an alert that an analyst closes: the log can't distinguish it from a theft.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY, personas=("regular", "heavy"))
    at = stage.moment(day, person, 8, 9)
    made = stage.many(person, provider, at, 4_000, 500, folder="/Operations/Old file server")
    note = "4,000 files in a working day: an alert for an analyst to close"
    return Scene(made, (stage.label(migration, person, made, expected="alert", note=note, malicious=False),))


def month_end(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """Finance closes the month: on its last two working days 160 papers come together in an hour.

    The first closing after activation may raise an alert that an analyst closes, and so may the later ones:
    a monthly rhythm shows at most once in 30 days of training.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.end, personas=("regular", "heavy"))
    note = "a monthly rhythm, of which the training holds one closing at most"
    first = stage.start // DAY
    working = first + np.array(working_days(stage, day))
    month = working.astype("datetime64[D]").astype("datetime64[M]")
    running = np.datetime64(first + stage.days, "D").astype("datetime64[M]")
    parts: list[Events] = []
    labels: list[Label] = []
    for closed in np.unique(month[month < running]):
        made = Events.join(
            stage.many(
                person, provider, int(date) * DAY + int((14 - person.offset) % 24 * HOUR), 160, 60,
                folder=f"/Finance/Closing/{closed}", total=240_000_000,
            )
            for date in working[month == closed][-2:]
        )  # fmt: skip
        parts.append(made)
        labels.append(stage.label(month_end, person, made, expected="alert", note=note, malicious=False))
    return Scene(Events.join(parts), tuple(labels))


def laptop_swap(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """After a laptop was swapped, the sync client uploads again what the user already had there.

    Raises an alert that an analyst closes: a new device and file names that are all known explain it.
    """
    (provider,) = providers
    begin = stage.start + day * DAY
    person = stage.pick(
        providers, before=begin, personas=("regular", "heavy"),
        fits=lambda one: len(stage.uploads_of(one, provider, begin)) >= 120,
    )  # fmt: skip
    at = stage.moment(day, person, 9, 12)
    events = Events.join(
        [
            stage.sign(person, provider, "new_device", at - 15 * MINUTE),
            stage.sign(person, provider, "sign_in", at - 14 * MINUTE),
            _again(stage, stage.uploads_of(person, provider, begin), at, 75),
        ]
    )
    note = "new device, every file name known: an alert for an analyst to close"
    return Scene(events, (stage.label(laptop_swap, person, events, expected="alert", note=note, malicious=False),))


def folder_move(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A synchronised folder is moved, and the client reports each of its files as a new upload.

    Raises an alert that an analyst closes: the log shows uploads, and nothing says that they are moves.
    """
    (provider,) = providers
    begin = stage.start + day * DAY
    person = stage.pick(
        providers, before=begin, personas=("regular", "heavy"),
        fits=lambda one: len(stage.uploads_of(one, provider, begin)) >= 250,
    )  # fmt: skip
    made = _again(stage, stage.uploads_of(person, provider, begin), stage.moment(day, person), 8)
    made = made.having(folder=np.array([f"/Archive{folder}" for folder in made.folder], dtype=object))
    note = "known files under a new folder within minutes: an alert for an analyst to close"
    return Scene(made, (stage.label(folder_move, person, made, expected="alert", note=note, malicious=False),))


def feed_replay(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """The feed delivers an ordinary session of 45 files six times more, the last time five days later.

    Quiet: the same event ids, so nothing new was uploaded.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY, personas=("regular", "heavy"))
    once = stage.many(person, provider, stage.moment(day, person), 45, 40, total=60_000_000)
    once = once.having(event_id=event_ids(stage.rng, len(once)), published_at=once.time + 70 * MINUTE)
    delays = (2 * HOUR, 4 * HOUR, 6 * HOUR, 9 * HOUR, 30 * HOUR, 5 * DAY)
    again = [once.having(published_at=once.published_at + delay) for delay in delays]
    events = Events.join([once, *again])
    note = "45 uploads delivered seven times under the same event ids"
    begin = stage.start + day * DAY
    label = stage.label(feed_replay, person, events, expected="quiet", note=note, malicious=False)
    # only the replayed session decides whether this user stays quiet
    return Scene(events, (label,), ((person.email, begin, begin + 2 * DAY),))


def _routine(stage: Stage, person: Person, day: int, work: _Work) -> Events:
    """Make one day's uploads of a routine."""
    count = max(1, round(work.files * stage.rng.uniform(1 - work.spread, 1 + work.spread)))
    serial = stage.rng.integers(0, 16**6, count)
    names = np.array(
        [f"{day:03d}-{number:03d}-{value:06x}.{work.extension}" for number, value in enumerate(serial)],
        dtype=object,
    )
    begin = stage.start + day * DAY + int(work.hour * HOUR)
    times = begin + np.sort(stage.rng.uniform(0, work.minutes * MINUTE, count)).astype(np.int64)
    sizes = (work.bytes * stage.rng.lognormal(0, 0.3, count)).astype(np.int64)
    return stage.upload(person, person.providers[0], times, names=names, sizes=sizes, folder=work.folder)


def working_days(stage: Stage, day: int) -> list[int]:
    """Return the days from Monday to Friday, counted from the workload's first, not before `day`."""
    thursday = 3  # 1970-01-01
    first = stage.start // DAY
    return [date for date in range(day, stage.days) if (first + date + thursday) % 7 < 5]


def _again(stage: Stage, uploads: Events, at: int, minutes: int) -> Events:
    """Upload the same files again within this number of minutes; each file once, in its latest state."""
    latest = {(f, n): row for row, (f, n) in enumerate(zip(uploads.folder, uploads.file_name, strict=True))}
    files = uploads.take(sorted(latest.values()))
    times = at + np.sort(stage.rng.uniform(0, minutes * MINUTE, len(files))).astype(np.int64)
    return files.having(time=times, kind=np.full(len(files), "upload", dtype=object))


PROGRAMME = (
    Entry(nightly_backup, ("box", "google_workspace"), earliest=0, latest=0),
    Entry(shared_accounts, ("office365", "dropbox"), earliest=0, latest=0),
    Entry(video_editor, ("google_workspace",), earliest=0, latest=0),
    Entry(month_end, ("office365",), earliest=16, latest=16),
    Entry(migration, ("box",)),
    Entry(laptop_swap, ("dropbox",), earliest=24),
    Entry(folder_move, ("office365",), earliest=24),
    Entry(feed_replay, ("office365",), span=6),
)
"""Every look-alike of a workload."""
