"""Single odd events: the day is read, every line is accounted for, and the neighbours stay as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from detection.chain import add_up, learn, score
from detection.normalise import identities_of_files, normalise, outcomes
from detection.normalise.sampling import create_sample
from detection.parameters import Parameters
from detection.saves import count_saves
from detection.tables import empty
from history.importing import import_history
from history.staging import Span
from lake.store import Lake
from tests.support.memory import connect

DAY = date(2026, 1, 5)
LARGEST = 1 << 62
EVENTS: dict[str, dict[str, Any]] = {
    "box": {
        "event_id": "1",
        "event_type": "UPLOAD",
        "created_at": f"{DAY}T08:00:00Z",
        "ip_address": "198.51.100.7",
        "created_by": {"type": "user", "id": "7", "login": "ann@example.com", "name": "Ann"},
        "source": {"item_type": "file", "item_id": "5", "item_name": "a.pdf", "parent": {"id": "1", "name": "f"}},
        "additional_details": {"size": 5, "version_id": "1", "service_name": "Box"},
    },
    "dropbox": {
        "timestamp": f"{DAY}T08:00:00Z",
        "event_type": {".tag": "file_add"},
        "actor": {".tag": "user", "user": {".tag": "team_member", "email": "ann@example.com"}},
        "assets": [{".tag": "file", "file_id": "1", "display_name": "a.pdf", "file_size": 5}],
    },
    "google_workspace": {
        "id": {"time": f"{DAY}T08:00:00Z", "uniqueQualifier": "1", "applicationName": "drive"},
        "actor": {"email": "ann@example.com"},
        "ipAddress": "198.51.100.7",
        "events": [{"name": "upload", "parameters": [{"name": "doc_title", "value": "a.pdf"}]}],
    },
    "office365": {
        "CreationTime": f"{DAY}T08:00:00",
        "Id": "1",
        "Operation": "FileUploaded",
        "UserId": "ann@example.com",
        "UserType": 0,
        "ItemType": "File",
        "SourceFileName": "a.pdf",
        "FileSizeBytes": 5,
    },
}
TIMES = [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
    "-0044-03-15T00:00:00Z",
    "0044-03-15 (BC) 00:00:00",
    "infinity",
    "-infinity",
    "epoch",
    "now",
    f"{DAY}T23:59:60Z",
    f"{DAY}T08:00:00+99:99",
    "294247-01-10T04:00:54.775807Z",
]
VALUES = [
    *(json.dumps(time) for time in TIMES),
    *("9223372036854775807", "9223372036854775808", "-1", "1e400", "-1e400", "NaN", "-Infinity", "1.5", "5.0", "-0"),
    *('"5"', '"0x10"', '" 5 "', '"5e3"', "1" * 400, "1125899906842625", "true", "null", '""'),
    *("[]", "{}", "[[]]", "[{}]", "[null]", '[1, "a", null, {}]', '{"": {}}'),
    *('"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00x"', '"%"', '"$"', '"\'"', '"' + "x" * 70_000 + '"'),
    *("[" * 500 + "]" * 500, '{"a":' * 500 + "1" + "}" * 500),
]
KEYS = ['""', '"\'"', '"\\""', '"/"', '"~1"', '"*"', '"$"', '"."', '"a.b"', '"[0]"', '"\\u0000"', '"\\ud800"', '"name"']
HELD = ["1", '{"parameters": [{"name": "y"}]}', '[{"name": "q", "": [{"name": "z"}]}]']


def inside(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each place of an event, and what is there."""
    yield way, value
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in pairs:
            yield from inside(each, (*way, key))


def put(value: Any, way: tuple[Any, ...], text: str) -> str:
    """The event as JSON with a text in one place."""
    if not way:
        return text
    if isinstance(value, dict):
        held = (
            json.dumps(k) + ": " + (put(v, way[1:], text) if k == way[0] else json.dumps(v)) for k, v in value.items()
        )
        return "{" + ", ".join(held) + "}"
    return "[" + ", ".join(put(v, way[1:], text) if n == way[0] else json.dumps(v) for n, v in enumerate(value)) + "]"


