"""``<provider>/logged_uploads``, ``activity`` and ``rejects``: audit events read into columns."""

from datetime import date, timedelta

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from assets.describe import described
from assets.lake import Lake
from assets.manifest import Manifest
from assets.refresh import Step, days_between, refresh
from assets.resources import Detector
from assets.rules import rules
from detection.normalise import normalise

__all__ = ["normalised", "raw_days", "raw_events", "raw_files"]

_LATEST_PUBLICATION = timedelta(days=2)
"""Office 365 is selected by publication; events are looked for in so many later days of publication."""


def _span(provider: str, day: date) -> list[date]:
    return days_between(day, day + _LATEST_PUBLICATION) if provider == "office365" else [day]


def raw_days(provider: str) -> dg.PartitionMapping | None:
    """Which days of raw events a day of uploads reads."""
    if provider != "office365":
        return None
    return dg.TimeWindowPartitionMapping(
        start_offset=0, end_offset=_LATEST_PUBLICATION.days, allow_nonexistent_upstream_partitions=True
    )


def _manifests(lake: Lake, provider: str, day: date) -> list[Manifest]:
    return [Manifest(lake.directory(f"{provider}/audit_events", each)) for each in _span(provider, day)]


def raw_files(lake: Lake, provider: str, day: date) -> list[str]:
    """Raw files that hold the events of a day."""
    return [path for manifest in _manifests(lake, provider, day) for path in manifest.files]


def raw_events(lake: Lake, provider: str, day: date) -> int:
    """Number of raw events in them, as counted when they landed."""
    return sum(manifest.events for manifest in _manifests(lake, provider, day))


def normalised(provider: str, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The assets that read one provider's audit events."""
    tables = ("logged_uploads", "activity", "rejects")
    deps = [dg.AssetDep([provider, "audit_events"], partition_mapping=raw_days(provider))]

    @dg.multi_asset(
        name=f"{provider}__normalise",
        specs=[
            dg.AssetSpec([provider, table], deps=deps, partitions_def=partitions, **described(table, provider))
            for table in tables
        ],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    # No annotation of what it gives: Dagster refuses None for several outputs.
    def _assets(context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource, detector: Detector):
        read_by = rules("logged_uploads", detector, provider)

        def made_from(day: date) -> str:
            raw = (manifest.digest for manifest in _manifests(lake, provider, day))
            return lake.digest([], [day], read_by, *raw)

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
            normalise(
                con,
                provider,
                day=day,
                raw_files=raw_files(lake, provider, day),
                organisation_domains=detector.organisation_domains,
            )
            ignored = con.execute("SELECT reason, events FROM ignored ORDER BY reason").fetchall()
            return {"ignored": dg.MetadataValue.json(dict(ignored))}

        refresh(
            context,
            lake,
            engine,
            Step(
                outputs={
                    "uploads": f"{provider}/logged_uploads",
                    **{table: f"{provider}/{table}" for table in ("activity", "rejects", "ignored", "counts")},
                },
                made_from=made_from,
                compute=compute,
            ),
        )

    return _assets
