"""Comparison of alerts with the labels of a workload."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from detection.rule import RULE

__all__ = ["Score", "read_labels", "score"]

_WINDOW = timedelta(hours=RULE.periods.test_window_hours)


@dataclass(frozen=True)
class Score:
    """Comparison of alerts with the labels of a workload.

    Attributes:
        wanted: Harmful labelled incidents that an alert is expected for, by scenario.
        found: Those with an alert on their user at that time, by scenario.
        hours: Hours from an incident's first event to the end of the alert's opening window, for those found.
        as_suspicious: Incidents labelled as by a suspicious user, and alerted as such.
        suspicious: Incidents labelled as by a suspicious user.
        look_alikes: Alerts on harmless labelled look-alikes.
        unlabelled: Alerts outside of any label.
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


def read_labels(path: Path) -> list[dict[str, str]]:
    """Read labels: CSV with the columns scenario, malicious, expected, users, providers, start and end."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def score(
    alerts: Sequence[dict[str, Any]],
    labels: Sequence[Mapping[str, str]],
    *,
    providers: Sequence[str],
    last: date = date.max,
) -> Score:
    """Compare alerts with labels.

    Args:
        alerts: From :func:`lake.shown_alerts.read_alerts`.
        labels: From :func:`read_labels`, or reviews in that form.
        providers: Monitored providers; incidents on others only are left out.
        last: Last day that was replayed; incidents that ended later are left out.
    """
    rows = [
        row
        for row in labels
        if set(row["providers"].split("+")) & set(providers)
        and (_time(row["end"]).date() <= last or row["expected"] == "quiet")
    ]
    explained: dict[str, bool] = {}
    wanted: dict[str, int] = {}
    found: dict[str, int] = {}
    hours: dict[str, list[float]] = {}
    suspicious = as_suspicious = 0
    for row in rows:
        start, end = _time(row["start"]) - _WINDOW, _time(row["end"]) + _WINDOW
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
                seen = min(_time(hit["first_window_start"]) for hit in hits) + _WINDOW
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
