"""Asset checks: what must hold of the tables, with a sentence of what to do where it does not."""

from collections.abc import Sequence
from datetime import UTC, timedelta

import dagster as dg
from dagster_duckdb import DuckDBResource

from assets.lake import Lake
from assets.normalised import raw_events
from assets.refresh import days_between, range_of
from assets.resources import Clock, Source
from detection.parameters import Parameters

__all__ = ["alert_checks", "provider_checks"]

_LOOKED_AT = 14
"""Days before now in which the newest event is looked for."""


def _result(problems: Sequence[str], well: str, remedy: str, **metadata: dg.MetadataValue) -> dg.AssetCheckResult:
    text = f"{'; '.join(problems[:5])}. {remedy}" if problems else well
    return dg.AssetCheckResult(passed=not problems, description=text, metadata=metadata)


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
    return [_freshness(provider), _unique_events(provider), _conservation(provider)]


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
