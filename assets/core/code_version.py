"""Rules and settings behind each table: they decide which partitions are stale and which are recomputed.

One place for both, so that the partitions that Dagster shows as stale are those that the next run computes.
"""

from __future__ import annotations

import hashlib

from assets.core.partitions import settings
from assets.core.resources import Detector
from detection.alerts import QUERIES as ALERT_QUERIES
from detection.chain import QUERIES
from detection.normalise import IDENTITIES, rules_version
from detection.normalise import QUERIES as NORMALISE_QUERIES
from detection.parameters import settings_of
from detection.persons import QUERIES as PERSON_QUERIES
from detection.rule import RULE
from detection.saves import QUERIES as SAVE_QUERIES
from detection.sql import parameters_of, version
from detection.suspicion import RULES as REASON_RULES
from dossier.queries import QUERIES as DOSSIER_QUERIES
from exports.mapping import QUERIES as EXPORT_QUERIES

__all__ = ["code_version", "queries", "rules"]

_NORMALISED = ("logged_uploads", "activity", "rejects")
_QUERIES = {
    **QUERIES,
    "file_sizes": ("sizes/open", "sizes/questions", "sizes/cache"),
    "uploads": ("sizes/answers", "sizes/uploads"),
    "measured_sizes": ("sizes/answers", "sizes/measured"),
    "typical_sizes": ("sizes/typical",),
    "user_hours": (*PERSON_QUERIES, *SAVE_QUERIES),
    "evaluations": ("scope_history",),
    "alerts": ALERT_QUERIES,
    "dossiers": DOSSIER_QUERIES,
    "exports": EXPORT_QUERIES,
}
_SETTINGS_IN_PYTHON = {
    # The days that are read.
    "typical_sizes": ("training_days",),
    "thresholds": ("training_days",),
    # Which windows could be evaluated, and why not.
    "evaluations": ("activation_days", "warm_up_days", "window_hours"),
    # The sentence says how long the training and the window are.
    "alerts": ("training_days", "window_hours"),
}
"""Settings that a table's rows depend on though no query of it names them."""
_TOLD_BY_RULE = ("alerts", "dossiers", "exports")
"""Tables that hold what the rule says: names, severities, texts, ATT&CK."""


def rules(table: str, detector: Detector, provider: str = "") -> str:
    """Digest of the queries that make a table, and the settings that count for it.

    Args:
        table: Last part of the table's name.
        detector: The detector's settings.
        provider: Whose table it is, of tables that exist per provider.

    Raises:
        KeyError: No query makes the table: audit events are what the provider says.
    """
    if table in _NORMALISED:
        return f"{rules_version(provider)}|{sorted(detector.organisation_domains)}"
    text = version(*_QUERIES[table])
    named = {*settings_of(parameters_of(*_QUERIES[table])), *_SETTINGS_IN_PYTHON.get(table, ())}
    if named:
        text += settings(detector.parameters, *sorted(named))
    if table in _TOLD_BY_RULE:
        text += RULE.digest
    if table == "alerts":
        text += REASON_RULES + str(sorted(detector.reasons_off))
    return text


def queries(table: str, provider: str = "") -> tuple[str, ...]:
    """Return the names of the queries that make a table; none for audit events."""
    if table in _NORMALISED:
        made = "uploads" if table == "logged_uploads" else table
        return (*(f"normalise/{step}" for step in (provider, *NORMALISE_QUERIES, made)), *IDENTITIES)
    return _QUERIES.get(table, ())


def code_version(table: str, detector: Detector, provider: str = "") -> str | None:
    """Short digest of :func:`rules` for Dagster; None for audit events, which no rule makes."""
    if table == "audit_events":
        return None
    return hashlib.sha256(rules(table, detector, provider).encode()).hexdigest()[:12]
