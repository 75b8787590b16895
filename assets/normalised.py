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
from detection.normalise import normalise, normalise_parsed
from lake.damage import DamagedError
from lake.days import DAY, REACH
from lake.parsed_events import drop_parsed, parsed_files
from lake.raw_days import manifests_of, raw_files, span_of
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
    read_by = rules("logged_uploads", Detector(organisation_domains=list(organisation_domains)), provider)
    _compute(con, lake, provider, day, organisation_domains, read_by)
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
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    provider: str,
    day: date,
    organisation_domains: Sequence[str],
    read_by: str,
) -> int:
    """Make the relations of :func:`_outputs`; return the number of events that were parsed for them."""
    directory = lake.directory(f"{provider}/audit_events", day)
    if day in lake.made_days(f"{provider}/logged_uploads") and not directory.is_dir():
        raise DamagedError(directory, "its raw events are missing", _REMEDY)
    for manifest in manifests_of(lake, provider, day):
        for name, fault in manifest.damaged().items():
            raise DamagedError(manifest.directory / name, fault, _REMEDY)
    while True:
        files = raw_files(lake, provider, day)
        try:
            return _normalise(con, lake, provider, day, organisation_domains, read_by)
        except duckdb.IOException:
            # Another run may have pulled a slice again meanwhile, so that its file has a new name.
            if files == raw_files(lake, provider, day):
                raise


def _normalise(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    provider: str,
    day: date,
    organisation_domains: Sequence[str],
    read_by: str,
) -> int:
    manifests = manifests_of(lake, provider, day)
    files = [path for manifest in manifests for path in manifest.files]
    # Keeping parsed events takes half as long as parsing them: only where they will be read again, which are those of
    # a day that was read before, or that several days read.
    again = span_of(provider) > 0 or lake.note(f"{provider}/logged_uploads", day) is not None
    if not files or not again:
        normalise(con, provider, day=day, raw_files=files, organisation_domains=organisation_domains)
        return sum(manifest.events for manifest in manifests)
    parsed, events = list[str](), 0
    for manifest in manifests:
        of_day, new = parsed_files(con, manifest, provider, organisation_domains=organisation_domains, read_by=read_by)
        parsed += of_day
        events += new
    normalise_parsed(con, provider, day=day, parsed_files=parsed, raw_files=files)
    return events


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
            parsed = _compute(con, lake, provider, day, detector.organisation_domains, read_by)
            ignored = con.execute("SELECT reason, events FROM ignored ORDER BY reason").fetchall()
            return {"ignored": dg.MetadataValue.json(dict(ignored)), "events parsed": dg.MetadataValue.int(parsed)}

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
        landed = lake.landed_days(f"{provider}/audit_events")
        if landed:
            # Late events reach no older days; a backfill that overlaps may be reading them.
            with lake.alone(f"{provider}/logged_uploads"):
                drop_parsed(lake, provider, before=landed[-1] - REACH - span_of(provider) * DAY)
        seam.close(now=clock.now())

    return _assets
