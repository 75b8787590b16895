"""Counting of files and saves: a file once a day, its bytes where it grows, and its saves beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.allow_list import Entry
from detection.chain import add_up, cover, mark
from detection.parameters import Parameters, bind
from detection.saves import count_saves
from detection.sql import into
from detection.tables import TABLES, empty
from tests.support.memory import connect

MIDNIGHT = datetime(2026, 3, 4)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
USER = "ann@example.com"
MB, GB = 10**6, 10**9
LISTED = {"owner": "o@example.com", "reason": "sync", "expires": date(2100, 1, 1)}
Save = tuple[str | None, timedelta, int | None]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as con:
        yield con


def save(file: str | None, after: timedelta, size: int | None = 10, **more: Any) -> dict[str, Any]:
    """A save of a file, so long after midnight."""
    row = {"provider": "box", "asset": 0, "time": MIDNIGHT + after, "user": USER, "actor_class": "person"}
    return {**row, "kind": "edit", "file_id": file, "extension": "pdf", "bytes": size, "app": "Sync", **more}


def make(con: duckdb.DuckDBPyConnection, saves: Sequence[dict[str, Any]]) -> None:
    """Make ``user_hours`` of these saves."""
    con.execute(f"CREATE OR REPLACE TABLE logged AS {empty('uploads')}")
    for n, row in enumerate(saves):
        named = {"event_key": f"e{n}", **row}
        names = ", ".join(f'"{name}"' for name in named)
        con.execute(f"INSERT INTO logged ({names}) VALUES ({', '.join('?' * len(named))})", list(named.values()))
    con.execute("CREATE OR REPLACE TABLE uploads AS SELECT *, \"user\" LIKE '%@%' AS has_address FROM logged")
    count_saves(con)


def hours(con: duckdb.DuckDBPyConnection, columns: str = "files, sized_files, bytes, saves") -> list[tuple[Any, ...]]:
    """These columns of ``user_hours`` in order of time."""
    return con.execute(f"SELECT {columns} FROM user_hours ORDER BY provider, hour, actor_class").fetchall()


def windows(con: duckdb.DuckDBPyConnection) -> dict[int, tuple[int, int, int | None]]:
    """Return files, sized files and bytes of each three-hour window by its starting hour, whatever the floors."""
    con.execute(f"CREATE OR REPLACE TABLE baselines AS {empty('baselines')}")
    con.execute(
        "INSERT INTO baselines (population, scope, history_days, files_centre, files_newcomer_spread, "
        "files_max_centre, bytes_centre, bytes_newcomer_spread, bytes_max_centre) "
        "VALUES ('people', 'box', 90, -1, 1, 1, -1, 1, 1)"
    )
    con.execute("CREATE OR REPLACE TABLE active_scopes AS SELECT 'box' AS scope")
    cover(con, [])
    con.execute(f"CREATE OR REPLACE TABLE recent_sums AS {empty('recent_sums')}")
    bound = {**bind(Parameters(), MIDNIGHT), "floor_files": 0, "floor_bytes": 0}
    for query in ("scales", "period_totals", "scores"):
        into(con, query, query, bound)
    rows = con.execute("SELECT window_start, files, sized_files, bytes FROM scores").fetchall()
    return {int((start - MIDNIGHT) / HOUR): tuple(figures) for start, *figures in rows}


def test_a_document_that_is_saved_all_the_time_is_one_file(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents autosave from reading as a mass upload: 300 saves of a deck of 40 MB were 301 files and 12 GB."""
    make(con, [save("deck", 9 * HOUR + n * MINUTE / 6, 40 * MB + n) for n in range(301)])
    assert hours(con) == [(1, 1, 40 * MB + 300, 301)]


@pytest.mark.parametrize("kind", ["upload", "edit"])
@pytest.mark.parametrize("provider", ["box", "dropbox", "google_workspace", "office365"])
def test_saves_count_alike_at_every_provider(con: duckdb.DuckDBPyConnection, provider: str, kind: str) -> None:
    """Prevents one provider's name of a save from counting as a file of its own."""
    make(con, [save("a", n * MINUTE, 5, provider=provider, kind=kind) for n in range(4)])
    assert hours(con) == [(1, 1, 5, 4)]


