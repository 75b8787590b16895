"""Forgetting in a home with odd files: what can be searched is, the rest is named, and nobody's turn is blocked."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import zstandard
from typer.testing import CliRunner

from assets.normalised import read_again
from cli.app import app
from lake.scratch import live_scratch, scratch, sweep_scratch
from lake.store import Lake
from privacy.erasure import Findings, forget, identify

pytestmark = pytest.mark.sampled

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def lake(tmp_path) -> Lake:
    """A home with one table, of two people."""
    lake = Lake(root=str(tmp_path / "home" / "lake"))
    part = Path(lake.root) / "user_hours" / "day=2026-01-05" / "part.parquet"
    part.parent.mkdir(parents=True)
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT unnest(['{ANN}', '{BOB}']) AS \"user\", 1 AS files) TO '{part}' (FORMAT parquet)")
    return lake


def home_of(lake: Lake) -> Path:
    return Path(lake.root).parent


def remove(lake: Lake, user: str = ANN) -> Findings:
    person = identify(lake, user, None, keep=True)
    return forget(lake, person, organisation_domains=[], read_again=read_again, write=True, progress=lambda _: None)


def users(lake: Lake) -> list[str]:
    part = Path(lake.root) / "user_hours" / "day=2026-01-05" / "part.parquet"
    with duckdb.connect() as con:
        return [user for (user,) in con.execute(f"SELECT \"user\" FROM '{part}' ORDER BY 1").fetchall()]


def test_odd_files_fail_nobody_and_those_that_may_name_the_person_are_told(lake):
    """Prevents one damaged file from keeping everybody from being forgotten, and a promise that was not kept."""
    home, tables = home_of(lake), Path(lake.root)
    (tables / "user_hours" / "day=2026-01-06").mkdir()
    (tables / "user_hours" / "day=2026-01-06" / "part.parquet").write_bytes(b"PAR1 garbage PAR1")
    (tables / "user_hours" / "day=2026-01-07" / "part.parquet").mkdir(parents=True)
    (tables / "user_hours" / "day=2026-01-08").mkdir()
    (tables / "user_hours" / "day=2026-01-08" / "part.parquet").write_bytes(b"")
    (tables / "box" / "logged_uploads" / "day=2026-01-05").mkdir(parents=True)
    (tables / "box" / "logged_uploads" / "day=2026-01-05" / "part.parquet").write_bytes(b"garbage")
    (tables / "box" / "audit_events" / "day=soon").mkdir(parents=True)
    (tables / "box" / "audit_events" / "day=2026-01-05").mkdir(parents=True)
    (tables / "box" / "audit_events" / "day=2026-01-05" / "manifest.json").write_bytes(b"")
    raw = tables / "box" / "audit_events" / "day=2026-01-05" / "0000-2400.ndjson.zst"
    raw.write_bytes(zstandard.compress(ANN.encode()))
    (tables / "published.parquet").write_bytes(b"garbage")
    (home / "broken").symlink_to(home / "nowhere")
    (home / "notes.bin").write_bytes(os.urandom(5000))
    (home / "closed.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    (home / "cut.gz").write_bytes(gzip.compress(ANN.encode() * 100)[:-9])
    (home / "bad.db").write_bytes(b"SQLite format 3\0" + os.urandom(4096))
    (home / "odd.csv").write_bytes(b'"user\n\xff\x00,,"\n' + ANN.encode())
    (home / "packed.txt.gz").write_bytes(gzip.compress(f"for {ANN}".encode()))
    (home / "packed.zst").write_bytes(zstandard.compress(f"for {ANN}".encode()))
    (home / "utf16.txt").write_bytes(f"for {ANN}".encode("utf-16"))
    found = remove(lake)
    assert {str(path.relative_to(home)) for path in found.unsearched} == {
        "lake/user_hours/day=2026-01-06/part.parquet",
        "lake/box/audit_events/day=soon/manifest.json",
        "lake/published.parquet",
        "closed.zip",
        "cut.gz",
        "bad.db",
    }
    assert all(found.unsearched.values())
    assert users(lake) == [BOB]
    assert not any(b"ann@" in zstandard.decompress(path.read_bytes(), 100) for path in raw.parent.glob("*.zst"))
    assert b"ann@" not in (home / "odd.csv").read_bytes()
    assert gzip.decompress((home / "packed.txt.gz").read_bytes()) == b"for forgotten"
    assert zstandard.decompress((home / "packed.zst").read_bytes(), 100) == b"for forgotten"
    assert (home / "utf16.txt").read_bytes().decode("utf-16") == "for forgotten"
    # The finding stays until she is forgotten, and nobody else waits for that.
    assert ANN in (tables / "forgetting.json").read_text()
    remove(lake, BOB)
    assert users(lake) == []
    for path in found.unsearched:
        path.unlink(missing_ok=True)
    (tables / "box" / "audit_events" / "day=soon").rmdir()
    assert not remove(lake).unsearched
    assert not remove(lake, BOB).unsearched
    assert not (tables / "forgetting.json").exists()


def test_the_command_ends_with_1_and_names_the_files(lake):
    """Prevents an answer that reads as if nothing named the person any more."""
    (home_of(lake) / "bad.db").write_bytes(b"SQLite format 3\0" + os.urandom(4096))
    ran = CliRunner().invoke(app, ["forget", ANN, "--home", str(home_of(lake))])
    assert ran.exit_code == 1
    assert f"{home_of(lake) / 'bad.db'}: " in ran.stderr
    assert "uploadwatch forget ann@example.com" in ran.stderr
    (home_of(lake) / "bad.db").unlink()
    assert CliRunner().invoke(app, ["forget", ANN, "--home", str(home_of(lake))]).exit_code == 0


def test_a_locked_database_is_named(lake, monkeypatch):
    """Prevents Dagster's log from being left out in silence while another process writes to it."""
    monkeypatch.setattr("privacy.erasure.databases._PATIENCE_SECONDS", 0.1)
    path = home_of(lake) / "runs.db"
    with closing(sqlite3.connect(path)) as con:
        con.execute("CREATE TABLE runs (body TEXT UNIQUE, packed BLOB)")
        con.execute("INSERT INTO runs VALUES (?, ?)", (ANN, b"for " + ANN.encode()))
        con.execute("INSERT INTO runs VALUES ('ann%40example.com', NULL)")
        con.commit()
        con.execute("BEGIN EXCLUSIVE")
        assert list(remove(lake).unsearched) == [path]
        con.rollback()
    assert not remove(lake).unsearched
    assert b"ann" not in path.read_bytes().lower()


