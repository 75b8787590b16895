"""Sizes looked up in the sandbox's file APIs: what the log asks for is found, by few requests, and told truthfully."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from connectors import Connector, FileQuestion, FileSize, Limiter, Limits, Page, StoppedError, build
from detection.normalise import normalise
from detection.sql import into
from detection.tables import empty
from tests.support.memory import connect
from tests.support.sandbox_server import Client, serving, uploads

pytestmark = pytest.mark.sampled

PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
DAY = datetime(2026, 1, 5, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
NOW = "2026-01-06T00:00:00Z"
Row = dict[str, Any]


class Counted(Limiter):
    """A limiter that lets all go at once, and counts."""

    def __init__(self) -> None:
        super().__init__(None, 10**9, timedelta(minutes=1))
        self.requests = 0

    def wait(self, requests: int = 1) -> None:
        super().wait(requests)
        self.requests += requests


class Counting(Limits):
    """Limits that count the requests of each API."""

    def __init__(self) -> None:
        super().__init__(None)
        self.apis: dict[str, Counted] = {}

    def per_minute(self, api: str, requests: int) -> Limiter:
        return self.apis.setdefault(api, Counted())


class Recovery:
    """A provider's files, looked up as the pipeline does: what to ask comes out of the audit events."""

    def __init__(self, client: Client, provider: str, folder: Path) -> None:
        self._api = {"google_workspace": "google_drive", "office365": "graph"}.get(provider, provider)
        self._limits = Counting()
        self.con = connect()
        self.connector: Connector = build(provider, client.environment, now=lambda: NEXT, limits=self._limits)
        raw = folder / f"day={DAY:%Y-%m-%d}" / "events.ndjson"
        raw.parent.mkdir(exist_ok=True)
        pages = [page for page in self.connector.pages(DAY, NEXT) if isinstance(page, Page)]
        raw.write_bytes(b"\n".join(event for page in pages for event in page.events))
        normalise(self.con, provider, day=DAY.date(), raw_files=[str(raw)], organisation_domains=["example.com"])
        self.con.execute("ALTER TABLE uploads RENAME TO logged_uploads")
        self.con.execute(f"CREATE TEMP TABLE dated_sizes AS {empty('file_sizes', dated=True)}")
        self.names = dict(self.con.execute("SELECT file_id, file_name FROM logged_uploads").fetchall())
        self.reading = self._limits.apis[self._api].requests if self._api in self._limits.apis else 0

    def questions(self) -> list[FileQuestion]:
        bound = {"now": NEXT.replace(tzinfo=None), "floor_files": 50}
        into(self.con, "open_uploads", "sizes/open", bound)
        into(self.con, "questions", "sizes/questions", {"most": 10**6})
        rows = self.con.sql("SELECT * EXCLUDE (days) FROM questions").to_arrow_table().to_pylist()
        return [FileQuestion(**{**row, "since": row["since"].replace(tzinfo=UTC)}) for row in rows]

    def look_up(self, questions: Sequence[FileQuestion]) -> list[FileSize]:
        answers = list(self.connector.file_sizes(questions))
        told = [(answer.file_id, answer.asked_version, answer.state, answer.version) for answer in answers]
        assert len(set(told)) == len(told)
        return answers

    @property
    def requests(self) -> int:
        """Number of requests to the file API, each of a batch counted, without those for the audit events."""
        return self._limits.apis[self._api].requests - self.reading


@contextmanager
def recovering(
    folder: Path, provider: str, rows: Sequence[Row], now: str = NOW, options: Sequence[str] = ()
) -> Iterator[Recovery]:
    with serving(folder, rows, now, options) as client:
        yield Recovery(client, provider, folder)


