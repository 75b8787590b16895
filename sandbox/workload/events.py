"""Columns of events during the making of a workload.

Belongs here: the container that generators and scenarios fill, and its conversion to a workload table.
Times are UTC milliseconds since 1970, sizes are bytes; a missing text is None, a missing size -1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sandbox.workload.format import SCHEMA

__all__ = ["DAY", "HOUR", "MINUTE", "SECOND", "Events", "Integers", "Texts"]

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Integers = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

_NUMBERS = {"time": 0, "published_at": -1, "bytes": -1, "size_in_log": -1, "file_gone": 0}


@dataclass(frozen=True, eq=False)
class Events:
    """Events as columns of equal length.

    Attributes:
        published_at: -1 until the delivery is drawn (or set by a scenario that needs its own).
        size_in_log: -1 as the provider does, 0 no, 1 yes.
        file_gone: 0 or 1.
    """

    provider: Texts
    kind: Texts
    time: Integers
    published_at: Integers
    user: Texts
    file_name: Texts
    folder: Texts
    bytes: Integers
    size_in_log: Integers
    file_gone: Integers
    ip: Texts
    country: Texts
    app: Texts
    event_id: Texts
    address: Texts

    @classmethod
    def make(cls, time: npt.ArrayLike, **columns: Any) -> Self:
        """Make events at the given times; a single value fills its whole column, a missing column is empty.

        Raises:
            ValueError: a column has another length than `time`.
        """
        times = np.atleast_1d(np.asarray(time, dtype=np.int64))
        made: dict[str, Any] = {"time": times}
        for field in fields(cls):
            if field.name == "time":
                continue
            number = field.name in _NUMBERS
            value = columns.pop(field.name, _NUMBERS.get(field.name))
            column = np.empty(times.size, dtype=np.int64 if number else object)
            column[:] = value
            made[field.name] = column
        if columns:
            raise ValueError(f"no such column: {', '.join(columns)}")
        return cls(**made)

    @classmethod
    def join(cls, parts: Iterable[Self]) -> Self:
        """Concatenate events."""
        kept: Sequence[Self] = tuple(parts) or (cls.make(()),)
        return cls(**{f.name: np.concatenate([getattr(p, f.name) for p in kept]) for f in fields(cls)})

    def take(self, rows: Any) -> Self:
        """Return the rows chosen by a mask or by positions."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def having(self, **columns: Any) -> Self:
        """Return the same events with whole columns replaced."""
        return replace(self, **columns)

    def __len__(self) -> int:
        return int(self.time.size)

    def table(self) -> pa.Table:
        """Convert the events to a workload table in their order."""
        columns = []
        for field in SCHEMA:
            values = getattr(self, field.name)
            if pa.types.is_timestamp(field.type):
                micros = pa.array(values * 1_000, mask=values < 0)
                columns.append(micros.cast(field.type))
            elif field.name == "bytes":
                columns.append(pa.array(values, mask=values < 0))
            elif field.name in ("size_in_log", "file_gone"):
                columns.append(pa.array(values == 1, mask=values < 0))
            else:
                columns.append(pa.array(values, type=field.type))
        return pa.Table.from_arrays(columns, schema=SCHEMA)
