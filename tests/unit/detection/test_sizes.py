"""Sizes that the log does not carry: what is asked and in which order, what answers tell, and estimates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.saves import count_saves
from detection.sql import into
from detection.tables import TABLES
from tests.support.memory import connect

NOON = datetime(2026, 3, 4, 12)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
NOW = NOON + 6 * HOUR
Row = dict[str, Any]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as con:
        yield con


def make(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    """Make a table with the columns of its kind; columns that a row does not name are NULL."""
    columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES[table])
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        con.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def upload(key: str = "e1", **more: Any) -> Row:
    """An upload at noon whose size the log does not tell."""
    named = {"provider": "box", "event_key": key, "asset": 0, "time": NOON, "user": "ada@example.com"}
    return {**named, "file_id": f"file-{key}", "extension": "pdf", "asker": "ada", **more}


def answer(state: str = "found", size: int | None = 10, made: datetime | None = NOON, **more: Any) -> Row:
    """An answer about the file of ``upload()``, an hour after it."""
    row = {"file_id": "file-e1", "asked_version": "", "state": state, "bytes": size, "version": "", "modified_at": made}
    return {**row, "checked_at": NOON + HOUR, **more}


def sized(con: duckdb.DuckDBPyConnection, uploads: Sequence[Row], answers: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Size, its source and the estimate of each upload; a typical pdf weighs 500 at Box and 700 in all."""
    make(con, "logged_uploads", uploads)
    make(con, "file_sizes", answers)
    usual = [("box", "pdf", 500), ("all", "pdf", 700), ("all", "zip", 900)]
    make(con, "typical_sizes", [{"scope": scope, "extension": ext, "bytes": size} for scope, ext, size in usual])
    into(con, "answers", "sizes/answers")
    into(con, "uploads", "sizes/uploads")
    return con.execute("SELECT bytes, size_source, estimated_bytes FROM uploads").fetchall()


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], (None, "unknown", None)),
        ([answer(made=NOON + 10 * SECOND)], (10, "recovered", None)),
        ([answer(made=NOON - 400 * HOUR)], (10, "recovered", None)),
        ([answer(made=NOON + 11 * SECOND)], (None, "later_version", 500)),
        ([answer(made=NOON + 4 * MINUTE)], (None, "later_version", 500)),
        ([answer(made=None)], (None, "later_version", 500)),
        ([answer(made=NOON - HOUR, checked_at=NOON - MINUTE)], (None, "unknown", None)),
        ([answer("gone", None, None)], (None, "estimated", 500)),
        ([answer("denied", None, None)], (None, "unknown", None)),
        ([answer("failed", None, None)], (None, "unknown", None)),
        ([answer(file_id="another")], (None, "unknown", None)),
        ([answer(size=-4)], (None, "unknown", None)),
        (
            [
                answer(size=10),
                answer(size=20, made=NOON + 5 * SECOND, checked_at=NOON + 2 * HOUR),
                answer(size=30, made=NOON + 3 * HOUR, checked_at=NOON + 4 * HOUR),
                answer("gone", None, None, checked_at=NOON + 12 * HOUR),
            ],
            (20, "recovered", None),
        ),
        (
            [answer(size=40, made=NOON + 5 * HOUR), answer(size=30, made=NOON + 3 * HOUR)],
            (None, "later_version", 500),
        ),
    ],
)
def test_answers(con: duckdb.DuckDBPyConnection, known: list[Row], expected: tuple[Any, ...]) -> None:
    """Prevents a later version's size, or that of a look-up before the upload, from passing for the upload's."""
    assert sized(con, [upload()], known) == [expected]


