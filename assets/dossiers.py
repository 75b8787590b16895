"""``dossiers``: a page for each alert, and an index of the pages."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache

import dagster as dg
import duckdb

from assets.core.descriptions import described
from assets.core.partitions import SINGLE_RUN, range_of, window
from assets.core.refresh import Step, refresh, touched_days
from assets.core.resources import Detector, Engine, Pages
from common.clock import Clock
from detection.scales import scale_days
from dossier.page_builder import Made, PageBuilder, is_switched
from dossier.queries import SIGNS, USUAL, WATCHED
from dossier.sections.advice import PREFIX
from lake.home import dossier_url
from lake.store import Lake
from lake.warehouse import build_warehouse
from notify.text import harmless

__all__ = ["dossiers"]

_REACH = timedelta(days=WATCHED + 3)
"""Look-behind of the pages: days that a page is kept current, and up to three from an alert's opening to its end."""


def dossiers(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the asset of the alerts' pages."""
    # Pages also read up to WATCHED later days. They are left out here: with them no page would ever be up to date.
    longest = max(scale_days().values())
    before = window(-SIGNS - USUAL - longest, 2)

    @dg.asset(
        name="dossiers",
        deps=[
            "alerts",
            dg.AssetDep("baselines", partition_mapping=window(0, 2)),
            dg.AssetDep("detections", partition_mapping=window(0, 2)),
            dg.AssetDep("evaluations", partition_mapping=before),
            dg.AssetDep("user_hours", partition_mapping=before),
            *(
                dg.AssetDep([provider, table], partition_mapping=before)
                for provider in providers
                for table in ("uploads", "activity")
            ),
        ],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("dossiers"),
    )
    def _asset(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        engine: Engine,
        clock: dg.ResourceParam[Clock],
        detector: Detector,
        pages: Pages,
    ) -> None:
        with engine.get_connection() as con:
            # After a change of pseudonyms old pages are made again, too, since they would show the names.
            switched = is_switched(lake, pages.pseudonyms())
            reach = range_of(context)[0] - date.min if switched else _REACH

            @cache
            def builder() -> PageBuilder:
                # Create it only under the table's lock: an overlapping run may change alerts and pages before.
                made = PageBuilder(
                    con,
                    lake,
                    now=clock.now(),
                    networks=detector.known_networks(),
                    terms=pages.terms(),
                    domains=detector.organisation_domains,
                    pseudonyms=pages.pseudonyms(),
                )
                made.look_at(touched_days(context, lake, "dossiers", reach=reach))
                return made

            def compute(own: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
                made = builder().make(own, day)
                metadata = _links(lake, pages.url, made)
                if any(each.is_new for each in made):
                    context.log_event(dg.AssetObservation("alerts", partition=day.isoformat(), metadata=metadata))
                return metadata

            refresh(
                context,
                lake,
                engine,
                Step(
                    outputs={"day_dossiers": "dossiers"},
                    made_from=lambda day: builder().made_from(day),
                    compute=compute,
                ),
                reach=reach,
            )
            with lake.alone("dossiers"):
                builder().index()
        build_warehouse(lake)
        context.log.info("%d pages made; index: %s", builder().rendered, dossier_url(lake, None, pages.url))

    return _asset


def _links(lake: Lake, base: str, made: Sequence[Made]) -> dict[str, dg.MetadataValue]:
    """Return links to the pages of a day and to the index.

    Dagster's UI follows no link to a file, so without a console it shows the commands that print the pages.
    """
    if not base:
        lines = [f"- {harmless(each.title)}: `uploadwatch alert {each.alert_id[:PREFIX]}`" for each in made]
        return {"pages": dg.MetadataValue.md("\n".join(lines) or "no alert")}
    lines = [f"- [{harmless(each.title)}]({dossier_url(lake, each.alert_id, base)})" for each in made]
    return {
        "pages": dg.MetadataValue.md("\n".join(lines) or "no alert"),
        "console": dg.MetadataValue.url(base),
    }
