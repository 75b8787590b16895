"""Dagster's event log on SQLite, which takes the events of many partitions in one transaction.

A run over a range of days tells of every asset and day twice, as planned and as made. Dagster hands such events to
its storage in batches, but the storage on SQLite opens the database and commits for each of them: the events of a
year's backfill would take longer than its work. As in Dagster's storage on PostgreSQL, here a batch is one
transaction.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

import dagster as dg
from dagster import _check as check
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData

__all__ = ["BatchingSqliteEventLogStorage"]

_BATCH = "1000"


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """``SqliteEventLogStorage`` with batches, in the same files: either can go on with what the other wrote.

    Args:
        base_dir: Directory of the files.
        inst_data: Dagster's own note of the class and its settings.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        # Without this variable Dagster hands over every event by itself.
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", _BATCH)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Opens the event log that an instance's settings describe."""
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Stores events of one run that concern assets and checks: in the run's file, and in the index of all runs."""
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), [self._event_to_row(event) for event in events])
        with self.index_transaction() as connection:
            stored = [
                (event, check.not_none(connection.execute(self.prepare_insert_event(event)).inserted_primary_key)[0])
                for event in events
            ]
            of_assets = [each for each in stored if each[0].dagster_event_type in ASSET_EVENTS]
            self._store_asset_event_tags(connection, [event for event, _ in of_assets], [id_ for _, id_ in of_assets])
            # Of an asset's entry only what its latest event says is kept.
            latest = {
                (event.get_dagster_event().asset_key, event.dagster_event_type): (event, id_)
                for event, id_ in of_assets
            }
            for event, id_ in latest.values():
                self._store_asset_event(connection, event, id_)
        for event, id_ in stored:
            if event.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, id_)
