"""``alerts``: detections folded into alerts, with risk indicators and a sentence each."""

from collections.abc import Sequence
from datetime import date
from functools import cache

import dagster as dg
import duckdb

from assets.charts.pictures import alert_pictures, load_metadata
from assets.core.code_version import rules
from assets.core.descriptions import described
from assets.core.partitions import SINGLE_RUN, range_of, window
from assets.core.refresh import Step, refresh
from assets.core.resources import Detector, Engine
from common.digests import text_digest
from detection.alerts import LONG_LOOK_BACK, LOOK_BACK, fold, hours_before, pick_day
from lake.coverage import create_source_days
from lake.days import DAY, TRAINING_DAYS, days_between, midnight
from lake.reviews import confirmed_alerts
from lake.shown_alerts import suppressed
from lake.sources import known_sources
from lake.store import Lake

__all__ = ["alerts"]

_FEW_DAYS = 4
"""Most days of a run that draws its alerts: poll runs and late-data re-pulls do, backfills do not."""


def alerts(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the asset of alerts."""

    @dg.asset(
        name="alerts",
        deps=[
            dg.AssetDep("detections", partition_mapping=window(-1, 1)),
            dg.AssetDep("user_hours", partition_mapping=window(-LONG_LOOK_BACK.days, 2)),
            dg.AssetDep("causes"),
            *(
                dg.AssetDep(table.split("/"), partition_mapping=window(-LOOK_BACK.days, 2))
                for provider in providers
                for table in (f"{provider}/uploads", f"{provider}/activity")
            ),
        ],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("alerts"),
    )
    def _asset(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], engine: Engine, detector: Detector
    ) -> None:
        sources = known_sources(lake, providers)
        uploads = [f"{source}/uploads" for source in sources]
        activity = [f"{source}/activity" for source in sources]
        wanted = range_of(context)
        watch = detector.watch()._replace(confirmed=confirmed_alerts(lake))
        people = detector.people(lake)
        listed = text_digest("|".join(row.model_dump_json() for row in watch.risk_list))
        made_by = f"{rules('alerts', detector)}|{listed}|{watch.networks.digest}"
        folded = False

        @cache
        def detected() -> str:
            return lake.digest(["detections"], lake.days("detections"), made_by, people.labels)

        def made_from(day: date) -> str:
            note = lake.note("detections", day)
            if note is not None and not note.rows:
                # Without a detection no alert opens, so the look-behind does not matter.
                return detected()
            after = days_between(day, day + 2 * DAY)
            seen = days_between(day - LOOK_BACK, after[-1])
            added_up = lake.digest(["user_hours"], days_between(day - LONG_LOOK_BACK, after[-1]))
            explained = lake.digest([*uploads, *activity], seen, added_up, people.digest(seen))
            earlier = [said for said in watch.confirmed if day - 8 * DAY <= said.first_window_start.date() <= day]
            return lake.digest(["causes"], after, detected(), explained, repr(earlier))

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> None:
            nonlocal folded
            if not folded:
                # Days ascend, and the first that is computed is the earliest that changes.
                since = day
                found = lake.days("detections")
                last = max([*found[-1:], day]) + 2 * DAY
                people.load_into(con)
                people.view(con, lake, "keyed_detections", ["detections"], found)
                # Few rows from many files, which every day queries.
                con.execute("CREATE OR REPLACE TEMP TABLE detections AS FROM keyed_detections")
                earlier = hours_before(con, midnight(since))
                lake.view(con, "user_hours", ["user_hours"], days_between(since - earlier, last))
                # If a source's data are lost, an alert shows less of it, but is kept.
                people.view(con, lake, "uploads", uploads, days_between(since - LOOK_BACK, last), lost_too=True)
                people.view(con, lake, "activity", activity, days_between(since - LOOK_BACK, last), lost_too=True)
                create_source_days(con, lake, sources, days_between(since - LOOK_BACK, last))
                lake.view(con, "dated_causes", ["causes"], days_between(since, last), dated=True)
                fold(con, detector.parameters, since=midnight(since), watch=watch)
                folded = True
            pick_day(con, day)

        def describe(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
            lake.view(con, "day_alerts", ["alerts"], [day])
            lake.view(con, "detections", ["detections"], [day])
            sentences = con.execute("SELECT name, sentence FROM day_alerts WHERE folded_into IS NULL").fetchall()
            metadata: dict[str, dg.MetadataValue] = {
                "alerts": dg.MetadataValue.json([f"{name}: {text}" for name, text in sentences[:20]]),
                "users_on_risk_list": dg.MetadataValue.int(len({row.user for row in watch.risk_list})),
                "networks_listed": dg.MetadataValue.int(len(watch.networks)),
                "reasons_off": dg.MetadataValue.json(list(watch.off)),
                **_suppressed_metadata(con, day),
            }
            if len(wanted) <= _FEW_DAYS:
                metadata |= alert_pictures(con, lake, day)
            # A picture is large: a hundred poll runs a day would fill the event log with the same one.
            picture = day == wanted[-1] and context.run.tags.get("dagster/schedule_name") != "poll"
            month = days_between(day - TRAINING_DAYS * DAY, day - DAY)
            return metadata | load_metadata(con, lake, month, picture=picture)

        refresh(
            context,
            lake,
            engine,
            Step(
                outputs={"day_alerts": "alerts"},
                made_from=made_from,
                compute=compute,
                describe=describe,
            ),
            upstream=["detections"],
        )

    return _asset


def _suppressed_metadata(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
    """Return metadata about suppressed windows; empty if there are none."""
    found = suppressed(con, day)
    return {"suppressed windows": dg.MetadataValue.json(found)} if found else {}
