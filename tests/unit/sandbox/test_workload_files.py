"""The files of a workload: what the command writes, what is read back, and what is refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from sandbox.workload.format import (
    SCHEMA,
    Label,
    WorkloadError,
    labels_path,
    read_labels,
    read_workload,
    write_labels,
    write_workload,
)
from sandbox.workload.making import add_command, make_workload

ROW = "box,upload,2026-01-05T09:30:00Z,ada@example.com,a.txt,5"
HEADER = "provider,kind,time,user,file_name,bytes"


def command() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    add_command(app)
    return app


def test_command_writes_workload_and_labels(tmp_path: Path) -> None:
    """Prevents a command whose files the readers don't accept."""
    out = tmp_path / "new" / "demo.parquet"
    arguments = ["workload", "--out", str(out), "--seed", "5", "--days", "45", "--people", "220"]
    result = CliRunner().invoke(command(), arguments)
    assert result.exit_code == 0, result.output
    assert read_workload(out).num_rows > 10_000
    assert len(read_labels(labels_path(out))) > 30
    assert "files a window" in result.output


def test_command_refuses_too_few_days(tmp_path: Path) -> None:
    """Prevents a traceback where a sentence is due."""
    result = CliRunner().invoke(command(), ["workload", "--out", str(tmp_path / "a.csv"), "--days", "9"])
    assert result.exit_code == 2
    assert "at least 45 days" in result.output


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_written_workloads_read_back(tmp_path: Path, ending: str) -> None:
    """Prevents a format that loses a value on the way, in Parquet or in CSV."""
    table, _ = make_workload(seed=1, days=3, people=20, incidents=False)
    path = tmp_path / f"small.{ending}"
    write_workload(table, path)
    assert read_workload(path).equals(table)


