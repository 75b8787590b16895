"""Asset details shown in the UI: description, group, kinds, owner and column schema."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TypedDict

import dagster as dg

from assets.core.code_version import MADE_BY, code_version, dependencies_of
from assets.core.lineage import column_lineage
from assets.core.resources import Detector
from detection.dependencies import ROOT
from detection.parameters import Parameters
from detection.rule import RULE
from detection.tables import TABLES
from detection.wording import size
from dossier.queries import WATCHED
from providers import PROVIDERS, title_of

__all__ = ["described", "explained"]

_OWNER = "team:detection-engineering"
_PERIODS = RULE.periods

_DESCRIPTIONS = {
    "audit_events": (
        "Audit events of {provider} exactly as its API sent them, one JSON object a line, compressed with zstd. "
        "Slices that are not yet final are pulled again. {day}"
    ),
    "file_sizes": (
        "Sizes of uploaded files that are missing in the audit log of {provider}, looked up in its file API, by file "
        "and version."
    ),
    "logged_uploads": (
        "One row per uploaded file by the time of the event, duplicates removed, with its size if the log of "
        "{provider} has it, and otherwise the fields that a size look-up needs."
    ),
    "typical_sizes": (
        "Usual size of a file by extension, per provider and in all: the median of the sizes measured in the "
        f"{_PERIODS.training_days} days before, if there were {Parameters().least_measured} or more. Used as an "
        "estimate for files that are gone."
    ),
    "uploads": (
        "One row per uploaded file with its size. A size that is unknown is NULL, never zero; `size_source` says "
        "where a size comes from; an estimate for a file that is gone is in `estimated_bytes` only."
    ),
    "activity": "Sign-ins, changes of credentials, provider alerts, downloads, shares and deletions.",
    "rejects": "Quarantine: events that could not be read, each with the reason. Nothing is dropped silently.",
    "user_hours": "Files and bytes per user, provider and hour. All later tables are computed from these rows.",
    "baselines": (
        f"What each user normally uploads in an active {_PERIODS.test_window_adjective} window, over the "
        f"{_PERIODS.training_days} days before the day, per provider and in all, and the same for the organisation."
    ),
    "recent_sums": (
        "What each user uploaded in the days before the day that a long scale, of seven or thirty days, adds up with "
        "it: without what an alert reported already, or the allow-list allows."
    ),
    "period_sums": (
        "The sums of the long scales up to the day, for each user with uploads on it. Of these a baseline on a scale "
        "is made a week or a month later."
    ),
    "causes": (
        "Source and application with which users with detections mainly uploaded, how many they are and how many are "
        "usual. Where many more are, one alert stands for all."
    ),
    "scores": (
        f"Windows of {_PERIODS.test_window} that start on the day, sliding by the hour, above the floor of "
        f"{Parameters().floor_files} files or {size(Parameters().floor_bytes)}, and sums over "
        "seven and thirty days up to the day, with a score of how unusual each is for its user and the organisation."
    ),
    "thresholds": (
        "Scores from which a window is a detection, calibrated so that the last "
        f"{_PERIODS.training_days} days would have met the target."
    ),
    "detections": "Windows and long sums at or over their threshold, with the baseline and how rare they are.",
    "evaluations": "For every provider and window: whether it was evaluated, and why not.",
    "alerts": (
        f"{RULE.name}: {RULE.description} One row per alert, on the day of its opening window; further detections "
        f"of the same user within {_PERIODS.deduplication} fold into it."
    ),
    "cases": (
        "What people read and close: the alerts of a person from the first one until it is reviewed, within "
        f"{_PERIODS.case_days} days. The budget counts cases. One row per case, on the day of its first alert."
    ),
    "exports": (
        "Uploads and alerts of the day as files for other systems: OCSF as JSON lines or Parquet, and CSV. One row per "
        "file."
    ),
    "dossiers": (
        "A page for each alert, and an index. A page answers five investigation steps from the logs. It is updated "
        f"until the alert is reviewed, for {WATCHED} days at most. One row per page, on the day of the alert's opening "
        "window."
    ),
}
_BADGE = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=_PERIODS.test_window_hours), warn_window=timedelta(hours=1)
)
"""Freshness badge; poll runs start every 15 minutes, and after a test window without one, whole windows are missing."""
_STAGES = {
    "collect": ("audit_events",),
    # Sizes are looked up for the uploads of the log, so that they come after them.
    "normalise": ("logged_uploads", "file_sizes", "typical_sizes", "uploads", "activity", "rejects", "user_hours"),
    "baseline": ("baselines", "recent_sums", "period_sums"),
    "detect": ("scores", "thresholds", "detections", "causes", "evaluations", "alerts"),
    "respond": ("cases", "dossiers", "exports"),
}
"""Tables by stage, in the order of the lineage: none reads one of a later stage, so that no arrow leads back."""
_GROUP = {table: stage for stage, tables in _STAGES.items() for table in tables}
_IMPERSONAL = {"typical_sizes", "thresholds", "causes", "evaluations"}
"""Tables that name nobody; all others are tagged."""
_KINDS = {
    "audit_events": {"python", "json"},
    "file_sizes": {"python", "parquet"},
    "exports": {"duckdb", "json", "csv"},
    "dossiers": {"duckdb", "html"},
}


class Description(TypedDict):
    """Arguments of ``dg.asset`` and ``dg.AssetSpec`` that describe a table."""

    description: str
    group_name: str
    tags: dict[str, str]
    kinds: set[str]
    owners: list[str]
    metadata: dict[str, dg.TableSchema]


def described(table: str, provider: str | None = None) -> Description:
    """Return the arguments for ``dg.asset`` or ``dg.AssetSpec`` that describe a table.

    Args:
        table: Last part of the asset key.
        provider: Provider of the asset, for tables that exist per provider.
    """
    day = (
        "The day is the day of publication, which this API selects by."
        if provider and PROVIDERS[provider].publication_days
        else "The day is the day of the event."
    )
    text = _DESCRIPTIONS[table].format(provider=title_of(provider) if provider else "a provider", day=day)
    columns = [dg.TableColumn(column.name, column.type, column.description) for column in TABLES.get(table, ())]
    if table == "audit_events" and provider:
        layout = PROVIDERS[provider].layout
        read = {**layout.columns, **{name: path for name, (path, _) in layout.lists.items()}}
        columns = [dg.TableColumn(path, "JSON", f"Read as {name}") for name, path in read.items()]
    return {
        "description": text,
        "group_name": _GROUP[table],
        "tags": {} if table in _IMPERSONAL else {"pii": "true"},
        "kinds": _KINDS.get(table, {"duckdb", "parquet"}),
        "owners": [_OWNER],
        "metadata": {"dagster/column_schema": dg.TableSchema(columns=columns)},
    }


def explained(assets: Sequence[dg.AssetsDefinition], detector: Detector, *, running: bool) -> list[dg.AssetsDefinition]:
    """Add metadata that needs all assets together or the detector's settings.

    These are: the version of an asset's rules, with which Dagster finds stale partitions; the location of its code and
    rules; its column lineage; and, if schedules run, the freshness badge.

    Args:
        assets: All assets.
        detector: The detector's settings.
        running: Whether schedules keep the assets up to date; False for a replay of past days.
    """

    def of(spec: dg.AssetSpec) -> dg.AssetSpec:
        *provider, table = spec.key.path
        owner = provider[0] if provider else ""
        metadata = dict(spec.metadata)
        if (lineage := column_lineage(spec)) is not None:
            metadata["dagster/column_lineage"] = lineage
        metadata["dagster/code_references"] = _rules_of(table, owner)
        return spec.replace_attributes(
            code_version=code_version(table, detector, owner),
            metadata=metadata,
            freshness_policy=_BADGE if running else None,
        )

    found = dg.with_source_code_references([each.map_asset_specs(of) for each in assets])
    # Dagster's function also accepts and returns other kinds of assets.
    return [each for each in found if isinstance(each, dg.AssetsDefinition)]


def _rules_of(table: str, provider: str) -> dg.CodeReferencesMetadataValue:
    """Return the queries and data files that a table depends on; Dagster adds the Python function itself."""
    found = dependencies_of(table, provider).files if table in MADE_BY else ()
    return dg.CodeReferencesMetadataValue(
        code_references=[
            dg.LocalFileCodeReference(file_path=str(ROOT / path), line_number=1, label=path) for path in found
        ]
    )
