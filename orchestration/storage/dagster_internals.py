"""Names of Dagster that are not part of its public API, gathered for this room and those above it.

A release of Dagster may move, rename or change any of them without notice. Each is here because no public name does the
same. `tests/unit/orchestration/test_dagster_internals.py` lists them, with the behaviour that we rely on. The assets
import two more themselves, since they cannot import this room.
"""

# A run in this process with an origin, without which no sensor sees it. JobDefinition.execute_in_process takes none.
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME

# DagsterInstance.report_run_failed is public, but the type of its argument is not. The event log stores events of
# assets and checks differently from others.
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, JobFailureData, RunFailureReason
from dagster._core.execution.api import execute_run

# The run storage alone, without an instance: opening one makes the directories and databases of all its storages.
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin

# The event log on SQLite is subclassed, to store a batch in one transaction and to keep its databases open. Evaluations
# of checks outlive their runs, and only their table lets them be removed.
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData

__all__ = [
    "ASSET_CHECK_EVENTS",
    "ASSET_EVENTS",
    "SINGLETON_REPOSITORY_NAME",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "AssetCheckExecutionsTable",
    "ConfigurableClassData",
    "InMemoryJob",
    "InstanceRef",
    "JobFailureData",
    "RegisteredCodeLocationOrigin",
    "RemoteRepositoryOrigin",
    "RunFailureReason",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
    "execute_run",
]
