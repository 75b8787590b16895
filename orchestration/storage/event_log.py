"""Dagster's event log on SQLite, at less cost an event: many partitions in one transaction, and files held open.

A run over a range of days logs every asset and day twice, as planned and as made. Dagster hands such events to
its storage in batches, but the storage on SQLite opens the database and commits for each of them: the events of a
year's backfill would take longer than its work. As in Dagster's storage on PostgreSQL, here a batch is one
transaction.

For each of its hundreds of queries a run, the storage on SQLite opens the database again, too, with an engine that has
to compile every statement again: half the time of a poll run. Here the databases used last stay open. That loses
nothing: a transaction is over, and other processes see it, before the next begins, and a lock keeps threads apart.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Self

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.pool import NullPool, StaticPool

from orchestration.storage.dagster_internals import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    ConfigurableClassData,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)

__all__ = ["BatchingSqliteEventLogStorage"]

_BATCH = "1000"
_WAIT = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
_OPEN = 8
"""Databases that are held open: the index, and those of the runs used last."""


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """``SqliteEventLogStorage`` with batches, in the same files: each can read what the other wrote.

    Args:
        base_dir: Directory of the files.
        inst_data: Dagster's own record of the class and its settings.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, sa.Engine] = OrderedDict()
        self._compiled: dict[Any, Any] = {}
        super().__init__(base_dir, inst_data)
        # Without this variable Dagster hands over events one by one.
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", _BATCH)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Open the event log that an instance's settings describe."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            if shard not in self._initialized_dbs:
                self._initdb(
                    sa.create_engine(self.conn_string_for_shard(shard), poolclass=NullPool, connect_args=_WAIT)
                )
                self._initialized_dbs.add(shard)
            if shard not in self._engines:
                self._engines[shard] = sa.create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=StaticPool,
                    connect_args={**_WAIT, "check_same_thread": False},
                    execution_options={"compiled_cache": self._compiled},
                )
            self._engines.move_to_end(shard)
            while len(self._engines) > _OPEN:
                self._engines.popitem(last=False)[1].dispose()
            with self._engines[shard].begin() as connection:
                yield connection

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()

    def wipe(self) -> None:
        """Remove all events; first close the databases, since nothing may be written to deleted files."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close the databases."""
        super().dispose()
        self._close()

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events of one run that concern assets and checks: in the run's file, and in the index of all runs."""
        rows = [self._event_to_row(event) for event in events]
        insert = SqlEventLogStorageTable.insert()
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(insert, rows)
        with self.index_transaction() as connection:
            # After the first row no other process writes until the transaction ends, so the other ids are consecutive.
            first = connection.execute(insert, rows[0]).lastrowid
            if rows[1:]:
                connection.execute(insert, rows[1:])
            stored = list(zip(events, count(first), strict=False))
            of_assets = [each for each in stored if each[0].dagster_event_type in ASSET_EVENTS]
            self._store_asset_event_tags(connection, [event for event, _ in of_assets], [id_ for _, id_ in of_assets])
            # An asset's entry keeps only its latest event.
            latest = {
                (event.get_dagster_event().asset_key, event.dagster_event_type): (event, id_)
                for event, id_ in of_assets
            }
            for event, id_ in latest.values():
                self._store_asset_event(connection, event, id_)
        for event, id_ in stored:
            if event.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, id_)
