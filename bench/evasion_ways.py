"""Ways to steal that are made to pass, each as a function of its size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.detection import DAYS, UPHEAVAL_DAY
from bench.ordinary_hours import Integers, month_ends
from bench.thefts import FLOOR_BYTES, FLOOR_FILES, Doing, doing

__all__ = ["SCALES", "WAYS", "Way"]

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Sizes at which each way is tried, relative to its usual one."""
_DAY = 24
_MB = 1_000_000
_GB = 1_000_000_000
_MONTH_END = int(np.nonzero(month_ends(DAYS)[UPHEAVAL_DAY:])[0][0]) + UPHEAVAL_DAY
_SUNDAY = UPHEAVAL_DAY + 20
Draw = Callable[[np.random.Generator, int, float], Doing]


def _one(_scale: float) -> int:
    return 1


@dataclass(frozen=True)
class Way:
    """A way to steal.

    Attributes:
        name: Its name.
        case: Its case among the known ones; empty where it is another.
        what: What is done, one sentence.
        draw: Draws one, given the most files of the account's past windows and the size.
        days: Days that it may take.
        who: Whose account it is, as for thefts.
        accounts: How many accounts, by size.
        upheaval: What happens in the organisation meanwhile.
        on_day: The day on which it begins; None for any.
        reviewer: Who reads the alerts.
        apps: Names of the apps that its rows number; others are made up.
    """

    name: str
    case: str
    what: str
    draw: Draw
    days: int = 1
    who: str = "person"
    accounts: Callable[[float], int] = _one
    upheaval: str = ""
    on_day: int | None = None
    reviewer: str = "present"
    apps: tuple[str, ...] = ()


def _daily(days: int, hours: tuple[int, ...]) -> Integers:
    return np.add.outer(np.arange(days) * _DAY, hours).ravel().astype(np.int64)


def _grow(daily: float, files: int, size: int, days: int) -> Draw:
    """Grow both amounts by a share a day; 0 files or bytes stay at a harmless number."""

    def draw(rng: np.random.Generator, _largest: int, scale: float) -> Doing:
        factor = (1 + daily) ** np.arange(days)
        many = np.full(days, 5) if not files else np.minimum(scale * files * factor, scale * 5500)
        large = many * 20_000 if not size else np.minimum(scale * size * factor, scale * 140 * size)
        return doing(np.arange(days) * _DAY + int(rng.integers(8, 16)), many.astype(np.int64), large.astype(np.int64))

    return draw


def _drip(files: int, size: int, hours: tuple[int, ...], days: int) -> Draw:
    """Upload the same in each of the hours; the size is that of the drops, never above 24 of 25 of the floors."""

    def draw(_rng: np.random.Generator, _largest: int, scale: float) -> Doing:
        most = 0.96 * min(FLOOR_FILES / files if files else 99, FLOOR_BYTES / size)
        share = min(scale, most)
        # What the drops cannot grow, the days do.
        length = min(int(days * max(1.0, scale / most)), 60)
        return doing(_daily(length, hours), max(1, round(share * files)), int(share * size))

    return draw


def _once(files: int, size: int, hours: int = 2, **more: int) -> Draw:
    """Upload all within some hours of a working day."""

    def draw(rng: np.random.Generator, _largest: int, scale: float) -> Doing:
        at = int(rng.integers(7, 16))
        each = max(1, round(scale * files / hours))
        return doing(at + np.arange(hours), each, int(scale * size / hours), **more)

    return draw


def _decoy_then_loot(rng: np.random.Generator, _largest: int, scale: float) -> Doing:
    """Upload harmless archives at eight, and the loot eight hours later, once the alert is reviewed."""
    at = 8 + int(rng.integers(0, 3))
    return doing([at, at + 8, at + 9], [1500, 400, 400], [30 * _GB, *[int(scale * 50 * _GB)] * 2], decoy=[1, 0, 0])


def _after_a_review(rng: np.random.Generator, _largest: int, scale: float) -> Doing:
    """Upload something large that is harmless, and as much again four days apart, four times."""
    hours = int(rng.integers(8, 16)) + _DAY * 4 * np.arange(5)
    files, size = int(scale * 1500), int(scale * 5 * _GB)
    return doing(hours, files, size, decoy=[1, 0, 0, 0, 0])