def test_links_that_lead_out_of_the_home_are_not_followed(lake, tmp_path):
    """Prevents files of others from being changed because a link leads to them."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "list.txt").write_text(ANN)
    (home_of(lake) / "list.txt").symlink_to(outside / "list.txt")
    (home_of(lake) / "folder").symlink_to(outside)
    (home_of(lake) / "inside").symlink_to(home_of(lake) / "lake")
    found = remove(lake)
    assert set(found.unsearched) == {home_of(lake) / "list.txt", home_of(lake) / "folder"}
    assert (outside / "list.txt").read_text() == ANN
    assert (home_of(lake) / "list.txt").is_symlink()


def test_names_of_files_lose_the_person(lake):
    """Prevents an address that stays in the name of a file or directory."""
    (home_of(lake) / "for ann%40example.com").mkdir()
    (home_of(lake) / "for ann%40example.com" / "ann_example_com.html").write_text("<p>bob</p>")
    remove(lake)
    assert (home_of(lake) / "for forgotten" / "forgotten.html").read_text() == "<p>bob</p>"


KILLED = """
import os, sys
from pathlib import Path
from lake.scratch import scratch
with scratch(Path(sys.argv[1]), "import") as directory:
    (directory / "spilled").mkdir()
    (directory / "spilled" / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(b"ann@example.com")
    (directory / "part.parquet").write_bytes(b"PAR1 garbage")
    if sys.argv[2] == "wait":
        print("ready", flush=True)
        sys.stdin.read()
    os._exit(9)
"""


def test_leftovers_of_a_killed_import_are_swept_by_forget_and_the_next_import(lake):
    """Prevents a leftover that makes every later forget fail, for anybody."""
    root = Path(lake.root)
    for sweep in (lambda: remove(lake), lambda: sweep_next(root)):
        subprocess.run([sys.executable, "-c", KILLED, str(root), "die"], check=False)
        assert list(root.glob(".import-*"))
        sweep()
        assert not list(root.glob(".import-*"))


def sweep_next(root: Path) -> None:
    with scratch(root, "import"):
        pass


def test_a_live_import_keeps_its_files_and_is_named(lake):
    """Prevents an import whose files are taken from under it, and a promise about what it is about to land."""
    root = Path(lake.root)
    command = [sys.executable, "-c", KILLED, str(root), "wait"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as at_work:
        assert at_work.stdout
        assert at_work.stdout.readline() == "ready\n"
        [directory] = live_scratch(root)
        assert sweep_scratch(root) == []
        assert list(remove(lake).unsearched) == [directory]
        assert (directory / "part.parquet").exists()
        at_work.communicate("")
    assert not remove(lake).unsearched
    assert not directory.exists()


def test_temporary_files_of_duckdb_and_of_killed_processes_go(lake):
    """Prevents rows of the person in what DuckDB spilled, and files of somebody else's that only look temporary."""
    home = home_of(lake)
    (home / "warehouse.duckdb.tmp").mkdir()
    left = [
        home / "warehouse.duckdb.tmp" / "duckdb_temp_storage_DEFAULT-0.tmp",
        home / "lake" / "duckdb_temp_block-7.block",
        home / "warehouse.duckdb.wal",
        home / ".warehouse.duckdb.abcd1234.wal",
        home / "lake" / "user_hours" / "day=2026-01-05" / ".part.parquet.abcd_123",
    ]
    for path in left:
        path.write_bytes(b"\x00binary")
    kept = [home / "notes.tmp", home / ".env.original", home / "export.wal"]
    for path in kept:
        path.write_text(f"bob, {ANN}")
    remove(lake)
    assert not any(path.exists() for path in left)
    assert [path.read_text() for path in kept] == ["bob, forgotten"] * 3


def test_exported_rows_of_others_stay(lake):
    """Prevents an export that loses a colleague's rows because a path or a name holds the person's."""
    exports = home_of(lake) / "exports"
    exports.mkdir()
    csv = '"time","user","owner"\r\n"1","{}","x"\r\n"2","{}","ann_example_com"\r\n"3","{}","two\r\nlines"\r\n'
    (exports / "day.csv").write_bytes(csv.format(ANN, BOB, BOB).encode())
    line = {"actor": {"user": {"name": BOB}}, "file": {"path": "/personal/ann_example_com/a"}}
    own = {"actor": {"user": {"name": ANN}}}
    (exports / "day.ndjson").write_text(f"{json.dumps(own)}\n{json.dumps(line)}\n")
    with duckdb.connect() as con:
        for name, who, at in (("own", ANN, ""), ("other", BOB, "ann_example_com")):
            con.execute(
                f"COPY (SELECT {{'user': {{'name': '{who}'}}}} AS actor, '{at}' AS place) "
                f"TO '{exports / name}.parquet' (FORMAT parquet)"
            )
    remove(lake)
    assert (exports / "day.csv").read_bytes() == (
        f'"time","user","owner"\r\n"2","{BOB}","forgotten"\r\n"3","{BOB}","two\r\nlines"\r\n'.encode()
    )
    assert (exports / "day.ndjson").read_text() == json.dumps(line).replace("ann_example_com", "forgotten") + "\n"
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT actor.user.name, place FROM '{exports}/*.parquet'").fetchall()
    assert rows == [(BOB, "forgotten")]


def test_names_that_become_the_same_stay_apart_in_a_map(lake):
    """Prevents a map with one key twice, which DuckDB refuses, so that the file could not be searched."""
    path = Path(lake.root) / "odd.parquet"
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT MAP {{'{ANN}': 1, '{ANN.upper()}': 2, 'x': 3}} AS apps) TO '{path}' (FORMAT parquet)"
        )
        assert not remove(lake).unsearched
        assert con.execute(f"SELECT apps FROM '{path}'").fetchall() == [({"forgotten": 1, "forgotten 2": 2, "x": 3},)]


def test_the_lock_is_the_kernels(tmp_path):
    """Prevents a directory that counts as live because a file in it says so."""
    with scratch(tmp_path, "forget") as directory:
        handle = os.open(directory / ".lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
    assert not directory.exists()
