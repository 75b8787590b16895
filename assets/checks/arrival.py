"""Checks of incoming events: how recent they are, which hours are missing, and whether their number is usual."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from statistics import median_high, median_low

import dagster as dg

from assets.checks.findings import Finding, Outcome, Scene
from assets.core.severities import ERROR, WARN
from lake.days import REACH, days_between
from lake.health import read_health
from lake.manifest import Manifest
from lake.manifest_entries import GapEntry, of_uploads

__all__ = ["clock", "fresh", "gaps", "volume"]

_LOOKED_AT = REACH.days
"""Days before now in which gaps are looked for."""
_HOUR = timedelta(hours=1)
_SKEW_WARN, _SKEW_FAIL = timedelta(minutes=2), timedelta(minutes=10)
_DAY = timedelta(days=1)
_WEEKS = 4
_SHORTEST = timedelta(minutes=1)
"""Least length of a time range that a provider no longer keeps; a lost blob is a gap of one second."""
_LEAST_HISTORY = {"working days": timedelta(days=7), "weekends": timedelta(days=21)}
_LONGEST = {"working days": _DAY, "weekends": 3 * _DAY}
"""Upper bound of a usual silence, whatever the history shows."""
_MARGIN = {"working days": 1.0, "weekends": 1.5}
"""Factor on the usual silence; four weeks have few weekends, and their silences vary more."""
_LEAST_USUAL = 20
"""Usual counts below this are too small to compare a day with."""
_TOO_FEW, _HARDLY_ANY, _TOO_MANY = 1 / 3, 1 / 20, 3


def _kind(start: datetime, end: datetime) -> str:
    """Return ``weekends`` if a time range touches a weekend (UTC), else ``working days``."""
    weekend = any(day.weekday() >= 5 for day in days_between(start.date(), end.date()))
    return "weekends" if weekend else "working days"


def usual_silence(hours: Sequence[datetime], kind: str) -> timedelta:
    """Return how long a source is usually silent, from its own history.

    This is the second longest silence on such days, so that one outage does not raise the limit; on weekends half as
    long again. It is at least an hour and at most a day, or three days over a weekend. With less than a week of history
    (three weeks for weekends) it is that maximum.

    Args:
        hours: Hours with events, ascending.
        kind: ``working days`` or ``weekends``.
    """
    if not hours or hours[-1] - hours[0] < _LEAST_HISTORY[kind]:
        return _LONGEST[kind]
    silences = sorted(
        later - earlier - _HOUR
        for earlier, later in pairwise(hours)
        if later - earlier > _HOUR and _kind(earlier + _HOUR, later) == kind
    )
    longest = silences[-2] if len(silences) > 1 else _HOUR
    return min(_MARGIN[kind] * max(longest, _HOUR), _LONGEST[kind])


def fresh(scene: Scene) -> Outcome:
    """Check that the source is not silent for longer than usual."""
    today = scene.now.date()
    days = days_between(today - _WEEKS * 7 * _DAY, today)
    scene.lake.view(scene.con, "counts", [f"{scene.provider}/counts"], days)
    hours = [
        hour
        for (hour,) in scene.con.execute(
            "SELECT DISTINCT CAST(name AS TIMESTAMP) FROM counts WHERE kind IN ('uploads', 'activity') ORDER BY 1"
        ).fetchall()
        # The time of an event may lie in the future.
        if hour <= scene.now
    ]
    if not hours:
        return Outcome([Finding(ERROR, f"no event of {scene.provider} in the {_WEEKS} weeks before {today}")], "")
    since = min(hours[-1] + _HOUR, scene.now)
    silent = scene.now - since
    kind = _kind(since, scene.now)
    usual = usual_silence(hours, kind)
    late, lost = usual + scene.traits.overlap, usual + scene.traits.lateness
    said = f"the newest events of {scene.provider} are of the hour from {hours[-1]:%Y-%m-%d %H:%M} UTC"
    findings = []
    if silent > late:
        findings.append(
            Finding(
                ERROR if silent > lost else WARN,
                f"{said}; silent for {silent / _HOUR:.0f} hours, where {usual / _HOUR:.0f} are usual on {kind} and "
                f"events come up to {scene.traits.overlap / _HOUR:.0f} late",
            )
        )
    metadata = {
        "silent hours": silent,
        "usual at most": usual,
        "warns after hours": late,
        "fails after hours": lost,
    }
    return Outcome(
        findings, said, {name: dg.MetadataValue.float(round(value / _HOUR, 1)) for name, value in metadata.items()}
    )


def clock(scene: Scene) -> Outcome:
    """Compare the host's clock with the provider's."""
    seconds = read_health(scene.lake, [scene.provider])[scene.provider].skew_seconds
    if seconds is None:
        return Outcome([], "no answer had a time to compare with")
    apart = timedelta(seconds=abs(seconds))
    # A header gives whole seconds only.
    said = timedelta(minutes=round(abs(seconds) / 60))
    metadata = {"skew seconds": dg.MetadataValue.float(seconds)}
    if apart <= _SKEW_WARN:
        return Outcome([], "the clocks agree", metadata)
    side = "ahead of" if seconds > 0 else "behind"
    text = f"the host's clock is {said} {side} that of {scene.provider}"
    return Outcome([Finding(ERROR if apart > _SKEW_FAIL else WARN, text)], "", metadata)


def gaps(scene: Scene) -> Outcome:
    """Check that no hour is missing from the audit events."""
    table = f"{scene.provider}/audit_events"
    now = scene.now.replace(tzinfo=UTC)
    days = days_between(now.date() - _LOOKED_AT * _DAY, now.date())
    manifests = [Manifest(scene.lake.directory(table, day)) for day in days]
    found = [gap for manifest in manifests for gap in manifest.gaps]
    began = _first_given(manifests)
    # What lies before the first hour that the provider gave is past its retention: nobody can recover it.
    known = [gap for gap in found if began is not None and _is_too_old(gap, began)]
    lost = [{"provider": scene.provider, **gap} for gap in found if gap not in known]
    missing = sum(
        (datetime.fromisoformat(gap["end"]) - datetime.fromisoformat(gap["start"]) for gap in lost if of_uploads(gap)),
        timedelta(),
    )
    texts = [_gap_text(scene.provider, gap) for gap in lost]
    for start, end in _not_pulled(manifests, now):
        missing += end - start
        lost.append(
            {"provider": scene.provider, "start": start.isoformat(), "end": end.isoformat(), "cause": "not pulled"}
        )
        texts.append(f"not pulled from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
    severity = ERROR if missing >= _DAY else WARN
    return Outcome(
        [Finding(severity, text) for text in texts],
        f"no gap in the last {_LOOKED_AT} days"
        + (f"; {scene.provider} gives nothing before {began:%Y-%m-%d %H:%M} UTC any more" if known else ""),
        {"gaps": dg.MetadataValue.json(lost[:50]), "older than the provider keeps": dg.MetadataValue.int(len(known))},
    )


def _is_too_old(gap: GapEntry, began: datetime) -> bool:
    """Check whether a gap lies before the first hour that was given; a unit that failed there is another gap."""
    start, end = datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"])
    return "unit" not in gap and end - start >= _SHORTEST and end <= began


def _gap_text(provider: str, gap: GapEntry) -> str:
    asked = f" (asked {gap['attempts']} times since {gap['since']}, and asked again)" if "unit" in gap else ""
    return f"{provider} gave nothing from {gap['start']} to {gap['end']}: {gap['cause']}{asked}"


def _first_given(manifests: Sequence[Manifest]) -> datetime | None:
    """Return the start of the first hour that was given completely; None if there is none."""
    return min((hour for manifest in manifests for hour, cause in manifest.seen.items() if not cause), default=None)


def _not_pulled(manifests: Sequence[Manifest], now: datetime) -> list[tuple[datetime, datetime]]:
    """Return ranges of full hours without a slice or import, after the first covered hour; skip the latest hour."""
    pulled: set[datetime] = set()
    for manifest in manifests:
        pulled |= manifest.imported_hours
        for piece in manifest.slices.values():
            hours = int((piece.end - piece.start) / _HOUR)
            pulled |= {piece.start + n * _HOUR for n in range(hours)}
    if not pulled:
        return []
    found: list[tuple[datetime, datetime]] = []
    hour = min(pulled)
    while hour + 2 * _HOUR <= now:
        if hour not in pulled:
            if found and found[-1][1] == hour:
                found[-1] = (found[-1][0], hour + _HOUR)
            else:
                found.append((hour, hour + _HOUR))
        hour += _HOUR
    return found


def volume(scene: Scene) -> Outcome:
    """Check that user-hours with uploads, and with activity, are as many as on the same weekday before.

    A user counts once in an hour, however much they upload: bursts are for the detector. A day in progress is compared
    with the same hours of the days before.
    """
    before = {day: [day - week * 7 * _DAY for week in range(1, _WEEKS + 1)] for day in scene.days}
    table = f"{scene.provider}/counts"
    wanted = sorted({*scene.days, *(past for days in before.values() for past in days)})
    known = {day for day in wanted if scene.lake.part(table, day).exists()}
    scene.lake.view(scene.con, "counts", [table], wanted)
    counts: dict[tuple[date, str], list[tuple[int, int]]] = {}
    for kind, hour, events in scene.con.execute(
        "SELECT kind, CAST(name AS TIMESTAMP), events FROM counts WHERE kind IN ('uploads', 'activity')"
    ).fetchall():
        counts.setdefault((hour.date(), kind), []).append((hour.hour, events))

    def until(day: date, kind: str, hours: float) -> int:
        return sum(events for hour, events in counts.get((day, kind), []) if hour < hours)

    findings = []
    compared = 0
    for day in scene.days:
        # In a day in progress, compare only hours whose events should mostly have arrived.
        over = (scene.now - scene.traits.overlap - datetime.combine(day, time())) // _HOUR
        hours = min(24, over)
        past = [each for each in before[day] if each in known]
        if day not in known or hours < 1 or len(past) < 2:
            continue
        for kind in ("uploads", "activity"):
            counted = [until(each, kind, hours) for each in past]
            # With two weeks, one may contain a burst, which must not shift what is usual.
            least, most = median_low(counted), median_high(counted)
            here = until(day, kind, hours)
            compared += least >= _LEAST_USUAL
            too_few = least >= _LEAST_USUAL and here < _TOO_FEW * least
            too_many = here > _TOO_MANY * max(most, _LEAST_USUAL)
            if not too_few and not too_many:
                continue
            part = "" if hours == 24 else f" before {hours:02}:00 UTC"
            findings.append(
                Finding(
                    ERROR if here < _HARDLY_ANY * least else WARN,
                    f"{scene.provider} had {here:,} user-hours with {kind} on {day:%A %Y-%m-%d}{part}, "
                    f"where {least if too_few else most:,} are usual",
                )
            )
    well = "as much as usual" if compared else "no two such weekdays before with enough events to compare with"
    return Outcome(findings, well, {"comparisons": dg.MetadataValue.int(compared)})
