"""Dagster's records of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from common.errors import CommandError

__all__ = ["open_records"]


def open_records(values: Mapping[str, str]) -> dg.DagsterInstance:
    """Open Dagster's instance in ``DAGSTER_HOME``.

    Args:
        values: Variables of the deployment, with ``DAGSTER_HOME``.

    Raises:
        CommandError: There is no ``dagster.yaml``: Dagster would ask for telemetry, or keep its records elsewhere.
    """
    directory = Path(values["DAGSTER_HOME"]).absolute()
    if not (directory / "dagster.yaml").is_file():
        raise CommandError(
            f"{directory} (DAGSTER_HOME) holds no dagster.yaml. Start `uploadwatch ui` once, which writes one, or "
            "copy that of `uploadwatch deployment` there."
        )
    return dg.DagsterInstance.from_config(str(directory))
