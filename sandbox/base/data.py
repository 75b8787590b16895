"""Workload files as sorted columns, one set per provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from sandbox.base.people import Person, digest, known_as
from sandbox.workload.format import KINDS, PROVIDERS, read_workload

FILE_KINDS = frozenset({"upload", "edit", "download", "share_external", "delete"})

# Column: (type, value of an empty field)
_COLUMNS = {
    "provider": ("VARCHAR", "NULL"),
    "kind": ("VARCHAR", "NULL"),
    "time": ("TIMESTAMP", "NULL"),
    "published_at": ("TIMESTAMP", "NULL"),
    "user": ("VARCHAR", "''"),
    "file_name": ("VARCHAR", "''"),
    "folder": ("VARCHAR", "''"),
    "bytes": ("BIGINT", "-1"),
    "size_in_log": ("BOOLEAN", "NULL"),
    "file_gone": ("BOOLEAN", "false"),
    "ip": ("VARCHAR", "''"),
    "country": ("VARCHAR", "''"),
    "app": ("VARCHAR", "''"),
    "event_id": ("VARCHAR", "''"),
    "address": ("VARCHAR", "''"),
}
_AS_READ = ("kind", "user", "file_name", "folder", "size_in_log", "ip", "country", "app", "file", "address")

_PROVIDER = """
SELECT epoch_us({time}) AS time, epoch_us(greatest(time, coalesce(published_at, time))) AS published, kind, "user",
       file_name, folder, bytes,
       CASE WHEN size_in_log IS NULL THEN -1 ELSE size_in_log::TINYINT END AS size_in_log,
       file_gone, ip, country, app, address,
       md5(concat_ws(chr(31), provider, lower("user"), folder, file_name)) AS file,
       event_id <> '' AS named,
       md5(CASE WHEN event_id <> '' THEN event_id
                ELSE concat_ws(chr(31), kind, epoch_us(time), "user", file_name, folder, bytes, ip, app)
           END || chr(31) || provider) AS key
FROM workload WHERE provider = $provider ORDER BY {order}
"""


@dataclass(frozen=True)
class Events:
    """One provider's events in order of time; every column has one entry per event.

    `time` and `published` are microseconds UTC, `size` is in bytes (-1 unknown), `size_in_log` is 1, 0 or
    -1 (as the provider does). `key` names the event and `file` the file, both as 32 hexadecimal digits, and
    `seed` is a number drawn from the key, for what varies from event to event.
    """

    provider: str
    time: NDArray[np.int64]
    published: NDArray[np.int64]
    kind: Sequence[str]
    user: Sequence[str]
    file_name: Sequence[str]
    folder: Sequence[str]
    size: Sequence[int]
    size_in_log: Sequence[int]
    gone: Sequence[bool]
    ip: Sequence[str]
    country: Sequence[str]
    app: Sequence[str]
    key: Sequence[str]
    file: Sequence[str]
    seed: Sequence[int]
    repeated: NDArray[np.bool_]
    address: Sequence[str]

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def _kind_numbers(self) -> NDArray[np.int8]:
        number = {kind: place for place, kind in enumerate(KINDS)}
        return np.array([number[kind] for kind in self.kind], dtype=np.int8)

    def of_kinds(self, kinds: Collection[str], rows: slice = slice(None)) -> NDArray[np.bool_]:
        """Return a mask of the rows that are of one of these kinds."""
        wanted = np.array([kind in kinds for kind in KINDS])
        return wanted[self._kind_numbers[rows]]

    @cached_property
    def by_publication(self) -> NDArray[np.int64]:
        """Return the events' positions in order of publication."""
        return np.argsort(self.published, kind="stable")

    def actor(self, row: int) -> Person:
        """Return the actor under the address that the log shows; ids are always the user's."""
        return known_as(self.user[row], self.address[row])

    def logs_size(self, row: int, *, by_default: bool) -> bool:
        """Check whether this event carries its size."""
        logged = self.size_in_log[row]
        return self.size[row] >= 0 and (by_default if logged < 0 else logged == 1)


def load(workload: Path) -> dict[str, Events]:
    """Read a workload file and return the columns of each provider in it.

    Raises:
        WorkloadError: the file can't be read, or a value in it can't be used.
    """
    table = read_workload(workload)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("given", table)
        columns = ", ".join(
            f'coalesce(CAST("{name}" AS {kind}), {empty}) AS "{name}"' for name, (kind, empty) in _COLUMNS.items()
        )
        database.execute(f"CREATE TEMP TABLE workload AS SELECT {columns} FROM given")  # noqa: S608 - names of our own
        return {provider: events for provider in PROVIDERS if (events := _events(database, provider))}


def _events(database: duckdb.DuckDBPyConnection, provider: str) -> Events | None:
    # Dropbox logs whole seconds, and groups what one user did in one second.
    gathers = provider == "dropbox"
    query = _PROVIDER.format(
        time="date_trunc('second', time)" if gathers else "time",
        order='1, "user", kind, folder, key, published' if gathers else "1, key, published",
    )
    got = database.execute(query, {"provider": provider}).fetchnumpy()
    if not len(got["time"]):
        return None
    column: dict[str, list[Any]] = {name: values.tolist() for name, values in got.items()}
    keys, repeated = _unique_keys(column["key"], column["named"])
    return Events(
        provider=provider,
        time=np.array(column["time"], dtype=np.int64),
        published=np.array(column["published"], dtype=np.int64),
        size=column["bytes"],
        gone=column["file_gone"],
        key=keys,
        seed=[int(key[16:], 16) for key in keys],
        repeated=np.array(repeated, dtype=np.bool_),
        **{name: column[name] for name in _AS_READ},
    )


def _unique_keys(keys: list[str], named: list[bool]) -> tuple[list[str], list[bool]]:
    """Make the keys of equal events unique, and mark repeated deliveries of one event.

    A workload repeats an event's name to say that it is delivered again. Equal events without a name happened
    more than once.
    """
    counts = Counter(keys)
    repeated = [name and counts[key] > 1 for key, name in zip(keys, named, strict=True)]
    seen: Counter[str] = Counter()
    for row, key in enumerate(keys):
        if counts[key] > 1 and not named[row]:
            seen[key] += 1
            keys[row] = digest(key, str(seen[key]))
    return keys, repeated
