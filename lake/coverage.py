"""Coverage of each source: the start of its history, and which windows could be evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

import duckdb
import pyarrow as pa

from detection.parameters import Parameters
from detection.rule import RULE
from detection.sql import ENGINE, load
from lake.days import days_between, midnight
from lake.manifest import Manifest
from lake.raw_days import lost_raw_days
from lake.store import Lake

__all__ = ["begins", "create_evaluations", "create_source_days", "create_sources", "evaluations", "first_days"]

_HOUR = timedelta(hours=1)


def first_days(lake: Lake, providers: Sequence[str]) -> dict[str, date]:
    """Return the first day with audit events of each provider, from which its activation counts; without empty ones."""
    found = {}
    for provider in providers:
        table = f"{provider}/audit_events"
        # A day with lost raw events counts, since it had some or may have had some.
        lost = set(lost_raw_days(lake, provider))
        days = sorted({*lake.landed_days(table), *lost})
        first = next((day for day in days if day in lost or Manifest(lake.directory(table, day)).events), None)
        if first is not None:
            found[provider] = first
    return found


def begins(lake: Lake, provider: str, *, since: datetime) -> bool:
    """Return whether a source was pulled for the first time after a moment, UTC, and has had no event yet."""
    table = f"{provider}/audit_events"
    manifests = [Manifest(lake.directory(table, day)) for day in lake.landed_days(table)]
    pulled = [piece.pulled_at for manifest in manifests for piece in manifest.slices.values()]
    return bool(pulled) and min(pulled) > since and not any(manifest.events for manifest in manifests)


def create_sources(con: duckdb.DuckDBPyConnection, first: Mapping[str, date]) -> None:
    """Make the table ``sources`` (provider, first_day) from :func:`first_days`."""
    con.execute("CREATE OR REPLACE TEMP TABLE sources (provider VARCHAR, first_day TIMESTAMP)")
    for provider, began in first.items():
        con.execute("INSERT INTO sources VALUES (?, ?)", [provider, midnight(began)])


def create_source_days(
    con: duckdb.DuckDBPyConnection, lake: Lake, providers: Sequence[str], days: Sequence[date]
) -> None:
    """Make the table ``source_days`` (provider, day): those given days with uploads or activity.

    Read from the partition metadata, since to read months of everybody's events would take longer.
    """
    tables = {provider: (f"{provider}/uploads", f"{provider}/activity") for provider in providers}
    rows = [
        {"provider": provider, "day": day}
        for provider, both in tables.items()
        for day in days
        if any((note := lake.note(table, day)) and note.rows for table in both)
    ]
    schema = pa.schema([("provider", pa.string()), ("day", pa.date32())])
    con.register("source_day_rows", pa.Table.from_pylist(rows, schema=schema))
    con.execute("CREATE OR REPLACE TEMP TABLE source_days AS FROM source_day_rows")
    con.unregister("source_day_rows")


def _hours(lake: Lake, provider: str, days: Sequence[date]) -> dict[datetime, str]:
    """Return the hours that were pulled, each with the cause of a gap in it or an empty text."""
    manifests = (Manifest(lake.directory(f"{provider}/audit_events", day)) for day in days)
    return {hour: cause for manifest in manifests for hour, cause in manifest.seen.items()}


def evaluations(
    lake: Lake,
    providers: Sequence[str],
    began: Mapping[str, date],
    day: date,
    parameters: Parameters,
) -> list[tuple[str, datetime, str, str | None]]:
    """Return scope, start (UTC without zone), state and reason of each provider's windows that start on the day.

    The state depends on what an alert needs: the age of the source, the history behind the day's baselines (if they
    exist), and the events of the window.

    Args:
        lake: Lake with events and baselines.
        providers: The sources.
        began: First day with events of each, from :func:`first_days`.
        day: The day.
        parameters: Settings of the detector: the required age of a source and history of its baselines.
    """
    rows: list[tuple[str, datetime, str, str | None]] = []
    activation = timedelta(days=parameters.activation_days)
    cold = _cold(lake, providers, day, parameters)
    for provider in providers:
        first = began.get(provider)
        hours = _hours(lake, provider, days_between(day, day + timedelta(days=1)))
        for n in range(24):
            start = datetime.combine(day, time(), UTC) + n * _HOUR
            reason: str | None
            if first is None or day < first + activation:
                since = "no audit events yet" if first is None else f"history since {first}"
                state, reason = "in activation", since
            elif provider in cold:
                state, reason = "in activation", cold[provider]
            else:
                window = [start + k * _HOUR for k in range(RULE.periods.test_window_hours)]
                missing = [hour for hour in window if hour not in hours]
                gaps = sorted({hours[hour] for hour in window if hours.get(hour)})
                if missing:
                    state, reason = "not evaluated", f"audit events not pulled from {missing[0]:%H:%M} UTC"
                elif gaps:
                    state, reason = "not evaluated", f"gap: {'; '.join(gaps)}"
                else:
                    state, reason = "evaluated", None
            rows.append((provider, start.replace(tzinfo=None), state, reason))
    return rows


def create_evaluations(con: duckdb.DuckDBPyConnection, rows: Sequence[tuple[str, datetime, str, str | None]]) -> None:
    """Make the table ``evaluations`` from :func:`evaluations`."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE evaluations AS
        SELECT
            unnest(CAST($scopes AS VARCHAR [])) AS scope,
            unnest(CAST($starts AS TIMESTAMP [])) AS window_start,
            unnest(CAST($states AS VARCHAR [])) AS state,
            unnest(CAST($reasons AS VARCHAR [])) AS reason
        """,
        {name: [row[n] for row in rows] for n, name in enumerate(("scopes", "starts", "states", "reasons"))},
    )


def _cold(lake: Lake, providers: Sequence[str], day: date, parameters: Parameters) -> dict[str, str]:
    """Return why sources are not scored yet for lack of history, with the first upload and the first scored day."""
    if not lake.parts("baselines", [day]):
        return {}
    with duckdb.connect(config=dict(ENGINE)) as con:
        for table in ("baselines", "user_hours"):
            lake.view(con, table, [table], [day])
        known: dict[str, int | None] = dict(con.execute(load("scope_history")).fetchall())
    cold = {}
    warm_up = timedelta(days=parameters.warm_up_days)
    for provider in providers:
        history = known.get(provider)
        if history is None:
            cold[provider] = (
                f"no uploads in the {parameters.training_days} days before; "
                f"scored from {warm_up.days} days after the next"
            )
        elif history < warm_up.days:
            first = day - timedelta(days=history)
            cold[provider] = f"uploads since {first} only; scored from {first + warm_up} on"
    return cold
