"""User-hours of an organisation in which nothing happens but work, made by seed and without events.

Everything is drawn for all people at once. A person's draws depend on the seed, the kind and the size of the
organisation, so that runs with and without a theft or an upheaval see the same ordinary days.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import Any, Self

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bench.habits import KINDS, Habits

__all__ = [
    "PROVIDERS",
    "START",
    "Flags",
    "Hours",
    "Integers",
    "Organisation",
    "make_organisation",
    "month_ends",
    "stream",
    "user_names",
    "write_hours",
]

START = date(2026, 1, 5)
PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
_DAY = 24
_MOST = 20_000
"""Files of one person in one ordinary session, at most: the largest window of real people is a third of it."""
_MOST_BYTES = 6e10
_CLASSES = ("person", "guest", "service")
_EULER = 0.5772
_GUMBEL_SPREAD = 1.2825
_HOURLY = np.array([*[0.1] * 7, 0.5, 1.5, 6, 8, 9, 7, 6.5, 7.5, 8.5, 7, 5, 3.5, 1.5, 1.5, 1.5, 0.8, 0.5])
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def stream(seed: int, *purpose: str) -> np.random.Generator:
    """Return the random numbers of a seed for one purpose, independent of those for any other."""
    return np.random.default_rng([seed, *(zlib.crc32(part.encode()) for part in purpose)])


@dataclass
class Hours:
    """Columns of uploads: who, where, in which hour since the start, how much, and by which app.

    Attributes:
        person: Index of the person.
        provider: Index of the provider.
        hour: Hours since the start.
        files: Files that are new that day.
        bytes: Their bytes; -1 where no size is known.
        again: Files that the hour before saved, too.
        app: Index of the app in :attr:`Organisation.apps`.
    """

    person: Integers
    provider: Integers
    hour: Integers
    files: Integers
    bytes: Integers
    again: Integers
    app: Integers

    @classmethod
    def concat(cls, *parts: Hours) -> Self:
        """Return the rows of all parts."""
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))

    def take(self, kept: Any) -> Hours:
        """Return the rows of an index or mask."""
        return Hours(*(getattr(self, each.name)[kept] for each in fields(self)))


@dataclass
class Organisation:
    """Ordinary life of an organisation.

    Attributes:
        kind: Name of its kind.
        seed: Seed.
        days: Length in days.
        people: Persons; guests and service accounts come behind them.
        actor: Index of each account's class among person, guest and service.
        joined: Day of each account's first possible upload.
        left: Day after the last.
        main: Index of each account's main provider.
        second: Index of another provider; -1 without one.
        offset: Hours ahead of UTC.
        app: Index of each account's usual app.
        apps: Names of the apps.
        hours: What was uploaded.
    """

    kind: str
    seed: int
    days: int
    people: int
    actor: Integers
    joined: Integers
    left: Integers
    main: Integers
    second: Integers
    offset: Integers
    app: Integers
    apps: list[str]
    hours: Hours

    def app_number(self, name: str) -> int:
        """Return the index of an app, which is added if it is new."""
        if name not in self.apps:
            self.apps.append(name)
        return self.apps.index(name)


def make_organisation(kind: str, seed: int, people: int, days: int) -> Organisation:
    """Make an organisation of so many people, and as many guests and service accounts as its kind has."""
    habits = KINDS[kind]
    rng = stream(seed, kind, str(people), "people")
    guests, services = round(habits.guests * people), max(1, round(habits.services * people))
    total = people + guests + services
    actor = np.repeat(np.arange(3), (people, guests, services))
    joined, left = _lives(rng, habits, actor, days)
    places = [PROVIDERS.index(name) for name in habits.providers]
    shares = list(habits.providers.values())
    has_second = rng.random(total) < (shares[1] if len(shares) > 1 else 0)
    organisation = Organisation(
        kind=kind,
        seed=seed,
        days=days,
        people=people,
        actor=actor,
        joined=joined,
        left=left,
        main=np.full(total, places[0]),
        second=np.where(has_second, places[min(1, len(places) - 1)], -1),
        offset=rng.choice(habits.offices, total),
        app=rng.integers(0, 3, total),
        apps=["Browser", "Sync client", "Office"],
        hours=Hours(*(np.zeros(0, dtype=np.int64) for _ in fields(Hours))),
    )
    robots = actor == _CLASSES.index("service")
    organisation.app[robots] = organisation.app_number("Nightly job")
    worked = _people_hours(stream(seed, kind, str(people), "work"), organisation, habits)
    jobs = _service_hours(stream(seed, kind, str(people), "jobs"), organisation)
    organisation.hours = Hours.concat(worked, jobs)
    return organisation


def _lives(rng: np.random.Generator, habits: Habits, actor: Integers, days: int) -> tuple[Integers, Integers]:
    total = len(actor)
    waves = rng.integers(20, days, 4)
    single = rng.random(total) < 0.5
    joining = rng.random(total) < habits.joiners
    at = np.where(single, rng.integers(1, days, total), waves[rng.integers(0, 4, total)])
    joined = np.where(joining, at, 0)
    is_guest = actor == _CLASSES.index("guest")
    joined = np.where(is_guest, rng.integers(-40, days, total), joined)
    joined[actor == _CLASSES.index("service")] = 0
    left = np.where(is_guest, joined + rng.integers(5, 60, total), days)
    leaving = (rng.random(total) < 0.05) & (actor == 0)
    left = np.where(leaving, np.maximum(joined + 5, rng.integers(20, days, total)), left)
    return np.maximum(joined, 0), left


def _weekdays(days: int, weekend: float) -> Floats:
    week = np.array([0.92, 1.05, 1.06, 1.0, 0.88, weekend, weekend])
    return week[(START.weekday() + np.arange(days)) % 7]


def month_ends(days: int) -> Flags:
    """Return which days are among the last three workdays of a month."""
    dates = np.datetime64(START) + np.arange(days)
    month = dates.astype("datetime64[M]")
    to_come = [(month == each) & (dates > at) & np.is_busday(dates) for each, at in zip(month, dates, strict=True)]
    return np.array([bool(np.is_busday(at)) and rest.sum() < 3 for at, rest in zip(dates, to_come, strict=True)])


def _team_factors(rng: np.random.Generator, habits: Habits, total: int, days: int) -> tuple[Integers, Floats]:
    """Return each person's team, and by team and day how much likelier its people upload."""
    teams = max(1, total // 12)
    team = rng.integers(0, teams, total)
    busy = np.zeros((teams, days), dtype=bool)
    at = rng.integers(0, days, (teams, max(1, days // 30)))
    lengths = rng.integers(2, 8, at.shape)
    for length in range(8):
        row, column = np.nonzero(lengths > length)
        busy[row, np.minimum(at[row, column] + length, days - 1)] = True
    return team, np.where(busy, habits.team_bursts, 1.0)


def _people_hours(rng: np.random.Generator, organisation: Organisation, habits: Habits) -> Hours:
    days, total = organisation.days, len(organisation.actor)
    rate = np.minimum(0.95, habits.active * 10 ** (habits.active_spread * rng.standard_normal(total)))
    idle = rng.random(total) < habits.idle
    rate = np.where(idle, 0.01, rate)
    centre = habits.files + 0.2 * rng.standard_normal(total)
    # Who uploads much varies much: the two go together at .7 among real people.
    spread = np.clip(0.34 + 0.5 * (centre - habits.files) + 0.1 * rng.standard_normal(total), 0.15, 0.75)
    size = habits.size + 0.6 * rng.standard_normal(total)
    large, sync, autosave, closing = (
        rng.random(total) < share for share in (habits.large, habits.sync, habits.autosave, habits.month_ends)
    )
    size = np.where(large, np.maximum(size, 8.2), size)
    centre = np.where(large, np.minimum(centre, 0.6), centre)

    likely = rate[:, None] * _weekdays(days, habits.weekend)[None, :]
    for first, last, rest in habits.holidays:
        likely[:, first : last + 1] *= rest
    team, factor = _team_factors(rng, habits, total, days)
    likely *= factor[team]
    # Weeks differ: gaps between a person's active days have a long tail.
    weekly = np.exp(0.5 * rng.standard_normal((total, days // 7 + 1)) - 0.125)
    likely *= np.repeat(weekly, 7, axis=1)[:, :days]
    ends = month_ends(days)
    likely[closing] = np.where(ends[None, :], np.maximum(likely[closing], 0.8), likely[closing])
    there = (np.arange(days) >= organisation.joined[:, None]) & (np.arange(days) < organisation.left[:, None])
    there &= (organisation.actor != _CLASSES.index("service"))[:, None]
    person, day = np.nonzero((rng.random((total, days)) < np.minimum(likely, 0.98)) & there)

    sessions = np.minimum(rng.geometric(0.6, len(person)), 6)
    busyness = 0.15 * rng.standard_normal(len(person))
    person, day, busyness = np.repeat(person, sessions), np.repeat(day, sessions), np.repeat(busyness, sessions)
    count = len(person)
    # A person's windows fall off as a Gumbel's do: quantiles up to 1 in 10,000 agree with real ones within .3.
    noise = (rng.gumbel(size=count) - _EULER) / _GUMBEL_SPREAD
    # Busy days follow one another: those of real people correlate at .17.
    week = day // 7
    amount = centre[person] + spread[person] * noise + busyness + 0.15 * rng.standard_normal(weekly.shape)[person, week]
    amount += np.where(closing[person] & ends[day], 1.0, 0.0)
    # A client that sends a tree goes on for days.
    sending = rng.random(weekly.shape) < 0.1
    whole_tree = sync[person] & sending[person, week] & (rng.random(count) < 0.35)
    amount += np.where(whole_tree, rng.uniform(1, 2.5, count), 0.0)
    files = np.clip(np.round(10 ** np.minimum(amount, 5) - 1), 1, _MOST).astype(np.int64)
    each = size[person] + 0.45 * rng.standard_normal(count) - np.where(whole_tree, 0.5, 0.0)
    amounts = np.minimum(files * 10**each, _MOST_BYTES)
    sized = rng.random(count) > 0.03

    local = rng.choice(_DAY, count, p=_HOURLY / _HOURLY.sum())
    anywhere = rng.random(count) < habits.night
    local = np.where(anywhere, rng.integers(0, _DAY, count), local)
    hour = day * _DAY + local - organisation.offset[person]
    second = organisation.second[person]
    provider = np.where((second >= 0) & (rng.random(count) < 0.3), second, organisation.main[person])
    app = np.where(whole_tree, 1, organisation.app[person])

    # Large sessions take hours.
    parts = np.clip(files // 400 + (amounts // 2e10).astype(np.int64), 1, 6)
    nth = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    row = np.repeat(np.arange(count), parts)
    share = np.maximum(1, files[row] // parts[row])
    worked = Hours(
        person[row],
        provider[row],
        hour[row] + nth,
        share,
        np.where(sized[row], amounts[row] / parts[row], -1).astype(np.int64),
        np.zeros(len(row), dtype=np.int64),
        app[row],
    )
    saved = _saved_again(rng, worked, autosave)
    hours = Hours.concat(worked, saved)
    return hours.take((hours.hour >= 0) & (hours.hour < days * _DAY))


def _saved_again(rng: np.random.Generator, worked: Hours, autosave: Flags) -> Hours:
    """Return the hours after a session in which open documents are saved again; they are no new files."""
    rows = np.nonzero(autosave[worked.person] & (worked.files < 50) & (worked.hour % _DAY < _DAY - 2))[0]
    again = worked.take(rows)
    again.hour = again.hour + 1
    again.again = np.minimum(again.files, rng.integers(1, 6, len(rows)))
    again.files = np.zeros(len(rows), dtype=np.int64)
    again.bytes = np.where(again.bytes < 0, -1, again.bytes // 50)
    return again


def _service_hours(rng: np.random.Generator, organisation: Organisation) -> Hours:
    """Return nightly jobs: about the same amount each night, and a full backup now and then."""
    robots = np.nonzero(organisation.actor == _CLASSES.index("service"))[0]
    days = organisation.days
    count = len(robots)
    usual = 10 ** rng.uniform(1.0, 3.3, count)
    size = 10 ** rng.uniform(4.5, 7.5, count)
    at = rng.integers(0, 6, count)
    runs = rng.random((count, days)) < 0.97
    robot, day = np.nonzero(runs)
    amount = usual[robot] * 10 ** (0.08 * rng.standard_normal(len(robot)))
    amount *= np.where(rng.random(len(robot)) < 0.01, 10, 1)
    files = np.maximum(1, amount).astype(np.int64)
    return Hours(
        robots[robot],
        organisation.main[robots[robot]],
        day * _DAY + at[robot],
        files,
        (files * size[robot]).astype(np.int64),
        np.zeros(len(robot), dtype=np.int64),
        organisation.app[robots[robot]],
    )


_USER_HOURS = """
CREATE OR REPLACE TABLE hours AS
WITH summed AS (
    SELECT
        provider, person, hour,
        CAST(sum(files) AS BIGINT) AS files,
        CAST(sum(CASE WHEN bytes >= 0 THEN files ELSE 0 END) AS BIGINT) AS sized_files,
        CAST(sum(CASE WHEN bytes >= 0 THEN bytes END) AS BIGINT) AS bytes,
        CAST(sum(again) AS BIGINT) AS again,
        CAST(sum(CASE WHEN bytes >= 0 THEN again ELSE 0 END) AS BIGINT) AS sized_again,
        map_from_entries(list_sort(list(DISTINCT struct_pack(key := app, value := by_app)))) AS apps
    FROM (
        SELECT *, CAST(sum(files + again) OVER (PARTITION BY provider, person, hour, app) AS BIGINT) AS by_app
        FROM given
    ) AS counted
    GROUP BY provider, person, hour
)
SELECT
    p.provider,
    a."user",
    a.actor_class,
    CASE WHEN a.actor_class = 'service' THEN 'services' ELSE 'people' END AS population,
    CAST($start AS TIMESTAMP) + to_hours(CAST(s.hour AS INTEGER)) AS hour,
    s.files,
    s.sized_files,
    s.bytes,
    s.files + s.again AS saves,
    CAST(0 AS BIGINT) AS estimated_files,
    CAST(NULL AS BIGINT) AS estimated_bytes,
    CASE WHEN s.again > 0 THEN [s.again] END AS again_files,
    CASE WHEN s.again > 0 THEN [s.sized_again] END AS again_sized_files,
    MAP {'docx': s.files + s.again} AS extensions,
    MAP {'DE': s.files + s.again} AS countries,
    s.apps,
    MAP {'': s.files + s.again} AS app_ids
FROM summed s
JOIN accounts_made a ON a.person = s.person
JOIN providers_made p ON p.number = s.provider
ORDER BY a."user", hour, p.provider
"""


def write_hours(con: duckdb.DuckDBPyConnection, organisation: Organisation, hours: Hours) -> None:
    """Make the tables ``hours`` (columns of user-hours) and ``sources`` of uploads in an organisation."""
    given: Mapping[str, Any] = {each.name: getattr(hours, each.name) for each in fields(Hours)}
    apps = pa.array(organisation.apps).take(pa.array(hours.app))
    con.register("given", pa.table({**given, "app": apps}))
    con.register(
        "accounts_made",
        pa.table(
            {
                "person": np.arange(len(organisation.actor)),
                "user": user_names(len(organisation.actor)),
                "actor_class": pa.array(_CLASSES).take(pa.array(organisation.actor)),
            }
        ),
    )
    con.register("providers_made", pa.table({"number": range(len(PROVIDERS)), "provider": list(PROVIDERS)}))
    con.execute(_USER_HOURS, {"start": datetime.combine(START, time())})
    for name in ("given", "accounts_made", "providers_made"):
        con.unregister(name)
    con.execute(
        "CREATE OR REPLACE TABLE sources AS "
        "SELECT provider, date_trunc('day', min(hour)) AS first_day FROM hours GROUP BY provider"
    )


def user_names(total: int) -> list[str]:
    """Return the keys of so many accounts."""
    return [f"user{number:05d}" for number in range(total)]
