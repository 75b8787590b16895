"""``detections``, ``evaluations`` and ``alerts``: which windows are out of line, and the alerts they become."""

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from assets.calendar import DAY, SINGLE_RUN, TRAINING_DAYS, midnight, past, settings, window
from assets.coverage import activate, evaluations, first_days
from assets.describe import described
from assets.lake import Lake
from assets.refresh import days_between, refresh, touched_days
from assets.resources import Detector
from detection.alerts import LOOK_BACK, fold
from detection.sql import into, version

__all__ = ["alerts", "detections"]


def detections(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The assets of detections, and of what was evaluated."""

    @dg.multi_asset(
        name="detections",
        specs=[
            dg.AssetSpec(
                table,
                deps=[
                    dg.AssetDep("scores", partition_mapping=window(-TRAINING_DAYS, 0)),
                    "baselines",
                    "thresholds",
                ],
                partitions_def=partitions,
                **described(table),
            )
            for table in ("detections", "evaluations")
        ],
        backfill_policy=SINGLE_RUN,
    )
    # No annotation of what it gives: Dagster refuses None for several outputs.
    def _asset(context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource, detector: Detector):
        parameters = detector.parameters
        activation = timedelta(days=parameters.activation_days)
        rules = version("detections", "active_scopes") + settings(parameters, "activation_days")
        began = first_days(lake, providers)

        def made_from(day: date) -> str:
            judged = lake.digest(["scores", "thresholds", "baselines"], [day])
            watched = evaluations(lake, providers, began, day, activation)
            return lake.digest(["scores"], past(day, parameters), rules, judged, str(watched))

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> None:
            for table in ("scores", "thresholds", "baselines"):
                lake.view(con, table, [table], [day])
            lake.view(con, "past_scores", ["scores"], past(day, parameters))
            activate(con, began, day, parameters)
            into(con, "detections", "detections", parameters.bind(midnight(day)))
            watched = evaluations(lake, providers, began, day, activation)
            con.execute(
                "CREATE OR REPLACE TEMP TABLE evaluations "
                "(scope VARCHAR, window_start TIMESTAMP, state VARCHAR, reason VARCHAR)"
            )
            con.executemany("INSERT INTO evaluations VALUES (?, ?, ?, ?)", watched)

        refresh(
            context,
            lake,
            engine,
            outputs={"detections": "detections", "evaluations": "evaluations"},
            made_from=made_from,
            compute=compute,
        )

    return _asset


def alerts(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of alerts."""
    uploads = [f"{provider}/uploads" for provider in providers]
    activity = [f"{provider}/activity" for provider in providers]

    @dg.asset(
        name="alerts",
        deps=[
            dg.AssetDep("detections", partition_mapping=window(-1, 1)),
            dg.AssetDep("user_hours", partition_mapping=window(0, 2)),
            *(
                dg.AssetDep(table.split("/"), partition_mapping=window(-LOOK_BACK.days, 2))
                for table in (*uploads, *activity)
            ),
        ],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("alerts"),
    )
    def _asset(context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource, detector: Detector) -> None:
        since = touched_days(context, lake, "alerts")[0]
        watch = detector.watch()
        folded = False

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
            nonlocal folded
            if not folded:
                found = lake.days("detections")
                last = max([*found[-1:], day]) + 2 * DAY
                lake.view(con, "detections", ["detections"], found)
                lake.view(con, "user_hours", ["user_hours"], days_between(since, last))
                lake.view(con, "uploads", uploads, days_between(since - LOOK_BACK, last))
                lake.view(con, "activity", activity, days_between(since - LOOK_BACK, last))
                fold(con, detector.parameters, since=midnight(since), watch=watch)
                folded = True
            con.execute(
                "CREATE OR REPLACE TEMP TABLE day_alerts AS "
                "SELECT * FROM alerts WHERE CAST(first_window_start AS DATE) = ? "
                'ORDER BY first_window_start, "user"',
                [day],
            )
            sentences = con.execute("SELECT name, sentence FROM day_alerts").fetchall()
            return {
                "alerts": dg.MetadataValue.json([f"{name}: {text}" for name, text in sentences[:20]]),
                "users_on_risk_list": dg.MetadataValue.int(len({row.user for row in watch.risk_list})),
                "networks_listed": dg.MetadataValue.int(len(watch.networks)),
                "reasons_off": dg.MetadataValue.json(list(watch.off)),
            }

        refresh(
            context,
            lake,
            engine,
            outputs={"day_alerts": "alerts"},
            made_from=lambda _day: None,
            compute=compute,
        )

    return _asset
