"""Thefts: labels lie where uploads were put in, and leave all others as they were."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import numpy as np
import pytest

from bench.detection import DAYS, HISTORY_DAYS, UPHEAVAL_DAY, Setting, prepare
from bench.evasion_ways import SCALES, WAYS, Way
from bench.ordinary_hours import START, Hours, make_organisation, user_names, write_hours
from bench.played import connect
from bench.thefts import FLOOR_BYTES, FLOOR_FILES, MANNERS, Cast, commit, doing, plan_thefts
from bench.upheavals import AFTER_DAYS, UPHEAVALS, upset

EPOCH = datetime.combine(START, time())
ORGANISATION = make_organisation("agency", 5, 300, DAYS)
RNG = np.random.default_rng(0)


def test_labels_lie_where_uploads_were_put_in() -> None:
    """Prevents a theft from being looked for on another day, or on an account that did nothing."""
    thefts = plan_thefts(ORGANISATION, 2 * len(MANNERS), HISTORY_DAYS + 2, DAYS - 2)
    assert {theft.manner for theft in thefts} == set(MANNERS)
    names = user_names(len(ORGANISATION.actor))
    for theft in thefts:
        loot = theft.rows.take(theft.stolen)
        assert theft.start == EPOCH + timedelta(hours=int(loot.hour.min()))
        assert theft.end == EPOCH + timedelta(hours=int(loot.hour.max()) + 1)
        assert {names[person] for person in theft.rows.person} == set(theft.users)
        assert theft.files > 0
        assert theft.gone_by(theft.start) == (0, 0)
        assert theft.gone_by(theft.end) == (theft.files, theft.bytes)
    everybody = [user for theft in thefts for user in theft.users]
    assert len(everybody) == len(set(everybody))


def test_thefts_are_added_to_ordinary_work() -> None:
    """Prevents thieves whose days hold nothing else, which any rule finds."""
    [theft] = plan_thefts(ORGANISATION, 1, HISTORY_DAYS + 2, DAYS - 2, [MANNERS["burst of 1000 files"]])
    with connect() as con:
        sums = []
        for hours in (ORGANISATION.hours, Hours.concat(ORGANISATION.hours, theft.rows)):
            write_hours(con, ORGANISATION, hours)
            rows = con.execute('SELECT "user", sum(files), sum(bytes) FROM hours GROUP BY ALL').fetchall()
            sums.append({user: amounts for user, *amounts in rows})
    before, after = sums
    [user] = theft.users
    assert before[user][0] > 0
    assert after[user] == [before[user][0] + theft.files, before[user][1] + theft.bytes]
    assert {name: amounts for name, amounts in after.items() if name != user} == {
        name: amounts for name, amounts in before.items() if name != user
    }


@pytest.mark.parametrize("who", ["newcomer", "guest"])
def test_newcomers_were_never_seen(who: str) -> None:
    """Prevents a newcomer's theft from being judged by a history."""
    account = Cast(ORGANISATION, np.random.default_rng(1)).draw(who, 80)
    own = ORGANISATION.hours.hour[ORGANISATION.hours.person == account]
    assert (own >= 80 * 24).all()
    assert ORGANISATION.actor[account] == (who == "guest")


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.95])
def test_a_drip_stays_below_both_floors_in_every_window(share: float) -> None:
    """Prevents drips that one window shows, so that a rule on windows seems to find them."""
    did = MANNERS[f"drip at {share:g}"].draw(RNG, 0)
    for first in range(3):
        window = (did.hour + first) // 3
        assert np.bincount(window, did.files).max() < FLOOR_FILES
        assert np.bincount(window, did.bytes).max() < FLOOR_BYTES


def test_what_is_hidden_is_lost_and_not_logged() -> None:
    """Prevents files that were deleted from counting as nothing in the loss, or as known in the log."""
    theft = commit(ORGANISATION, MANNERS["at night"], doing([9], 24, 480, hidden=1), [3], 80)
    assert theft.bytes == 480
    assert list(theft.rows.bytes) == [-1]


@pytest.mark.parametrize("name", UPHEAVALS)
def test_an_upheaval_leaves_thieves_alone(name: str) -> None:
    """Prevents a pair of runs whose thefts differ, so that the difference says nothing about the upheaval."""
    thieves = set(range(0, 40, 2))
    first = UPHEAVAL_DAY
    assert (START + timedelta(days=first)).weekday() == 0
    changed = upset(ORGANISATION, name, thieves, first)

    def of_thieves(hours: Hours) -> list[tuple[int, ...]]:
        rows = zip(hours.person.tolist(), hours.hour.tolist(), hours.files.tolist(), strict=True)
        return sorted(row for row in rows if row[0] in thieves)

    assert of_thieves(changed) == of_thieves(ORGANISATION.hours)

    def during(hours: Hours) -> int:
        inside = (hours.hour >= first * 24) & (hours.hour < (first + UPHEAVALS[name].days) * 24)
        return int(hours.files[inside].sum())

    was, now = during(ORGANISATION.hours), during(changed)
    assert max(was / now, now / was) > 1.2


@pytest.mark.parametrize("name", UPHEAVALS)
def test_thefts_follow_an_upheaval(name: str) -> None:
    """Prevents thefts that an upheaval could not have hidden, and those so long that most of them is far from it."""
    organisation, thefts = prepare("office", 1, Setting(people=300, upheaval=name))
    over = EPOCH + timedelta(days=UPHEAVAL_DAY + UPHEAVALS[name].days)
    assert thefts
    for theft in thefts:
        assert over <= theft.start < over + timedelta(days=AFTER_DAYS + 1)
        assert theft.end - theft.start < timedelta(days=2)
    again = prepare("office", 1, Setting(people=300, upheaval=name, reviewer="absent", budget=5))[1]
    assert [theft.users for theft in again] == [theft.users for theft in thefts]
    assert organisation.days == DAYS


@pytest.mark.parametrize("way", WAYS.values(), ids=lambda way: way.name)
def test_a_way_can_be_gone_at_every_size(way: Way) -> None:
    """Prevents a size that stays the same, so that the largest that passes is wrong, or one that takes too long."""
    sizes = []
    for scale in SCALES:
        did = way.draw(np.random.default_rng(7), 40, scale)
        assert did.hour.max() < way.days * 24 + 24
        assert did.account.max() < way.accounts(scale)
        stolen = did.decoy == 0
        sizes.append((int(did.files[stolen].sum()), int(did.bytes[stolen].sum())))
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] < sizes[-1] or way.name == "one short of the floor"
