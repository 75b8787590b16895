"""Pages on which tokens stand in place of names: what a page is made of is covered once it is gathered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from dossier.evidence import (
    Conduct,
    Destination,
    Evidence,
    Label,
    Member,
    Moment,
    Other,
    Place,
    ProviderId,
    ReadBefore,
    Sensitive,
    Told,
)
from dossier.reading import Alert, Closed
from privacy.pseudonyms import Pseudonyms

__all__ = ["NAMES", "cover_alert", "cover_closed", "cover_evidence"]

_Told = TypeVar("_Told", bound=Told)

NAMES: Mapping[type[Told], tuple[str, ...]] = {
    ProviderId: ("id",),
    Member: ("user", "addresses"),
    Moment: ("user", "ip", "detail"),
    Label: ("examples",),
    # What the dictionary matched is a piece of a name, or all of it.
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
    return _cover(value, pseudonyms) if isinstance(value, Told) else value


def _cover(told: _Told, pseudonyms: Pseudonyms) -> _Told:
    names = NAMES.get(type(told), ())
    if isinstance(told, Place) and told.dimension == "network":
        names = (*names, "place")
    covered = {
        field: (_token if field in names else _inner)(getattr(told, field), pseudonyms)
        for field in type(told).model_fields
    }
    return told.model_copy(update=covered)


def cover_evidence(evidence: Evidence, pseudonyms: Pseudonyms) -> Evidence:
    """The evidence with tokens in place of names."""
    return _cover(evidence, pseudonyms)


def cover_alert(alert: Alert, pseudonyms: Pseudonyms) -> Alert:
    """The alert with tokens in place of names, as exports have it."""
    return alert.model_copy(
        update={
            "user": pseudonyms.of(alert.user),
            "sentence": pseudonyms.sentence(alert.sentence, alert.user),
            "reasons": [each | {"evidence": pseudonyms.of(each["evidence"])} for each in alert.reasons],
            "reviewed_by": _token(alert.reviewed_by, pseudonyms),
            "review_note": _token(alert.review_note, pseudonyms),
        }
    )


def cover_closed(closed: Closed, pseudonyms: Pseudonyms) -> Closed:
    """An alert that is shown no more, with tokens in place of names."""
    said = closed.sentence
    return closed.model_copy(
        update={
            "user": pseudonyms.of(closed.user),
            "sentence": None if said is None else pseudonyms.sentence(said, closed.user),
            "reason": pseudonyms.end(closed.reason),
        }
    )
