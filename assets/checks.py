"""Asset checks: what must hold of the tables, with a sentence of what to do where it does not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster_duckdb import DuckDBResource

from assets.lake import Lake
from assets.manifest import Manifest
from assets.normalised import raw_events
from assets.refresh import days_between, range_of
from assets.resources import Clock, Source
from detection.parameters import Parameters

__all__ = ["alert_checks", "provider_checks"]

_LOOKED_AT = 14
"""Days before now in which the newest event, and gaps, are looked for."""
_HOUR = timedelta(hours=1)


def _result(
    problems: Sequence[str],
    well: str,
    remedy: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    **metadata: dg.MetadataValue,
) -> dg.AssetCheckResult:
    more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
    text = f"{'; '.join(problems[:5])}{more}. {remedy}" if problems else well
    return dg.AssetCheckResult(passed=not problems, description=text, severity=severity, metadata=metadata)


def _freshness(provider: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="fresh",
        asset=[provider, "uploads"],
        required_resource_keys={"lake", "clock", "engine", f"{provider}_source"},
        description="The newest event is no older than the provider's lateness horizon and two days without work.",
    )
    def _check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        lake: Lake = context.resources.lake
        clock: Clock = context.resources.clock
        engine: DuckDBResource = context.resources.engine
        source: Source = getattr(context.resources, f"{provider}_source")
        allowed = source.connector(clock).lateness + timedelta(days=2)
        now = clock.now().astimezone(UTC).replace(tzinfo=None)
        days = days_between(now.date() - timedelta(days=_LOOKED_AT), now.date())
        with engine.get_connection() as con:
            lake.view(con, "uploads", [f"{provider}/uploads"], days)
            lake.view(con, "activity", [f"{provider}/activity"], days)
            [(newest,)] = con.execute(
                "SELECT max(time) FROM (SELECT time FROM uploads UNION ALL SELECT time FROM activity)"
            ).fetchall()
        problems = []
        if newest is None:
            problems = [f"no event of {provider} in the {_LOOKED_AT} days before {now:%Y-%m-%d %H:%M} UTC"]
        elif now - newest > allowed:
            problems = [f"the newest event of {provider} is of {newest:%Y-%m-%d %H:%M} UTC"]
        return _result(
            problems,
            f"the newest event is of {newest:%Y-%m-%d %H:%M} UTC" if newest else "",
            "See whether the provider still logs, whether the credentials still hold, and the last run's log.",
            allowed_hours=dg.MetadataValue.float(allowed / timedelta(hours=1)),
        )

    return _check


def _gaps(provider: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="gaps",
        asset=[provider, "audit_events"],
        description=f"The provider gave every hour of the last {_LOOKED_AT} days since the first that was pulled.",
    )
    def _check(lake: Lake, clock: Clock) -> dg.AssetCheckResult:
        table = f"{provider}/audit_events"
        now = clock.now().astimezone(UTC)
        days = days_between(now.date() - timedelta(days=_LOOKED_AT), now.date())
        manifests = [Manifest(lake.directory(table, day)) for day in days]
        lost = [{"provider": provider, **gap} for manifest in manifests for gap in manifest.gaps]
        problems = [f"{provider} gave nothing from {gap['start']} to {gap['end']}: {gap['cause']}" for gap in lost]
        for start, end in _not_pulled(manifests, now):
            lost.append(
                {"provider": provider, "start": start.isoformat(), "end": end.isoformat(), "cause": "not pulled"}
            )
            problems.append(f"not pulled from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
        return _result(
            problems,
            f"no gap in the last {_LOOKED_AT} days",
            "Materialise the days that were not pulled; what the provider no longer gives stays a gap, and the "
            "evaluations name its windows.",
            dg.AssetCheckSeverity.WARN,
            gaps=dg.MetadataValue.json(lost[:50]),
        )

    return _check


def _not_pulled(manifests: Sequence[Manifest], now: datetime) -> list[tuple[datetime, datetime]]:
    """Stretches of full hours, over for an hour, that no slice or import covers, after the first that one does."""
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


def _unique_events(provider: str) -> dg.AssetChecksDefinition:
    table = f"{provider}/uploads"

    @dg.asset_check(
        name="unique_events",
        asset=[provider, "uploads"],
        description="No file of an audit event is counted twice, within a day or over days.",
    )
    def _check(context: dg.AssetCheckExecutionContext, lake: Lake, engine: DuckDBResource) -> dg.AssetCheckResult:
        with engine.get_connection() as con:
            lake.view(con, "uploads", [table], range_of(context))
            doubled = con.execute(
                "SELECT event_key, count(*) FROM uploads GROUP BY event_key, asset HAVING count(*) > 1 ORDER BY 1"
            ).fetchall()
        return _result(
            [f"event {key} is there {count} times" for key, count in doubled],
            "every event is there once",
            "Materialise uploads of these days again; if it stays, the identity of events needs a look.",
        )

    return _check


def _conservation(provider: str) -> dg.AssetChecksDefinition:
    tables = ("uploads", "activity", "rejects", "ignored")

    @dg.asset_check(
        name="rows_conserved",
        asset=[provider, "uploads"],
        description="Raw events as counted when they landed = uploads + activity + ignored + rejects.",
    )
    def _check(context: dg.AssetCheckExecutionContext, lake: Lake, engine: DuckDBResource) -> dg.AssetCheckResult:
        problems = []
        total = 0
        with engine.get_connection() as con:
            for day in range_of(context):
                landed = raw_events(lake, provider, day)
                for table in tables:
                    lake.view(con, table, [f"{provider}/{table}"], [day])
                [(read,)] = con.execute(
                    "SELECT (SELECT count(DISTINCT event_key) FROM uploads) + (SELECT count(*) FROM activity)"
                    " + (SELECT count(*) FROM rejects) + (SELECT coalesce(sum(events), 0) FROM ignored)"
                ).fetchall()
                total += landed
                if landed != read:
                    problems.append(f"{day}: {landed} events landed, {read} accounted for")
        return _result(
            problems,
            f"all {total} events are accounted for",
            "Materialise uploads of these days again; if it stays, report the day with its raw file.",
            events=dg.MetadataValue.int(total),
        )

    return _check


def provider_checks(provider: str) -> list[dg.AssetChecksDefinition]:
    """The checks of one provider's assets."""
    return [_freshness(provider), _gaps(provider), _unique_events(provider), _conservation(provider)]


def alert_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of the alerts."""

    @dg.asset_check(
        name="deduplicated",
        asset="alerts",
        description="No user has two alerts that open within the deduplication period of one day.",
    )
    def _check(context: dg.AssetCheckExecutionContext, lake: Lake, engine: DuckDBResource) -> dg.AssetCheckResult:
        wanted = range_of(context)
        period = timedelta(hours=Parameters().deduplication_hours)
        with engine.get_connection() as con:
            lake.view(
                con, "alerts", ["alerts"], days_between(wanted[0] - timedelta(days=1), wanted[-1] + timedelta(days=1))
            )
            doubled = con.execute(
                """
                SELECT "user", first_window_start, next_start
                FROM (
                  SELECT "user", first_window_start,
                    lead(first_window_start) OVER (PARTITION BY "user" ORDER BY first_window_start) AS next_start
                  FROM alerts
                )
                WHERE next_start < first_window_start + ?
                ORDER BY 1, 2
                """,
                [period],
            ).fetchall()
        return _result(
            [f"{user} has alerts that open {first} and {second} UTC" for user, first, second in doubled],
            "no user has two alerts within a day",
            "Materialise alerts from the first of these days on.",
        )

    return [_check]
