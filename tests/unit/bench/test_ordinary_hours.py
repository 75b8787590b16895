"""Made-up organisations: the same by seed, with the product's columns, and unlike one another."""

from __future__ import annotations

from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest

from bench.habits import JUDGING, KINDS, TUNING, seeds_of
from bench.ordinary_hours import Hours, Organisation, make_organisation, write_hours
from bench.played import connect
from detection.tables import TABLES, arrow_schema


def same(one: Organisation, other: Organisation) -> bool:
    return all(np.array_equal(getattr(one.hours, each.name), getattr(other.hours, each.name)) for each in fields(Hours))


@pytest.mark.parametrize("kind", KINDS)
def test_an_organisation_is_the_same_by_seed(kind: str) -> None:
    """Prevents figures of a bench that nobody can run again."""
    made = make_organisation(kind, 3, 60, 40)
    assert same(made, make_organisation(kind, 3, 60, 40))
    assert not same(made, make_organisation(kind, 4, 60, 40))


def test_hours_have_the_columns_that_the_chain_reads() -> None:
    """Prevents a bench of tables that the product never makes."""
    made = make_organisation("office", 1, 60, 40)
    with connect() as con:
        write_hours(con, made, made.hours)
        written = con.sql("FROM hours LIMIT 0").to_arrow_table().schema
        assert written.names == [column.name for column in TABLES["user_hours"]]
        assert written.types == arrow_schema("user_hours").types
        [(rows, users_hours)] = con.execute(
            'SELECT count(*), count(DISTINCT ("user", provider, hour)) FROM hours'
        ).fetchall()
        assert rows == users_hours
        [(wrong,)] = con.execute(
            "SELECT count(*) FROM hours WHERE sized_files > files OR list_sum(map_values(apps)) <> saves"
        ).fetchall()
        assert wrong == 0


def test_what_is_saved_again_is_no_new_file() -> None:
    """Prevents autosave from counting as uploads in the bench, where the product counts a file once a day."""
    made = make_organisation("office", 1, 60, 40)
    with connect() as con:
        write_hours(con, made, made.hours)
        again = con.execute("SELECT files, again_files, saves FROM hours WHERE files = 0").fetchall()
    assert again
    assert all(saves == sum(lists) > 0 for _, lists, saves in again)


def test_nobody_uploads_before_joining_or_after_leaving() -> None:
    """Prevents guests and joiners from having a history that makes them known."""
    made = make_organisation("agency", 2, 200, 60)
    # Time zones may shift an upload by hours.
    day = (made.hours.hour + 12) / 24
    assert (day >= made.joined[made.hours.person] - 1).all()
    assert (day <= made.left[made.hours.person] + 1).all()
    assert (made.joined[made.actor == 1] > 0).any()


def test_busiest_windows_are_as_rare_as_among_real_people() -> None:
    """Prevents ordinary people so even that any burst stands out: real windows have 155 files in one of a hundred."""
    for kind in KINDS:
        made = make_organisation(kind, 1, 500, 60)
        person = made.actor[made.hours.person] == 0
        window = made.hours.person[person] * 10_000 + made.hours.hour[person] // 3
        files = np.bincount(np.unique(window, return_inverse=True)[1], made.hours.files[person])
        assert 60 < np.quantile(files, 0.99) < 2_000, kind
        assert np.quantile(files, 0.999) > 4 * np.quantile(files, 0.95), kind


def test_kinds_differ_in_their_habits() -> None:
    """Prevents one generator under several names, to which every rule can be fitted at once."""
    figures = {}
    for kind in KINDS:
        hours = make_organisation(kind, 1, 300, 60).hours
        sized = hours.bytes > 0
        figures[kind] = (len(hours.hour) / 300, np.median(hours.bytes[sized] / np.maximum(hours.files[sized], 1)))
    for one, other in combinations(figures.values(), 2):
        assert max(max(a / b, b / a) for a, b in zip(one, other, strict=True)) > 1.25


def test_tuning_and_judging_have_nothing_in_common() -> None:
    """Prevents rules from being judged on what they were chosen on."""
    assert not set(TUNING) & set(JUDGING)
    assert set(TUNING) | set(JUDGING) == set(KINDS)
    assert not set(seeds_of("tuning", 900)) & set(seeds_of("judging", 900))
