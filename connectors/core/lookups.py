"""File look-ups in groups: one list answers for a group, and several groups run in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from queue import SimpleQueue
from threading import Lock

from connectors.core.errors import AnswerError, ConnectorError, StoppedError
from connectors.core.types import FileQuestion, FileSize

__all__ = ["BULK_FROM", "THREADS", "Unreadable", "grouped", "in_parallel", "is_overtaken"]

BULK_FROM = 3
"""Smallest number of files for which a list request is cheaper than single ones."""
THREADS = 8
"""Groups looked up in parallel, since round trips take longer than the quota requires. The limiter keeps the quota."""

_SURE = timedelta(seconds=10)
"""A version made within this time after the event is the event's, as in ``detection/sql/sizes/answers.sql``."""
MOST_UNREADABLE = 10
"""Number of unreadable answers in a row that single files can no longer explain."""

Key = tuple[str, ...]


class Unreadable:
    """Counter of unreadable answers about single files. A few only leave those sizes unknown; many are an error."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def bear(self, error: AnswerError) -> None:
        """Count an answer that can't be read.

        Raises:
            AnswerError: There were too many in a row.
        """
        self._in_a_row += 1
        if self._in_a_row >= MOST_UNREADABLE:
            raise error

    def read(self) -> None:
        """Reset the count after an answer that could be read."""
        self._in_a_row = 0


def is_overtaken(question: FileQuestion, present: FileSize) -> bool:
    """Return whether the present version may differ from the upload's, so that earlier versions are worth a request."""
    if question.saves > 1 or present.modified_at is None:
        return True
    return present.modified_at > question.since + _SURE


def grouped(
    questions: Sequence[FileQuestion], key: Callable[[FileQuestion], Key]
) -> list[dict[tuple[str, str], FileQuestion]]:
    """Group questions by their key, the group of the most important question first.

    Returns:
        Each group's questions by file and version; the earliest if several are about the same version.
    """
    groups: dict[Key, dict[tuple[str, str], FileQuestion]] = {}
    for question in questions:
        group = groups.setdefault(key(question), {})
        known = group.get((question.file_id, question.version))
        if known is None or question.since < known.since:
            group[question.file_id, question.version] = question
    return list(groups.values())


def in_parallel(
    groups: Sequence[dict[tuple[str, str], FileQuestion]],
    look_up: Callable[[dict[tuple[str, str], FileQuestion]], Iterator[FileSize]],
) -> Iterator[FileSize]:
    """Yield the answers of all groups as they arrive; start the groups in order.

    After an error no group is started; the answers of groups in progress are yielded before the error is raised.

    Raises:
        ConnectorError: As ``look_up``.
        StoppedError: As ``look_up``.
    """
    waiting, turn, ended = iter(groups), Lock(), False
    answers: SimpleQueue[FileSize | None] = SimpleQueue()
    failures: list[ConnectorError | StoppedError] = []

    def work() -> None:
        try:
            while not failures and not ended:
                with turn:
                    group = next(waiting, None)
                if group is None:
                    return
                for answer in look_up(group):
                    answers.put(answer)
        except (ConnectorError, StoppedError) as error:
            failures.append(error)
        finally:
            answers.put(None)

    running = min(THREADS, len(groups))
    with ThreadPoolExecutor(max(running, 1), thread_name_prefix="sizes") as pool:
        futures = [pool.submit(work) for _ in range(running)]
        try:
            while running:
                answer = answers.get()
                if answer is None:
                    running -= 1
                else:
                    yield answer
        finally:
            ended = True
        for future in futures:
            future.result()
    if failures:
        raise failures[0]
