"""One reader for every file with audit events: what it finds in each shape, and in what is broken."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from history.classification import classify
from history.formats import event_files
from history.importing import import_history
from history.staging import Span
from lake.store import Lake
from providers import PROVIDERS
from tests.support.event_shapes import CONTAINERS, ENCODINGS, OFFICE365_CONTAINERS, PACKINGS, containers, events

pytestmark = pytest.mark.sampled

DOCS = Path(__file__).parents[3] / "docs" / "import.md"
Found = tuple[list[Any], list[tuple[int, str, str]]]


def read(path: Path, provider: str, content: bytes | str) -> Found:
    """Return the events of a file with this content, and its faults with line, reason and text."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    found: list[Any] = []
    faults: list[tuple[int, str, str]] = []
    for file in event_files(provider, path):
        for block in file.blocks():
            if block.fault is None:
                found += map(json.loads, block.texts)
            else:
                faults += [(line, block.fault, text) for line, text in zip(block.lines, block.texts, strict=True)]
    return found, faults


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_shape_holds_the_same_events(tmp_path: Path, provider: str, encoding: str):
    """Prevents a shape, an encoding or a packing that one reads and another does not: each is tried with each."""
    wanted = events(provider)
    for name, write in containers(provider).items():
        for packing, pack in PACKINGS.items():
            content = pack(ENCODINGS[encoding](write(provider, wanted)))
            found = read(tmp_path / "file", provider, content)
            assert found == (wanted, []), (name, packing)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_import_and_classify_read_the_same(tmp_path: Path, provider: str):
    """Prevents two readers for one thing: forty files of the same events are the same events to both commands."""
    wanted, files = events(provider), []
    encodings, packings = cycle(ENCODINGS.values()), cycle(PACKINGS.values())
    for number, write in enumerate(containers(provider).values()):
        files.append(tmp_path / f"{number}")
        files[-1].write_bytes(next(packings)(next(encodings)(write(provider, wanted))))
    report = import_history(
        Lake(root=str(tmp_path / "lake")),
        provider,
        files,
        span=Span(date(2026, 1, 1), None),
        now=datetime(2026, 3, 1, tzinfo=UTC),
        progress=lambda _what, _share: None,
    )
    assert (report.landed, report.rejected) == ({date(2026, 1, 5): len(wanted)}, {})
    assert report.read == len(wanted) * len(files)
    by_file = defaultdict(list)
    with classify(provider, files, organisation_domains=["example.com"]) as found:
        for row in found.rows():
            by_file[row["source"].removesuffix("/export/events.txt")].append(row)
    facts = ("operation", "kind", "time", "event_key", "number")
    told = [[tuple(row[fact] for fact in facts) for row in rows] for rows in by_file.values()]
    assert list(by_file) == [str(file) for file in files]
    assert all(rows == told[0] for rows in told)
    assert {row["outcome"] for row in by_file[str(files[0])]} <= {"upload", "ignored"}
    uploads = [row for rows in by_file.values() for row in rows if row["outcome"] == "upload"]
    assert len(uploads) == len(wanted)


def test_the_docs_list_the_shapes():
    """Prevents a shape that is read and that nobody knows of, and one that is promised and not tried."""
    table = DOCS.read_text(encoding="utf-8").split("\n## What is read\n")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| (.+?) \|", table, flags=re.MULTILINE)) - {"shape", "---"}
    assert listed == {*CONTAINERS, *OFFICE365_CONTAINERS}


