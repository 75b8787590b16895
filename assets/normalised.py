"""``<provider>/logged_uploads``, ``activity`` and ``rejects``: audit events read into columns."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import duckdb

from assets.core.code_version import rules
from assets.core.descriptions import described
from assets.core.partitions import raw_partitions
from assets.core.refresh import Step, refresh
from assets.core.resources import Detector, Engine
from assets.core.source_steps import SourceSeam
from common.clock import Clock
from detection.normalise import normalise
from lake.damage import DamagedError
from lake.raw_days import manifests_of, raw_events, raw_files
from lake.store import Lake

__all__ = ["normalised", "read_again"]

_REMEDY = (
    "The day keeps what was read before. The next run pulls again what the provider still keeps; if that is not "
    "everything, restore the file from a backup, or see what `uploadwatch verify` advises."
)


def read_again(
    con: duckdb.DuckDBPyConnection, lake: Lake, provider: str, day: date, organisation_domains: Sequence[str]
) -> None:
    """Read a day's raw events again and write its tables, as a run of the assets would."""
    _compute(con, lake, provider, day, organisation_domains)
    read_by = rules("logged_uploads", Detector(organisation_domains=list(organisation_domains)), provider)
    made_from = _made_from(lake, provider, day, read_by)
    for relation, table in _outputs(provider).items():
        lake.write(con, relation, table, day, made_from)


def _outputs(provider: str) -> dict[str, str]:
    return {
        "uploads": f"{provider}/logged_uploads",
        **{table: f"{provider}/{table}" for table in ("activity", "rejects", "ignored", "counts")},
        "seen_accounts": f"{provider}/identities",
    }


def _made_from(lake: Lake, provider: str, day: date, read_by: str) -> str:
    raw = (manifest.digest for manifest in manifests_of(lake, provider, day))
    return lake.digest([], [day], read_by, *raw)


def _compute(
    con: duckdb.DuckDBPyConnection, lake: Lake, provider: str, day: date, organisation_domains: Sequence[str]
) -> None:
    directory = lake.directory(f"{provider}/audit_events", day)
    if day in lake.made_days(f"{provider}/logged_uploads") and not directory.is_dir():
        raise DamagedError(directory, "its raw events are missing", _REMEDY)
    for manifest in manifests_of(lake, provider, day):
        for name, fault in manifest.damaged().items():
            raise DamagedError(manifest.directory / name, fault, _REMEDY)
    while True:
        files = raw_files(lake, provider, day)
        try:
            return normalise(con, provider, day=day, raw_files=files, organisation_domains=organisation_domains)
        except duckdb.IOException:
            # Another run may have pulled a slice again meanwhile, so that its file has a new name.
            if files == raw_files(lake, provider, day):
                raise


def normalised(provider: str, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the assets that normalise one provider's audit events."""
    tables = ("logged_uploads", "activity", "rejects")
    deps = [dg.AssetDep([provider, "audit_events"], partition_mapping=raw_partitions(provider))]

    @dg.multi_asset(
        name=f"{provider}__normalise",
        specs=[
            dg.AssetSpec([provider, table], deps=deps, partitions_def=partitions, **described(table, provider))
            for table in tables
        ],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    # No return annotation: Dagster refuses None for several outputs.
    def _assets(  # type: ignore[no-untyped-def]
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        engine: Engine,
        detector: Detector,
        clock: dg.ResourceParam[Clock],
    ):
        seam = SourceSeam(context, lake, provider, "logged_uploads")
        read_by = rules("logged_uploads", detector, provider)

        def compute(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
            _compute(con, lake, provider, day, detector.organisation_domains)
            ignored = con.execute("SELECT reason, events FROM ignored ORDER BY reason").fetchall()
            # More than the day has: files of other days may hold events of it.
            read = dg.MetadataValue.int(raw_events(lake, provider, day))
            return {"ignored": dg.MetadataValue.json(dict(ignored)), "events read": read}

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
            failed=seam.failed,
            upstream=[f"{provider}/audit_events"],
        )
        seam.close(now=clock.now())

    return _assets
