"""Checks of incoming events: how recent they are, which hours are missing, and whether their number is usual."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from statistics import median_high, median_low

import dagster as dg

from assets.checks.findings import Finding, Outcome, Scene
from assets.core.severities import ERROR, WARN
from lake.days import REACH, days_between
from lake.gaps import missing
from lake.health import read_health
from lake.manifest import Manifest
from lake.manifest_entries import GapEntry
from lake.silence import SILENCE_WEEKS, counted_days, hours_with_events, silence

__all__ = ["clock", "fresh", "gaps", "volume"]

_LOOKED_AT = REACH.days
"""Days before now in which gaps are looked for."""
_HOUR = timedelta(hours=1)
_SKEW_WARN, _SKEW_FAIL = timedelta(minutes=2), timedelta(minutes=10)
_DAY = timedelta(days=1)
_WEEKS = 4
_LEAST_USUAL = 20
"""Usual counts below this are too small to compare a day with."""
_TOO_FEW, _HARDLY_ANY, _TOO_MANY = 1 / 3, 1 / 20, 3


def fresh(scene: Scene) -> Outcome:
    """Check that the source is not silent for longer than usual."""
    days = counted_days(scene.now.date())
    scene.lake.view(scene.con, "counts", [f"{scene.provider}/counts"], days)
    now = silence(hours_with_events(scene.con, scene.now), scene.now)
    if now is None:
        said = f"no event of {scene.provider} in the {SILENCE_WEEKS} weeks before {days[-1]}"
        return Outcome([Finding(ERROR, said)], "")
    late, lost = now.usual + scene.traits.overlap, now.usual + scene.traits.lateness
    said = f"the newest events of {scene.provider} are of the hour from {now.newest:%Y-%m-%d %H:%M} UTC"
    findings = []
    if now.length > late:
        findings.append(
            Finding(
                ERROR if now.length > lost else WARN,
                f"{said}; silent for {now.length / _HOUR:.0f} hours, where {now.usual / _HOUR:.0f} are usual on "
                f"{now.kind} and events come up to {scene.traits.overlap / _HOUR:.0f} late",
            )
        )
    metadata = {
        "silent hours": now.length,
        "usual at most": now.usual,
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
    found = missing(manifests, now)
    lost = [{"provider": scene.provider, **gap} for gap in found.gaps]
    texts = [_gap_text(scene.provider, gap) for gap in found.gaps]
    for start, end in found.not_pulled:
        lost.append(
            {"provider": scene.provider, "start": start.isoformat(), "end": end.isoformat(), "cause": "not pulled"}
        )
        texts.append(f"not pulled from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
    severity = ERROR if found.duration >= _DAY else WARN
    kept = f"; {scene.provider} gives nothing before {found.began:%Y-%m-%d %H:%M} UTC any more" if found.too_old else ""
    return Outcome(
        [Finding(severity, text) for text in texts],
        f"no gap in the last {_LOOKED_AT} days{kept}",
        {
            "gaps": dg.MetadataValue.json(lost[:50]),
            "older than the provider keeps": dg.MetadataValue.int(found.too_old),
        },
    )


def _gap_text(provider: str, gap: GapEntry) -> str:
    asked = f" (asked {gap['attempts']} times since {gap['since']}, and asked again)" if "unit" in gap else ""
    return f"{provider} gave nothing from {gap['start']} to {gap['end']}: {gap['cause']}{asked}"


def _is_given(causes: Mapping[datetime, str], day: date, hours: int) -> bool:
    """Check whether the provider gave the first hours of a day, by the causes of its gaps."""
    midnight = datetime.combine(day, time(), UTC)
    return all(causes.get(midnight + hour * _HOUR, "not pulled") == "" for hour in range(hours))


def volume(scene: Scene) -> Outcome:
    """Check that user-hours with uploads, and with activity, are as many as on the same weekday before.

    A user counts once in an hour, however much they upload: bursts are for the detector. A day in progress is compared
    with the same hours of the days before. Days before count if the provider gave all these hours: an hour that it no
    longer keeps has no events, too.
    """
    before = {day: [day - week * 7 * _DAY for week in range(1, _WEEKS + 1)] for day in scene.days}
    table = f"{scene.provider}/counts"
    wanted = sorted({*scene.days, *(past for days in before.values() for past in days)})
    known = {day for day in wanted if scene.lake.part(table, day).exists()}
    given = {day: Manifest(scene.lake.directory(f"{scene.provider}/audit_events", day)).seen for day in known}
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
        past = [each for each in before[day] if each in known and _is_given(given[each], each, hours)]
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