def odd_lines(provider: str) -> list[str]:
    """The event with every odd value in every place, and with odd keys in every object."""
    event = EVENTS[provider]
    found = [put(event, way, text) for way, _ in inside(event) for text in VALUES]
    for way, value in inside(event):
        if isinstance(value, dict):
            rest = json.dumps(value)[1:]
            found += [put(event, way, f"{{{key}: {held}, {rest}") for key in KEYS for held in HELD]
    return found


def neighbours(provider: str) -> list[str]:
    """Return somebody else's events in the same file."""
    texts = []
    for number in range(3):
        text = json.dumps(EVENTS[provider]).replace("ann@", "bob@").replace("08:00:00", f"09:00:0{number}")
        texts.append(
            text.replace('"event_id": "1"', f'"event_id": "b{number}"').replace('"Id": "1"', f'"Id": "b{number}"')
        )
    return texts


def write(folder: Path, lines: list[str]) -> str:
    path = folder / f"day={DAY}" / "0000-2400.ndjson.zst"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"".join(line.encode("utf-8", "surrogatepass") + b"\n" for line in lines)
    path.write_bytes(zstandard.compress(content))
    return str(path)


@pytest.mark.parametrize("provider", EVENTS)
def test_no_odd_event_stops_a_day_or_changes_its_neighbours(tmp_path, provider):
    """Prevents one event, whatever it holds, from failing the partition, vanishing, or taking others with it."""
    beside = neighbours(provider)
    with connect() as con:
        normalise(con, provider, day=DAY, raw_files=[write(tmp_path / "calm", beside)], organisation_domains=[])
        wanted = con.execute("SELECT * EXCLUDE (event_key) FROM uploads ORDER BY time").fetchall()
        assert len(wanted) == 3
        lines = odd_lines(provider)
        for first in range(0, len(lines), 400):
            odd = list(dict.fromkeys(lines[first : first + 400]))
            file = write(tmp_path / str(first), [*odd, *beside])
            normalise(con, provider, day=DAY, raw_files=[file], organisation_domains=[])
            [(counted,)] = con.execute(
                "SELECT (SELECT count(*) FROM events WHERE counted AND reason IS NULL) "
                "+ (SELECT count(*) FROM rejects) + (SELECT coalesce(sum(events), 0) FROM ignored)"
            ).fetchall()
            assert counted == len(odd) + len(beside)
            query = "SELECT * EXCLUDE (event_key) FROM uploads WHERE \"user\" = 'bob@example.com' ORDER BY time"
            assert con.execute(query).fetchall() == wanted
            sizes = con.execute("SELECT DISTINCT bytes FROM uploads WHERE bytes IS NOT NULL").fetchall()
            assert all(0 <= size <= 1 << 50 for (size,) in sizes)
            con.execute("CREATE OR REPLACE TEMP VIEW sized AS SELECT *, 0::BIGINT AS estimated_bytes FROM uploads")
            into_hours(con, "sized")
            identities_of_files(con, provider, [file])
            assert con.execute("SELECT count(*) FROM identities").fetchall() == [(len(odd) + len(beside),)]
        assert outcomes(con, provider, raw_files=[file], organisation_domains=[]).num_rows == len(odd) + len(beside)


