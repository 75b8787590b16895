"""Column lineage of tables that are made from another table.

A column is made from the column of the same name in the table's main source, unless this module names another. The
lineage begins with normalised events; :mod:`detection.normalise.fields` and the queries of ``detection/sql/normalise``
list the fields that those are read from.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from detection.tables import TABLES

__all__ = ["SOURCES", "column_lineage", "made_from"]

_METRICS = ("files", "bytes")
_OF_WINDOWS = ("min", "sum", "max", "centre", "spread", "newcomer_spread", "max_centre")
_WINDOWS = {
    **dict.fromkeys(("files_windows", "files_s1", "files_s2"), "user_hours.files"),
    **{f"files_{name}": "user_hours.files" for name in _OF_WINDOWS},
    **dict.fromkeys(("bytes_windows", "bytes_s1", "bytes_s2"), "user_hours.bytes"),
    **{f"bytes_{name}": "user_hours.bytes" for name in _OF_WINDOWS},
}
_OF_BASELINE = {
    f"baseline_{metric}_{name}": f"baselines.{metric}_{name}"
    for metric in _METRICS
    for name in ("windows", "min", "sum", "max")
}

SOURCES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "uploads": (
        "logged_uploads",
        {
            "bytes": "logged_uploads.bytes file_sizes.bytes",
            "size_source": "logged_uploads.bytes file_sizes.state file_sizes.version",
            "estimated_bytes": "typical_sizes.bytes",
            "left_bytes": "file_sizes.bytes",
        },
    ),
    "file_sizes": ("logged_uploads", {"asked_version": "logged_uploads.version", "bytes": ""}),
    "typical_sizes": (
        "logged_uploads",
        {
            "scope": "logged_uploads.provider",
            "files": "logged_uploads.bytes file_sizes.bytes",
            "bytes": "logged_uploads.bytes file_sizes.bytes",
        },
    ),
    "user_hours": (
        "uploads",
        {
            "population": "uploads.actor_class uploads.user",
            "hour": "uploads.time",
            "files": "uploads.file_id uploads.folder uploads.file_name uploads.event_key",
            "saves": "uploads.event_key",
            "again_files": "uploads.file_id uploads.folder uploads.file_name uploads.time",
            "again_sized_files": "uploads.file_id uploads.time uploads.bytes",
            "sized_files": "uploads.bytes",
            "estimated_files": "uploads.estimated_bytes",
            "extensions": "uploads.extension",
            "countries": "uploads.country",
            "apps": "uploads.app",
            "app_ids": "uploads.app_id",
        },
    ),
    "baselines": (
        "user_hours",
        {
            "scope": "user_hours.provider",
            "users": "user_hours.user",
            "active_days": "user_hours.hour",
            "history_days": "user_hours.hour",
            **_WINDOWS,
        },
    ),
    "recent_sums": (
        "user_hours",
        {
            "scope": "",
            "period_start": "user_hours.hour detections.window_start",
            **{
                f"{which}{metric}": f"user_hours.{metric}"
                for which in ("largest_", "usual_", "largest_usual_")
                for metric in _METRICS
            },
        },
    ),
    "period_sums": (
        "user_hours",
        {
            "scope": "",
            "files": "user_hours.files recent_sums.usual_files recent_sums.largest_usual_files",
            "bytes": "user_hours.bytes recent_sums.usual_bytes recent_sums.largest_usual_bytes",
            "m_files": "user_hours.files recent_sums.usual_files recent_sums.largest_usual_files",
            "m_bytes": "user_hours.bytes recent_sums.usual_bytes recent_sums.largest_usual_bytes",
        },
    ),
    "causes": (
        "detections",
        {
            "users": "detections.user",
            "week_users": "detections.user",
            "usual_users": "detections.user thresholds.allowed",
            "is_common": "detections.user thresholds.allowed",
        },
    ),
    "scores": (
        "user_hours",
        {
            "scope": "user_hours.provider",
            "window_start": "user_hours.hour",
            "period_start": "user_hours.hour recent_sums.period_start",
            "largest_files": "user_hours.files recent_sums.largest_files",
            "largest_bytes": "user_hours.bytes recent_sums.largest_bytes",
            "is_newcomer": "baselines.active_days",
            "cause": "user_hours.provider user_hours.apps user_hours.app_ids",
            "baseline_windows": "baselines.files_windows",
            **{
                f"{metric}_score": f"user_hours.{metric} baselines.{metric}_centre baselines.{metric}_spread "
                f"baselines.{metric}_max"
                for metric in _METRICS
            },
        },
    ),
    "thresholds": (
        "scores",
        {
            "threshold": "scores.files_score scores.bytes_score",
            "watched_users": "baselines.users",
            "user_days": "baselines.users",
            "scored_user_days": "scores.user",
            "user_days_above": "scores.files_score scores.bytes_score",
        },
    ),
    "detections": (
        "scores",
        {
            "window_end": "scores.window_start",
            "score": "scores.files_score scores.bytes_score",
            "threshold": "thresholds.threshold",
            "files_threshold": "thresholds.threshold",
            "bytes_threshold": "thresholds.threshold",
            "metric": "scores.files_score scores.bytes_score",
            "one_in": "scores.files_score scores.bytes_score baselines.users",
            "confidence": "thresholds.confidence",
            **_OF_BASELINE,
        },
    ),
    "alerts": (
        "detections",
        {
            "alert_id": "detections.user detections.window_start",
            "actor_class": "user_hours.actor_class",
            "providers": "user_hours.provider",
            "first_window_start": "detections.window_start",
            "period_start": "detections.period_start",
            "last_window_end": "detections.window_end",
            **{name: f"user_hours.{name}" for name in ("files", "sized_files", "bytes")},
            **{name: f"user_hours.{name}" for name in ("saves", "estimated_files", "estimated_bytes")},
            "peak_window_start": "detections.window_start",
            "peak_window_end": "detections.window_end",
            "peak_period_start": "detections.period_start",
            "peak_largest_files": "detections.largest_files",
            "peak_largest_bytes": "detections.largest_bytes",
            "before_files": "user_hours.files",
            "before_bytes": "user_hours.bytes",
            **{f"peak_{name}": f"detections.{name}" for name in ("files", "sized_files", "bytes")},
            **{f"peak_{name}": f"user_hours.{name}" for name in ("saves", "estimated_files", "estimated_bytes")},
            "suppressed_count": "detections.window_start",
            "last_suppressed_at": "detections.window_start",
            "reasons": "activity.kind activity.time activity.ip activity.country uploads.ip uploads.country "
            "uploads.app uploads.extension uploads.file_id uploads.bytes uploads.size_source uploads.estimated_bytes "
            "uploads.left_bytes",
            "sentence": "detections.files detections.bytes detections.one_in",
            "users": "detections.user",
            "folded_into": "detections.user detections.window_start",
            "person": "detections.user",
        },
    ),
    "cases": (
        "alerts",
        {
            "case_id": "alerts.alert_id",
            "opened_at": "alerts.first_window_start",
            "closes_at": "alerts.first_window_start",
            "last_alert_at": "alerts.first_window_start",
            "alerts": "alerts.alert_id",
            "alert_ids": "alerts.alert_id",
            **dict.fromkeys(("escalations", "opening_distance", "largest_distance"), "alerts.score alerts.threshold"),
        },
    ),
}
"""Main source of each table, and the columns that come from elsewhere, under another name, or from no column at all."""


def made_from(table: str) -> dict[str, list[tuple[str, str]]]:
    """Return the tables and columns that each column of a table is made from, without columns from settings only."""
    main, others = SOURCES[table]
    inherited = {column.name for column in TABLES[main]}
    found = {}
    for column in TABLES[table]:
        ways = others.get(column.name, f"{main}.{column.name}" if column.name in inherited else "")
        if ways:
            found[column.name] = [(way.partition(".")[0], way.partition(".")[2]) for way in ways.split()]
    return found


def column_lineage(spec: dg.AssetSpec) -> dg.TableColumnLineage | None:
    """Return the lineage of an asset's columns along the assets that it reads; None if it is unknown."""
    table = spec.key.path[-1]
    if table not in SOURCES:
        return None
    read = sorted(dep.asset_key for dep in spec.deps)

    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=key, column_name=name)
                for source, name in ways
                for key in read
                if key.path[-1] == source
            ]
            for column, ways in made_from(table).items()
        }
    )
