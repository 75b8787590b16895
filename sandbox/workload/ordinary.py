"""Activity of people on ordinary days.

Belongs here: sessions of uploads, edits, downloads, deletions and shares, sign-ins, and the small noise of
any organisation (failed sign-ins, new devices, business travel, false alerts). Incidents and
look-alikes are `sandbox.workload.scenarios` and `sandbox.workload.lookalikes`.

Users are heavy-tailed: a few upload most, most upload now and then. Activity follows the week and the
working hours of the person's office; inside a session uploads come in bursts.
"""

from dataclasses import dataclass

import numpy as np

from sandbox.workload.events import DAY, HOUR, MINUTE, SECOND, Events, Integers, Texts
from sandbox.workload.files import draw_classes, draw_names, draw_sizes, folder_for
from sandbox.workload.people import APPS, Organisation, Person

__all__ = ["make_ordinary"]

_WEEK = np.array([1.0, 1.0, 1.0, 0.97, 0.85, 0.13, 0.14])
"""Likelihood that a person is active, from Monday to Sunday, against Monday."""

_HOURS = np.array(
    [0.3, 0.2, 0.1, 0.1, 0.1, 0.3, 0.8, 2.5, 6.0, 8.5, 9.0, 9.5, 6.0, 6.5, 9.0, 9.5, 8.5, 7.0, 4.5, 3.0, 2.4,
     2.0, 1.4, 0.8]
)  # fmt: skip
"""Share of sessions that begin in each local hour, in any unit."""

_TRAVEL_TO = ("FR", "US", "GB", "JP", "AE", "CH", "NL", "CA", "AU", "ES")
_EDIT_SHARE = 0.1
_LARGEST_SESSION = 900
_SECOND_PROVIDER = 0.3


@dataclass(frozen=True, eq=False)
class _Sessions:
    """Sessions as columns: person (position in `people`), provider, time (UTC ms) and network."""

    person: Integers
    provider: Texts
    time: Integers
    ip: Texts
    country: Texts
    app: Texts

    def rows(self, chosen: Integers) -> dict[str, Texts]:
        """Return the columns that every event of these sessions shares."""
        return {
            "provider": self.provider[chosen],
            "ip": self.ip[chosen],
            "country": self.country[chosen],
            "app": self.app[chosen],
        }


def make_ordinary(rng: np.random.Generator, organisation: Organisation, start: int, days: int) -> Events:
    """Make the ordinary events of all people and guests, sorted by time.

    Args:
        rng: Source of all randomness.
        organisation: Its members.
        start: First midnight, UTC ms.
        days: How many days.
    """
    people = (*organisation.people, *organisation.guests)
    sessions = _sessions(rng, people, start, days)
    uploads = _uploads(rng, people, sessions)
    parts = [
        uploads,
        _handling(rng, people, sessions, uploads),
        _sign_ins(rng, people, sessions),
        _noise(rng, people, sessions),
        _anonymous(rng, start, days),
    ]
    events = Events.join(parts)
    events = events.take((events.time >= start) & (events.time < start + days * DAY))
    return events.take(np.argsort(events.time, kind="stable"))