def test_a_version_that_the_log_names_decides_alone(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a file's present version from passing for the one uploaded because it was saved soon after."""
    first, second = upload("e1", version="v1"), upload("e2", version="v2", file_id="file-e1", time=NOON + HOUR)
    late = NOON + 3 * HOUR
    known = [
        answer(size=1, version="v1", asked_version="v1", made=late, checked_at=late),
        answer(size=2, version="v2", asked_version="v2", made=late, checked_at=late),
    ]
    assert sized(con, [first, second], known) == [(1, "recovered", None), (2, "recovered", None)]
    assert sized(con, [first], known[1:]) == [(None, "later_version", 500)]


def saves(*after: timedelta, **more: Any) -> list[Row]:
    """Return saves of one file, so long after noon."""
    return [upload(f"e{n + 1}", file_id="file-e1", time=NOON + at, **more) for n, at in enumerate(after)]


@pytest.mark.parametrize("after", [1 * SECOND, 5 * SECOND, 60 * SECOND, 4 * MINUTE, 3 * HOUR])
def test_what_was_saved_over_an_upload_is_not_its_size(con: duckdb.DuckDBPyConnection, after: timedelta) -> None:
    """Prevents an archive that is overwritten by one byte, however soon, from counting as one byte, or as nothing."""
    present = answer(size=1, version="2.0", made=NOON + after)
    first = answer(size=20 * 10**9, version="1.0", made=NOON)
    late = [{**row, "checked_at": NOON + 4 * HOUR} for row in (present, first)]
    archive = saves(0 * SECOND, after)
    assert sized(con, archive, late[:1]) == [(None, "later_version", 500), (1, "recovered", None)]
    assert sized(con, archive, late) == [(20 * 10**9, "recovered", None), (1, "recovered", None)]


def test_an_old_time_of_the_disk_is_no_proof_where_a_file_was_saved_again(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a version with a made-up time of years ago from passing for the first upload, whose version is gone."""
    old = [answer(size=1, made=NOON - 9000 * HOUR, checked_at=NOON + 2 * HOUR)]
    assert sized(con, saves(0 * HOUR, HOUR), old) == [(None, "later_version", 500)] * 2
    assert sized(con, saves(0 * HOUR), old) == [(1, "recovered", None)]


def test_a_version_after_a_missing_one_is_not_that_of_an_upload_before_it(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a version that was deleted from the list from leaving its successor to stand in for it."""
    second = answer(size=1, version="2.0", made=NOON + 2 * SECOND)
    missing = answer("gone", None, NOON + 2 * SECOND, version="1.0")
    assert sized(con, saves(0 * SECOND), [second, missing]) == [(None, "later_version", 500)]
    assert sized(con, saves(2 * SECOND), [second, missing]) == [(1, "recovered", None)]
    assert sized(con, saves(0 * SECOND), [second]) == [(1, "recovered", None)]


def test_two_versions_of_one_record_count_as_the_larger(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a record that stands for an upload and a save right after it from having the smaller size."""
    versions = [answer(size=9, version="1.0", made=NOON), answer(size=1, version="2.0", made=NOON + 5 * SECOND)]
    assert sized(con, saves(0 * SECOND), versions) == [(9, "recovered", None)]
    assert con.execute("SELECT left_bytes FROM uploads").fetchall() == [(1,)]


@pytest.mark.sampled
def test_big_files_and_thousands_of_tiny_saves_leave_the_big_versions(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents ten gigabytes from counting as a few megabytes since tiny saves of the same files followed at once."""
    big, tiny = 1_250_000_000, 20_000
    uploads, known = [], []
    for file in range(8):
        for n in range(250):
            at = NOON + n * 1.2 * SECOND
            uploads.append(upload(f"e{file}-{n}", file_id=f"f{file}", time=at))
            found = answer(size=tiny if n else big, file_id=f"f{file}", version=f"{n + 1}.0", made=at)
            known.append({**found, "checked_at": NOON + HOUR})
    sized(con, uploads, known)
    con.execute("ALTER TABLE uploads ADD COLUMN has_address BOOLEAN DEFAULT TRUE")
    count_saves(con)
    hours = con.execute("SELECT files, saves, sized_files, bytes FROM user_hours").fetchall()
    assert hours == [(8, 2000, 8, 8 * big)]
    # Of some only the last version is left: unknown, and neither nothing nor the tiny size.
    sized(con, uploads, [row for row in known if row["version"] == "250.0" or row["file_id"] > "f3"])
    con.execute("ALTER TABLE uploads ADD COLUMN has_address BOOLEAN DEFAULT TRUE")
    count_saves(con)
    hours = con.execute("SELECT files, saves, sized_files, bytes FROM user_hours").fetchall()
    assert hours == [(8, 2000, 4, 4 * big + 4 * tiny)]


def test_the_log_wins_and_an_estimate_is_no_size(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents an estimate in the sum of bytes, and an estimate for a kind of file that too few were measured of."""
    gone = [answer("gone", None, None, file_id=f"file-e{n}") for n in (1, 2, 3, 4)]
    uploads = [
        upload("e1"),
        upload("e2", extension="zip", time=NOON + MINUTE),
        upload("e3", extension="xyz", time=NOON + 2 * MINUTE),
        upload("e4", bytes=3, time=NOON + 3 * MINUTE),
    ]
    assert sized(con, uploads, gone) == [
        (None, "estimated", 500),
        (None, "estimated", 900),
        (None, "gone", None),
        (3, "log", None),
    ]
    con.execute("ALTER TABLE uploads ADD COLUMN has_address BOOLEAN DEFAULT TRUE")
    count_saves(con)
    columns = "files, sized_files, bytes, estimated_files, estimated_bytes"
    assert con.execute(f"SELECT {columns} FROM user_hours").fetchall() == [(4, 1, 3, 2, 1400)]


def opened(con: duckdb.DuckDBPyConnection, uploads: Sequence[Row], answers: Sequence[Row]) -> list[tuple[Any, ...]]:
    make(con, "logged_uploads", uploads)
    make(con, "file_sizes", answers)
    # An answer is kept with the day of the upload that asked.
    day = f"CASE WHEN checked_at < '{NOON.date()}' THEN DATE '{NOON.date()}' - 1 ELSE DATE '{NOON.date()}' END"
    con.execute(f"CREATE OR REPLACE TEMP VIEW dated_sizes AS SELECT *, {day} AS day FROM file_sizes")
    into(con, "open_uploads", "sizes/open", {"now": NOW, "floor_files": 50})
    return con.execute("SELECT file_id, state FROM open_uploads ORDER BY time, file_id").fetchall()


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ([], "open"),
        ([answer(checked_at=NOON + 5 * MINUTE)], None),
        ([answer("gone", None, None, checked_at=NOON + 5 * MINUTE)], None),
        ([answer(checked_at=NOON + 4 * MINUTE)], "open"),
        ([answer("denied", None, None)], "refused within a day"),
        ([answer("failed", None, None)], "refused within a day"),
        ([answer("denied", None, None, checked_at=NOW - timedelta(days=1))], "open"),
        ([answer("denied", None, None), answer(checked_at=NOON + 2 * HOUR)], None),
        ([answer(asked_version="v7")], "open"),
    ],
)
def test_nothing_is_asked_twice_without_need(
    con: duckdb.DuckDBPyConnection, known: list[Row], state: str | None
) -> None:
    """Prevents a quota spent on what is known, and on refusals repeated at every tick."""
    assert opened(con, [upload()], known) == ([("file-e1", state)] if state else [])


def test_days_do_not_mix(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents an answer kept with one day from leaving another day's upload of the file without any."""
    yesterday = NOON - timedelta(days=1)
    saves = [upload("e1", time=yesterday), upload("e1")]
    assert opened(con, saves, [answer(checked_at=yesterday + HOUR)]) == [("file-e1", "open")]
    burst = [upload(f"b{n}", time=yesterday) for n in range(60)]
    busy = [upload(f"o{n}", user=f"u{n % 30}@example.com") for n in range(60)]
    opened(con, [*burst, *busy, upload()], [])
    found = con.execute("SELECT day, bool_or(unusual) FROM open_uploads GROUP BY day ORDER BY day").fetchall()
    assert found == [(yesterday.date(), True), (NOON.date(), False)]


def test_what_can_not_be_asked_says_why(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents files that nobody can be asked about, or that are still being written, from using up the quota."""
    uploads = [
        upload("e1", asker=None),
        upload("e2", bytes=3),
        upload("e3", file_id=None),
        upload("e4", time=NOW - 4 * MINUTE),
    ]
    assert opened(con, uploads, []) == [("file-e1", "nobody to ask as"), ("file-e4", "too fresh")]


def asked(con: duckdb.DuckDBPyConnection, most: int = 1000) -> list[str]:
    into(con, "questions", "sizes/questions", {"most": most})
    return [key.removeprefix("file-") for (key,) in con.execute("SELECT file_id FROM questions").fetchall()]


def test_what_may_decide_an_alert_is_asked_first(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a binding quota from being spent on ordinary files while an archive stays unsized."""
    burst = [upload(f"b{n:03}", user="bulk@example.com", time=NOON + n * MINUTE / 10) for n in range(60)]
    others = [upload(f"o{n}", user=f"u{n}@example.com", time=NOON + n * MINUTE) for n in range(30)]
    telling = [
        upload("old", extension="7z", user="u1@example.com", time=NOON - HOUR),
        upload("dump", extension="sql", user="u2@example.com", time=NOON),
    ]
    opened(con, [*others, *burst, *telling], [])
    order = asked(con)
    assert order[:2] == ["dump", "old"]
    assert order[2:62] == [f"b{n:03}" for n in reversed(range(60))]
    assert order[62:] == [f"o{n}" for n in reversed(range(30))]
    assert asked(con, most=3) == order[:3]


def test_one_question_for_a_file_however_often_it_was_saved(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a file that is saved every minute from using up the quota, or an answer that misses a day."""
    saves = [upload(f"e{n}", file_id="f", time=NOON + n * MINUTE) for n in range(5)]
    opened(con, saves, [])
    con.execute("INSERT INTO open_uploads SELECT * REPLACE (day + 1 AS day) FROM open_uploads")
    into(con, "questions", "sizes/questions", {"most": 10})
    day = NOON.date()
    assert con.execute("SELECT file_id, since, days FROM questions").fetchall() == [
        ("f", NOON, [day, day + timedelta(days=1)])
    ]


def typical(con: duckdb.DuckDBPyConnection, sizes: Sequence[tuple[str, str, int]]) -> dict[tuple[str, str], int]:
    """Typical sizes of uploads of these providers, extensions and sizes."""
    rows = [upload(f"e{n}", provider=p, extension=ext, bytes=size) for n, (p, ext, size) in enumerate(sizes)]
    make(con, "logged_uploads", rows)
    make(con, "file_sizes", [])
    into(con, "answers", "sizes/answers")
    into(con, "measured_sizes", "sizes/measured")
    into(con, "typical_sizes", "sizes/typical", {"least_measured": 20})
    return {(scope, ext): size for scope, ext, _, size in con.execute("SELECT * FROM typical_sizes").fetchall()}


def test_a_typical_size_is_the_median_of_twenty_or_more(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents an estimate from a handful of files, and one that a single huge file moves."""
    sizes = [("box", "pdf", 1000 + n) for n in range(18)] + [("box", "pdf", 10**9), ("box", "pdf", 1)]
    sizes += [("dropbox", "pdf", 5_000_000)] * 19 + [("box", "zip", 1)] * 19
    found = typical(con, sizes)
    assert set(found) == {("box", "pdf"), ("all", "pdf")}
    assert found["box", "pdf"] == pytest.approx(1009, rel=0.02)


kept = st.lists(
    st.tuples(st.sampled_from(["box", "dropbox"]), st.sampled_from(["pdf", "zip"]), st.integers(0, 10**12)),
    max_size=80,
)


@settings(max_examples=30)
@given(kept, st.randoms())
def test_typical_sizes_do_not_depend_on_order_and_are_near_the_median(sizes, random) -> None:
    """Prevents estimates, and with them alerts, that differ with the order in which days were made."""
    shuffled = list(sizes)
    random.shuffle(shuffled)
    with connect() as con:
        found = typical(con, sizes)
        assert typical(con, shuffled) == found
    for (scope, extension), size in found.items():
        ordered = sorted(s for p, ext, s in sizes if ext == extension and scope in (p, "all"))
        assert size == pytest.approx(ordered[(len(ordered) - 1) // 2], rel=0.03, abs=1)


answers_ = st.lists(
    st.tuples(
        st.sampled_from(["found", "gone", "denied", "failed"]),
        st.integers(0, 9),
        st.integers(-60, 600),
        st.integers(0, 700),
        st.sampled_from(["", "v1", "v2"]),
    ),
    max_size=12,
)


@pytest.mark.sampled
@settings(max_examples=60)
@given(answers_, st.integers(0, 12), st.randoms())
def test_answers_in_any_order_pieces_and_repeats_give_the_same_size(told, cut, random) -> None:
    """Prevents sizes that depend on which run asked first, or on an answer that came twice."""
    rows = [
        answer(
            state,
            size if state == "found" else None,
            NOON + made * MINUTE if state == "found" else None,
            checked_at=NOON + checked * MINUTE,
            version=version if state == "found" else "",
        )
        for state, size, made, checked, version in told
    ]
    again = [*rows, *rows[:cut]]
    random.shuffle(again)
    with connect() as con:
        assert merged(con, [again[:cut], again[cut:]]) == merged(con, [rows])


def merged(con: duckdb.DuckDBPyConnection, pieces: Sequence[Sequence[Row]]) -> list[tuple[Any, ...]]:
    """The size of an upload after answers were added to the cache piece by piece."""
    make(con, "file_sizes", [])
    for piece in pieces:
        con.execute("CREATE OR REPLACE TEMP TABLE cached AS SELECT * FROM file_sizes")
        make(con, "file_sizes", piece)
        con.execute("CREATE OR REPLACE TEMP TABLE answered AS SELECT * FROM file_sizes")
        into(con, "file_sizes", "sizes/cache")
    names = [column.name for column in TABLES["file_sizes"]]
    kept_rows = [dict(zip(names, row, strict=True)) for row in con.execute("SELECT * FROM file_sizes").fetchall()]
    return [*sized(con, [upload()], kept_rows), *((kept,) for kept in sorted(map(str, kept_rows)))]
