"""Pseudonymization of pages: replaces names by tokens in the gathered alerts and evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from dossier.evidence import (
    Conduct,
    Destination,
    Evidence,
    EvidenceRow,
    Label,
    Largest,
    Member,
    Moment,
    Other,
    Place,
    ProviderId,
    ReadBefore,
    Sensitive,
)
from dossier.reading import Alert, Closed
from privacy.pseudonyms import Pseudonyms

__all__ = ["NAMES", "pseudonymize_alert", "pseudonymize_closed", "pseudonymize_evidence"]

_Row = TypeVar("_Row", bound=EvidenceRow)

NAMES: Mapping[type[EvidenceRow], tuple[str, ...]] = {
    ProviderId: ("id",),
    Member: ("user", "addresses"),
    Largest: ("user",),
    Moment: ("user", "ip", "detail"),
    Label: ("examples",),
    # A matched term of the dictionary is part of a name, or all of it.
    Sensitive: ("terms", "examples"),
    Destination: ("folder", "owner"),
    ReadBefore: ("examples",),
    Conduct: ("detail",),
    Other: ("user",),
    Place: ("user",),
}
"""The fields of the evidence that name a person, a file, a folder or an address, besides the networks among places."""


def _token(value: Any, pseudonyms: Pseudonyms) -> Any:
    if isinstance(value, list):
        return [_token(each, pseudonyms) for each in value]
    return None if value is None else pseudonyms.of(value)


def _inner(value: Any, pseudonyms: Pseudonyms) -> Any:
    if isinstance(value, list):
        return [_inner(each, pseudonyms) for each in value]
    return _pseudonymize(value, pseudonyms) if isinstance(value, EvidenceRow) else value


def _pseudonymize(row: _Row, pseudonyms: Pseudonyms) -> _Row:
    names = NAMES.get(type(row), ())
    if isinstance(row, Place) and row.dimension == "network":
        names = (*names, "place")
    pseudonymized = {
        field: (_token if field in names else _inner)(getattr(row, field), pseudonyms)
        for field in type(row).model_fields
    }
    return row.model_copy(update=pseudonymized)


def pseudonymize_evidence(evidence: Evidence, pseudonyms: Pseudonyms) -> Evidence:
    """Return the evidence with tokens in place of names."""
    return _pseudonymize(evidence, pseudonyms)


def pseudonymize_alert(alert: Alert, pseudonyms: Pseudonyms) -> Alert:
    """Return the alert with tokens in place of names, as in exports."""
    return alert.model_copy(
        update={
            "user": pseudonyms.of(alert.user),
            "sentence": pseudonyms.sentence(alert.sentence, alert.user),
            "reasons": [each | {"evidence": pseudonyms.of(each["evidence"])} for each in alert.reasons],
            "reviewed_by": _token(alert.reviewed_by, pseudonyms),
            "review_note": _token(alert.review_note, pseudonyms),
            "outgrown_by": _token(alert.outgrown_by, pseudonyms),
            "outgrown_note": _token(alert.outgrown_note, pseudonyms),
        }
    )


def pseudonymize_closed(closed: Closed, pseudonyms: Pseudonyms) -> Closed:
    """Return a closed alert with tokens in place of names."""
    said = closed.sentence
    return closed.model_copy(
        update={
            "user": pseudonyms.of(closed.user),
            "sentence": None if said is None else pseudonyms.sentence(said, closed.user),
            "reason": pseudonyms.end(closed.reason),
        }
    )
