"""Names of Dagster's private modules that the product uses: where, and the behaviour that it relies on."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.storage import dagster_internals as internals

ROOT = Path(__file__).parents[3]
USED = {
    "orchestration/storage/dagster_internals.py": {
        "dagster._core.definitions.job_base.InMemoryJob",
        "dagster._core.definitions.repository_definition.SINGLETON_REPOSITORY_NAME",
        "dagster._core.events.ASSET_CHECK_EVENTS",
        "dagster._core.events.ASSET_EVENTS",
        "dagster._core.events.JobFailureData",
        "dagster._core.events.RunFailureReason",
        "dagster._core.execution.api.execute_run",
        "dagster._core.instance.ref.InstanceRef",
        "dagster._core.remote_origin.RegisteredCodeLocationOrigin",
        "dagster._core.remote_origin.RemoteRepositoryOrigin",
        "dagster._core.storage.event_log.SqlEventLogStorage",
        "dagster._core.storage.event_log.SqliteEventLogStorage",
        "dagster._core.storage.event_log.schema.AssetCheckExecutionsTable",
        "dagster._core.storage.event_log.schema.SqlEventLogStorageTable",
        "dagster._core.storage.sqlite.SQLITE_BUSY_TIMEOUT_SECONDS",
        "dagster._serdes.ConfigurableClassData",
    },
    "assets/core/host_faults.py": {
        "dagster._core.definitions.decorators.op_decorator.DecoratedOpFunction",
    },
    "assets/core/provenance.py": {
        "dagster._core.definitions.data_version.CODE_VERSION_TAG",
        "dagster._core.definitions.data_version.DATA_VERSION_TAG",
        "dagster._core.definitions.data_version.INPUT_DATA_VERSION_TAG_PREFIX",
        "dagster._core.definitions.data_version.INPUT_EVENT_POINTER_TAG_PREFIX",
        "dagster._core.definitions.data_version.NULL_EVENT_POINTER",
    },
    "console/dagster_ui/webserver.py": {
        "dagster._core.workspace.context.WorkspaceProcessContext",
        "dagster._core.workspace.context.WorkspaceRequestContext",
        "dagster._core.workspace.load_target.WorkspaceFileTarget",
    },
}
ADVICE = (
    f"Dagster {dg.__version__} changed this. Look for the public name that does the same; else for where it went, in "
    "Dagster's changelog and source. Change the import, what uses it, and the list in this test."
)
STORAGE: Any = internals.SqliteEventLogStorage
"""Untyped, since some of what is looked at is private to the class."""


def private(module: str) -> bool:
    return module.startswith("dagster") and any(part.startswith("_") for part in module.split("."))


def private_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if private(alias.name))
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in names if private(name))


def test_private_names_are_those_of_the_list() -> None:
    """Prevents a name that Dagster may change in any release from coming into use unseen."""
    rooms = sorted(path.parent for path in ROOT.glob("*/__init__.py"))
    found = {
        path.relative_to(ROOT).as_posix(): names
        for room in rooms
        for path in room.rglob("*.py")
        if (names := set(private_names(path)))
    }
    assert found == USED, "Use a public name of Dagster; where there is none, add it to the room's one module and here."


@pytest.mark.parametrize("name", sorted(name for names in USED.values() for name in names))
def test_each_private_name_is_there(name: str) -> None:
    """Prevents an upgrade of Dagster from ending in an ImportError without a word of what to do."""
    module, _, attribute = name.rpartition(".")
    try:
        found = hasattr(importlib.import_module(module), attribute)
    except ImportError:
        found = False
    assert found, f"{name} is gone. {ADVICE}"


@pytest.mark.parametrize(
    ("called", "parameters"),
    [
        (internals.execute_run, "job dagster_run instance raise_on_error"),
        (internals.InMemoryJob, "job_def"),
        (internals.InstanceRef.from_dir, "base_dir config_dir config_filename overrides"),
        (internals.RemoteRepositoryOrigin.get_job_origin, "self job_name"),
        (internals.JobFailureData, "error failure_reason first_step_failure_event"),
        (STORAGE, "base_dir inst_data"),
        (STORAGE.from_config_value, "inst_data config_value"),
        (STORAGE.conn_string_for_shard, "self shard_name"),
        (STORAGE.index_transaction, "self"),
        (STORAGE.run_connection, "self run_id"),
        (STORAGE.store_event_batch, "self events"),
        (STORAGE.store_asset_check_event, "self event event_id"),
        (STORAGE._connect, "self shard"),
        (STORAGE._event_to_row, "self event"),
        (STORAGE._initdb, "self engine for_index_shard"),
        (STORAGE._store_asset_event, "self conn event event_id"),
        (STORAGE._store_asset_event_tags, "self conn events event_ids"),
        (dg.Executor.execute, "self plan_context execution_plan"),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_what_is_called_or_overridden_takes_what_it_took(called: Callable[..., Any], parameters: str) -> None:
    """Prevents an upgrade of Dagster from passing by an overridden method, or from failing within a run."""
    found = list(inspect.signature(called).parameters)
    assert found == parameters.split(), f"{called.__qualname__} takes {found}. {ADVICE}"
