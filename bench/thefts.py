"""Thefts that are put into an organisation's ordinary hours, with their labels.

Belongs here: how each class of theft uploads, and who does it when. The thieves are ordinary accounts, which go on with
their work beside it. What is made to slip through is in ``bench.evasion``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from typing import NamedTuple

import numpy as np

from bench.ordinary_hours import START, Flags, Hours, Integers, Organisation, stream, user_names

__all__ = [
    "FLOOR_BYTES",
    "FLOOR_FILES",
    "MANNERS",
    "Cast",
    "Doing",
    "Manner",
    "Theft",
    "commit",
    "doing",
    "plan_thefts",
]

FLOOR_FILES = 50
FLOOR_BYTES = 100_000_000
"""Floors of a window, as in the product; the speed of drips is said in their terms."""
_MB = 1_000_000
_GB = 1_000_000_000
_DAY = 24
_WINDOWS = 8


class Doing(NamedTuple):
    """Uploads of one theft: hours since its first midnight, files and bytes, by which account and to which provider.

    ``account`` counts the thief's accounts from 0; ``source`` is 0 for the account's main provider and 1 for another.
    ``app`` numbers the apps used from 0, or is -1 for the account's own. Rows with ``decoy`` steal nothing; of those
    with ``hidden`` the log shows no size: they were deleted or overwritten before it could be looked up.
    """

    hour: Integers
    files: Integers
    bytes: Integers
    account: Integers
    source: Integers
    app: Integers
    decoy: Integers
    hidden: Integers


Draw = Callable[[np.random.Generator, int], Doing]


@dataclass(frozen=True)
class Manner:
    """Class of thefts.

    Attributes:
        name: Class.
        speed: How fast it goes, for a reader.
        draw: Draws one, given the most files of the thief's past windows.
        who: Whose account it is: ``person``, ``newcomer`` or ``guest`` (both never seen before), ``dormant``, ``heavy``
            (among the tenth with the largest windows) or ``service``.
        most_days: Days that it may take.
        accounts: Accounts that the thief has.
    """

    name: str
    speed: str
    draw: Draw
    who: str = "person"
    most_days: int = 1
    accounts: int = 1


@dataclass(frozen=True)
class Theft:
    """Label of a theft, times UTC without zone.

    Attributes:
        manner: Its class.
        speed: How fast it went.
        users: Accounts that took part.
        start: First hour.
        end: End of the last hour.
        rows: Its uploads as logged; hours since the start of the organisation.
        sizes: Their true bytes.
        stolen: Which of them are loot.
    """

    manner: str
    speed: str
    users: tuple[str, ...]
    start: datetime
    end: datetime
    rows: Hours
    sizes: Integers
    stolen: Flags

    @property
    def files(self) -> int:
        """Return the files stolen."""
        return int(self.rows.files[self.stolen].sum())

    @property
    def bytes(self) -> int:
        """Return the bytes stolen."""
        return int(self.sizes[self.stolen].sum())

    def gone_by(self, moment: datetime) -> tuple[int, int]:
        """Return the files and bytes stolen before a time."""
        hours = (moment - datetime.combine(START, time())) / timedelta(hours=1)
        gone = self.stolen & (self.rows.hour < hours)
        return int(self.rows.files[gone].sum()), int(self.sizes[gone].sum())


def doing(
    hour: Sequence[int] | Integers,
    files: Sequence[int] | Integers | int,
    size: Sequence[int] | Integers | int,
    *,
    account: Sequence[int] | Integers | int = 0,
    source: Sequence[int] | Integers | int = 0,
    app: Sequence[int] | Integers | int = -1,
    decoy: Sequence[int] | Integers | int = 0,
    hidden: Sequence[int] | Integers | int = 0,
) -> Doing:
    """Return uploads in these hours; a single number holds for all."""
    at = np.asarray(hour, dtype=np.int64)
    rest = (files, size, account, source, app, decoy, hidden)
    return Doing._make([at, *(np.broadcast_to(np.asarray(each, dtype=np.int64), at.shape) for each in rest)])


def _burst(files: int, size: int, rng: np.random.Generator, _largest: int) -> Doing:
    """Upload all within two hours of the working day."""
    at = int(rng.integers(7, 18))
    return doing([at, at + 1], [files - files // 2, files // 2] if files > 1 else [1, 0], size // 2)


def _two_providers(rng: np.random.Generator, _largest: int) -> Doing:
    at = int(rng.integers(7, 18))
    return doing([at, at], 500, _GB, source=[0, 1])


def _at_night(rng: np.random.Generator, _largest: int) -> Doing:
    at = int(rng.integers(0, 4))
    return doing([at, at + 1, at + 2], 334, 2 * _GB // 3)


def _surge(rng: np.random.Generator, largest: int) -> Doing:
    """Upload three to ten times the thief's largest window; personal, so that no fixed limit finds it."""
    files = int(max(60, largest * rng.uniform(3, 10)))
    at = int(rng.integers(7, 18))
    return doing([at, at + 1], files // 2, files // 2 * _MB)


def _split(rng: np.random.Generator, _largest: int) -> Doing:
    """Upload over midnight, in pieces half an evening apart."""
    return doing([20, 23, 24, 26], int(rng.integers(150, 400)), int(rng.integers(200, 1500)) * _MB)


def _incident(rng: np.random.Generator, largest: int) -> Doing:
    """Draw one of the sandbox's incidents: archives, many files, a surge, or a night in pieces."""
    kind = int(rng.integers(4))
    if kind == 0:
        return _burst(int(rng.integers(2, 13)), int(10 ** rng.uniform(9, 10.3)), rng, largest)
    if kind == 1:
        return _burst(int(rng.integers(1000, 2000)), 400 * _MB, rng, largest)
    return (_surge if kind == 2 else _split)(rng, largest)


def _drip(share: float, rng: np.random.Generator, _largest: int) -> Doing:
    """Stay at a share of both floors in every window: day and night, or from morning to evening."""
    windows = _WINDOWS if rng.random() < 0.5 else _WINDOWS // 2
    days = int(rng.integers(10, 31))
    first = 0 if windows == _WINDOWS else 2
    hours = (np.arange(days)[:, None] * _DAY + (first + np.arange(windows)) * 3 + 1).ravel()
    return doing(hours, max(1, int(share * FLOOR_FILES)), int(share * FLOOR_BYTES))


def _growth(daily: float, rng: np.random.Generator, _largest: int) -> Doing:
    """Begin with 40 files a day and take a share more each day, until 5500."""
    growing = 40 * (1 + daily) ** np.arange(31)
    files = growing[growing <= 5500].astype(np.int64)
    at = int(rng.integers(8, 16))
    return doing(np.arange(len(files)) * _DAY + at, files, files * _MB)


def _second(rng: np.random.Generator, _largest: int) -> Doing:
    """Upload 1000 files, and again after 3 to 15 days; only the second counts."""
    at, later = int(rng.integers(7, 18)), int(rng.integers(3, 16))
    return doing([at, later * _DAY + at], 1000, 2 * _GB, decoy=[1, 0])


MANNERS: Mapping[str, Manner] = {
    manner.name: manner
    for manner in (
        *(
            Manner(f"burst of {files} files", "2 hours", partial(_burst, files, files * _MB))
            for files in (300, 1000, 3000)
        ),
        Manner("many small files", "2 hours", partial(_burst, 1500, 30 * _MB)),
        *(Manner(f"archives, {size} GB", "2 hours", partial(_burst, 6, size * _GB)) for size in (1, 5, 20)),
        Manner("one file of 50 GB", "2 hours", partial(_burst, 1, 50 * _GB)),
        Manner("two providers at once", "1 hour", _two_providers),
        Manner("at night", "3 hours", _at_night),
        Manner("labelled incident", "2 to 6 hours", _incident, most_days=2),
        Manner("second burst", "3 to 15 days later", _second, most_days=16),
        *(
            Manner(f"drip at {share:g}", f"{share:g} of the floors", partial(_drip, share), most_days=30)
            for share in (0.3, 0.5, 0.7, 0.95)
        ),
        *(
            Manner(f"growth of {percent} %", f"{percent} % a day", partial(_growth, percent / 100), most_days=31)
            for percent in (10, 20, 40)
        ),
        Manner("newcomer, 1500 files", "2 hours", partial(_burst, 1500, 1500 * _MB), "newcomer"),
        Manner("newcomer, 5 GB", "2 hours", partial(_burst, 6, 5 * _GB), "newcomer"),
        Manner("guest, 1500 files", "2 hours", partial(_burst, 1500, 1500 * _MB), "guest"),
        Manner("dormant account", "2 hours", partial(_burst, 1000, 2 * _GB), "dormant"),
    )
}  # fmt: skip


def commit(
    organisation: Organisation,
    manner: Manner,
    did: Doing,
    accounts: Sequence[int],
    day: int,
    apps: Sequence[str] = (),
) -> Theft:
    """Return the theft that accounts commit from a day on.

    Args:
        organisation: Organisation, whose list of apps may grow.
        manner: Its class.
        did: What is uploaded.
        accounts: The thief's accounts.
        day: Days since the start.
        apps: Names of the apps; those beyond are made up.
    """
    who = np.asarray(accounts)[did.account]
    elsewhere = np.where(organisation.second[who] >= 0, organisation.second[who], (organisation.main[who] + 1) % 4)
    named = dict(enumerate(apps))
    strange = [organisation.app_number(named.get(number, f"App {number}")) for number in range(int(did.app.max()) + 1)]
    rows = Hours(
        who,
        np.where(did.source == 0, organisation.main[who], elsewhere),
        day * _DAY + did.hour,
        did.files,
        np.where(did.hidden == 1, -1, did.bytes),
        np.zeros(len(who), dtype=np.int64),
        np.where(did.app >= 0, np.asarray([*strange, 0])[did.app], organisation.app[who]),
    )
    inside = rows.hour < organisation.days * _DAY
    rows, sizes, loot = rows.take(inside), did.bytes[inside], (did.decoy == 0)[inside]
    names = user_names(len(organisation.actor))
    epoch = datetime.combine(START, time())
    return Theft(
        manner=manner.name,
        speed=manner.speed,
        users=tuple(names[account] for account in accounts),
        start=epoch + timedelta(hours=int(rows.hour[loot].min())),
        end=epoch + timedelta(hours=int(rows.hour[loot].max()) + 1),
        rows=rows,
        sizes=sizes,
        stolen=loot,
    )


class Cast:
    """Accounts of an organisation that no theft uses yet, in random order."""

    def __init__(self, organisation: Organisation, rng: np.random.Generator) -> None:
        hours = organisation.hours
        total = len(organisation.actor)
        self.organisation = organisation
        self.order = rng.permutation(total)
        self.first = np.full(total, np.iinfo(np.int64).max)
        np.minimum.at(self.first, hours.person, hours.hour)
        window = hours.hour // 3
        key, inverse = np.unique(hours.person * 10_000 + window, return_inverse=True)
        files = np.bincount(inverse, hours.files)
        self.window_person, self.window, self.window_files = key // 10_000, key % 10_000, files
        largest = np.zeros(total)
        np.maximum.at(largest, self.window_person, files)
        self.is_heavy = largest >= np.quantile(largest[organisation.actor == 0], 0.9)
        self.taken: set[int] = set()

    def draw(self, who: str, day: int) -> int:
        """Return an account that fits, and take it."""
        org = self.organisation
        recent = np.zeros(len(org.actor), dtype=bool)
        inside = (self.window * 3 >= (day - 30) * _DAY) & (self.window * 3 < day * _DAY)
        recent[self.window_person[inside]] = True
        is_person = (org.actor == 0) & (org.left > day)
        known = self.first < (day - 30) * _DAY
        fits = {
            "person": is_person & known & recent,
            "dormant": is_person & known & ~recent,
            "newcomer": (org.actor == 0) & (self.first >= day * _DAY),
            "guest": (org.actor == 1) & (self.first >= day * _DAY),
            "heavy": is_person & known & recent & self.is_heavy,
            "service": org.actor == 2,
        }[who]
        for fitting in (fits, is_person & recent):
            for account in self.order[fitting[self.order]]:
                if int(account) not in self.taken:
                    self.taken.add(int(account))
                    return int(account)
        raise ValueError(f"no account is left of {org.people} people: make the organisation larger or the thefts fewer")

    def largest(self, account: int, day: int) -> int:
        """Return the most files of the account's windows in the 30 days before."""
        own = (self.window_person == account) & (self.window * 3 < day * _DAY) & (self.window * 3 >= (day - 30) * _DAY)
        return int(self.window_files[own].max(initial=0))


def plan_thefts(
    organisation: Organisation, number: int, first: int, last: int, manners: Sequence[Manner] = tuple(MANNERS.values())
) -> list[Theft]:
    """Return so many thefts by different accounts, of each class in turn, that begin between two days.

    A theft that may take longer than the organisation's days are begins earlier, so that all is there to be found.
    """
    rng = stream(organisation.seed, organisation.kind, str(organisation.people), "thefts")
    cast = Cast(organisation, rng)
    thefts = []
    order: list[int] = []
    for _ in range(number):
        order = order or list(rng.permutation(len(manners)))
        manner = manners[order.pop()]
        latest = max(first, min(last, organisation.days - manner.most_days))
        day = int(rng.integers(first, latest + 1))
        accounts = [cast.draw(manner.who, day) for _ in range(manner.accounts)]
        did = manner.draw(rng, cast.largest(accounts[0], day))
        thefts.append(commit(organisation, manner, did, accounts, day))
    return thefts