EVENTS = events("office365")
LINES = [json.dumps(each) for each in EVENTS]
GOOD = json.dumps(EVENTS[:20])[1:-1]
BROKEN = '{"Id": "broken, "x": [{"a": 1}, {"b": 2}]}'


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        ("\n".join(["saved by a script", *LINES]), [1]),
        ("\n".join([*LINES[:20], BROKEN, *LINES[20:]]), [21]),
        ("\n".join([*LINES[:20], "{", "x", '{"CreationTime": "2026', *LINES[20:]]), [21]),
        ("\n".join([*LINES[:20], '{"a":', *LINES[20:]]), [21]),
        ("\n".join([*LINES, LINES[0][:-9]]), [41]),
        ("\n".join([*LINES, '{"a": ' * 5000]), [41]),
        ("\n".join([*LINES[:3], "", "  ", *LINES[3:]]) + "\n\n", []),
        ("\r".join(LINES), []),
        ("\r\n".join(LINES[:9]) + "\r" + "\n".join(LINES[9:]), []),
        ("\n".join([json.dumps(EVENTS[:9]), *LINES[9:12], json.dumps({"value": EVENTS[12:]})]), []),
        ("\x1e" + "\n\x1e".join(LINES), []),
        ("\ufeff" + "\n".join(LINES[:9]) + "\n\ufeff" + "\n".join(LINES[9:]), []),
        (f"[{GOOD}, {BROKEN}, {json.dumps(EVENTS[20:])[1:]}", [1]),
        (f"[\n{GOOD},\n{BROKEN},\n{json.dumps(EVENTS[20:], indent=1)[1:]}", [3]),
        (f"[{GOOD},{json.dumps(EVENTS[20:])[1:-1]},]", []),
        (json.dumps(EVENTS)[:-1] + ",\n", [1]),
        (json.dumps(EVENTS)[:-1], [1]),
        (json.dumps([*EVENTS, EVENTS[0]])[:-30], [1]),
        (json.dumps(EVENTS) + "\nend of export\n", [2]),
        ('{"value": ' + json.dumps([*EVENTS, EVENTS[0]])[:-30], [1, 1]),
        (json.dumps({"value": [*EVENTS, EVENTS[0]]}, indent=1)[:-30], [1, 723]),
    ],
)
def test_what_is_broken_is_a_fault_and_the_rest_is_read(tmp_path: Path, content: str, faults: list[int]):
    """Prevents one broken record, a cut-off end or a line of garbage from taking others with it, or being silent."""
    found, told = read(tmp_path / "file", "office365", content)
    assert found == EVENTS
    assert [line for line, _, _ in told] == faults


def purview(rows: Sequence[str]) -> str:
    return CONTAINERS["CSV with a column of events"]("office365", EVENTS[:0]).replace("what", "AuditData") + "".join(
        rows
    )


ROWS = ['now;"{}"\r\n'.format(line.replace('"', '""')) for line in LINES]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("one\r\n", "has 1 columns in place of 2"),
        ("one;two;three\r\n", "has 3 columns in place of 2"),
        ('now;"never closed\r\n', "columns in place of 2"),
        ("now;" + "y" * 3_000_000 + "\r\n", "longer than 2,000,000 characters"),
        ('now;"{""Id"": ""cut by Ex"\r\n', "not JSON"),
        ('now;"{""Id"": ""cut and never closed\r\n', "columns in place of 2"),
        ("now;\r\n", "not JSON"),
    ],
    ids=["few", "many", "quote", "long", "cut", "cut quote", "empty"],
)
def test_a_broken_row_of_a_csv_is_a_fault(tmp_path: Path, row: str, reason: str):
    """Prevents a broken row from taking the rows around it with it."""
    found, told = read(tmp_path / "file", "office365", purview([*ROWS[:20], row, *ROWS[20:]]))
    assert found == EVENTS
    assert [(line, reason in said) for line, said, _ in told] == [(22, True)]


def test_a_column_is_known_by_what_it_holds(tmp_path: Path):
    """Prevents a column that is called as if it held events from being taken for the one that does."""
    quoted = ['"{}"'.format(line.replace('"', '""')) for line in LINES]
    text = "message,RawEventData\n" + "".join(f"uploaded,{cell}\n" for cell in quoted)
    assert read(tmp_path / "file", "office365", text) == (EVENTS, [])
    headless = "".join(f"uploaded,{cell}\n" for cell in quoted)
    assert read(tmp_path / "file", "office365", headless) == (EVENTS, [])


