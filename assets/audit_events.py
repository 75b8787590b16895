"""``<provider>/audit_events``: what the provider's audit API says, verbatim."""

import threading
from datetime import date
from functools import cache
from pathlib import Path

import dagster as dg

from assets.describe import described
from assets.lake import Lake
from assets.landing import due
from assets.manifest import Manifest, Slice
from assets.pulling import land_stream, pull
from assets.pulls import pull_check, pulled
from assets.refresh import range_of
from assets.resources import Clock, Source
from connectors import ConnectorError, Streaming

__all__ = ["PullConfig", "audit_events"]


class PullConfig(dg.Config):
    """Which slices are pulled again.

    Attributes:
        reconcile: All slices that are not final; otherwise only those within the provider's overlap.
    """

    reconcile: bool = True


def audit_events(provider: str, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of one provider's raw audit events."""
    table = f"{provider}/audit_events"

    @dg.asset(
        key=[provider, "audit_events"],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=provider,
        required_resource_keys={"lake", "clock", f"{provider}_source"},
        check_specs=[pull_check(provider, "audit_events")],
        **described("audit_events", provider),
    )
    def _asset(context: dg.AssetExecutionContext, config: PullConfig) -> dg.MaterializeResult:
        lake: Lake = context.resources.lake
        clock: Clock = context.resources.clock
        source: Source = getattr(context.resources, f"{provider}_source")
        stop = threading.Event()
        connector = source.connector(clock, stop)
        days = range_of(context)

        @cache
        def manifests(day: date) -> Manifest:
            return Manifest(lake.directory(table, day))

        def landed(piece: Slice) -> None:
            events, pages = f"{piece.events} events", f"{piece.pages} pages"
            context.log.info("%s: %s in %s from %s to %s", provider, events, pages, piece.start, piece.end)
            for gap in piece.gaps:
                context.log.warning(
                    "%s: nothing to be had from %s to %s: %s", provider, gap["start"], gap["end"], gap["cause"]
                )

        # What is due depends on what has landed, so runs that overlap pull one after the other.
        with lake.alone(table):
            now = clock.now()
            wanted = [
                (manifests(day), start, end)
                for day in days
                for start, end in due(
                    manifests(day),
                    day,
                    now=now,
                    lateness=connector.lateness,
                    retention=connector.retention,
                    again=None if config.reconcile else connector.overlap,
                    # One day alone is cut, so that it can be pulled in parallel, too.
                    pieces=-(-connector.parallel_slices // len(days)),
                )
            ]
            context.log.info("%s: %d slices to pull, %d at once", provider, len(wanted), connector.parallel_slices)
            done = pull(connector, wanted, now=clock.now, stop=stop, landed=landed)
            late: dict[date, int] = {}
            if isinstance(connector, Streaming) and now.date() in days and not done.halted:
                kept = {*days, *lake.landed_days(table)}
                position = Path(lake.root) / table / "stream_position"
                try:
                    late, lost = land_stream(
                        connector, position, lambda day: manifests(day) if day in kept else None, done.hours, now=now
                    )
                except ConnectorError as error:
                    done.failures.append(error)
                else:
                    if lost:
                        context.log.warning(
                            "%s: %d events are of days outside the history that is kept", provider, lost
                        )
            for day in days:
                _tell(context, manifests(day), sum(piece.start.date() == day for piece in done.slices))
            for day in sorted(set(late) - set(days)):
                metadata = {"dagster/row_count": manifests(day).events, "late events": late[day]}
                context.log_event(
                    dg.AssetMaterialization([provider, "audit_events"], partition=day.isoformat(), metadata=metadata)
                )
        return dg.MaterializeResult(check_results=[pulled(provider, "audit_events", done.failures)])

    return _asset


def _tell(context: dg.AssetExecutionContext, manifest: Manifest, pulled_now: int) -> None:
    """Attaches a day's metadata."""
    context.add_asset_metadata(
        {
            "dagster/row_count": manifest.events,
            "slices": len(manifest.slices),
            "slices pulled": pulled_now,
            "late events": sum(piece.events for piece in manifest.late.values()),
            "imported events": sum(piece.events for piece in manifest.imported.values()),
            "gaps": [f"{gap['start']} to {gap['end']}: {gap['cause']}" for gap in manifest.gaps[:20]],
        },
        partition_key=manifest.day.isoformat(),
    )
