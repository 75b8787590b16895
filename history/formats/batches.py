"""Events and rejects of the reader, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from history.formats.blocks import Block

__all__ = ["batches"]

_SCHEMA = pa.schema([("text", pa.string()), ("line", pa.int64()), ("number", pa.int64()), ("fault", pa.string())])
_ROWS = 1024
_CHARACTERS = 8_000_000


def batches(blocks: Iterable[Block]) -> pa.RecordBatchReader:
    """Return the blocks as rows of text, line, number (in the file, from 1) and fault (NULL for an event)."""
    return pa.RecordBatchReader.from_batches(_SCHEMA, _batches(blocks))


def _batches(blocks: Iterable[Block]) -> Iterator[pa.RecordBatch]:
    texts: list[str] = []
    lines: list[int] = []
    faults: list[str | None] = []
    size, number = 0, 1
    for block in blocks:
        texts += block.texts
        lines += block.lines
        faults += [block.fault] * len(block.texts)
        size += sum(map(len, block.texts))
        if len(texts) >= _ROWS or size > _CHARACTERS:
            yield _batch(texts, lines, faults, number)
            number += len(texts)
            texts, lines, faults, size = [], [], [], 0
    yield _batch(texts, lines, faults, number)


def _batch(texts: list[str], lines: list[int], faults: list[str | None], number: int) -> pa.RecordBatch:
    numbers = range(number, number + len(texts))
    columns = [pa.array(texts, pa.string()), pa.array(lines, pa.int64()), pa.array(numbers, pa.int64())]
    return pa.RecordBatch.from_arrays([*columns, pa.array(faults, pa.string())], schema=_SCHEMA)