def test_of_a_packed_file_that_is_cut_off_the_beginning_is_read(tmp_path: Path):
    """Prevents the loss of a whole export for the bytes that are missing at its end."""
    noise = "".join(f'{{"Operation": "x", "n": {n * 2654435761 % 2**32}}}\n' for n in range(9000))
    content = gzip.compress(("\n".join(LINES) + "\n" + noise).encode())
    found, told = read(tmp_path / "file.gz", "office365", content[: len(content) // 2])
    assert found[: len(EVENTS)] == EVENTS
    assert 40 < len(found) < 9000
    assert "cut off" in told[-1][1]


def test_a_wrapper_in_a_wrapper_is_opened(tmp_path: Path):
    """Prevents an export of an export, or of a search over what was forwarded, from being one odd event."""
    wrapped = [{"result": {"_raw": json.dumps({"_source": {"message": line}})}} for line in LINES]
    assert read(tmp_path / "file", "office365", json.dumps({"data": {"value": wrapped}})) == (EVENTS, [])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("container", ["One event a line", "A list over many lines", "Splunk: CSV with `_raw`"])
def test_a_number_that_json_does_not_have_is_null(tmp_path: Path, number: str, container: str):
    """Prevents the loss of every event that a script wrote with Python's defaults, and changes to such words in it."""
    named = [{**each, "Note": f'a "{number}", {number}', "Score": float(number)} for each in EVENTS]
    text = CONTAINERS[container]("office365", named)
    assert read(tmp_path / "file", "office365", text) == ([{**each, "Score": None} for each in named], [])


@pytest.mark.parametrize("padding", [1, 70_000], ids=["short", "longer than is held"])
def test_of_a_row_of_a_table_the_events_column_is_read(tmp_path: Path, padding: int):
    """Prevents the other columns of a table from being rejects, and a row whose event is broken from vanishing."""
    many = [{**each, "Padding": "x" * padding} for each in EVENTS]
    rows: list[list[object]] = [["now", json.dumps(each), None, {"tag": 1}] for each in many]
    rows.insert(20, ["now", json.dumps(EVENTS[0])[:-9], None, {"tag": 1}])
    found, faults = read(tmp_path / "file", "office365", json.dumps({"fields": ["_time", "_raw"], "rows": rows}))
    assert found == [*many[:20], rows[20], *many[20:]]
    assert faults == []


def test_what_looks_like_an_action_of_elastic_is_kept(tmp_path: Path):
    """Prevents the loss of what is no line between documents."""
    lines = ['{"index": {"_id": "1"}}', LINES[0], '{"index": [3]}', '{"update": {"doc": {"a": 1}}}', '{"delete": {}}']
    found, _ = read(tmp_path / "file", "office365", "\n".join(lines))
    assert found == [EVENTS[0], {"index": [3]}, {"update": {"doc": {"a": 1}}}]


def test_a_file_of_text_that_is_a_page_around_events_is_read(tmp_path: Path):
    """Prevents the loss of an answer that a browser saved as the page in which it showed it."""
    page = f"<!DOCTYPE html><html><body><pre>{json.dumps(EVENTS[:1])}</pre></body></html>"
    assert read(tmp_path / "file", "office365", page)[0] == EVENTS[:1]


def test_a_list_longer_than_memory_should_hold_is_read_piece_by_piece(tmp_path: Path):
    """Prevents an answer, or a list, from being held as a whole: here each has more than the longest event may have."""
    many = [{**each, "Padding": "x" * 70_000} for each in EVENTS]
    for content in (
        json.dumps(many),
        json.dumps({"@odata.context": "x", "value": many, "next": None}),
        json.dumps({"took": 1, "hits": {"total": 40, "hits": [{"_source": each} for each in many]}}),
    ):
        assert read(tmp_path / "file", "office365", content) == (many, [])


@pytest.mark.parametrize("shape", ["One event a line", "A list of events", "CSV with a column of events"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, shape: str):
    """Prevents a file of gigabytes from being held as a whole."""
    text = containers("office365")[shape]("office365", [{**EVENTS[0], "Padding": "x" * 5_000}] * 2400)
    (tmp_path / "file").write_text(text)
    size = len(text)
    del text
    tracemalloc.start()
    try:
        found = sum(len(block.texts) for file in event_files("office365", tmp_path / "file") for block in file.blocks())
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found == 2400
    assert size > 12_000_000 > peak


def test_an_event_longer_than_any_is_a_fault(tmp_path: Path):
    """Prevents one record of many megabytes from filling the memory, or from vanishing."""
    long = json.dumps({**EVENTS[0], "Padding": ["x" * 900_000] * 3})
    found, told = read(tmp_path / "file", "office365", f"{LINES[0]}\n{long}\n{LINES[1]}\n")
    assert found == EVENTS[:2]
    assert [(line, reason[:11]) for line, reason, _ in told] == [(2, "longer than")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.floats(0, 1),
    garbage=st.text(alphabet='{}[]",:\\\n a1\ud800\x00', max_size=12),
    container=st.sampled_from(
        ["One event a line", "A list of events", "A list over many lines", "Events over many lines"]
    ),
)
def test_garbage_anywhere_costs_few_events(tmp_path: Path, at: float, garbage: str, container: str):
    """Prevents a few odd characters, wherever they stand, from costing more than the records that they stand in."""
    text = containers("office365")[container]("office365", EVENTS)
    place = int(at * len(text))
    found, _ = read(tmp_path / "file", "office365", text[:place] + garbage + text[place:])
    whole = [each for each in found if each in EVENTS]
    assert len(whole) >= len(EVENTS) - 2
