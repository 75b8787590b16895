"""``<provider>/audit_events``: raw JSON from the provider's audit API."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from assets.core.descriptions import described
from assets.core.partitions import range_of
from assets.core.pull_checks import pull_check, pulled
from assets.core.resources import Source
from assets.core.runbooks import Runbooks
from assets.core.seam import fault_of, worst_kind
from assets.core.side_by_side import Patience, Pulls, Watch
from assets.core.source_pull import PullReport, pull_source
from common.clock import Clock
from lake.health import read_health, record
from lake.manifest import Manifest
from lake.manifest_entries import Slice
from lake.store import Lake

__all__ = ["PullConfig", "audit_events"]

_POLL = Patience(silent_seconds=120, total_seconds=600)
"""Time limits of a poll run; the next one, a quarter of an hour later, pulls the rest."""
_BACKFILL = Patience(silent_seconds=600, total_seconds=float("inf"))
_BREAKER = Patience(silent_seconds=20, total_seconds=600)
"""Time limits of a source that was unavailable several times in a row."""
_BREAKER_FAILURES, _FULL_TRY = 3, 4
"""Failed runs in a row after which a source gets less time; every fourth run it gets its usual time, since a slow
source needs it."""


class PullConfig(dg.Config):
    """Choice of the slices to pull again.

    Attributes:
        late_data: All slices that are not final; otherwise only those within the provider's lookback.
    """

    late_data: bool = True


def audit_events(
    provider: str, partitions: dg.PartitionsDefinition[str], *, sources: Sequence[str], runbooks: Runbooks
) -> dg.AssetsDefinition:
    """Return the asset of one provider's raw audit events.

    Args:
        provider: Name of the provider.
        partitions: Days.
        sources: All configured providers: their pulls start together.
        runbooks: Where the runbooks are.
    """
    table = f"{provider}/audit_events"

    @dg.asset(
        key=[provider, "audit_events"],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=provider,
        required_resource_keys={"lake", "clock", "pulls", *(f"{source}_source" for source in sources)},
        check_specs=[pull_check(provider, "audit_events", runbooks)],
        **described("audit_events", provider),
    )
    # Dagster accepts only the bare class: its type parameter is for a returned value, and a lake table returns none.
    def _asset(context: dg.AssetExecutionContext, config: PullConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]
        lake: Lake = context.resources.lake
        clock: Clock = context.resources.clock
        pulls: Pulls = context.resources.pulls
        days = range_of(context)
        pulls.start(_works(context, config, sources, days), provider)
        try:
            report: PullReport = pulls.wait(provider)
        except Exception as error:  # noqa: BLE001 -- the seam: see assets.core.seam
            secrets = getattr(context.resources, f"{provider}_source").environment.values()
            report = PullReport(faults=[fault_of(error, provider, "pulling audit events", secrets)])
        _log(context, provider, report)
        problem = " ".join(dict.fromkeys(fault.problem for fault in report.faults))
        record(lake, provider, "pull", problem, now=clock.now(), kind=worst_kind(report.faults), skew=report.skew)
        manifests = {day: Manifest(lake.directory(table, day)) for day in sorted({*days, *report.late})}
        for day in days:
            _attach(context, manifests[day], [piece for piece in report.slices if piece.start.date() == day])
        for day in sorted(set(report.late) - set(days)):
            metadata = {"dagster/partition_row_count": manifests[day].events, "late events": report.late[day]}
            context.log_event(
                dg.AssetMaterialization([provider, "audit_events"], partition=day.isoformat(), metadata=metadata)
            )
        return dg.MaterializeResult(check_results=[pulled(provider, "audit_events", report.faults, runbooks)])

    return _asset


def _works(
    context: dg.AssetExecutionContext, config: PullConfig, sources: Sequence[str], days: Sequence[date]
) -> Mapping[str, tuple[Callable[[Watch], PullReport], Patience]]:
    """Return the pulls of all sources that this run selects."""
    lake: Lake = context.resources.lake
    clock: Clock = context.resources.clock
    selected = context.run.step_keys_to_execute or context.job_def.graph.node_dict
    health = read_health(lake, sources)
    found = {}
    for source in sources:
        if f"{source}__audit_events" not in selected:
            continue
        late_data = _config_of(context, source, config).late_data
        trouble = health[source].troubles.get("pull")
        failures = trouble.failures if trouble and trouble.kind == "unavailable" else 0
        patience = _BACKFILL if late_data else _POLL
        if not late_data and failures >= _BREAKER_FAILURES and failures % _FULL_TRY:
            patience = _BREAKER
        resource: Source = getattr(context.resources, f"{source}_source")

        def work(watch: Watch, name: str = source, api: Source = resource, again: bool = late_data) -> PullReport:
            return pull_source(lake, api, clock, name, days, late_data=again, watch=watch)

        found[source] = (work, patience)
    return found


def _config_of(context: dg.AssetExecutionContext, source: str, config: PullConfig) -> PullConfig:
    """Return the configuration of another source's step in this run; if it has none, that of this step."""
    ops: Any = context.op_execution_context.run_config.get("ops", {})
    given = ops.get(f"{source}__audit_events", {}).get("config")
    return PullConfig(**given) if given else config


def _log(context: dg.AssetExecutionContext, provider: str, report: PullReport) -> None:
    context.log.info("%s: %d slices were due, %d landed", provider, report.wanted, len(report.slices))
    for piece in report.slices:
        events, pages = f"{piece.events} events", f"{piece.pages} pages"
        context.log.info("%s: %s in %s from %s to %s", provider, events, pages, piece.start, piece.end)
        for gap in piece.gaps:
            again = ", requested again later" if "unit" in gap else ""
            context.log.warning(
                "%s: no events from %s to %s%s: %s", provider, gap["start"], gap["end"], again, gap["cause"]
            )
    if report.lost:
        context.log.warning("%s: dropped %d events of days outside the history that is kept", provider, report.lost)
    for fault in report.faults:
        fault.log(context.log)


def _attach(context: dg.AssetExecutionContext, manifest: Manifest, pulled_now: Sequence[Slice]) -> None:
    """Attach a day's metadata."""
    context.add_asset_metadata(
        {
            "dagster/partition_row_count": manifest.events,
            "slices": len(manifest.slices),
            "slices pulled": len(pulled_now),
            "events pulled": sum(piece.events for piece in pulled_now),
            "late events": sum(piece.events for piece in manifest.late.values()),
            "imported events": sum(piece.events for piece in manifest.imported.values()),
            "gaps": [f"{gap['start']} to {gap['end']}: {gap['cause']}" for gap in manifest.gaps[:20]],
        },
        partition_key=manifest.day.isoformat(),
    )
