"""The investigation step about signs of compromise before the alert, and the timeline around it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from dossier.evidence import Evidence, Moment, Place
from dossier.known_limits import gaps, limits
from dossier.layout import (
    KINDS,
    Outside,
    Passage,
    Section,
    Table,
    Text,
    count,
    joined,
    moment,
    provider,
    sentence_case,
    text,
)
from dossier.queries import SIGNS, USUAL
from dossier.reading import Alert

__all__ = ["compromise", "timeline"]

_ALWAYS_SHOWN = (
    "mfa_disabled",
    "password_reset",
    "credentials_changed",
    "new_device",
    "provider_alert",
    "admin_impersonation",
)
_MANY_FAILURES = 5
_LISTED = {
    "tor": ", listed as tor",
    "hosting": ", listed as hosting",
    "trusted": ", listed as trusted: says nothing of where the user was",
    "service": ", the provider's own servers: says nothing of where the user was",
}
_PHASES = {"before": "before", "during": "during the alert", "after": "after"}


def _days(alert: Alert) -> int:
    """Return how many days before the alert's opening its signs count from."""
    return SIGNS + (alert.first_window_start - alert.since).days


def _whose(alert: Alert, user: str) -> Text:
    return text(" (", Outside(user), ")") if alert.users > 1 else ()


def _where(place: Place) -> Text:
    return text(Outside(place.place), f" ({provider(place.provider)})" if place.provider else "")


def _new(place: Place) -> Text:
    return text(f"new {place.dimension} ", *_where(place))


def _users_in_new(places: Sequence[Place]) -> list[Text]:
    """Describe what is new for the users of a group, by kind of place."""
    users: dict[str, set[str]] = {}
    for place in places:
        users.setdefault(place.dimension, set()).add(place.user)
    # The query returns only the first of each kind.
    return [text(f"at least {count(len(of), 'user')} with a new {kind}") for kind, of in users.items()]


def compromise(alert: Alert, evidence: Evidence) -> Section:
    """Describe signs that the account was compromised, in the days before the alert and during it."""
    signs = {sign.kind: sign for sign in evidence.signs}
    new = [place for place in evidence.places if place.is_new]
    listed = [place for place in evidence.places if place.is_suspect]
    failed = signs["sign_in_failed"].number if "sign_in_failed" in signs else 0
    # Skip risk indicators that a sign or a place below describes in more detail.
    found: list[Text] = [
        text(reason["name"].replace("_", " "))
        for reason in alert.reasons
        if reason["name"] not in (*_ALWAYS_SHOWN, "first_country", "first_network", "first_app")
    ]
    found += [
        text(count(signs[kind].number, *KINDS[kind])) for kind in _ALWAYS_SHOWN if kind in signs and signs[kind].number
    ]
    found += [_new(place) for place in new] if alert.users == 1 else _users_in_new(new)
    found += [text("address of a ", str(place.listed), " network") for place in listed]
    if failed >= _MANY_FAILURES:
        found.append(text(count(failed, *KINDS["sign_in_failed"])))
    succeeded = signs["sign_in"].number if "sign_in" in signs else 0
    points: list[Text] = [
        text(f"{reason['name'].replace('_', ' ')} ({reason['strength']}): ", Passage(reason["evidence"]), ".")
        for reason in alert.reasons
    ]
    points.append(
        text(
            f"{count(succeeded, 'sign-in')} and {count(failed, *KINDS['sign_in_failed'])} from {_days(alert)} days "
            "before the alert to its end."
        )
    )
    seen = any(sign.number for sign in evidence.signs)
    answer = joined(found) if found else text(f"Nothing unusual in the {_days(alert)} days before.")
    if not found and not seen:
        answer = text(f"No sign-in of the account is on record in the {_days(alert)} days before.")
    return Section(
        "compromise",
        "look" if found else "calm" if seen else "unknown",
        sentence_case(answer),
        points,
        [_signs(alert, evidence), _places(alert, evidence)],
        [
            *_no_sign_ins(alert, evidence, seen=seen),
            *gaps(evidence, alert.since - timedelta(days=SIGNS), alert.last_window_end),
            *limits("signs", alert.providers),
        ],
    )


def _no_sign_ins(alert: Alert, evidence: Evidence, *, seen: bool) -> list[str]:
    logged = {source.provider for source in evidence.sources if source.has_sign_ins}
    missing = [provider(name) for name in alert.providers if name not in logged]
    found = [
        f"{name} gave no sign-in of anybody in these weeks: its log of sign-ins is not read, or not given, so a "
        "stranger at the account would not show here."
        for name in missing
    ]
    if not missing and not seen:
        found.append("Sessions last for weeks: without a sign-in, where a session came from does not show.")
    return found


def _signs(alert: Alert, evidence: Evidence) -> Table:
    days = _days(alert)
    rows = [
        (
            text(KINDS[sign.kind][1]),
            text(f"{sign.number:,}"),
            text(f"{sign.usual * days / USUAL:.1f}"),
            text(moment(sign.first_time)),
            text(moment(sign.last_time)),
        )
        for sign in evidence.signs
    ]
    columns = ("What", f"# in the {days} days", f"# usual in {days} days", "first (UTC)", "last (UTC)")
    return Table("Sign-ins and changes of the account", columns, rows, f"Usual: of the {USUAL} days before those.")


def _places(alert: Alert, evidence: Evidence) -> Table:
    left_out = sum({place.dimension: place.of_rows for place in evidence.places}.values()) - len(evidence.places)
    rows = [
        (
            text(*_where(place), *_whose(alert, place.user)),
            text(place.dimension + (_LISTED[place.listed] if place.listed else "")),
            text(f"{place.number:,}"),
            text(f"{place.usual_days} of {USUAL}" if place.usual_days else "new" if place.is_new else f"0 of {USUAL}"),
            text(moment(place.first_time)),
        )
        for place in evidence.places
    ]
    return Table(
        "Where from and with what",
        ("Place", "What", f"# events in the {_days(alert)} days", "days seen before", "first in these days (UTC)"),
        rows,
        f"{count(left_out, 'further one')} left out." if left_out else "",
    )


def timeline(alert: Alert, evidence: Evidence) -> Table:
    """List events in order, from the days before the alert until now."""
    fresh = {(place.dimension, place.place) for place in evidence.places if place.is_new}
    rows = [
        (
            text(moment(row.time)),
            text(_PHASES[row.phase]),
            text(count(row.number, *KINDS.get(row.kind, (row.kind, row.kind))), *_whose(alert, row.user)),
            _from(row, new_country=("country", row.country or "") in fresh),
            text(Outside(row.detail)) if row.detail else (),
        )
        for row in evidence.timeline
    ]
    left_out = evidence.timeline[0].of_rows - len(rows) if rows else 0
    note = f"{count(left_out, 'row')} of lesser weight or farther away left out." if left_out else ""
    columns = ("From (UTC)", "When", "What", "Where and with what", "Said")
    return Table(f"Timeline from {_days(alert)} days before the alert", columns, rows, note)


def _from(row: Moment, *, new_country: bool) -> Text:
    pieces: list[Text] = [text(provider(row.provider))]
    if row.country:
        pieces.append(text(Outside(row.country), " (new)" if new_country else ""))
    pieces += [text(Outside(value)) for value in (row.ip, row.app) if value]
    return joined(pieces, ", ")
