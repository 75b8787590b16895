"""``alerts``: what the detections become."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from assets.allow_list import suppressed_metadata
from assets.calendar import DAY, SINGLE_RUN, midnight, window
from assets.describe import described
from assets.lake import Lake
from assets.load import load_metadata
from assets.pictures import alert_pictures
from assets.refresh import Step, days_between, range_of, refresh, touched_days
from assets.resources import Detector
from detection.alerts import LOOK_BACK, fold

__all__ = ["alerts"]

_FEW_DAYS = 4
"""Runs of so many days draw their alerts: ticks and reconciles do, backfills do not."""


def alerts(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of alerts."""
    uploads = [f"{provider}/uploads" for provider in providers]
    activity = [f"{provider}/activity" for provider in providers]

    @dg.asset(
        name="alerts",
        deps=[
            dg.AssetDep("detections", partition_mapping=window(-1, 1)),
            dg.AssetDep("user_hours", partition_mapping=window(0, 2)),
            dg.AssetDep("thresholds", partition_mapping=window(0, 1)),
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
        wanted = range_of(context)
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
                lake.view(con, "dated_thresholds", ["thresholds"], days_between(since, last), dated=True)
                fold(con, detector.parameters, since=midnight(since), watch=watch)
                folded = True
            con.execute(
                "CREATE OR REPLACE TEMP TABLE day_alerts AS "
                "SELECT * FROM alerts WHERE CAST(first_window_start AS DATE) = ? "
                'ORDER BY first_window_start, "user"',
                [day],
            )
            sentences = con.execute("SELECT name, sentence FROM day_alerts WHERE folded_into IS NULL").fetchall()
            told: dict[str, dg.MetadataValue] = {
                "alerts": dg.MetadataValue.json([f"{name}: {text}" for name, text in sentences[:20]]),
                "users_on_risk_list": dg.MetadataValue.int(len({row.user for row in watch.risk_list})),
                "networks_listed": dg.MetadataValue.int(len(watch.networks)),
                "reasons_off": dg.MetadataValue.json(list(watch.off)),
                **suppressed_metadata(con, day),
            }
            if day in wanted and len(wanted) <= _FEW_DAYS:
                told |= alert_pictures(con, lake, day)
            if day in wanted:
                told |= load_metadata(con, lake, days_between(day - 30 * DAY, day - DAY), picture=day == wanted[-1])
            return told

        refresh(
            context,
            lake,
            engine,
            Step(
                outputs={"day_alerts": "alerts"},
                made_from=lambda _day: None,
                compute=compute,
            ),
        )

    return _asset
