"""Forgetting in raw events: whatever brought a file, others keep every event, and the manifest is true to the files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.normalised import read_again
from connectors import Page
from history.importing import import_history
from history.staging import Span
from lake.landing import land, land_import, land_late
from lake.manifest import Manifest
from lake.parsed_events import PARSED
from lake.store import Lake
from privacy.erasure import Findings, forget, identify
from providers import PROVIDERS
from tests.support.memory import connect

pytestmark = pytest.mark.sampled

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = date(2026, 1, 5)
START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANN, BOB, JOANN = "ann@example.com", "bob@example.com", "joann@example.com"


def event(provider: str, number: int, who: str, **more: Any) -> dict[str, Any]:
    """An upload of somebody, as the provider tells it."""
    time = f"{DAY}T08:{number // 60 % 60:02}:{number % 60:02}"
    name = f"file {number}.pdf"
    made: dict[str, Any]
    if provider == "box":
        made = {
            "event_id": f"e{number}",
            "event_type": "UPLOAD",
            "created_at": f"{time}Z",
            "created_by": {"type": "user", "id": str(hash(who) % 997), "login": who},
            "source": {"item_type": "file", "item_id": str(number), "item_name": name},
        }
    elif provider == "dropbox":
        made = {
            "timestamp": f"{time}Z",
            "event_type": {".tag": "file_add"},
            "actor": {".tag": "user", "user": {".tag": "team_member", "email": who, "account_id": f"dbid:{who[:3]}"}},
            "assets": [{".tag": "file", "file_id": str(number), "display_name": name}],
        }
    elif provider == "google_workspace":
        made = {
            "id": {"time": f"{time}Z", "uniqueQualifier": str(number), "applicationName": "drive"},
            "actor": {"email": who},
            "events": [{"name": "upload", "parameters": [{"name": "doc_title", "value": name}]}],
        }
    else:
        made = {
            "CreationTime": time,
            "Id": f"id-{number}",
            "Operation": "FileUploaded",
            "UserId": who,
            "ItemType": "File",
            "SourceFileName": name,
        }
    return {**made, **more}


def lines(events: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in events)


def bring(lake: Lake, provider: str, events: list[dict[str, Any]], folder: Path) -> None:
    """Import events as the command does."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{hashlib.sha256(lines(events)).hexdigest()}.ndjson"
    file.write_bytes(lines(events))
    import_history(lake, provider, [file], span=Span(date(2026, 1, 1), None), now=NOW, progress=lambda *_: None)


def put(lake: Lake, provider: str, how: str, number: int, events: list[dict[str, Any]]) -> None:
    """Land events in a file of the given kind."""
    manifest = Manifest(lake.directory(f"{provider}/audit_events", DAY))
    start, end = START + number * HOUR, START + (number + 1) * HOUR
    if how == "slice":
        land(manifest, start, end, [Page(lines(events))], now=NOW)
    elif how == "late":
        land_late(manifest, lines(events), now=NOW)
    else:
        land_import(manifest, start, end, [lines(events)], now=NOW)


def unpacked(path: Path) -> bytes:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader:
        return bytes(reader.read())


def on_disk(lake: Lake) -> Counter[bytes]:
    """All lines that manifests list; the manifests are true to their files, and list all there are."""
    found: Counter[bytes] = Counter()
    for provider in PROVIDERS:
        for directory in Path(lake.root, provider, "audit_events").glob("day=*"):
            manifest = Manifest(directory)
            for piece in manifest.pieces:
                content = unpacked(directory / piece.file)
                assert (piece.sha256, piece.events) == (hashlib.sha256(content).hexdigest(), content.count(b"\n"))
                found.update(content.splitlines())
            assert {path.name for path in directory.iterdir()} == {
                *(piece.file for piece in manifest.pieces),
                "manifest.json",
                "manifest.copy.json",
            }
    return found


def remove(lake: Lake, user: str) -> Findings:
    person = identify(lake, user, None, keep=True)
    return forget(lake, person, organisation_domains=[], read_again=read_again, write=True, progress=lambda _: None)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_was_imported_stays_where_somebody_else_is_forgotten(tmp_path, provider):
    """Prevents the loss of a whole import, of all days, by forgetting anybody."""
    lake = Lake(root=str(tmp_path / "home" / "lake"))
    bring(lake, provider, [event(provider, n, BOB if n % 2 else ANN) for n in range(120)], tmp_path)
    before = on_disk(lake)
    assert sum(before.values()) == 120
    assert not remove(lake, "somebody-else@example.com").removed
    assert on_disk(lake) == before


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_imported_person_is_removed_and_the_import_is_still_known(tmp_path, provider):
    """Prevents events of the person that stay because an import brought them, and hours that count as never seen."""
    lake = Lake(root=str(tmp_path / "home" / "lake"))
    mine = [event(provider, n, ANN) for n in range(40)]
    theirs = [event(provider, n, BOB) for n in range(40, 80)]
    named = event(provider, 90, BOB, note=f"for {ANN}")
    bring(lake, provider, [*mine, *theirs, named], tmp_path)
    hours = Manifest(lake.directory(f"{provider}/audit_events", DAY)).imported_hours
    found = remove(lake, ANN)
    assert (found.removed[f"{provider}/audit_events"].rows, found.removed[f"{provider}/audit_events"].redacted) == (
        40,
        1,
    )
    assert not found.unsearched
    kept = on_disk(lake)
    assert kept == Counter([*lines(theirs).splitlines(), json.dumps({**named, "note": "for forgotten"}).encode()])
    assert Manifest(lake.directory(f"{provider}/audit_events", DAY)).imported_hours == hours
    assert not remove(lake, ANN).removed


