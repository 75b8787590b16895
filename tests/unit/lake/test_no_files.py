"""Directories, links and pipes in a file's place; a container's mount makes a directory there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from connectors import Page
from detection.tables import empty
from lake.damage import DamagedError
from lake.durable import replacing
from lake.health import read_health, record
from lake.kept import copy_of, intact, write_kept
from lake.landing import land
from lake.manifest import Manifest
from lake.store import Lake
from lake.verification import verify

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
DAY = date(2026, 1, 5)


def directory(path: Path) -> None:
    path.mkdir()


def full_directory(path: Path) -> None:
    path.mkdir()
    (path / "something").write_text("of somebody's")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def dead_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


ANYTHING = pytest.mark.parametrize("put", [directory, full_directory, loop, dead_link, os.mkfifo])
Put = Callable[[Path], object]


def replace(path: Path, put: Put) -> None:
    path.unlink()
    put(path)


def rows(path: Path, count: int = 3) -> None:
    duckdb.sql(f"COPY (FROM range({count})) TO '{path}' (FORMAT parquet)")


@ANYTHING
def test_a_kept_file_is_restored_over_whatever_stands_in_its_place(put: Put, tmp_path: Path) -> None:
    """Prevents all sources and commands from stopping although the copy of the ledger is whole."""
    path = tmp_path / "published.parquet"
    for lost in (path, copy_of(path), path.with_suffix(".json")):
        content = write_kept(path, rows)
        replace(lost, put)
        assert intact(path) == path
        write_kept(path, rows)
        assert content == write_kept(path, rows)
        assert lost.is_file()
    kept = [aside / "something" for aside in tmp_path.glob("*.damaged")]
    assert all(each.read_text() == "of somebody's" for each in kept)
    assert bool(kept) == (put is full_directory)


@ANYTHING
def test_a_manifest_is_read_from_its_copy_where_it_is_no_file(put: Put, tmp_path: Path) -> None:
    """Prevents `verify` from ending at the first thing that is no file, and a pipe from holding it up for ever."""
    lake = Lake(root=str(tmp_path / "lake"))
    there = lake.directory("box/audit_events", DAY)
    land(Manifest(there), START, START + timedelta(hours=1), [Page(b'{"event_id": "a"}\n')], now=NOW, provider="box")
    for name in ("manifest.json", "manifest.copy.json"):
        replace(there / name, put)
        assert Manifest(there).events == 1
        for problem in verify(lake):
            if problem.repair:
                problem.repair()
        assert [problem for problem in verify(lake) if not problem.path.name.endswith(".damaged")] == []
        assert (there / name).is_file()


@ANYTHING
def test_a_raw_file_that_is_none_is_damaged_and_lands_again(put: Put, tmp_path: Path) -> None:
    """Prevents a day that can never be pulled again, since its file's name is taken."""
    manifest = Manifest(tmp_path / "day=2026-01-05")
    page = Page(b'{"event_id": "a"}\n')
    piece = land(manifest, START, START + timedelta(hours=1), [page], now=NOW, provider="box")
    replace(manifest.directory / piece.file, put)
    assert list(Manifest(manifest.directory).damaged()) == [piece.file]
    land(Manifest(manifest.directory), START, START + timedelta(hours=1), [page], now=NOW, provider="box")
    assert Manifest(manifest.directory).damaged() == {}
    assert Manifest(manifest.directory).events == 1


@ANYTHING
def test_a_partition_that_is_no_file_is_made_again(put: Put, tmp_path: Path) -> None:
    """Prevents every run over a day from failing at the same table until somebody looks."""
    lake = Lake(root=str(tmp_path / "lake"))
    with duckdb.connect() as con:
        con.execute(f"CREATE VIEW hours AS {empty('user_hours')}")
        note, _ = lake.write(con, "hours", "user_hours", DAY, "made")
        for name in ("part.parquet", "part.json"):
            replace(lake.directory("user_hours", DAY) / name, put)
            if name == "part.parquet":
                assert lake.fault("user_hours", DAY, deep=True)
                with pytest.raises(DamagedError, match="makes it again"):
                    lake.view(con, "user_hours", ["user_hours"], [DAY])
            lake.digest(["user_hours"], [DAY])
            again, _ = lake.write(con, "hours", "user_hours", DAY, "made")
            assert again.content == note.content
            assert lake.fault("user_hours", DAY, deep=True) == ""


@ANYTHING
def test_health_that_is_no_file_is_written_again(put: Put, tmp_path: Path) -> None:
    """Prevents one source's state from ending `status` and every run."""
    lake = Lake(root=str(tmp_path / "lake"))
    record(lake, "box", "pull", "refused", now=NOW)
    path = tmp_path / "lake" / "box" / "health.json"
    replace(path, put)
    assert [problem.path for problem in verify(lake)] == [path]
    assert read_health(lake, ["box"])["box"].troubles == {}
    record(lake, "box", "pull", "refused", now=NOW)
    assert json.loads(path.read_text())["troubles"]


def test_what_nobody_may_look_at_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a command of another user from taking a whole file for a damaged one."""
    path = tmp_path / "published.parquet"
    write_kept(path, rows)

    def refuse(_: Path, *_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError):
        intact(path)


def test_a_directory_is_set_aside_as_often_as_it_comes(tmp_path: Path) -> None:
    """Prevents what somebody put into it from being overwritten by the second one."""
    path = tmp_path / "manifest.json"
    for _ in range(3):
        full_directory(path)
        with replacing(path) as temporary:
            temporary.write_text("whole")
        assert path.read_text() == "whole"
        path.unlink()
    assert len(list(tmp_path.glob("*.damaged"))) == 3