def files(provider: str, count: int, **more: Any) -> list[Row]:
    """Return uploads whose size is not in the log."""
    rows = uploads(provider, count, **{"size_in_log": "false", "file_gone": "false", **more})
    return [row | {"file_name": row["file_name"].replace(" ", "-")} for row in rows]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_sizes_are_found_and_gone_files_told(tmp_path: Path, provider: str) -> None:
    """Prevents a size of nothing for a file that is gone, and lists that end before all files were met."""
    few = files(provider, 2, user="bea.ito@example.com", folder="Other")
    rows = files(provider, 1500) + [row | {"file_name": f"other-{n}.bin"} for n, row in enumerate(few)]
    count = len(rows)
    gone = {row["file_name"] for row in rows[::40]}
    rows = [row | {"file_gone": str(row["file_name"] in gone).lower()} for row in rows]
    true = {row["file_name"]: row["bytes"] for row in rows}
    with recovering(tmp_path, provider, rows) as recovery:
        questions = recovery.questions()
        assert len(questions) == count
        answers = recovery.look_up(questions + questions[:5])
    found = {recovery.names[answer.file_id]: answer for answer in answers}
    assert {name: answer.bytes for name, answer in found.items()} == {**true, **dict.fromkeys(gone)}
    assert {answer.state for name, answer in found.items() if name in gone} == {"gone"}
    for name in true.keys() - gone:
        assert found[name].state == "found"
        assert found[name].version
        assert (found[name].modified_at or DAY).tzinfo is not None
    # Sign-ins, a page for each thousand, one for each of the few, and two for each file that is gone: it and the bin.
    assert recovery.requests <= 2 * len(gone) + 10


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_account_that_can_not_be_acted_as_costs_no_other_its_sizes(tmp_path: Path, provider: str) -> None:
    """Prevents one who left from costing a whole organisation its sizes, or thousands of refused requests."""
    with recovering(tmp_path, provider, files(provider, 5)) as recovery:
        questions = recovery.questions()
        strangers = [
            FileQuestion("nobody@elsewhere.example.org", f"{n}", DAY, "no-site", "no-list", "/nowhere", "")
            for n in range(40)
        ]
        answers = {answer.file_id: answer.state for answer in recovery.look_up([*strangers, *questions])}
    assert {answers[question.file_id] for question in questions} == {"found"}
    refused = {answers[stranger.file_id] for stranger in strangers}
    if provider == "office365":  # which is asked in the application's own name
        assert refused <= {"gone", "failed"}
    else:
        assert refused == {"denied"}
        assert recovery.requests < 20


def test_box_tells_the_version_that_was_uploaded_though_the_file_was_saved_since(tmp_path: Path) -> None:
    """Prevents the size of the present version from standing in for each earlier one."""
    first = files("box", 1)[0]
    rows = [
        first | {"time": f"2026-01-05T0{n}:00:00", "kind": "edit" if n else "upload", "bytes": 10 + n} for n in range(4)
    ]
    with recovering(tmp_path, "box", rows) as recovery:
        answers = recovery.look_up(recovery.questions())
    assert sorted(answer.bytes or 0 for answer in answers) == [10, 11, 12, 13]
    assert all(answer.version == answer.asked_version for answer in answers)


def sized(recovery: Recovery, answers: Sequence[FileSize]) -> dict[tuple[str, str], tuple[int | None, str]]:
    """Size and its source of each upload by its file's name and time, as the pipeline concludes from the answers."""
    con = recovery.con
    con.execute(f"CREATE OR REPLACE TEMP TABLE file_sizes AS {empty('file_sizes')}")
    for answer in answers:
        modified = answer.modified_at and answer.modified_at.astimezone(UTC).replace(tzinfo=None)
        con.execute(
            "INSERT INTO file_sizes VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                answer.file_id,
                answer.asked_version,
                answer.state,
                answer.bytes,
                answer.version,
                modified,
                NEXT.replace(tzinfo=None),
            ],
        )
    con.execute(f"CREATE OR REPLACE TEMP TABLE typical_sizes AS {empty('typical_sizes')}")
    into(con, "answers", "sizes/answers")
    into(con, "sized_uploads", "sizes/uploads")
    rows = con.execute("SELECT file_name, strftime(time, '%H:%M:%S'), bytes, size_source FROM sized_uploads").fetchall()
    return {(name, time): (size, source) for name, time, size, source in rows}


def overwritten(provider: str, count: int, seconds: int, **more: Any) -> tuple[list[Row], list[Row]]:
    """Return archives of 20 GB, and a one-byte version of each, saved so many seconds later."""
    first = files(provider, count, bytes=20 * 10**9)
    for row in first:
        row["time"] = f"2026-01-05T01:{int(row['file_name'][7:-4]):02}:00"
    later = [row | {"kind": "edit", "bytes": 1, "time": f"{row['time'][:17]}{seconds:02}"} for row in first]
    return [row | more for row in first], later