def _habit(rng: np.random.Generator, _largest: int, scale: float) -> Doing:
    """Upload what is harmless, a tenth more each day for a month, and steal in the end."""
    files = (30 * 1.1 ** np.arange(30)).astype(np.int64)
    hours = np.arange(31) * _DAY + int(rng.integers(8, 16))
    return doing(
        hours,
        [*files, int(scale * 2000)],
        [*(files * _MB), int(scale * 5 * _GB)],
        decoy=[1] * 30 + [0],
    )


def _rotating(what: str, draws: int) -> Draw:
    """Upload 2000 files in an afternoon, each hour by another app or to another provider."""

    def draw(rng: np.random.Generator, _largest: int, scale: float) -> Doing:
        at = int(rng.integers(8, 12)) + np.arange(draws)
        turns = np.arange(draws)
        files, size = max(1, int(scale * 2000 / draws)), int(scale * 4 * _GB / draws)
        return doing(at, files, size, **({"app": turns} if what == "app" else {"source": turns % 2}))

    return draw


def _many_accounts(files: int, size: int, each: int) -> tuple[Draw, Callable[[float], int]]:
    """Share loot among accounts so that each stays at so many files; the size is their number."""

    def accounts(scale: float) -> int:
        return max(2, round(scale * files / each))

    def draw(rng: np.random.Generator, _largest: int, scale: float) -> Doing:
        number = accounts(scale)
        at = int(rng.integers(8, 16))
        return doing(np.full(number, at), each, size * each // files, account=np.arange(number))

    return draw, accounts


def _own_group(rng: np.random.Generator, _largest: int, scale: float) -> Doing:
    """Have twelve accounts of one's own use a new app, so that the thief's upload looks like a rollout."""
    at = int(rng.integers(8, 16))
    return doing(
        np.full(12, at),
        [int(scale * 2000), *[120] * 11],
        [int(scale * 5 * _GB), *[240 * _MB] * 11],
        account=np.arange(12),
        app=0,
        decoy=[0, *[1] * 11],
    )


def _as_usual(_rng: np.random.Generator, largest: int, scale: float) -> Doing:
    """Upload as much as one's own largest window, day by day for a fortnight."""
    files = max(10, int(scale * largest))
    return doing(_daily(14, (14,)), files, files * _MB)


def _every(days: int, files: int, size: int) -> Draw:
    """Upload one batch, pause for some days, and so on for four weeks."""

    def draw(_rng: np.random.Generator, _largest: int, scale: float) -> Doing:
        hours = np.arange(0, 28, days) * _DAY + 10
        return doing(hours, max(1, int(scale * files)), int(scale * size))

    return draw


def _in_the_rollout(app: int, day: int) -> Draw:
    def draw(rng: np.random.Generator, _largest: int, scale: float) -> Doing:
        return doing([day * _DAY + int(rng.integers(8, 16))], int(scale * 800), int(scale * 400 * _MB), app=app)

    return draw


_SPLIT, _SPLIT_ACCOUNTS = _many_accounts(2000, 4 * _GB, 45)
_GUESTS, _GUESTS_ACCOUNTS = _many_accounts(6000, 12 * _GB, 400)
_ALL_DAY = tuple(range(1, 24, 3))
_NIGHT = (0, 1, 2, 3)

WAYS: Mapping[str, Way] = {
    way.name: way
    for way in (
        Way("growth", "T1", "Grows by 20 % a day for 27 days.", _grow(0.2, 40, 40 * _MB, 27), 28),
        Way("slow growth", "T1", "Grows by 8 % a day for 50 days.", _grow(0.08, 40, 40 * _MB, 50), 51),
        Way("growth of bytes", "T1", "Bytes grow by 20 % a day, five files stay.", _grow(0.2, 0, 40 * _MB, 27), 28),
        Way("growth of files", "T1", "Tiny files grow by 20 % a day.", _grow(0.2, 40, 0, 27), 28),
        Way("drip", "T2", "48 files and 96 MB every three hours for 20 days.", _drip(48, 96 * _MB, _ALL_DAY, 20), 61),
        Way("drip of bytes", "T2", "One file of 95 MB in every three hours.", _drip(1, 95 * _MB, _ALL_DAY, 20), 61),
        Way("drip of files", "T2", "47 tiny files in every three hours.", _drip(47, _MB, _ALL_DAY, 20), 61),
        Way("one short of the floor", "T2", "49 files once a day for 30 days.", _drip(49, 90 * _MB, (10,), 30), 61),
        Way("only nights", "T2", "A drip between midnight and four.", _drip(12, 24 * _MB, _NIGHT, 28), 61),
        Way("overwritten", "T3", "24 archives of 20 GB, each replaced by one byte.", _once(24, 480 * _GB, hidden=1)),
        Way("deleted files", "T3", "800 files, deleted before they were looked up.", _once(800, 8 * _GB, hidden=1)),
        Way("big, then tiny saves", "T4", "Eight big files, saved again and again.", _once(8, 10 * _GB, 1)),
        Way("decoy", "T5", "A decoy, and 100 GB once it is reviewed.", _decoy_then_loot, reviewer="prompt"),
        Way("after a review", "T6", "As much again after a benign review, four times.", _after_a_review, 18),
        Way("never seen, files", "T7", "A new guest uploads 2000 files.", _once(2000, 2 * _GB), who="guest"),
        Way("never seen, bytes", "T7", "A new user uploads 10 GB in five files.", _once(5, 10 * _GB), who="newcomer"),
        Way("many guests", "T7", "15 new guests on one day, 400 files each.", _GUESTS, 1, "guest", _GUESTS_ACCOUNTS),
        Way(
            "within a rollout", "T8", "As in the rollout around, by its app.", _in_the_rollout(0, 2), 8,
            upheaval="rollout", on_day=UPHEAVAL_DAY, apps=("Folder redirection",),
        ),
        Way(
            "after a rollout", "T8", "800 files a week after the rollout began.", _in_the_rollout(-1, 9), 12,
            upheaval="rollout", on_day=UPHEAVAL_DAY,
        ),
        Way(
            "within a migration", "T9", "On the migration's weekend, by its app.", _in_the_rollout(0, 5), 8,
            upheaval="migration", on_day=UPHEAVAL_DAY, apps=("Migration tool",),
        ),
        Way(
            "after a migration", "T9", "800 files a week after the migration.", _in_the_rollout(-1, 12), 14,
            upheaval="migration", on_day=UPHEAVAL_DAY,
        ),
        Way("rotating apps", "", "2000 files, every hour by another app.", _rotating("app", 6)),
        Way("rotating providers", "", "2000 files, every hour to another provider.", _rotating("source", 6)),
        Way("split over accounts", "", "2000 files, 45 by each account.", _SPLIT, accounts=_SPLIT_ACCOUNTS),
        Way("own group", "", "A new app, by twelve accounts of the thief.", _own_group, accounts=lambda _scale: 12),
        Way("below the floor, one day", "", "48 files in each window of a day.", _drip(48, 96 * _MB, _ALL_DAY, 1), 8),
        Way("pauses", "", "150 files and 300 MB every fourth day.", _every(4, 150, 300 * _MB), 29),
        Way("every day", "", "180 files and 250 MB a day for four weeks.", _every(1, 180, 250 * _MB), 29),
        Way("habit first", "", "A month of harmless growth, then 2000 files.", _habit, 32),
        Way("as usual", "", "A heavy user's own largest window, daily.", _as_usual, 15, "heavy"),
        Way("month's end", "", "1000 files on the last days of a month.", _once(1000, 2 * _GB), on_day=_MONTH_END),
        Way("weekend", "", "1000 files on a Sunday.", _once(1000, 2 * _GB), on_day=_SUNDAY),
        Way("service account", "", "Added to a nightly job.", _once(2000, 20 * _GB), who="service"),
        Way("dormant account", "", "From an account that was idle for a month.", _once(1000, 2 * _GB), who="dormant"),
    )
}  # fmt: skip