def into_hours(con: Any, uploads: str) -> None:
    """Make user_hours of a relation of uploads."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE held_uploads AS FROM {uploads}")
    con.execute("DROP VIEW uploads")
    con.execute("CREATE TEMP VIEW uploads AS SELECT *, TRUE AS has_address FROM held_uploads")
    count_saves(con)


def test_sums_of_hostile_sizes_stop_at_a_bound(tmp_path):
    """Prevents a burst of made-up sizes from failing the day, and with it the alerts of everybody."""
    event = EVENTS["office365"]
    lines = [json.dumps({**event, "Id": f"i{n}", "FileSizeBytes": 1 << 50}) for n in range(9000)]
    with connect() as con:
        normalise(con, "office365", day=DAY, raw_files=[write(tmp_path, lines)], organisation_domains=[])
        con.execute("CREATE OR REPLACE TEMP VIEW sized AS SELECT *, 2 * bytes AS estimated_bytes FROM uploads")
        into_hours(con, "sized")
        assert con.execute("SELECT files, bytes, estimated_bytes FROM user_hours").fetchall() == [
            (9000, LARGEST, LARGEST)
        ]
        con.execute("INSERT INTO user_hours FROM user_hours")
        add_up(con, "user_hours")
        assert set(con.execute("SELECT bytes_sum, bytes_max FROM day_sums").fetchall()) == {(LARGEST, LARGEST)}
        con.execute(f"CREATE TABLE past_detections AS {empty('detections')}")
        con.execute("INSERT INTO day_sums SELECT * REPLACE (day - 1 AS day) FROM day_sums")
        con.execute("CREATE TABLE sources AS SELECT 'office365' AS provider, TIMESTAMP '2025-01-01' AS first_day")
        con.execute(f"CREATE TABLE past_period_sums AS {empty('period_sums', dated=True)}")
        parameters, last = Parameters(), con.execute("SELECT max(day) FROM day_sums").fetchall()[0][0]
        learn(con, last + timedelta(days=1), parameters)
        assert con.execute("SELECT max(bytes_sum) FROM baselines").fetchall() == [(LARGEST,)]
        assert set(con.execute("SELECT bytes, usual_bytes FROM recent_sums").fetchall()) == {(LARGEST, LARGEST)}
        con.execute("INSERT INTO user_hours SELECT * REPLACE (hour + INTERVAL 1 DAY AS hour) FROM user_hours")
        score(con, last + timedelta(days=1), parameters)
        assert set(con.execute("SELECT bytes FROM period_totals").fetchall()) == {(LARGEST,)}
        assert set(con.execute("SELECT bytes FROM period_sums").fetchall()) == {(LARGEST,)}


@pytest.mark.parametrize("shape", ["list", "object", "keys", "same key", "elements"])
def test_a_sample_of_hostile_events_costs_little(tmp_path, shape):
    """Prevents an event that is nested deeply or has many keys from taking all memory, or hours."""
    many = 100_000
    held = {
        "list": "[" * many + "]" * many,
        "object": '{"a":' * many + "1" + "}" * many,
        "keys": "{" + ", ".join(f'"k{n}": 1' for n in range(many // 10)) + "}",
        "same key": "{" + ", ".join('"k": 1' for _ in range(many)) + "}",
        "elements": "[" + ", ".join('{"name": "x"}' for _ in range(many // 10)) + "]",
    }[shape]
    event = json.dumps(EVENTS["box"])[:-1] + f', "more": {held}}}'
    with connect() as con:
        file = write(tmp_path, [event, *neighbours("box")])
        create_sample(con, [file])
        names = {name for (name,) in con.execute("SELECT name FROM sampled_fields").fetchall()}
        assert "created_by.login" in names
        assert len(names) <= 1000
        normalise(con, "box", day=DAY, raw_files=[file], organisation_domains=[])
        assert con.execute("SELECT count(*) FROM uploads").fetchall() == [(4,)]


def test_names_of_fields_are_never_part_of_a_query(tmp_path):
    """Prevents the key "" beside a list of parameters from failing all providers."""
    event = {**EVENTS["box"], "": {"parameters": [{"name": "y"}, {"name": "'; DROP TABLE events; --"}]}}
    with connect() as con:
        create_sample(con, [write(tmp_path, [json.dumps(event)])])
        names = {name for (name,) in con.execute("SELECT name FROM sampled_fields").fetchall()}
    assert {".parameters", ".parameters.y", ".parameters.'; DROP TABLE events; --"} <= names


@pytest.mark.parametrize("provider", EVENTS)
def test_no_odd_event_stops_an_import(tmp_path, provider):
    """Prevents an export that cannot be imported because of one event in it, and any row that is lost in silence."""
    lines = list(dict.fromkeys([*neighbours(provider), *odd_lines(provider)]))
    file = tmp_path / "export.ndjson"
    file.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    lake, span = Lake(root=str(tmp_path / "lake")), Span(DAY, None)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    report = import_history(lake, provider, [file], span=span, now=now, progress=lambda _what, _share: None)
    landed, rejected = sum(report.landed.values()), sum(report.rejected.values())
    # A list on a line is a list of events, whatever they are.
    held = [msgspec.json.decode(line) for line in lines if line.startswith("[")]
    rows = len(lines) - len(held) + sum(map(len, held))
    assert report.read == rows == landed + report.duplicate + rejected
    assert landed >= 4
