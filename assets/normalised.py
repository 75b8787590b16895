"""``<provider>/logged_uploads``, ``activity`` and ``rejects``: audit events read into columns."""

from collections.abc import Sequence
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

__all__ = ["days_read_from", "normalised", "raw_days", "raw_events", "raw_files", "read_again"]

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


def days_read_from(provider: str, day: date) -> list[date]:
    """Days of uploads and activity that read the raw events of a day."""
    return days_between(day - _LATEST_PUBLICATION, day) if provider == "office365" else [day]


def read_again(
    con: duckdb.DuckDBPyConnection, lake: Lake, provider: str, day: date, organisation_domains: Sequence[str]
) -> None:
    """Reads a day's raw events again and writes its tables, as a run of the assets would."""
    _compute(con, lake, provider, day, organisation_domains)
    read_by = rules("logged_uploads", Detector(organisation_domains=list(organisation_domains)), provider)
    made_from = _made_from(lake, provider, day, read_by)
    for relation, table in _outputs(provider).items():
        lake.write(con, relation, table, day, made_from)


def _outputs(provider: str) -> dict[str, str]:
    return {
        "uploads": f"{provider}/logged_uploads",
        **{table: f"{provider}/{table}" for table in ("activity", "rejects", "ignored", "counts")},
    }


def _made_from(lake: Lake, provider: str, day: date, read_by: str) -> str:
    raw = (manifest.digest for manifest in _manifests(lake, provider, day))
    return lake.digest([], [day], read_by, *raw)


def _compute(
    con: duckdb.DuckDBPyConnection, lake: Lake, provider: str, day: date, organisation_domains: Sequence[str]
) -> None:
    normalise(
        con,
        provider,
        day=day,
        raw_files=raw_files(lake, provider, day),
        organisation_domains=organisation_domains,
    )


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

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
            _compute(con, lake, provider, day, detector.organisation_domains)
            ignored = con.execute("SELECT reason, events FROM ignored ORDER BY reason").fetchall()
            return {"ignored": dg.MetadataValue.json(dict(ignored))}

        refresh(
            context,
            lake,
            engine,
            Step(
                outputs=_outputs(provider),
                made_from=lambda day: _made_from(lake, provider, day, read_by),
                compute=compute,
            ),
            days_apart=True,
        )

    return _assets
