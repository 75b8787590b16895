"""Upheavals: what disturbs an organisation as a whole, as switches over its ordinary hours.

An upheaval changes nothing about the accounts of thieves, so that the same thefts are to be found with it and without.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bench.ordinary_hours import START, Hours, Integers, Organisation, stream

__all__ = ["AFTER_DAYS", "UPHEAVALS", "Upheaval", "upset"]

AFTER_DAYS = 15
"""Days after an upheaval in which thefts are measured."""
_FORTNIGHT = 14
_DAY = 24
_MB = 1_000_000


class Upheaval(NamedTuple):
    """What disturbs an organisation.

    Attributes:
        change: Returns the hours then, of an organisation, accounts that may be touched and the first day, a Monday.
        days: How long it lasts.
    """

    change: Callable[[np.random.Generator, Organisation, Integers, int], Hours]
    days: int


def _added(organisation: Organisation, person: Integers, hour: Integers, files: Integers, size: int, app: str) -> Hours:
    count = len(person)
    return Hours.concat(
        organisation.hours,
        Hours(
            person,
            organisation.main[person],
            hour,
            files,
            files * size,
            np.zeros(count, dtype=np.int64),
            np.full(count, organisation.app_number(app)),
        ),
    )


def _workdays(first: int, count: int) -> Integers:
    days = np.arange(first, first + 2 * count + 4)
    return days[(START.weekday() + days) % 7 < 5][:count]


def _rollout(rng: np.random.Generator, organisation: Organisation, free: Integers, first: int) -> Hours:
    """Have twelve people a day upload 800 documents each, for six workdays, by one app."""
    days = _workdays(first, 6)
    count = min(12 * len(days), len(free))
    person = rng.choice(free, count, replace=False)
    hour = np.resize(days, count) * _DAY + rng.integers(8, 16, count)
    files = np.full(count, 800)
    return _added(organisation, person, hour, files, _MB // 2, "Folder redirection")


def _migration(rng: np.random.Generator, organisation: Organisation, free: Integers, first: int) -> Hours:
    """Have four in ten move their files over a weekend, by one app."""
    saturday = first + (5 - START.weekday() - first) % 7
    person = rng.choice(free, int(0.4 * len(free)), replace=False)
    files = (10 ** rng.uniform(2.3, 3.7, len(person))).astype(np.int64)
    spread = np.arange(6)
    hour = (saturday * _DAY + rng.integers(0, 40, len(person)))[:, None] + spread
    person, files = np.repeat(person, 6), np.repeat(np.maximum(1, files // 6), 6)
    return _added(organisation, person, hour.ravel(), files, _MB, "Migration tool")


def _joiners(rng: np.random.Generator, organisation: Organisation, free: Integers, first: int) -> Hours:
    """Have one in twelve begin that week, with their first files on the first day."""
    person = rng.choice(free, max(5, len(free) // 12), replace=False)
    begins = _workdays(first, 3)[rng.integers(0, 3, len(person))]
    starts = np.zeros(len(organisation.actor), dtype=np.int64)
    starts[person] = begins * _DAY
    kept = organisation.hours.take(organisation.hours.hour >= starts[organisation.hours.person])
    files = (10 ** rng.uniform(1.7, 3.2, len(person))).astype(np.int64)
    hour = begins * _DAY + rng.integers(8, 16, len(person))
    return _added(replace(organisation, hours=kept), person, hour, files, _MB // 2, "Browser")


def _month_end(rng: np.random.Generator, organisation: Organisation, free: Integers, first: int) -> Hours:
    """Have a quarter of all close their books on three days, each by the usual app."""
    person = rng.choice(free, len(free) // 4, replace=False)
    days = _workdays(first, 3)
    person, day = np.repeat(person, 3), np.tile(days, len(person))
    files = (10 ** rng.normal(2.2, 0.5, len(person))).astype(np.int64) + 1
    hour = day * _DAY + rng.integers(8, 18, len(person))
    return _added(organisation, person, hour, files, _MB // 2, "Office")


def _holidays(rng: np.random.Generator, organisation: Organisation, free: Integers, first: int) -> Hours:
    """Have one in ten work for a fortnight."""
    hours = organisation.hours
    last = first + _FORTNIGHT - 1
    away = (hours.hour >= first * _DAY) & (hours.hour < (last + 1) * _DAY) & np.isin(hours.person, free)
    away &= organisation.actor[hours.person] != 2
    key = hours.person * 10_000 + hours.hour // _DAY
    _, day_of = np.unique(key, return_inverse=True)
    works = rng.random(int(day_of.max(initial=0)) + 1) < 0.1
    return hours.take(~away | works[day_of])


UPHEAVALS: Mapping[str, Upheaval] = {
    "rollout": Upheaval(_rollout, 8),
    "migration": Upheaval(_migration, 7),
    "joiners": Upheaval(_joiners, 3),
    "month_end": Upheaval(_month_end, 3),
    "holidays": Upheaval(_holidays, _FORTNIGHT),
}


def upset(organisation: Organisation, name: str, thieves: Collection[int], first: int) -> Hours:
    """Return the organisation's hours with an upheaval from a day on.

    Args:
        organisation: Organisation in which nothing happens.
        name: Which upheaval, see :data:`UPHEAVALS`.
        thieves: Accounts that it leaves as they are.
        first: Its first day.
    """
    rng = stream(organisation.seed, organisation.kind, str(organisation.people), name)
    there = (organisation.actor == 0) & (organisation.joined < first) & (organisation.left > first + _FORTNIGHT)
    there[list(thieves)] = False
    return UPHEAVALS[name].change(rng, organisation, np.nonzero(there)[0], first)
