"""The case of an alert: its state, and the alerts that it holds besides."""

from __future__ import annotations

from dossier.layout import Reference, Text, count, moment, text
from dossier.reading import Alert, Case
from dossier.sections.advice import PREFIX

__all__ = ["case_text"]


def case_text(case: Case, alert: Alert) -> Text:
    """Return what the alert's case is, and its other alerts."""
    place = case.alert_ids.index(alert.alert_id) + 1
    opened = f"alert {place} of {len(case.alert_ids)}, since {moment(case.opened_at)} UTC"
    escalated = f"; escalated by {count(case.escalations, 'alert')}" if case.escalations else ""
    pieces = [f"Case {case.case_id[:PREFIX]}, {case.state}: {opened}{escalated}."]
    for other in case.alert_ids:
        if other != alert.alert_id:
            pieces += [", " if len(pieces) > 1 else " Its other alerts: ", Reference(other)]
    return text(*pieces)
