"""``user_hours``: sums per user, provider and hour, from which all later tables are computed."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from assets.charts.pictures import hours_picture
from assets.core.code_version import rules
from assets.core.descriptions import described
from assets.core.partitions import SINGLE_RUN
from assets.core.refresh import Step, refresh
from assets.core.resources import Clock, Detector
from assets.core.seam import fault_of
from detection.saves import count_saves
from lake.health import record_unconfigured
from lake.people import REACH
from lake.sources import known_sources, unconfigured_sources
from lake.store import Lake

__all__ = ["user_hours"]


def user_hours(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the asset of sums per user, provider and hour."""

    @dg.asset(
        name="user_hours",
        deps=[[provider, "uploads"] for provider in providers],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("user_hours"),
    )
    def _asset(
        context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource, detector: Detector, clock: Clock
    ) -> None:
        for source in unconfigured_sources(lake, providers):
            if since := record_unconfigured(lake, source, now=clock.now()).unconfigured_since:
                context.log.warning(
                    "%s is not configured since %s: its alerts and history stay. Set its variables again, or remove it "
                    "for good with `uploadwatch remove-source %s`.",
                    source,
                    since,
                    source,
                )
        uploads = [f"{source}/uploads" for source in known_sources(lake, providers)]
        summed_by = rules("user_hours", detector)
        people = detector.people(lake)

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> None:
            people.load_into(con)
            people.view(con, lake, "uploads", uploads, [day])
            count_saves(con)

        refresh(
            context,
            lake,
            engine,
            Step(
                outputs={"user_hours": "user_hours"},
                made_from=lambda day: lake.digest(uploads, [day], summed_by, people.digest([day])),
                compute=compute,
                picture=hours_picture,
            ),
            reach=REACH,
            days_apart=True,
            upstream=uploads,
            failed=lambda error, day: fault_of(error, "user_hours", f"sums of {day}").log(context.log),
        )

    return _asset
