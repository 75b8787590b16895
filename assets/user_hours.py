"""``user_hours``: sums per user, provider and hour, from which all that follows is made."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from assets.calendar import SINGLE_RUN
from assets.describe import described
from assets.lake import Lake
from assets.pictures import hours_picture
from assets.refresh import Step, refresh
from assets.resources import Detector
from assets.rules import rules
from detection.sql import into

__all__ = ["user_hours"]


def user_hours(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of sums per user, provider and hour."""
    uploads = [f"{provider}/uploads" for provider in providers]

    @dg.asset(
        name="user_hours",
        deps=[table.split("/") for table in uploads],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("user_hours"),
    )
    def _asset(context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource, detector: Detector) -> None:
        summed_by = rules("user_hours", detector)

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> None:
            lake.view(con, "uploads", uploads, [day])
            into(con, "user_hours", "user_hours")

        refresh(
            context,
            lake,
            engine,
            Step(
                outputs={"user_hours": "user_hours"},
                made_from=lambda day: lake.digest(uploads, [day], summed_by),
                compute=compute,
                picture=hours_picture,
            ),
            days_apart=True,
        )

    return _asset