def test_csv_may_be_sparse(tmp_path: Path) -> None:
    """Prevents refusing hand-written files: columns in any order, optional ones left out, naive times."""
    path = tmp_path / "hand.csv"
    path.write_text(
        "kind,time,provider,user,bytes,file_name,published_at\n"
        'upload,2026-01-05 09:30:00,box,,7,"a, b.txt",\n'
        "sign_in,2026-01-05T10:30:00+01:00,dropbox,ada@example.com,,,2026-01-05T12:00:00Z\n",
        encoding="utf-8",
    )
    first, second = read_workload(path).to_pylist()
    at = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    assert first["time"] == second["time"] == at
    assert (first["user"], first["published_at"], first["file_name"]) == (None, None, "a, b.txt")
    assert (first["file_gone"], first["size_in_log"]) == (False, None)
    assert second["published_at"] == datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_naive_parquet_times_are_utc(tmp_path: Path) -> None:
    """Prevents times that move with the time zone of the machine."""
    table, _ = make_workload(seed=1, days=2, people=10, incidents=False)
    naive = table.set_column(SCHEMA.get_field_index("time"), "time", table["time"].cast(pa.timestamp("ns")))
    path = tmp_path / "naive.parquet"
    pq.write_table(naive, path)
    assert read_workload(path)["time"].equals(table["time"])


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (HEADER.replace("kind,", ""), ROW.replace("upload,", ""), "column 'kind' is missing"),
        (HEADER.replace("bytes", "size"), ROW, "column 'size' is not part of a workload"),
        (HEADER, ROW.replace("box", "Box"), "column 'provider', row 2: 'Box' can't be used: choose one of box"),
        (HEADER, ROW.replace("upload", "copy"), "column 'kind', row 2: 'copy'"),
        (HEADER, ROW.replace("2026-01-05T09:30:00Z", "5.1.2026"), "column 'time', row 2: '5.1.2026.*write it as"),
        (HEADER, ROW.replace("2026-01-05T09:30:00Z", ""), "column 'time', row 2: None.*needs a value"),
        (HEADER, ROW.replace(",5", ",5 MB"), "column 'bytes', row 2: '5 MB' can't be used: write whole bytes"),
        (HEADER, ROW.replace(",5", ",-5"), "column 'bytes', row 2: -5"),
        (HEADER, ROW.replace(",5", ","), "column 'bytes', row 2: None.*name and true size"),
        (HEADER, ROW.replace("a.txt", ""), "column 'file_name', row 2"),
        (HEADER, ROW.replace("@", " at "), "column 'user', row 2: 'ada at example.com'"),
        (HEADER + ",country", ROW + ",Germany", "column 'country', row 2: 'Germany'.*two capital letters"),
        (HEADER + ",file_gone", ROW + ",perhaps", "column 'file_gone', row 2: 'perhaps'.*true or false"),
        (HEADER + ",published_at", ROW + ",2026-01-04T00:00:00Z", "column 'published_at', row 2.*before"),
    ],
)
def test_errors_say_where_and_what_to_do(tmp_path: Path, header: str, row: str, message: str) -> None:
    """Prevents errors that leave a person searching a file of a hundred thousand rows."""
    path = tmp_path / "bad.csv"
    good = ROW if header.count(",") == ROW.count(",") else ROW + ","
    path.write_text(f"{header}\n{good}\n{row}\n", encoding="utf-8")
    if "kind" not in header:
        path.write_text(f"{header}\n{row}\n{row}\n", encoding="utf-8")
    with pytest.raises(WorkloadError, match=message):
        read_workload(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.parquet", None, "no such file"),
        ("empty.csv", "", "empty. The first line must name the columns"),
        ("text.parquet", "hello", "not a Parquet file"),
        ("text.xlsx", "hello", "ends in .parquet or .csv"),
        ("ragged.csv", f"{HEADER}\n{ROW},more\n", "not a readable CSV file"),
    ],
)
def test_files_that_are_no_workload(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    """Prevents tracebacks from inside of a library when the wrong file is given."""
    path = tmp_path / name
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(WorkloadError, match=message):
        read_workload(path)


def test_labels_read_back(tmp_path: Path) -> None:
    """Prevents labels whose times or truth change on the way through the file."""
    _, labels = make_workload(days=45)
    path = tmp_path / "a.labels.csv"
    write_labels(labels, path)
    assert read_labels(path) == labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("true", "maybe"), "column 'malicious', row 1: 'maybe'"),
        ((",alert,", ",perhaps,"), "column 'expected', row 1: 'perhaps'.*choose one of"),
        (("2026-01-05T00:00:00Z", "yesterday"), "column 'start', row 1: 'yesterday'"),
        (("note", "remark"), "column 'note', row 1: no value"),
    ],
)
def test_bad_labels_say_where(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    """Prevents a benchmark that counts wrongly because a label was misread."""
    at = datetime(2026, 1, 5, tzinfo=UTC)
    path = tmp_path / "a.labels.csv"
    write_labels([Label("a-01", "a", True, "alert", "ada@example.com", "box", at, at, "why")], path)
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(WorkloadError, match=message):
        read_labels(path)


def test_renames_change_what_is_shown_and_nothing_else() -> None:
    """Prevents a comparison of two workloads, with and without renames, that differ in what people did."""
    given: dict[str, Any] = {"seed": 3, "days": 30, "people": 60, "incidents": False}
    plain, changed = make_workload(**given)[0], make_workload(**given, renames=True)[0]
    assert changed.drop_columns("address") == plain.drop_columns("address")
    rows = changed.select(["user", "address"]).to_pylist()
    shown: dict[str, set[str]] = {}
    for row in rows:
        if row["address"] not in (None, "-"):
            shown.setdefault(row["address"], set()).add(row["user"])
    assert {len(users) for users in shown.values()} == {1}
    assert sum(".married@" in address for address in shown) >= 5
    assert any("+files@" in address for address in shown)
    assert any(row["address"] == "-" for row in rows)
    assert plain["address"].null_count == plain.num_rows
