"""``<provider>/uploads`` and ``typical_sizes``: uploads with their sizes, and usual sizes of files."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from assets.charts.pictures import coverage_picture
from assets.core.code_version import rules
from assets.core.descriptions import described
from assets.core.partitions import SINGLE_RUN, window
from assets.core.preview import cell
from assets.core.refresh import Step, refresh
from assets.core.resources import Clock, Detector
from assets.core.seam import fault_of
from assets.core.source_steps import SourceSeam
from detection.sizes import measure, size_uploads, weigh
from detection.sql import into
from lake.days import TRAINING_DAYS, past
from lake.sources import known_sources
from lake.store import Lake

__all__ = ["SOURCES", "coverage", "sized_uploads", "typical_sizes"]

SOURCES = ("log", "recovered", "later_version", "estimated", "gone", "unknown")
"""Size sources of an upload; the size was measured in the first two, and is unknown in the others."""


def coverage(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, float]]:
    """Return, for each size source, the number of files in ``uploads`` and their share."""
    into(con, "coverage", "sizes/coverage")
    files: dict[str, int] = dict(con.execute("SELECT size_source, files FROM coverage").fetchall())
    whole = sum(files.values()) or 1
    return {
        source: {"files": files.get(source, 0), "share": round(files.get(source, 0) / whole, 4)} for source in SOURCES
    }


def _view(con: duckdb.DuckDBPyConnection, lake: Lake, provider: str, day: date, *, sizes: bool) -> None:
    """Create views ``logged_uploads`` and ``file_sizes`` of a day; the latter is empty if sizes are not recovered."""
    lake.view(con, "logged_uploads", [f"{provider}/logged_uploads"], [day])
    lake.view(con, "file_sizes", [f"{provider}/file_sizes"], [day] if sizes else [])


def _refuse_doubled(con: duckdb.DuckDBPyConnection) -> None:
    """Refuse duplicate uploads: the source's day keeps its earlier table, and no other source waits.

    Raises:
        RuntimeError: There is a duplicate.
    """
    found = con.execute(
        "SELECT event_key, count(*) FROM uploads GROUP BY event_key, asset HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    ).fetchall()
    for key, count in found:
        raise RuntimeError(
            f"event {cell(key)} is there {count} times, which would double figures. Materialise logged_uploads and "
            "uploads of this day again"
        )


def sized_uploads(provider: str, partitions: dg.PartitionsDefinition[str], *, sizes: bool) -> dg.AssetsDefinition:
    """Return the asset of one provider's uploads.

    Args:
        provider: Name of the provider.
        partitions: Days.
        sizes: Whether sizes are recovered, so that there are answers and estimates.
    """
    logged = f"{provider}/logged_uploads"
    also = [f"{provider}/file_sizes", "typical_sizes"] if sizes else []

    @dg.asset(
        key=[provider, "uploads"],
        deps=[table.split("/") for table in (logged, *also)],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("uploads", provider),
    )
    def _asset(
        context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource, detector: Detector, clock: Clock
    ) -> None:
        seam = SourceSeam(context, lake, provider, "uploads")
        sized_by = rules("uploads", detector, provider)

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
            _view(con, lake, provider, day, sizes=sizes)
            lake.view(con, "typical_sizes", ["typical_sizes"], [day] if sizes else [])
            size_uploads(con)
            _refuse_doubled(con)
            return {"size coverage": dg.MetadataValue.json(coverage(con))}

        refresh(
            context,
            lake,
            engine,
            Step(
                outputs={"uploads": f"{provider}/uploads"},
                made_from=lambda day: lake.digest([logged, *also], [day], sized_by),
                compute=compute,
                picture=coverage_picture if sizes else None,
            ),
            days_apart=True,
            failed=seam.failed,
            upstream=[logged],
        )
        seam.close(now=clock.now())

    return _asset


def typical_sizes(
    providers: Sequence[str], recovering: Sequence[str], partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Return the asset of usual file sizes.

    Args:
        providers: Providers whose sizes are used.
        recovering: Those among them whose sizes are recovered.
        partitions: Days.
    """
    before = window(-TRAINING_DAYS, -1)

    @dg.asset(
        name="typical_sizes",
        deps=[
            *(dg.AssetDep([provider, "logged_uploads"], partition_mapping=before) for provider in providers),
            *(dg.AssetDep([provider, "file_sizes"], partition_mapping=before) for provider in recovering),
        ],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("typical_sizes"),
    )
    def _asset(context: dg.AssetExecutionContext, lake: Lake, engine: DuckDBResource, detector: Detector) -> None:
        parameters = detector.parameters
        measured = [f"{source}/measured_sizes" for source in known_sources(lake, providers)]
        for provider in providers:
            _measure(context, lake, engine, detector, provider, sizes=provider in recovering)

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> None:
            lake.view(con, "measured_sizes", measured, past(day, parameters), lost_too=True)
            weigh(con, parameters)

        weighed_by = rules("typical_sizes", detector)
        refresh(
            context,
            lake,
            engine,
            Step(
                outputs={"typical_sizes": "typical_sizes"},
                made_from=lambda day: lake.digest(measured, past(day, parameters), weighed_by),
                compute=compute,
            ),
            days_apart=True,
        )

    return _asset


def _measure(
    context: dg.AssetExecutionContext,
    lake: Lake,
    engine: DuckDBResource,
    detector: Detector,
    provider: str,
    *,
    sizes: bool,
) -> None:
    """Count a provider's measured sizes of each day, so that a month is a sum of small tables."""
    tables = [f"{provider}/logged_uploads", *([f"{provider}/file_sizes"] if sizes else [])]
    measured_by = rules("measured_sizes", detector, provider)

    def compute(con: duckdb.DuckDBPyConnection, day: date) -> None:
        _view(con, lake, provider, day, sizes=sizes)
        measure(con)

    refresh(
        context,
        lake,
        engine,
        Step(
            outputs={"measured_sizes": f"{provider}/measured_sizes"},
            made_from=lambda day: lake.digest(tables, [day], measured_by),
            compute=compute,
        ),
        days_apart=True,
        failed=lambda error, day: fault_of(error, provider, f"measured sizes of {day}").log(context.log),
    )
