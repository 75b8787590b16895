"""The investigation step about what the account did after the alert, and what others did with its files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from detection.wording import variation
from dossier.evidence import Conduct, Evidence, OtherAlert
from dossier.known_limits import gaps, limits
from dossier.layout import (
    KINDS,
    Outside,
    Reference,
    Section,
    Table,
    Text,
    amount,
    count,
    joined,
    moment,
    sentence_case,
    text,
)
from dossier.queries import SIGNS, USUAL, WATCHED
from dossier.reading import Alert

__all__ = ["afterwards"]

_SHOWN_KINDS = ("share_external", "provider_alert", "mfa_disabled", "credentials_changed", "delete", "download")
_LEAST = {"share_external": 3, "download": 100, "delete": 100}
"""Fewest actions to report as unusual, if also more than twice the usual; of other kinds, any above the usual."""


def afterwards(alert: Alert, evidence: Evidence, until: datetime) -> Section:
    """Describe what the account did since the alert opened, and what others did with its files."""
    conduct = {row.kind: row for row in evidence.afterwards}
    later = [other for other in evidence.other_alerts if other.is_later]
    found: list[Text] = [text(count(len(later), "further alert"))] if later else []
    for kind in _SHOWN_KINDS:
        if row := conduct.get(kind):
            about = f" ({row.on_files:,} of the alert's files)" if row.on_files else ""
            found.append(text(count(row.number, *KINDS[kind]) + about))
    if evidence.others:
        found.append(text(f"{count(evidence.others[0].of_rows, 'act')} of others on the alert's files"))
    state = (
        text("Kept until ", moment(until), f" UTC: the alert was reviewed, or {WATCHED} days had passed.")
        if alert.reviewed_at or until - alert.last_window_end >= timedelta(days=WATCHED)
        else text(
            f"As logged until {moment(until)} UTC; kept current until the alert is reviewed, for {WATCHED} days at "
            "most."
        )
    )
    days = max(1, (until - alert.since).days)
    unusual = any(map(_counts, later)) or bool(evidence.others) or any(_unusual(row, days) for row in conduct.values())
    return Section(
        "afterwards",
        "look" if unusual else "calm",
        sentence_case(joined(found)) if found else text("Nothing but sign-ins and uploads since, if anything."),
        [state],
        [
            table
            for table in (_conduct(alert, evidence), _others(evidence), _alerts(evidence.other_alerts))
            if table.rows
        ],
        [*gaps(evidence, alert.since, until), *limits("afterwards", alert.providers)],
    )


def _counts(later: OtherAlert) -> bool:
    """Return whether a later alert is a finding: confirmed, or not reviewed and by a user who looks suspicious.

    An alert for its amount only is shown but is no finding: the detector's own result does not confirm it.
    """
    return later.verdict == "confirmed" or (later.verdict is None and later.name == variation(suspicious=True).name)


def _unusual(row: Conduct, days: int) -> bool:
    """Check whether the account's actions in these days differ from the usual days before.

    Downloading one's own files again is normal work; sharing them outside, or deleting them, may be an attacker's next
    step.
    """
    if row.kind not in _SHOWN_KINDS:
        return False
    if row.kind in ("share_external", "delete") and row.on_files:
        return True
    least = _LEAST.get(row.kind)
    if least is None:
        return USUAL * row.number > row.usual * days
    return row.number >= least and USUAL * row.number > 2 * row.usual * days


def _conduct(alert: Alert, evidence: Evidence) -> Table:
    since = "opening" if alert.since == alert.first_window_start else "first day added up"
    rows = [
        (
            text(KINDS.get(row.kind, (row.kind, row.kind))[1]),
            text(f"{row.number:,}"),
            text(f"{row.on_files:,}"),
            text(f"{row.usual:,}"),
            text(moment(row.first_time)),
            text(moment(row.last_time)),
        )
        for row in evidence.afterwards
    ]
    columns = (
        "What",
        f"# since the {since}",
        "# of the alert's files",
        f"# in {USUAL} days before",
        "first (UTC)",
        "last (UTC)",
    )
    caption = f"What the account did since the alert's {since}"
    return Table(caption, columns, rows, "Uploads: those after the alert's end.")


def _others(evidence: Evidence) -> Table:
    rows = [
        (
            text(Outside(row.user)),
            text(count(row.number, *KINDS[row.kind])),
            text(f"{row.files:,}"),
            text(moment(row.first_time)),
        )
        for row in evidence.others
    ]
    left_out = evidence.others[0].of_rows - len(rows) if rows else 0
    note = f"{count(left_out, 'further row')} left out." if left_out else ""
    return Table("What others did with the alert's files", ("Who", "What", "# files", "first (UTC)"), rows, note)


def _alerts(others: Sequence[OtherAlert]) -> Table:
    rows = [
        (
            text(moment(other.time)),
            text(other.name),
            text(amount(other.files, other.sized_files, other.bytes)),
            text(other.verdict or "not reviewed"),
            text(Reference(other.other)),
        )
        for other in others
    ]
    columns = ("Opened (UTC)", "Alert", "Amount", "Review", "alert_id")
    return Table(f"Other alerts of the user, from {SIGNS + USUAL} days before on", columns, rows)
