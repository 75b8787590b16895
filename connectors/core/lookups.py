"""Looking files up in groups: what one list can tell of together, several groups at once."""

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
"""Least number of files for which one list request is worth making."""
THREADS = 8
"""Groups looked up at once. Round trips take longer than the quota asks for; the quota is the limiter's business."""

_SURE = timedelta(seconds=10)
"""A version made so long after the event at most is that of the event, as in ``detection/sql/sizes/answers.sql``."""
MOST_UNREADABLE = 10
"""Number of unreadable answers in a row from which single files are no longer the cause."""

Key = tuple[str, ...]


class Unreadable:
    """Counts answers about single files that can't be read: a few cost those files their sizes, many are an error."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def bear(self, error: AnswerError) -> None:
        """Note an answer that can't be read.

        Raises:
            AnswerError: There were too many in a row.
        """
        self._in_a_row += 1
        if self._in_a_row >= MOST_UNREADABLE:
            raise error

    def read(self) -> None:
        """Note an answer that could be read."""
        self._in_a_row = 0


def is_overtaken(question: FileQuestion, present: FileSize) -> bool:
    """Return whether the present version need not be the upload's, so that the versions before are worth a request."""
    if question.saves > 1 or present.modified_at is None:
        return True
    return present.modified_at > question.since + _SURE


def grouped(
    questions: Sequence[FileQuestion], key: Callable[[FileQuestion], Key]
) -> list[dict[tuple[str, str], FileQuestion]]:
    """Group questions by their key, the group of the most important question first.

    Returns:
        Each group's questions by file and version, the earliest of those about the same.
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
    """The answers of all groups as they come, groups begun in their order.

    After an error no group is begun; what those in progress still tell is given before it is raised.

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
