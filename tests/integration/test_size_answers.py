"""Sizes looked up in the sandbox's file APIs: what the log asks for is found, by few requests, and told truthfully."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from sandbox_server import Client, serving, uploads

from connectors import Connector, FileQuestion, FileSize, Limiter, Limits, Page, StoppedError, build
from detection.normalise import normalise
from detection.sql import into
from detection.tables import empty
from tests.memory import connect

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
        self._con = connect()
        self.connector: Connector = build(provider, client.environment, now=lambda: NEXT, limits=self._limits)
        raw = folder / f"day={DAY:%Y-%m-%d}" / "events.ndjson"
        raw.parent.mkdir(exist_ok=True)
        pages = [page for page in self.connector.pages(DAY, NEXT) if isinstance(page, Page)]
        raw.write_bytes(b"\n".join(event for page in pages for event in page.events))
        normalise(self._con, provider, day=DAY.date(), raw_files=[str(raw)], organisation_domains=["example.com"])
        self._con.execute("ALTER TABLE uploads RENAME TO logged_uploads")
        self._con.execute(f"CREATE TEMP TABLE dated_sizes AS {empty('file_sizes', dated=True)}")
        self.names = dict(self._con.execute("SELECT file_id, file_name FROM logged_uploads").fetchall())
        self.reading = self._limits.apis[self._api].requests if self._api in self._limits.apis else 0

    def questions(self) -> list[FileQuestion]:
        bound = {"now": NEXT.replace(tzinfo=None), "floor_files": 50}
        into(self._con, "open_uploads", "sizes/open", bound)
        into(self._con, "questions", "sizes/questions", {"most": 10**6})
        rows = self._con.sql("SELECT * EXCLUDE (days) FROM questions").to_arrow_table().to_pylist()
        return [FileQuestion(**{**row, "since": row["since"].replace(tzinfo=UTC)}) for row in rows]

    def look_up(self, questions: Sequence[FileQuestion]) -> list[FileSize]:
        answers = list(self.connector.file_sizes(questions))
        asked = [(answer.file_id, answer.asked_version) for answer in answers]
        assert len(set(asked)) == len(asked)
        return answers

    @property
    def requests(self) -> int:
        """Requests to the file API, each of a batch's counted, without those for the audit events."""
        return self._limits.apis[self._api].requests - self.reading


@contextmanager
def recovering(
    folder: Path, provider: str, rows: Sequence[Row], now: str = NOW, options: Sequence[str] = ()
) -> Iterator[Recovery]:
    with serving(folder, rows, now, options) as client:
        yield Recovery(client, provider, folder)


def files(provider: str, count: int, **more: Any) -> list[Row]:
    """Uploads whose size the log does not tell."""
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
    # Sign-ins, a page for each thousand, one for each of the few, and one for each file that is gone.
    assert recovery.requests <= len(gone) + 10


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


@pytest.mark.parametrize("provider", ["dropbox", "google_workspace", "office365"])
def test_a_file_saved_since_tells_when(tmp_path: Path, provider: str) -> None:
    """Prevents a later version's size from passing for the upload's."""
    first = files(provider, 1)[0]
    later = first | {"kind": "edit", "time": "2026-01-05T09:00:00", "bytes": 77}
    with recovering(tmp_path, provider, [first, later]) as recovery:
        [answer] = recovery.look_up(recovery.questions())
    assert answer.bytes == 77
    assert abs((answer.modified_at or DAY) - DAY - timedelta(hours=9)) < timedelta(seconds=5)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_files_put_in_the_bin_are_gone(tmp_path: Path, provider: str) -> None:
    """Prevents what was uploaded and deleted at once from having no answer, so that it is asked for for ever."""
    rows = files(provider, 12)
    bin_ = [row | {"kind": "delete", "time": "2026-01-05T01:00:00"} for row in rows[::3]]
    with recovering(tmp_path, provider, [*rows, *bin_]) as recovery:
        answers = recovery.look_up(recovery.questions())
    assert sorted(answer.state for answer in answers) == ["found"] * 8 + ["gone"] * 4


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
