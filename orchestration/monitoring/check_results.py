"""Latest result of each asset check, from Dagster's event log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from common.errors import MendableError

__all__ = ["CheckRecordsError", "CheckResult", "read_check_results"]

_LOOKED_AT = 20
"""Latest executions of a check among which its result is: those of runs in progress have none yet."""


class CheckRecordsError(MendableError):
    """Dagster's event log is missing, or cannot be read."""


class CheckResult(NamedTuple):
    """Latest result of a check.

    Attributes:
        asset: Key of the asset, such as ``box/uploads``.
        check: Name of the check.
        passed: Whether its condition held.
        severity: ``WARN`` or ``ERROR``, if it did not hold.
        text: What was found, and what to do.
        runbook: Address or path of the check's runbook; empty if it passed.
        evaluated_at: When it ran, UTC with zone.
    """

    asset: str
    check: str
    passed: bool
    severity: str
    text: str
    runbook: str
    evaluated_at: datetime


def read_check_results(home: Path, values: Mapping[str, str]) -> list[CheckResult]:
    """Return the latest result of each check, failed errors first, then failed warnings.

    Opening the event log imports Dagster, which takes seconds the first time.

    Args:
        home: Directory of the deployment.
        values: Environment; ``DAGSTER_HOME`` is where Dagster's settings are, by default in the home.

    Raises:
        CheckRecordsError: The event log cannot be read.
    """
    directory = Path(values.get("DAGSTER_HOME") or home / "dagster").absolute()
    if not (directory / "dagster.yaml").is_file():
        raise CheckRecordsError(f"{directory} holds no dagster.yaml. Set DAGSTER_HOME to its directory.")
    try:
        found = list(_read(directory))
    except CheckRecordsError:
        raise
    except Exception as error:  # whatever a storage raises
        # The text of an error may hold the address of the database.
        raise CheckRecordsError(
            f"Dagster's event log can't be read ({type(error).__name__}). See dagster.yaml in {directory}, and whether "
            "its database runs."
        ) from error
    return sorted(found, key=lambda each: (each.passed, each.severity != "ERROR", each.asset, each.check))


def _read(directory: Path) -> Iterator[CheckResult]:
    import dagster as dg  # noqa: PLC0415 -- takes seconds
    import sqlalchemy as sa  # noqa: PLC0415 -- only Dagster's records need it

    from orchestration.storage.dagster_internals import (  # noqa: PLC0415 -- imports Dagster
        AssetCheckExecutionsTable,
        InstanceRef,
        SqlEventLogStorage,
    )

    ref = InstanceRef.from_dir(str(directory))
    data = ref.event_storage_data
    base = data.config_dict.get("base_dir") if data and data.class_name.endswith("SqliteEventLogStorage") else None
    if isinstance(base, str):
        _refuse_foreign(Path(base) / "index.db")
    storage = ref.event_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise CheckRecordsError(f"dagster.yaml in {directory} names no event log in a database.")
    try:
        table = AssetCheckExecutionsTable.c
        with storage.index_connection() as connection:
            keys = connection.execute(sa.select(table.asset_key, table.check_name).distinct()).fetchall()
        for text, name in keys:
            key = dg.AssetKey.from_db_string(text)
            if key is None:
                continue
            history = storage.get_asset_check_execution_history(dg.AssetCheckKey(key, name), limit=_LOOKED_AT)
            found = next((each for each in history if isinstance(each.evaluation, dg.AssetCheckEvaluation)), None)
            if found and found.event:
                yield _result(key.to_user_string(), name, found.evaluation, found.event.timestamp)
    finally:
        storage.dispose()


def _result(asset: str, check: str, evaluation: Any, timestamp: float) -> CheckResult:
    runbook = evaluation.metadata.get("runbook")
    return CheckResult(
        asset,
        check,
        evaluation.passed,
        evaluation.severity.value,
        evaluation.description or "",
        str(runbook.value) if runbook else "",
        datetime.fromtimestamp(timestamp, UTC),
    )


def _refuse_foreign(path: Path) -> None:
    """Refuse a file that is not Dagster's: Dagster would create it, or its tables in it."""
    if not (path.is_file() and path.stat().st_size):
        raise CheckRecordsError(f"Dagster's event log {path} is missing or empty.")
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as database:
        wanted = "SELECT count(*) FROM sqlite_master WHERE name = 'asset_check_executions'"
        [number] = database.execute(wanted).fetchone()
    if not number:
        raise CheckRecordsError(f"{path} is not Dagster's event log: it has no table of checks. See dagster.yaml.")