@pytest.mark.parametrize("seconds", [20, 59])
@pytest.mark.parametrize("count", [2, 24])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_archive_that_is_overwritten_at_once_keeps_its_size(
    tmp_path: Path, provider: str, count: int, seconds: int
) -> None:
    """Prevents 480 GB from counting as 24 bytes, or as nothing, since each was overwritten by one byte."""
    first, later = overwritten(provider, count, seconds)
    with recovering(tmp_path, provider, [*first, *later]) as recovery:
        found = sized(recovery, recovery.look_up(recovery.questions()))
    largest: dict[str, int | None] = {}
    for (name, _), (size, source) in found.items():
        assert source == "recovered"
        largest[name] = max(size or 0, largest.get(name) or 0)
    assert largest == {row["file_name"]: 20 * 10**9 for row in first}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_version_that_was_removed_is_unknown_and_not_its_successor(tmp_path: Path, provider: str) -> None:
    """Prevents the one byte left of an archive from passing for it where the version before was deleted."""
    first, later = overwritten(provider, 3, 20, file_gone="true")
    with recovering(tmp_path, provider, [*first, *later]) as recovery:
        found = sized(recovery, recovery.look_up(recovery.questions()))
    for (_, time), known in found.items():
        if time.endswith(":20"):
            assert known == (1, "recovered")
        else:
            assert known == (None, "later_version")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_files_put_in_the_bin_keep_their_size(tmp_path: Path, provider: str) -> None:
    """Prevents what was uploaded and deleted at once from counting as nothing while its size can still be had."""
    rows = files(provider, 12)
    bin_ = [row | {"kind": "delete", "time": "2026-01-05T01:00:00"} for row in rows[::3]]
    gone = [row | {"file_gone": str(n == 3).lower()} for n, row in enumerate(rows)]
    with recovering(tmp_path, provider, [*gone, *bin_]) as recovery:
        answers = recovery.look_up(recovery.questions())
        found = sized(recovery, answers)
    true = {row["file_name"]: (row["bytes"], "recovered") for row in rows}
    assert {name: known for (name, _), known in found.items()} == true | {rows[3]["file_name"]: (None, "gone")}


def test_two_deletions_under_one_name_are_told_apart_by_nobody(tmp_path: Path) -> None:
    """Prevents a small file of the same name, thrown away after it, from standing in for a large one in the bin."""
    first = files("office365", 1)[0] | {"bytes": 20 * 10**9, "file_name": "a.zip", "file_gone": "true"}
    second = files("office365", 1)[0] | {"file_name": "A.zip", "bytes": 1, "time": "2026-01-05T02:00:00"}
    thrown = [row | {"kind": "delete", "time": f"2026-01-05T03:00:0{n}"} for n, row in enumerate((first, second))]
    with recovering(tmp_path, "office365", [first, second, *thrown]) as recovery:
        questions = [
            FileQuestion(**{**vars(question), "file_name": "a.zip", "saves": 2}) for question in recovery.questions()
        ]
        found = sized(recovery, recovery.look_up(questions))
    assert {source for _, source in found.values()} <= {"gone", "later_version"}
    assert {size for size, _ in found.values()} == {None}


def test_graph_counts_each_file_of_a_batch(tmp_path: Path) -> None:
    """Prevents a batch from passing for one request: Microsoft counts, and throttles, each of its twenty."""
    rows = [row | {"user": f"user{n}@example.com", "folder": ""} for n, row in enumerate(files("office365", 60))]
    with serving(tmp_path, rows, NOW, ["--requests-per-minute", "50"]) as client:
        recovery = Recovery(client, "office365", tmp_path)
        stop = Flag()
        impatient = build("office365", client.environment, now=lambda: NEXT, limits=Limits(None, stop))
        answers = []
        with pytest.raises(StoppedError):
            for answer in impatient.file_sizes(recovery.questions()):
                answers.append(answer)
                if len(answers) == 40:
                    stop.set()
    assert 40 <= len(answers) <= 50
    assert {answer.state for answer in answers} == {"found"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stop_keeps_what_was_answered(tmp_path: Path, provider: str) -> None:
    """Prevents a run from hanging on its quota, and answers from being lost when its time is over."""
    rows = [row | {"user": f"user{n}@example.com", "folder": f"Own {n}"} for n, row in enumerate(files(provider, 30))]
    with serving(tmp_path, rows, NOW) as client:
        questions = Recovery(client, provider, tmp_path).questions()
        pace = {"BOX": 8, "DROPBOX": 8, "GOOGLE_DRIVE": 8, "OFFICE365_GRAPH": 25}
        tight = {f"{name}_REQUESTS_PER_MINUTE": str(requests) for name, requests in pace.items()}
        stop = Flag()
        connector = build(
            provider, {**client.environment, **tight}, now=lambda: NEXT, limits=Limits(tmp_path / "limits", stop)
        )
        answers = []
        with pytest.raises(StoppedError):
            for answer in connector.file_sizes(questions):
                answers.append(answer)
                stop.set()
    assert 1 <= len(answers) < len(questions)