FILE = st.tuples(
    st.sampled_from(tuple(PROVIDERS)),
    st.sampled_from(["slice", "late", "import"]),
    st.lists(st.sampled_from([ANN, BOB, JOANN, "ann.lee@example.com"]), min_size=1, max_size=6),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(FILE, min_size=1, max_size=6),
    user=st.sampled_from([ANN, BOB, JOANN, "ann.lee@example.com", "eve@x.org"]),
)
def test_any_mix_of_files_keeps_every_event_of_all_others_once(tmp_path_factory, files, user):
    """Prevents a kind of file that forgetting treats otherwise than the others."""
    lake = Lake(root=str(tmp_path_factory.mktemp("mix") / "home" / "lake"))
    wanted: list[bytes] = []
    number = 0
    for place, (provider, how, people) in enumerate(files):
        events = []
        for who in people:
            number += 1
            events.append(event(provider, number, who))
        put(lake, provider, how, place, events)
        wanted += [line for line, who in zip(lines(events).splitlines(), people, strict=True) if who != user]
    assert not remove(lake, user).unsearched
    assert on_disk(lake) == Counter(wanted)
    assert not (Path(lake.root) / "forgetting.json").exists()


class Killed(BaseException):
    """Stand-in for the end of the process."""


@pytest.mark.parametrize("moment", range(40))
def test_a_forget_killed_anywhere_is_taken_up_again(tmp_path, monkeypatch, moment):
    """Prevents a manifest that is not true to its files, and files that nothing accounts for, after a kill."""
    lake = Lake(root=str(tmp_path / "home" / "lake"))
    wanted: list[bytes] = []
    for place, how in enumerate(("slice", "late", "import")):
        events = [event("box", 10 * place + n, ANN if n % 2 else BOB) for n in range(6)]
        put(lake, "box", how, place, events)
        wanted += lines(events[::2]).splitlines()
    calls = 0
    genuine = {"replace": Path.replace, "unlink": Path.unlink}

    def killing(name, *, after):
        def call(self, *given, **named):
            nonlocal calls
            calls += 1
            if calls == moment + 1 and not after:
                raise Killed
            done = genuine[name](self, *given, **named)
            if calls == moment + 1:
                raise Killed
            return done

        return call

    person = identify(lake, ANN, None, keep=True)
    for name in genuine:
        monkeypatch.setattr(Path, name, killing(name, after=moment % 2 == 0))
    try:
        forget(lake, person, organisation_domains=[], read_again=read_again, write=True, progress=lambda _: None)
    except Killed:
        pass
    finally:
        monkeypatch.undo()
    # A dry run in between changes nothing, and takes nothing for damaged.
    half = identify(lake, ANN, None, keep=False)
    assert not forget(
        lake, half, organisation_domains=[], read_again=read_again, write=False, progress=lambda _: None
    ).unsearched
    assert not remove(lake, ANN).unsearched
    assert on_disk(lake) == Counter(wanted)
    assert ANN not in "".join(path.name + path.read_text("latin-1") for path in tmp_path.rglob("*") if path.is_file())


def test_files_that_no_manifest_lists_stay(tmp_path):
    """Prevents a keep-list, of which every kind of file that it does not know is deleted."""
    lake = Lake(root=str(tmp_path / "home" / "lake"))
    put(lake, "box", "slice", 0, [event("box", 1, ANN), event("box", 2, BOB)])
    directory = lake.directory("box/audit_events", DAY)
    whole = zstandard.compress(lines([event("box", 3, BOB)]))
    (directory / "0100-0200.ndjson.zst").write_bytes(whole)
    (directory / "older").mkdir()
    (directory / "older" / "0200-0300.ndjson.zst").write_bytes(whole)
    (directory / "notes.txt").write_text("by hand")
    (directory / ".config.original").write_text("by hand")
    mixed = directory / "import-0300-0400-0123456789abcdef.ndjson.zst"
    mixed.write_bytes(zstandard.compress(lines([event("box", 4, ANN), event("box", 5, BOB)])))
    temporary = [
        directory / ".0000-0100.ndjson.zst.abcd_123",
        directory / f".{'0' * 32}",
        directory / f"..{'0' * 32}.abcd_123",
        directory / ".manifest.json.abcdefgh",
    ]
    for path in temporary:
        path.write_bytes(whole)
    found = remove(lake, ANN)
    assert found.unlisted == [directory / "0100-0200.ndjson.zst", mixed]
    assert not any(path.exists() for path in temporary)
    assert (directory / "0100-0200.ndjson.zst").read_bytes() == whole
    assert (directory / "older" / "0200-0300.ndjson.zst").read_bytes() == whole
    assert (directory / "notes.txt").read_text() == (directory / ".config.original").read_text() == "by hand"
    assert unpacked(mixed) == lines([event("box", 5, BOB)])


