"""Rules and settings behind each table: they decide which partitions are stale and which are recomputed.

One place for both, so that the partitions that Dagster shows as stale are those that the next run computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from assets.core.partitions import settings
from assets.core.resources import Detector
from common.digests import text_digest
from detection.alerts import fold, hours_before, pick_day
from detection.cases import join_alerts, pick_cases, state_cases
from detection.chain import calibrate, detect, learn, score
from detection.dependencies import ROOT, Dependencies, dependencies
from detection.geoip import read_geography
from detection.normalise import normalise, normalise_parsed, parse
from detection.persons import resolve
from detection.risk import read_networks
from detection.saves import count_saves
from detection.sizes import ask, find_open, measure, merge_answers, size_uploads, weigh
from dossier.page_builder import MADE_BY as PAGES
from exports.writing import ALERTS_MADE_BY as EXPORTED_ALERTS
from lake.coverage import create_source_days, evaluations
from lake.days import case_days, cause_days, charged_days, past, period_days, score_days
from lake.people import KEYED_BY, PERSONS_VIEWED_BY
from lake.raw_days import span_of
from lake.reviews import view_reviews

__all__ = ["MADE_BY", "code_version", "dependencies_of", "rules"]

MADE_BY: Mapping[str, tuple[Callable[..., object], ...]] = {
    **dict.fromkeys(("logged_uploads", "activity", "rejects"), (normalise, normalise_parsed, parse, span_of)),
    "file_sizes": (find_open, ask, merge_answers),
    "uploads": (size_uploads,),
    "measured_sizes": (measure,),
    "typical_sizes": (weigh, past),
    "user_hours": (count_saves, resolve, *PERSONS_VIEWED_BY),
    **dict.fromkeys(("baselines", "recent_sums"), (learn, past, period_days, *KEYED_BY)),
    **dict.fromkeys(("scores", "period_sums"), (score,)),
    "thresholds": (calibrate, case_days, cause_days, charged_days, past, score_days, view_reviews, *KEYED_BY),
    **dict.fromkeys(("detections", "causes"), (detect, cause_days, score_days, *KEYED_BY)),
    "evaluations": (evaluations,),
    "alerts": (
        fold,
        hours_before,
        pick_day,
        *KEYED_BY,
        *PERSONS_VIEWED_BY,
        read_networks,
        read_geography,
        create_source_days,
    ),
    "cases": (join_alerts, state_cases, pick_cases),
    "dossiers": (*PAGES, read_networks, read_geography),
    "exports": EXPORTED_ALERTS,
}
"""Functions that make each table: the dependencies of a table are those of its functions."""


def dependencies_of(table: str, provider: str = "", root: Path = ROOT) -> Dependencies:
    """Return the queries, code and settings that a table depends on, besides its inputs.

    Args:
        table: Last part of the table's name.
        provider: Provider of the table, for tables that exist per provider.
        root: Directory of the packages.

    Raises:
        KeyError: No function makes the table, as for audit events, which come from the provider.
    """
    return dependencies(*MADE_BY[table], provider=provider, root=root)


def rules(table: str, detector: Detector, provider: str = "") -> str:
    """Return a digest of the rules and settings that a table depends on, besides its inputs.

    Args:
        table: Last part of the table's name.
        detector: The detector's settings.
        provider: Provider of the table, for tables that exist per provider.

    Raises:
        KeyError: No function makes the table, as for audit events, which come from the provider.
    """
    found = dependencies_of(table, provider)
    text = found.digest
    if found.settings:
        text += settings(detector.parameters, *sorted(found.settings))
    if normalise in MADE_BY[table]:
        text += str(sorted(detector.organisation_domains))
    if table == "alerts":
        text += str(sorted(detector.reasons_off))
    return text


def code_version(table: str, detector: Detector, provider: str = "") -> str | None:
    """Return a short digest of :func:`rules` for Dagster; None for audit events, which no rule makes."""
    if table == "audit_events":
        return None
    return text_digest(rules(table, detector, provider))[:12]
