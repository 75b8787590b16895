"""The pull of one source, without Dagster: lands the slices that are due; reports errors instead of raising them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from assets.core.resources import Source
from assets.core.seam import Fault, fault_of
from assets.core.side_by_side import Watch
from common.clock import Clock
from connectors import Connector, Recovering, StoppedError, Streaming, Timekeeping
from lake.landing import due
from lake.manifest import Manifest
from lake.manifest_entries import Slice
from lake.pulling import Pulled, ask_again, land_stream, open_gaps, pull
from lake.raw_days import lost_raw_days
from lake.store import Lake

__all__ = ["PullReport", "pull_source"]

_LOST_DAYS = 31
"""Most days outside the run's range whose lost raw events are pulled again in one run."""
_GAP_DAYS = 10
"""Latest days, besides the run's own, in which open gaps are looked for; Office 365 keeps a week."""


@dataclass
class PullReport:
    """Result of the pull of one source.

    Attributes:
        wanted: Slices that were due.
        slices: Slices that landed.
        faults: What went wrong, without secrets.
        late: Events that came late or were missing before, by day.
        lost: Late events of days that are not kept.
        skew: The local clock less the provider's; None if no answer carried the time.
    """

    wanted: int = 0
    slices: list[Slice] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    late: dict[date, int] = field(default_factory=dict)
    lost: int = 0
    skew: timedelta | None = None


def pull_source(
    lake: Lake, source: Source, clock: Clock, provider: str, days: Sequence[date], *, late_data: bool, watch: Watch
) -> PullReport:
    """Pull the slices that are due from one source; report its errors instead of raising them.

    Args:
        lake: Where the events land.
        source: Gives the connector.
        clock: Returns the local time, which is used if the provider reports none.
        provider: Name of the source.
        days: Days of the run, ascending.
        late_data: Whether all slices that are not final are pulled, or those within the lookback only.
        watch: Shows progress, and stops the pull.
    """
    report = PullReport()
    secrets = list(source.environment.values())
    doing = "signing in"
    try:
        connector = source.connector(clock, watch.stop)
        run = _Run(lake, connector, clock, provider, days, watch, report)
        doing = "pulling audit events"
        try:
            # Which slices are due depends on what has landed, so overlapping runs pull one after the other.
            with lake.alone(f"{provider}/audit_events"):
                for error in run.pull(late_data=late_data):
                    report.faults.append(fault_of(error, provider, doing, secrets))
        finally:
            report.skew = connector.skew if isinstance(connector, Timekeeping) else None
    except Exception as error:  # noqa: BLE001 -- the seam: see assets.core.seam
        # It is no fault if a source answers but has more events than fit in the time limit: the next run continues.
        if not (isinstance(error, StoppedError) and watch.goes_on and report.slices):
            report.faults.append(fault_of(error, provider, doing, secrets))
    return report


class _Run:
    """One source's part of a run."""

    def __init__(
        self,
        lake: Lake,
        connector: Connector,
        clock: Clock,
        provider: str,
        days: Sequence[date],
        watch: Watch,
        report: PullReport,
    ) -> None:
        self._lake, self._connector, self._days, self._watch, self._report = lake, connector, days, watch, report
        self._provider, self._table = provider, f"{provider}/audit_events"
        self._present = connector.present if isinstance(connector, Timekeeping) else clock.now
        self._manifests: dict[date, Manifest] = {}
        self._lost: list[date] = []

    def _manifest(self, day: date) -> Manifest:
        if day not in self._manifests:
            self._manifests[day] = Manifest(self._lake.directory(self._table, day))
        return self._manifests[day]

    def pull(self, *, late_data: bool) -> list[Exception]:
        """Pull slices, then late events, then open gaps; return the errors."""
        now = self._present()
        self._watch.progress()
        self._lost = lost_raw_days(self._lake, self._provider)
        lost = [day for day in self._lost if day not in self._days][-_LOST_DAYS:]
        wanted = [
            (self._manifest(day), *bounds)
            for day in [*self._days, *lost]
            for bounds in self._due(day, now, late_data=late_data)
        ]
        self._report.wanted = len(wanted)
        done = pull(
            self._connector,
            wanted,
            now=self._present,
            stop=self._watch.stop,
            landed=self._report.slices.append,
            progress=self._watch.progress,
        )
        if done.halted:
            return done.failures
        return [*done.failures, *self._pull_late(done, now), *self._ask_again(now)]

    def _due(self, day: date, now: datetime, *, late_data: bool) -> list[tuple[datetime, datetime]]:
        connector = self._connector
        if day in self._lost and datetime.combine(day, time(), UTC) <= now - connector.retention:
            # The provider would return nothing, and that would replace the day's normalised events.
            return []
        return due(
            self._manifest(day),
            day,
            now=now,
            lateness=connector.lateness,
            retention=connector.retention,
            again=None if late_data else connector.overlap,
            # A single day is split, so that it can be pulled in parallel, too.
            pieces=-(-connector.parallel_slices // len(self._days)),
            damaged=self._manifest(day).damaged(),
        )

    def _pull_late(self, done: Pulled, now: datetime) -> list[Exception]:
        if not isinstance(self._connector, Streaming) or now.date() not in self._days:
            return []
        kept = {*self._days, *self._lake.landed_days(self._table)}
        try:
            self._report.late, self._report.lost = land_stream(
                self._connector,
                Path(self._lake.root) / self._table / "stream_position",
                lambda day: self._manifest(day) if day in kept else None,
                done.starts,
                now=now,
                progress=self._watch.progress,
            )
        except Exception as error:  # noqa: BLE001 -- open gaps are still requested; the seam receives the error
            return [error]
        return []

    def _ask_again(self, now: datetime) -> list[Exception]:
        if not isinstance(self._connector, Recovering):
            return []
        days = sorted({*self._days, *self._lake.landed_days(self._table)[-_GAP_DAYS:]})
        gaps = open_gaps(map(self._manifest, days), now=now, retention=self._connector.retention)
        found, failures = ask_again(self._connector, gaps, now=now, progress=self._watch.progress)
        for day, events in found.items():
            self._report.late[day] = self._report.late.get(day, 0) + events
        return failures
