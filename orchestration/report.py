"""Alerts for a reader: from the lake to JSON, to a table, and against the labels of a workload."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from rich.markup import escape
from rich.table import Table

from assets.allow_list import suppressed
from assets.lake import Lake
from assets.publishing import publish
from assets.resources import Clock
from detection.wording import size
from orchestration.settings import Settings, environment

__all__ = ["Score", "alert_table", "read_alerts", "read_suppressed", "score", "shown_alerts", "utc"]


def utc(value: datetime | None) -> str | None:
    """A time of a table, UTC without zone, as ISO 8601."""
    return value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z") if value else None


def _baseline(row: dict[str, Any], metric: str) -> dict[str, float | int | None]:
    windows = row[f"baseline_{metric}_windows"]
    total = row[f"baseline_{metric}_sum"]
    return {
        "windows": windows,
        "min": row[f"baseline_{metric}_min"],
        "mean": total / windows if windows and total is not None else None,
        "max": row[f"baseline_{metric}_max"],
    }


def read_alerts(home: Path) -> list[dict[str, Any]]:
    """All alerts of a home, by the start of their first window and user. Reading publishes them: their ids stay.

    Returns:
        One dictionary an alert with the fields documented in ``docs/alerts.md``. Times are ISO 8601 in UTC, sizes
        bytes.
    """
    lake = Lake(root=str(home / "lake"))
    with duckdb.connect() as con:
        publish(con, lake, Clock(fixed=Settings.read(environment()).now).now())
        return shown_alerts(con)


def shown_alerts(con: duckdb.DuckDBPyConnection, since: datetime | None = None) -> list[dict[str, Any]]:
    """Published alerts as :func:`read_alerts` gives them.

    Args:
        con: Connection in which ``shown`` is, see :func:`assets.publishing.publish`.
        since: Only alerts whose last window ended at this time or later, UTC without zone; None for all.
    """
    cursor = con.execute(
        "SELECT * FROM shown WHERE last_window_end >= coalesce(?, TIMESTAMP '0001-01-01') "
        'ORDER BY first_window_start, "user"',
        [since],
    )
    names = [column[0] for column in cursor.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [
        {
            "alert_id": row["alert_id"],
            "name": row["name"],
            "severity": row["severity"],
            "user": row["user"],
            "users": row["users"],
            "providers": row["providers"],
            "first_window_start": utc(row["first_window_start"]),
            "last_window_end": utc(row["last_window_end"]),
            "files": row["files"],
            "sized_files": row["sized_files"],
            "bytes": row["bytes"],
            "saves": row["saves"],
            "estimated_files": row["estimated_files"],
            "estimated_bytes": row["estimated_bytes"],
            "score": row["score"],
            "one_in": row["one_in"],
            "baseline": {"files": _baseline(row, "files"), "bytes": _baseline(row, "bytes")},
            "sentence": row["sentence"],
            "reasons": row["reasons"],
            "revision": row["revision"],
            "review": {"verdict": row["verdict"], "by": row["reviewed_by"], "note": row["review_note"]}
            if row["verdict"]
            else None,
            "suppressed_count": row["suppressed_count"],
            "last_suppressed_at": utc(row["last_suppressed_at"]),
        }
        for row in rows
    ]


def read_suppressed(home: Path) -> dict[str, int]:
    """Windows of a home that the allow-list keeps from raising an alert, by entry."""
    lake = Lake(root=str(home / "lake"))
    with duckdb.connect() as con:
        whole = [day for day in lake.days("detections") if not lake.fault("detections", day, deep=True)]
        lake.view(con, "detections", ["detections"], whole)
        return suppressed(con)


def alert_table(
    alerts: Sequence[dict[str, Any]], allowed: Mapping[str, int] | None = None, activation: Sequence[str] = ()
) -> Table:
    """Alerts as a table for the terminal; names from outside are shown as text, whatever markup they carry.

    Args:
        alerts: From :func:`read_alerts`.
        allowed: From :func:`read_suppressed`; shown below the table.
        activation: Why sources cannot raise an alert yet, a line each; likewise.
    """
    below = [escape(line) for line in activation]
    below += [
        f"{windows:,} windows suppressed by the allow-list: {escape(entry)}"
        for entry, windows in (allowed or {}).items()
    ]
    table = Table(
        title="1 alert" if len(alerts) == 1 else f"{len(alerts)} alerts",
        show_lines=True,
        expand=True,
        caption="\n".join(below) or None,
        caption_justify="left",
    )
    table.add_column("Opens (UTC)", no_wrap=True)
    table.add_column("Severity", no_wrap=True)
    # A name longer than the column goes on in the next line: cut short, it would be somebody else's.
    table.add_column("What, and why", overflow="fold")
    for alert in alerts:
        severity = alert["severity"]
        lines = [escape(alert["sentence"])]
        lines += [f"[yellow]{escape(reason['name'])}[/]: {escape(reason['evidence'])}" for reason in alert["reasons"]]
        if alert["suppressed_count"]:
            amount = size(alert["bytes"]) if alert["bytes"] is not None else "sizes unknown"
            windows = "window" if alert["suppressed_count"] == 1 else "windows"
            lines.append(
                f"[dim]{alert['suppressed_count']} further {windows} folded in; "
                f"{alert['files']:,} files in all ({amount})[/]"
            )
        if review := alert["review"]:
            lines.append(f"[green]{review['verdict']}[/], says {escape(review['by'])}: {escape(review['note'])}")
        table.add_row(
            alert["first_window_start"][:16].replace("T", " "),
            f"[bold red]{severity}[/]" if severity == "Low" else severity,
            "\n".join(lines),
        )
    return table


@dataclass(frozen=True)
class Score:
    """How alerts compare with the labels of a workload.

    Attributes:
        wanted: Harmful labelled incidents that an alert is expected for, by scenario.
        found: Those that an alert names the user of, in time, by scenario.
        hours: Hours from an incident's first event to the end of the alert's opening window, of those found.
        as_suspicious: Incidents expected by a suspicious user that were found under the variation.
        suspicious: Incidents expected by a suspicious user.
        look_alikes: Alerts on harmless labelled look-alikes.
        unlabelled: Alerts on nothing labelled.
    """

    wanted: dict[str, int]
    found: dict[str, int]
    hours: dict[str, list[float]]
    as_suspicious: int
    suspicious: int
    look_alikes: int
    unlabelled: int


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def score(alerts: Sequence[dict[str, Any]], labels: Path, *, providers: Sequence[str]) -> Score:
    """Compares alerts with the labels beside a workload.

    Args:
        alerts: From :func:`read_alerts`.
        labels: CSV with the columns scenario, malicious, expected, users, providers, start and end.
        providers: Providers that were watched; incidents on others alone are left out.
    """
    with labels.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if set(row["providers"].split("+")) & set(providers)]
    explained: dict[str, bool] = {}
    wanted: dict[str, int] = {}
    found: dict[str, int] = {}
    hours: dict[str, list[float]] = {}
    suspicious = as_suspicious = 0
    for row in rows:
        start, end = _time(row["start"]) - timedelta(hours=3), _time(row["end"]) + timedelta(hours=3)
        users = set(row["users"].lower().split("+"))
        hits = [
            alert
            for alert in alerts
            if alert["user"] in users
            and _time(alert["first_window_start"]) <= end
            and _time(alert["last_window_end"]) >= start
        ]
        malicious = row["malicious"].lower() == "true"
        for hit in hits:
            explained[hit["alert_id"]] = explained.get(hit["alert_id"], False) or malicious
        if malicious and row["expected"] in ("alert", "suspicious"):
            wanted[row["scenario"]] = wanted.get(row["scenario"], 0) + 1
            found[row["scenario"]] = found.get(row["scenario"], 0) + bool(hits)
            if hits:
                seen = min(_time(hit["first_window_start"]) for hit in hits) + timedelta(hours=3)
                hours.setdefault(row["scenario"], []).append((seen - _time(row["start"])) / timedelta(hours=1))
        if row["expected"] == "suspicious":
            suspicious += 1
            as_suspicious += any(hit["severity"] == "Low" for hit in hits)
    return Score(
        wanted,
        found,
        hours,
        as_suspicious,
        suspicious,
        look_alikes=sum(not malicious for malicious in explained.values()),
        unlabelled=sum(alert["alert_id"] not in explained for alert in alerts),
    )
