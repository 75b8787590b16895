"""Kinds of organisations and their habits, from which :mod:`bench.ordinary_hours` makes user-hours.

The spread of amounts within and between people, the tail of a person's busiest windows, the shares of active days, of
weekdays and of hours follow measurements on writes of real people; how much a kind uploads, how large its files are and
what disturbs its year are made up, and differ widely, so that no rule can be fitted to one of them.

Kinds in :data:`TUNING` are for choosing rules and weights. Those in :data:`JUDGING` are for measuring what was chosen:
to look at them while choosing makes the figures worthless. The same holds for seeds: see :func:`seeds_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["JUDGING", "KINDS", "TUNING", "Habits", "seeds_of"]


@dataclass(frozen=True)
class Habits:
    """Habits of one kind of organisation. Shares are of people; spreads are in decades.

    Attributes:
        providers: Share of people with an account at each; everybody has one at the first.
        active: Share of workdays on which the median person uploads.
        active_spread: Spread of it between people.
        files: Mean over people of their mean log10(files + 1) in an active hour.
        size: Mean over people of log10(bytes per file).
        weekend: Activity of a Saturday or Sunday, relative to a workday.
        night: Share of active hours that fall anywhere in the day, not in working hours.
        offices: Hours ahead of UTC, one drawn for each person.
        team_bursts: How much more likely people of a team upload while it delivers; 1 for no such habit.
        month_ends: Share who upload ten times as much on the last three workdays of a month.
        sync: Share with a client that now and then sends a whole tree of files.
        autosave: Share whose client saves open documents again in the hours after.
        large: Share who move large files: recordings, images, models.
        idle: Share of accounts that are hardly used.
        guests: Guests for each person; they come at any time and leave after weeks.
        services: Service accounts for each person, most with a nightly job.
        joiners: Share who join after the first day, half of them on four days together.
        holidays: First and last day of holidays, and what is left of the activity.
    """

    providers: Mapping[str, float]
    active: float = 0.25
    active_spread: float = 0.45
    files: float = 0.8
    size: float = 5.6
    weekend: float = 0.1
    night: float = 0.05
    offices: tuple[int, ...] = (1,)
    team_bursts: float = 1.0
    month_ends: float = 0.0
    sync: float = 0.02
    autosave: float = 0.1
    large: float = 0.02
    idle: float = 0.1
    guests: float = 0.05
    services: float = 0.01
    joiners: float = 0.1
    holidays: tuple[tuple[int, int, float], ...] = ((88, 91, 0.15), (116, 116, 0.2), (140, 140, 0.2))


KINDS: Mapping[str, Habits] = {
    # documents all day, books closed at month's end, whole classes of joiners
    "office": Habits(
        {"office365": 1.0, "box": 0.15}, active=0.35, month_ends=0.12, sync=0.03, autosave=0.4, joiners=0.2
    ),
    # few large files, teams that deliver together, many guests
    "agency": Habits(
        {"dropbox": 1.0, "google_workspace": 0.6},
        active=0.3, files=0.9, size=6.6, weekend=0.25, night=0.15, team_bursts=4.0, sync=0.06, autosave=0.05,
        large=0.15, guests=0.25, offices=(0, 1, -5),
    ),
    # sparse and uneven, as real writes are; all over the world
    "engineers": Habits(
        {"google_workspace": 1.0, "box": 0.3},
        active=0.1, files=0.7, size=4.6, night=0.1, team_bursts=2.0, sync=0.05, idle=0.2, services=0.03,
        offices=(-8, -5, 0, 1, 5, 9), holidays=((88, 91, 0.6),),
    ),
    # shifts round the clock, terms, most accounts hardly used
    "school": Habits(
        {"google_workspace": 1.0, "office365": 0.25},
        active=0.12, files=0.6, size=5.9, weekend=0.3, night=0.05, sync=0.01, autosave=0.3, idle=0.45, guests=0.02,
        joiners=0.25, team_bursts=3.0, holidays=((42, 46, 0.1), (85, 98, 0.08), (137, 141, 0.1), (186, 200, 0.1)),
    ),
    # pictures sent from the field in heaps, quiet in between
    "surveyors": Habits(
        {"box": 1.0, "dropbox": 0.4},
        active=0.18, active_spread=0.3, files=1.3, size=6.3, weekend=0.15, night=0.25, team_bursts=6.0, sync=0.15,
        autosave=0.02, large=0.08, month_ends=0.05, guests=0.1, services=0.05, offices=(1, 2),
    ),
}  # fmt: skip

TUNING = ("office", "agency", "engineers")
JUDGING = ("school", "surveyors")

_FIRST_JUDGING_SEED = 1000


def seeds_of(purpose: str, number: int) -> list[int]:
    """Return the seeds for ``tuning`` or ``judging``; no seed is in both."""
    first = {"tuning": 0, "judging": _FIRST_JUDGING_SEED}[purpose]
    return list(range(first + 1, first + 1 + number))
