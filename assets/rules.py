"""``user_hours`` to ``thresholds``: what is normal, how unusual a window is, and from when it counts."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from assets.calendar import DAY, SINGLE_RUN, TRAINING_DAYS, midnight, past, settings, window
from assets.coverage import activate, first_days
from assets.describe import described
from assets.lake import Lake
from assets.refresh import refresh
from assets.resources import Detector
from detection.sql import into, version

__all__ = ["baselines", "scores", "thresholds", "user_hours"]


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
    def _asset(context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource) -> None:
        def compute(con: duckdb.DuckDBPyConnection, day: date) -> None:
            lake.view(con, "uploads", uploads, [day])
            into(con, "user_hours", "user_hours")

        refresh(
            context,
            lake,
            engine,
            outputs={"user_hours": "user_hours"},
            made_from=lambda day: lake.digest(uploads, [day], version("user_hours")),
            compute=compute,
        )

    return _asset


def baselines(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of what is normal, a partition per day."""

    @dg.asset(
        name="baselines",
        deps=[dg.AssetDep("user_hours", partition_mapping=window(-TRAINING_DAYS, -1))],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("baselines"),
    )
    def _asset(context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource, detector: Detector) -> None:
        parameters = detector.parameters
        rules = version("baselines") + settings(parameters, "training_days", "prior_windows")

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> None:
            lake.view(con, "user_hours", ["user_hours"], past(day, parameters))
            into(con, "baselines", "baselines", parameters.bind(midnight(day)))

        refresh(
            context,
            lake,
            engine,
            outputs={"baselines": "baselines"},
            made_from=lambda day: lake.digest(["user_hours"], past(day, parameters), rules),
            compute=compute,
        )

    return _asset


def scores(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of scored windows."""

    @dg.asset(
        name="scores",
        deps=[dg.AssetDep("user_hours", partition_mapping=window(0, 1)), "baselines"],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("scores"),
    )
    def _asset(context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource, detector: Detector) -> None:
        parameters = detector.parameters
        names = ("floor_files", "floor_bytes", "warm_up_days", "activation_days")
        rules = version("scores", "active_scopes") + settings(parameters, *names)
        began = first_days(lake, providers)

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> None:
            lake.view(con, "user_hours", ["user_hours"], [day, day + DAY])
            lake.view(con, "baselines", ["baselines"], [day])
            activate(con, began, day, parameters)
            into(con, "scores", "scores", parameters.bind(midnight(day)))

        refresh(
            context,
            lake,
            engine,
            outputs={"scores": "scores"},
            made_from=lambda day: lake.digest(
                ["user_hours"], [day, day + DAY], rules, lake.digest(["baselines"], [day]), str(began)
            ),
            compute=compute,
        )

    return _asset


def thresholds(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of thresholds calibrated to the budget."""

    @dg.asset(
        name="thresholds",
        deps=[
            dg.AssetDep("scores", partition_mapping=window(-TRAINING_DAYS, -1)),
            dg.AssetDep("baselines", partition_mapping=window(-TRAINING_DAYS, -1)),
        ],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("thresholds"),
    )
    def _asset(context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource, detector: Detector) -> None:
        parameters = detector.parameters
        names = ("budget", "training_days", "least_user_days", "warm_up_days")
        rules = version("thresholds") + settings(parameters, *names)

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> None:
            lake.view(con, "past_scores", ["scores"], past(day, parameters))
            lake.view(con, "past_baselines", ["baselines"], past(day, parameters))
            into(con, "thresholds", "thresholds", parameters.bind(midnight(day)))

        refresh(
            context,
            lake,
            engine,
            outputs={"thresholds": "thresholds"},
            made_from=lambda day: lake.digest(["scores", "baselines"], past(day, parameters), rules),
            compute=compute,
        )

    return _asset
