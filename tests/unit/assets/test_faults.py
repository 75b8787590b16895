"""Sentences for what surrounds the program, from errors as the system raises them."""

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest

from assets.core.host_faults import SurroundingsError, sentence, with_sentences
from lake.durable import make_directory
from lake.store import Lake, replace_text


def error_of(act: Callable[[], object]) -> Exception:
    """Return the exception that an act raises."""
    with pytest.raises(Exception) as raised:
        act()
    return raised.value


def full_disk(path: Path) -> None:
    """Write to a file on a full disk, through the kernel's ``/dev/full``."""
    path.symlink_to("/dev/full")
    path.write_text("x" * 100_000)


def locked(path: Path) -> None:
    """Write to a database while somebody else writes to it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        database(path)


def database(path: Path) -> None:
    """Write to a database."""
    with closing(sqlite3.connect(path, timeout=0.01)) as opened:
        opened.execute("CREATE TABLE t (x)")


def garbage(path: Path) -> Path:
    """Write a file that is neither Parquet nor a database."""
    path.write_bytes(b"garbage " * 2000)
    return path


def no_memory(_path: Path) -> None:
    """Run a query that needs more memory than it may use."""
    with duckdb.connect(config={"memory_limit": "2MB", "max_temp_directory_size": "0KB"}) as con:
        con.execute("SELECT count(DISTINCT i) FROM range(10000000) t(i)").fetchall()


def query(path: Path) -> None:
    """Read a file with DuckDB."""
    with duckdb.connect() as con:
        con.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (full_disk, "The disk is full: {path}. Free space"),
        (locked, "The database {path} is locked. Another process"),
        (lambda path: database(garbage(path)), "The database {path} is damaged. Restore"),
        (
            lambda path: make_directory(path / "none" if path.touch() else path / "x"),
            "{path}/x is not below a directory.",
        ),
        (no_memory, "Memory ran out ("),
        (lambda path: query(garbage(path)), "{path} is damaged."),
        (query, "{path} does not exist."),
        (lambda path: pq.read_metadata(garbage(path)), "{path} is damaged."),
        (lambda path: garbage(path).rename(path / "x"), "{path} is not below a directory."),
        (lambda path: path.read_text(), "{path} does not exist."),
        (lambda path: replace_text(Path("/proc/uploadwatch"), str(path)), "/proc"),
    ],
)
def test_a_fault_of_the_surroundings_says_what_where_and_what_to_do(tmp_path: Path, act, said: str) -> None:
    """Prevents fifty lines of traceback where a disk is full, a file is damaged or a lock is held."""
    path = tmp_path / "file.db"
    told = sentence(error_of(lambda: act(path)))
    assert told is not None
    assert told.startswith(said.format(path=path)), told
    assert "\n" not in told


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO, errno.EMFILE])
def test_what_the_system_refuses_names_the_file(number: int) -> None:
    """Prevents a refusal that does not say of which file."""
    told = sentence(OSError(number, "refused", "/srv/uploadwatch/lake/part.parquet"))
    assert told is not None
    assert "/srv/uploadwatch/lake/part.parquet" in told


@pytest.mark.parametrize(
    "act",
    [
        lambda: dict[str, int]()["egnyte"],
        lambda: len(3),  # type: ignore[arg-type]
        lambda: list[int]()[1],
        lambda: duckdb.sql("SELECT nothing FROM range(3)"),
        lambda: int("x"),
    ],
)
def test_a_fault_of_the_program_has_no_sentence(act: Callable[[], object]) -> None:
    """Prevents a fault of the program from being told as "Error: 'egnyte'", without the place where it is."""
    assert sentence(error_of(act)) is None


@pytest.mark.parametrize("streaming", [False, True])
def test_a_failed_step_says_what_to_do(tmp_path: Path, *, streaming: bool) -> None:
    """Prevents a run whose failed step says "[Errno 28]" and no more."""

    def write() -> dg.MaterializeResult:
        full_disk(tmp_path / "part.json")
        return dg.MaterializeResult()

    @dg.asset(name="table")
    def at_once(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
        context.log.info("writes to %s", lake.root)
        return write()

    @dg.asset(name="table")
    def in_turn(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]):
        context.log.info("writes to %s", lake.root)
        yield write()

    table = with_sentences(in_turn if streaming else at_once)
    lake = Lake(root=str(tmp_path))
    result = dg.materialize([table], resources={"lake": lake}, raise_on_error=False)
    [failure] = [event for event in result.all_events if event.is_step_failure]
    cause = failure.step_failure_data.error.cause
    assert cause.cls_name == SurroundingsError.__name__
    assert f"The disk is full: {tmp_path / 'part.json'}. Free space" in cause.message