def test_a_damaged_file_is_left_and_named(tmp_path):
    """Prevents damage that looks whole because forgetting wrote the file and its digest again."""
    lake = Lake(root=str(tmp_path / "home" / "lake"))
    for place, who in enumerate((ANN, BOB)):
        put(lake, "box", "slice", place, [event("box", 100 * place + n, who) for n in range(50)])
    directory = lake.directory("box/audit_events", DAY)
    [damaged] = directory.glob("0000-0100-*.ndjson.zst")
    damaged.write_bytes(damaged.read_bytes()[:-20])
    manifest = (directory / "manifest.json").read_bytes()
    assert list(remove(lake, ANN).unsearched) == [damaged]
    assert (directory / "manifest.json").read_bytes() == manifest
    # Others can be forgotten meanwhile, and so can she once it is mended.
    assert list(remove(lake, BOB).unsearched) == [damaged]
    [other] = directory.glob("0100-0200-*.ndjson.zst")
    assert unpacked(other) == b""
    put(lake, "box", "slice", 0, [event("box", n, ANN) for n in range(50)])
    assert not remove(lake, ANN).unsearched
    assert not remove(lake, BOB).unsearched
    assert not (Path(lake.root) / "forgetting.json").exists()


def test_what_ann_did_to_bob_is_his(tmp_path):
    """Prevents the loss of a person's own activity because the one who is forgotten acted."""
    lake = Lake(root=str(tmp_path / "home" / "lake"))
    acted = {
        "box": event("box", 1, ANN, event_type="EDIT_USER", source={"type": "user", "id": "5", "login": BOB}),
        "dropbox": event(
            "dropbox", 1, ANN, event_type={".tag": "password_reset"}, context={".tag": "team_member", "email": BOB}
        ),
        "office365": event("office365", 1, ANN, Operation="Reset user password.", ObjectId=BOB),
    }
    for provider, each in acted.items():
        put(lake, provider, "slice", 0, [each])
    remove(lake, ANN)
    kept = on_disk(lake)
    assert len(kept) == 3
    assert all(BOB.encode() in line and ANN.encode() not in line for line in kept)


def test_a_colleague_in_her_onedrive_loses_nothing_but_her_name(tmp_path):
    """Prevents events of others from going because a path holds a spelling of the person, ignored events included."""
    lake = Lake(root=str(tmp_path / "home" / "lake"))
    site = "https://contoso-my.sharepoint.com/personal/ann_example_com/"
    theirs = [
        event("office365", 1, BOB, SiteUrl=site),
        event("office365", 2, BOB, SiteUrl=site, Operation="FileAccessed"),
        event("office365", 3, "ann_example_com@other.org"),
        event("office365", 4, "ann_example.com#EXT#@contoso.onmicrosoft.com"),
        event("office365", 5, "joann_example.com#EXT#@contoso.onmicrosoft.com"),
    ]
    put(lake, "office365", "import", 0, theirs)
    remove(lake, ANN)
    kept = sorted(json.loads(line)["Id"] for line in on_disk(lake))
    assert kept == ["id-1", "id-2", "id-3", "id-5"]
    text = b"\n".join(on_disk(lake)).decode()
    assert "ann_example_com/" not in text
    assert "ann_example_com@other.org" in text
    assert "joann_example.com" in text


@pytest.mark.parametrize(("who", "other"), [(ANN, BOB), (BOB, ANN)])
def test_an_alert_about_two_stays_with_the_other(tmp_path: Path, who: str, other: str) -> None:
    """Prevents an alert of the provider from going with the first of the two accounts that it names."""
    data = json.dumps({"f3u": ANN, "trc": BOB})
    alert = event("office365", 1, "SecurityComplianceAlerts", Operation="AlertTriggered", RecordType=40, Data=data)
    lake = Lake(root=str(tmp_path / "home" / "lake"))
    bring(lake, "office365", [alert, event("office365", 2, who)], tmp_path)
    remove(lake, who)
    assert list(on_disk(lake)) == [json.dumps(alert).replace(who, "forgotten").encode()]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_was_parsed_of_a_person_is_removed(tmp_path: Path, provider: str) -> None:
    """Prevents a person's uploads from staying beside the raw events that they were parsed from."""
    lake = Lake(root=str(tmp_path / "home" / "lake"))
    put(lake, provider, "slice", 8, [event(provider, 1, ANN), event(provider, 2, BOB)])
    with connect() as con:
        for _ in range(2):
            read_again(con, lake, provider, DAY, [])
        place = lake.directory(f"{provider}/audit_events", DAY) / PARSED

        def users() -> set[str]:
            found = con.execute('SELECT "user" FROM read_parquet(?)', [str(place / "*.parquet")]).fetchall()
            return {user for (user,) in found}

        assert users() == {ANN, BOB}
        remove(lake, ANN)
        if place.exists():
            assert users() == {BOB}