def test_a_file_counts_once_a_day_and_its_bytes_where_they_come(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a tiny save beforehand from hiding what is uploaded later, and a second count of what was counted."""
    first = [save(f"f{n}", 3 * HOUR, 1) for n in range(8)]
    grown = [save(f"f{n}", 10 * HOUR, GB) for n in range(8)]
    shrunk = [save(f"f{n}", 15 * HOUR, 7) for n in range(8)]
    make(con, first + grown + shrunk)
    assert hours(con) == [(8, 8, 8, 8), (0, 0, 8 * (GB - 1), 8), (0, 0, 0, 8)]
    seen = windows(con)
    assert seen[10] == seen[8] == (8, 8, 8 * (GB - 1)), "the window of the upload has its files"
    assert seen[15] == (8, 8, 0)


def test_a_window_counts_a_file_once_however_often_its_hours_saved_it(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a file that is saved in each of three hours from counting three times in them."""
    make(con, [save("a", n * HOUR, 10 + n) for n in (8, 9, 10, 12)] + [save("b", 10 * HOUR), save("b", 12 * HOUR)])
    assert hours(con, "files, again_files") == [(1, None), (0, [1]), (1, [1]), (0, [2, 2])]
    assert {hour: files for hour, (files, _, _) in windows(con).items()} == dict.fromkeys((6, 7), 1) | dict.fromkeys(
        (8, 9, 10, 11, 12), 2
    )
    add_up(con)
    thirds = con.execute("SELECT files_windows, files_sum, files_max FROM day_sums WHERE scope = 'box'").fetchall()
    assert thirds == [(3, 5, 2)], "6 to 9, 9 to 12, 12 to 15"


def test_a_save_of_unknown_size_leaves_the_file_unsized_and_what_is_known_counted(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """Prevents an unknown version from counting as nothing, and from hiding gigabytes that are known."""
    make(con, [save("a", HOUR, 20 * GB), save("a", HOUR + MINUTE, None), save("b", HOUR, None), save("c", HOUR, 1)])
    assert hours(con) == [(3, 1, 20 * GB + 1, 4)]
    make(con, [save("b", HOUR, None)])
    assert hours(con) == [(1, 0, None, 1)]


def test_an_estimate_counts_once_a_file_and_is_what_lies_beyond_the_known(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents one file that was overwritten ten times from being estimated ten times."""
    lost = [save("a", n * MINUTE, None, estimated_bytes=500) for n in range(10)]
    make(con, [*lost, save("a", HOUR, 100), save("b", 0 * HOUR, None, estimated_bytes=500), save("b", HOUR, 900)])
    assert hours(con, "estimated_files, estimated_bytes") == [(2, 400), (0, None)]


def test_what_has_no_id_is_known_by_its_path_or_counts_alone(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a thousand uploads under one chosen name from counting as one, and a path that is saved as many."""
    path = [save(None, n * MINUTE, folder="Team", file_name="a.txt") for n in range(3)]
    other = [save(None, n * MINUTE, folder="Team", file_name="b.txt") for n in range(2)]
    nameless = [save(None, n * MINUTE, file_name="a.txt") for n in range(5)]
    make(con, [*path, *other, *nameless])
    assert hours(con) == [(7, 7, 70, 10)]


def test_users_sources_days_and_populations_do_not_share_a_file(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a colleague's save, or a service account's before, from making a user's upload no upload."""
    saves = [
        save("a", HOUR, user="app-1", actor_class="service"),
        save("a", 2 * HOUR),
        save("a", 2 * HOUR, user="ben@example.com"),
        save("a", 2 * HOUR, provider="dropbox"),
        save("a", 26 * HOUR),
        save("a", 3 * HOUR, user="app-1", actor_class="app"),
    ]
    make(con, saves)
    assert con.execute('SELECT "user", sum(files) FROM user_hours GROUP BY 1 ORDER BY 1').fetchall() == [
        (USER, 3),
        ("app-1", 1),
        ("ben@example.com", 1),
    ]


@pytest.mark.parametrize("by", ["app", "app_id"])
def test_apps_of_an_hour_are_those_of_every_save(con: duckdb.DuckDBPyConnection, by: str) -> None:
    """Prevents a first save with an allowed app from allowing what another app, or none, saves over it."""
    for apps, allowed in ((["Sync", "Sync"], True), (["Sync", "Web"], False), (["Sync", None], False)):
        make(con, [{**save("a", HOUR + n * MINUTE), by: app} for n, app in enumerate(apps)])
        con.execute(f"CREATE OR REPLACE TABLE detections AS {empty('detections')}")
        con.execute("CREATE OR REPLACE TABLE scored AS SELECT * EXCLUDE (allowed_by) FROM detections")
        con.execute(
            'INSERT INTO scored (population, scope, "user", window_start, window_end) VALUES (?, ?, ?, ?, ?)',
            ["people", "box", USER, MIDNIGHT + HOUR, MIDNIGHT + 4 * HOUR],
        )
        cover(con, [Entry.model_validate({"user": USER, by: "Sync", **LISTED})])
        mark(con, "judged", Parameters())
        [(found,)] = con.execute("SELECT allowed_by IS NOT NULL FROM judged").fetchall()
        assert found == allowed, apps


def totals(con: duckdb.DuckDBPyConnection, starts: Sequence[int]) -> tuple[Any, ...]:
    """Return files, sized files, bytes and saves of an alert whose windows start at these hours."""
    con.execute(f"CREATE OR REPLACE TABLE all_detections AS {empty('detections')}")
    for hour in starts:
        start = MIDNIGHT + hour * HOUR
        con.execute(
            'INSERT INTO all_detections (population, scope, "user", window_start, period_start, window_end) '
            "VALUES (?, ?, ?, ?, ?, ?)",
            ["people", "box", USER, start, start, start + 3 * HOUR],
        )
    con.execute("CREATE OR REPLACE TABLE detected_hours AS FROM user_hours")
    con.execute(
        'CREATE OR REPLACE TABLE openings AS SELECT ? AS "user", ? AS opening, ? AS closes',
        [USER, MIDNIGHT + min(starts) * HOUR, MIDNIGHT + 30 * HOUR],
    )
    into(con, "covered", "covered", {"since": MIDNIGHT})
    columns = "sum(files), sum(sized_files), sum(bytes), sum(saves)"
    return con.execute(f"SELECT {columns} FROM covered").fetchall()[0]


def test_an_alert_counts_each_file_once_over_all_its_hours(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents an alert of many hours from counting a file once for each that saved it, or not at all."""
    make(con, [save("a", n * HOUR, n) for n in (2, 8, 10, 11, 13)] + [save("b", 9 * HOUR)])
    assert totals(con, [8, 9, 10, 11]) == (2, 2, (8 - 2) + (10 - 8) + (11 - 10) + (13 - 11) + 10, 5)


saves_ = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.integers(0, 24 * 60 - 1),
        st.one_of(st.none(), st.integers(0, 1000)),
    ),
    min_size=1,
    max_size=14,
)


def drawn(saves: Sequence[tuple[str | None, int, int | None]]) -> list[dict[str, Any]]:
    return [save(file, minute * MINUTE, size, event_key=f"k{n}") for n, (file, minute, size) in enumerate(saves)]


def day_sums(con: duckdb.DuckDBPyConnection) -> tuple[int, int, int]:
    return con.execute("SELECT sum(files), coalesce(sum(bytes), 0), sum(saves) FROM user_hours").fetchall()[0]


@settings(max_examples=40, deadline=None)
@given(saves_, st.data())
def test_further_saves_of_counted_files_add_saves_alone_and_bytes_never_fall(saves, data) -> None:
    """Prevents a count of files that grows with their saves, and a later version that takes bytes away."""
    known = sorted({file for file, _, _ in saves if file})
    with connect() as con:
        make(con, drawn(saves))
        files, size, count = day_sums(con)
        names = [column.name for column in TABLES["user_hours"]]
        assert [column[0] for column in con.execute("FROM user_hours").description] == names
        assert files == len({file or n for n, (file, _, _) in enumerate(saves)})
        if known:
            one = st.tuples(
                st.sampled_from(known), st.integers(0, 24 * 60 - 1), st.one_of(st.none(), st.integers(0, 2000))
            )
            more = data.draw(st.lists(one, min_size=1, max_size=6))
            make(con, drawn([*saves, *more]))
            again, grown, counted = day_sums(con)
            assert (again, counted) == (files, count + len(more))
            assert grown >= size


@pytest.mark.sampled
@settings(max_examples=40, deadline=None)
@given(saves_, st.randoms(use_true_random=False))
def test_order_of_saves_changes_nothing_and_windows_count_distinct_files(saves, random) -> None:
    """Prevents counts that depend on the order in which events arrived, and windows that count a file twice."""
    rows = drawn(saves)
    with connect() as con:
        make(con, rows)
        told, seen = con.execute("FROM user_hours").fetchall(), windows(con)
        random.shuffle(rows)
        make(con, rows)
        assert con.execute("FROM user_hours").fetchall() == told
    for start in range(24):
        inside = {file or n for n, (file, minute, _) in enumerate(saves) if start * 60 <= minute < (start + 3) * 60}
        assert seen.get(start, (0,))[0] == len(inside)


@settings(max_examples=25, deadline=None)
@given(saves_, st.sets(st.integers(0, 21), min_size=1, max_size=1))
def test_an_alert_of_one_window_has_the_files_of_the_window(saves, starts) -> None:
    """Prevents an alert's totals from being other than those of its only window."""
    with connect() as con:
        make(con, drawn(saves))
        [start] = starts
        found = totals(con, [start])
        assert (found[0] or 0) == windows(con).get(start, (0,))[0]