def _sessions(rng: np.random.Generator, people: tuple[Person, ...], start: int, days: int) -> _Sessions:
    """Draw the working times: active days first, then one or more sessions on each."""
    first_weekday = (start // DAY + 3) % 7  # 1970-01-01 was a Thursday
    week = _WEEK[(first_weekday + np.arange(days)) % 7]
    accounts = [(i, p, rank) for i, one in enumerate(people) for rank, p in enumerate(one.providers)]
    rate = np.array([people[i].rate * (1.0 if rank == 0 else _SECOND_PROVIDER) for i, _, rank in accounts])
    account, day = np.nonzero(rng.random((len(accounts), days)) < rate[:, None] * week)
    again = 1 + rng.poisson(0.45, account.size)
    account, day = np.repeat(account, again), np.repeat(day, again)

    person = np.array([i for i, _, _ in accounts], dtype=np.int64)[account]
    provider = np.array([p for _, p, _ in accounts], dtype=object)[account]
    hour = rng.choice(24, size=account.size, p=_HOURS / _HOURS.sum())
    within = rng.integers(0, HOUR, account.size)
    offset = np.array([int(one.offset * HOUR) for one in people])[person]
    time = start + day * DAY + hour * HOUR + within - offset

    networks = [one.networks[int(k * len(one.networks))] for one, k in zip(
        (people[i] for i in person), rng.random(account.size) ** 2, strict=True)]  # fmt: skip
    ip = np.array([network.ip for network in networks], dtype=object)
    country = np.array([network.country for network in networks], dtype=object)
    _travel(rng, people, person=person, day=day, ip=ip, country=country)

    usual = [people[i].app[p] for i, p in zip(person, provider, strict=True)]
    elsewhere = rng.random(account.size) < 0.12
    web = [APPS[p][1] for p in provider]
    app = np.where(elsewhere, np.array(web, dtype=object), np.array(usual, dtype=object))
    return _Sessions(person, provider, time, ip, country, app)


def _travel(
    rng: np.random.Generator,
    people: tuple[Person, ...],
    *,
    person: Integers,
    day: Integers,
    ip: Texts,
    country: Texts,
) -> None:
    """Send one in eight people on a trip of two to four days, in place, and some abroad."""
    days = int(day.max(initial=0)) + 1
    leaves = rng.integers(0, days, len(people))
    returns = leaves + rng.integers(2, 5, len(people))
    travels = rng.random(len(people)) < 0.12
    target = rng.integers(0, len(_TRAVEL_TO), len(people))
    away = travels[person] & (day >= leaves[person]) & (day < returns[person])
    for row in np.flatnonzero(away):
        ip[row] = f"203.0.113.{1 + int(person[row]) % 190}"
        country[row] = _TRAVEL_TO[target[person[row]]]


def _uploads(rng: np.random.Generator, people: tuple[Person, ...], sessions: _Sessions) -> Events:
    """Draw the uploads and edits of the sessions: how many, when, what."""
    count = _files_per_session(rng, people, sessions.person)
    session = np.repeat(np.arange(count.size), count)
    first = np.cumsum(count) - count
    # a run of uploads has gaps of about a second; between runs the user does something else
    size = session.size
    in_run = rng.random(size) < 0.92
    gap = np.where(in_run, rng.lognormal(-0.4, 1.1, size), rng.lognormal(4.6, 1.0, size)) * SECOND
    gap[first[count > 0]] = 0
    elapsed = np.cumsum(gap)
    elapsed = elapsed - np.repeat(elapsed[first[count > 0]], count[count > 0])
    time = sessions.time[session] + elapsed.astype(np.int64)

    person = sessions.person[session]
    provider = sessions.provider[session]
    order = np.lexsort((time, provider.astype(str), person))
    session, time, person, provider = session[order], time[order], person[order], provider[order]
    group_start, serial = _serials(person, provider)

    mixes = np.array([one.mix for one in people], dtype=object)[person]
    departments = np.array([one.department for one in people], dtype=object)[person]
    owners = np.array([one.name for one in people], dtype=object)[person]
    classes = draw_classes(rng, mixes)
    sizes = draw_sizes(rng, classes, np.array([one.largeness for one in people])[person])
    names = draw_names(rng, classes, serial + 1)
    folders = folder_for(rng, departments, owners)

    origin = _edit_origins(rng, group_start, serial)
    edit = origin != np.arange(size)
    grown = np.maximum(1, sizes[origin] * rng.lognormal(0.02, 0.1, size)).astype(np.int64)
    return Events.make(
        time,
        **sessions.rows(session),
        kind=np.where(edit, "edit", "upload").astype(object),
        user=np.array([one.email for one in people], dtype=object)[person],
        file_name=names[origin],
        folder=folders[origin],
        bytes=np.where(edit, grown, sizes),
    )


def _files_per_session(rng: np.random.Generator, people: tuple[Person, ...], person: Integers) -> Integers:
    """Draw how many files each session uploads: none in a third, few in most, hundreds in very few."""
    typical = np.array([one.files for one in people])[person]
    drawn = typical * rng.lognormal(0, 0.85, person.size)
    big = rng.random(person.size) < 0.05
    drawn = np.where(big, drawn * (1 + rng.pareto(1.1, person.size) * 6), drawn)
    video = np.array([one.mix == "video" for one in people])[person]
    drawn = np.where(video, np.minimum(drawn, 14), drawn)
    counts = np.clip(np.rint(drawn), 1, _LARGEST_SESSION).astype(np.int64)
    return np.where(rng.random(person.size) < 0.34, 0, counts)


def _serials(person: Integers, provider: Texts) -> tuple[Integers, Integers]:
    """Return the first row of its group and the rank in it, for rows sorted by person and provider."""
    size = person.size
    if size == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    new = np.r_[True, (person[1:] != person[:-1]) | (provider[1:] != provider[:-1])]
    starts = np.flatnonzero(new)
    group_start = starts[np.cumsum(new) - 1]
    return group_start, np.arange(size) - group_start


def _edit_origins(rng: np.random.Generator, group_start: Integers, serial: Integers) -> Integers:
    """Return for each row the row whose file it is: its own for an upload, an earlier one for an edit."""
    size = serial.size
    own = np.arange(size)
    edit = (rng.random(size) < _EDIT_SHARE) & (serial > 0)
    # recent files are edited most
    back = 1 + (rng.random(size) ** 2 * serial).astype(np.int64)
    origin = np.where(edit, np.maximum(own - back, group_start), own)
    while edit[origin].any():
        origin = np.where(edit[origin], origin[origin], origin)
    return origin


def _handling(rng: np.random.Generator, people: tuple[Person, ...], sessions: _Sessions, uploads: Events) -> Events:
    """Draw downloads, external shares and deletions of files that the same person once uploaded there."""
    key = {one.email: index for index, one in enumerate(people)}
    owner = np.array([key[user] for user in uploads.user], dtype=np.int64)
    group_start, serial = _serials(owner, uploads.provider)
    # first and last row of each (person, provider) among the uploads
    edges: dict[tuple[int, str], tuple[int, int]] = {}
    for row in np.flatnonzero(serial == 0):
        rows_there = int(np.searchsorted(group_start, row, side="right")) - int(row)
        edges[int(owner[row]), str(uploads.provider[row])] = (int(row), rows_there)
    spans = [edges.get((int(i), str(p)), (0, 0)) for i, p in zip(sessions.person, sessions.provider, strict=True)]
    first = np.array([row for row, _ in spans], dtype=np.int64)
    length = np.array([count for _, count in spans], dtype=np.int64)
    parts = []
    for kind, mean in (("download", 3.6), ("share_external", 0.16), ("delete", 0.35)):
        count = np.minimum(rng.poisson(rng.gamma(0.5, 2 * mean, first.size)), 150) * (length > 0)
        session = np.repeat(np.arange(first.size), count)
        file = first[session] + (rng.random(session.size) * length[session]).astype(np.int64)
        later = rng.exponential(20 * MINUTE, session.size).astype(np.int64)
        time = sessions.time[session] + later
        there = uploads.time[file] < time  # a file can't be downloaded before it was uploaded
        session, file, time = session[there], file[there], time[there]
        parts.append(
            Events.make(
                time,
                **sessions.rows(session),
                kind=kind,
                user=uploads.user[file],
                file_name=uploads.file_name[file],
                folder=uploads.folder[file],
                bytes=uploads.bytes[file],
            )
        )
    return Events.join(parts)


def _sign_ins(rng: np.random.Generator, people: tuple[Person, ...], sessions: _Sessions) -> Events:
    """Put a sign-in before about two thirds of the sessions, and before few of those a failed one."""
    users = np.array([one.email for one in people], dtype=object)[sessions.person]
    signs = np.flatnonzero(rng.random(users.size) < 0.8)
    time = sessions.time[signs] - rng.integers(20 * SECOND, 15 * MINUTE, signs.size)
    made = Events.make(time, **sessions.rows(signs), kind="sign_in", user=users[signs])
    failed = rng.random(signs.size) < 0.04
    tries = made.take(failed).having(
        kind=np.full(int(failed.sum()), "sign_in_failed", dtype=object),
        time=time[failed] - rng.integers(8 * SECOND, 50 * SECOND, int(failed.sum())),
    )
    return Events.join([made, tries])


def _noise(rng: np.random.Generator, people: tuple[Person, ...], sessions: _Sessions) -> Events:
    """Draw mostly harmless signs of a compromise: new devices, password resets, MFA changes, alerts."""
    users = np.array([one.email for one in people], dtype=object)[sessions.person]
    parts = []
    for kind, share, providers in (
        ("new_device", 0.006, ("box", "dropbox")),
        ("password_reset", 0.002, ("dropbox", "google_workspace", "office365")),
        ("mfa_disabled", 0.0003, ("box", "dropbox", "google_workspace", "office365")),
        ("provider_alert", 0.0003, ("box", "dropbox", "google_workspace", "office365")),
    ):
        rows = np.flatnonzero((rng.random(users.size) < share) & np.isin(sessions.provider.astype(str), providers))
        time = sessions.time[rows] + rng.integers(0, 2 * HOUR, rows.size)
        parts.append(Events.make(time, **sessions.rows(rows), kind=kind, user=users[rows]))
    return Events.join(parts)


def _anonymous(rng: np.random.Generator, start: int, days: int) -> Events:
    """Draw files that people without an account upload through a link: about one a day."""
    count = int(rng.poisson(1.1 * days))
    classes = draw_classes(rng, np.full(count, "office", dtype=object))
    numbers = rng.integers(0, 50, count)
    return Events.make(
        start + np.sort(rng.integers(0, days * DAY, count)),
        provider=np.array(["box", "dropbox", "google_workspace", "office365"], dtype=object)[
            rng.choice(4, count, p=(0.45, 0.35, 0.08, 0.12))
        ],
        kind="upload",
        file_name=draw_names(rng, classes, np.arange(count) + 1),
        folder="/People/Applicants",
        bytes=draw_sizes(rng, classes),
        ip=np.array([f"198.19.200.{1 + number}" for number in numbers], dtype=object),
    )
