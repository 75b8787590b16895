"""Looking files up in groups, several at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors import FileQuestion, FileSize, UnavailableError
from connectors.core.lookups import THREADS, grouped, in_parallel

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
Group = dict[tuple[str, str], FileQuestion]


def questions(*users: str) -> list[FileQuestion]:
    return [FileQuestion(user, f"{n}", NOON) for n, user in enumerate(users)]


def told(group: Group) -> Iterator[FileSize]:
    yield from (FileSize(file_id, "found") for file_id, _ in group)


def test_groups_keep_the_order_of_their_most_important_question() -> None:
    """Prevents a quota from going to ordinary files first, and one file from being asked for twice."""
    early = FileQuestion("ann", "2", NOON - timedelta(hours=1))
    found = grouped([*questions("bea", "ann", "ann"), early, *questions("bea")], lambda q: (q.user,))
    assert [[(q.user, q.file_id) for q in group.values()] for group in found] == [
        [("bea", "0")],
        [("ann", "1"), ("ann", "2")],
    ]
    assert found[1]["2", ""].since == early.since


def test_a_failure_loses_no_answer_and_begins_nothing_more() -> None:
    """Prevents an outage from costing the answers given before it, or from being tried for every user there is."""
    begun = []
    first = threading.Event()

    def look_up(group: Group) -> Iterator[FileSize]:
        begun.append(group)
        yield from told(group)
        if len(begun) == 1:
            first.set()
        first.wait(5)
        raise UnavailableError("box", "GET /2.0/files", "down", "Run again.")

    answers = []
    with pytest.raises(UnavailableError):
        for answer in in_parallel(grouped(questions(*map(str, range(100))), lambda q: (q.user,)), look_up):
            answers.append(answer)
    assert 1 <= len(begun) <= THREADS
    assert len(answers) == len(begun)


def test_a_mistake_of_ours_is_raised_and_hangs_nothing() -> None:
    """Prevents a look-up that waits for ever for a thread that died."""

    def look_up(_: Group) -> Iterator[FileSize]:
        raise KeyError("a mistake")
        yield

    with pytest.raises(KeyError):
        list(in_parallel(grouped(questions("ann"), lambda q: (q.user,)), look_up))


def test_who_stops_listening_stops_the_asking() -> None:
    """Prevents threads that go on asking after a run has ended."""
    begun = []
    closing = threading.Event()

    def look_up(group: Group) -> Iterator[FileSize]:
        begun.append(group)
        if len(begun) > 1:
            closing.wait(10)
        yield from told(group)

    answers = in_parallel(grouped(questions(*map(str, range(1000))), lambda q: (q.user,)), look_up)
    next(answers)
    threading.Timer(0.2, closing.set).start()
    answers.close()  # type: ignore[attr-defined]
    assert len(begun) <= THREADS + 1
    assert list(in_parallel([], look_up)) == []
