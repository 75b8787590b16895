"""``<provider>/audit_events``: what the provider's audit API says, verbatim."""

from datetime import timedelta

import dagster as dg

from assets.describe import described
from assets.lake import Lake
from assets.landing import Manifest, due, land
from assets.pulls import pull_check, pulled
from assets.refresh import range_of
from assets.resources import Clock, Source
from connectors import ConnectorError

__all__ = ["PullConfig", "audit_events"]


class PullConfig(dg.Config):
    """How far back slices are pulled again.

    Attributes:
        again_hours: Slices that are not final are pulled again if they ended within so many hours.
    """

    again_hours: int = 72


def audit_events(provider: str, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of one provider's raw audit events."""

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
        connector = source.connector(clock)
        failure: ConnectorError | None = None
        for day in range_of(context):
            manifest = Manifest(lake.directory(f"{provider}/audit_events", day))
            slices = due(
                manifest,
                day,
                now=clock.now(),
                lateness=connector.lateness,
                retention=connector.retention,
                again=timedelta(hours=config.again_hours),
            )
            for start, end in slices if failure is None else ():
                try:
                    piece = land(manifest, start, end, connector.pages(start, end), now=clock.now())
                except ConnectorError as error:
                    failure = error
                    break
                context.log.info(
                    "%s: %d events in %d pages from %s to %s", provider, piece.events, piece.pages, start, end
                )
                for gap in piece.gaps:
                    context.log.warning(
                        "%s: nothing to be had from %s to %s: %s",
                        provider,
                        gap["start"],
                        gap["end"],
                        gap["cause"],
                    )
            gaps = [gap for piece in manifest.slices.values() for gap in piece.gaps]
            context.add_asset_metadata(
                {
                    "dagster/row_count": manifest.events,
                    "slices": len(manifest.slices),
                    "slices pulled": len(slices),
                    "gaps": [f"{gap['start']} to {gap['end']}: {gap['cause']}" for gap in gaps[:20]],
                },
                partition_key=day.isoformat(),
            )

        return dg.MaterializeResult(check_results=[pulled(provider, "audit_events", [failure] if failure else [])])

    return _asset
