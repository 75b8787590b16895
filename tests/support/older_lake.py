"""Partitions as an earlier version of the product wrote them, with its columns."""

from __future__ import annotations

import json
from datetime import date

import duckdb
import pyarrow.parquet as pq

from lake.durable import file_digest
from lake.store import Lake


def write_as_before(con: duckdb.DuckDBPyConnection, lake: Lake, relation: str, table: str, day: date) -> None:
    """Write a partition and its metadata as they were before columns were declared and recorded."""
    path = lake.part(table, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    con.execute(f"COPY (FROM {relation}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    stat = path.stat()
    note = {"made_from": "", "content": file_digest(path), "rows": pq.read_metadata(path).num_rows}
    note |= {"size": stat.st_size, "modified": stat.st_mtime_ns}
    path.with_suffix(".json").write_text(json.dumps(note), encoding="utf-8")
