"""The investigation step about permission: whether the user may put these files there, as far as the logs show."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dossier.evidence import Destination, Evidence
from dossier.known_limits import limits
from dossier.layout import (
    Outside,
    Section,
    Table,
    Text,
    amount,
    count,
    moment,
    names,
    provider,
    sentence_case,
    text,
)
from dossier.queries import SIGNS, USUAL
from dossier.reading import Alert

__all__ = ["authorised", "ownerships"]

_BEFORE = SIGNS + USUAL - 1
"""Days before the alert that are searched for earlier uploads."""
_OPEN = ("people_with_link", "public_on_the_web", "shared_externally")
"""Words of Google's for a file that people outside the organisation can see."""


def _plain(address: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", address.lower())


def _ownership(alert: Alert, evidence: Evidence, place: Destination, domains: list[str]) -> str:
    """Name the owner of a place: own, the organisation, another account or organisation, or not logged."""
    if not place.owner:
        return "not logged"
    owner = place.owner.lower()
    users = [name for member in evidence.users for name in {member.user, *(member.addresses or [])}]
    if any(owner == user or _plain(owner) == _plain(user) for user in users):
        return "own"
    if "@" not in owner:
        return "the organisation"
    if not domains and not _of_the_organisation(alert):
        return "another account"
    own = domains or [user.rpartition("@")[2] for user in users]
    return "the organisation" if owner.rpartition("@")[2] in own else "another organisation"


def ownerships(alert: Alert, evidence: Evidence, domains: list[str]) -> list[str]:
    """Name the owner of each destination, by the real names of owners and users."""
    return [_ownership(alert, evidence, place, domains) for place in evidence.destinations]


def _of_the_organisation(alert: Alert) -> bool:
    """Check whether the user's own mail domain is the organisation's: a guest's or a service account's is not."""
    return alert.actor_class not in ("guest", "service", "app")


def authorised(alert: Alert, evidence: Evidence, domains: list[str], whose: Sequence[str]) -> Section:
    """Describe whether the user may put these files in these places: earlier uploads there, and the places' owners.

    Args:
        alert: The alert.
        evidence: Its evidence.
        domains: Mail domains of the organisation; empty if they are not configured.
        whose: Owner of each destination, from :func:`ownerships`.
    """
    places = evidence.destinations
    strange = [place for place, of in zip(places, whose, strict=True) if of == "another organisation"]
    new = places[0].new_places if places else 0
    of = places[0].places if places else 0
    new_apps = [app for app in evidence.apps if not app.earlier_files and any(a.earlier_files for a in evidence.apps)]
    answer: list[str] = []
    if strange:
        least = "at least " if of > len(places) else ""
        answer.append(f"{least}{count(sum(place.files for place in strange), 'file')} went to another organisation; ")
    if new == of:
        answer.append("the user uploaded to none of these places before" if of > 1 else "a place new for the user")
    else:
        answer.append(f"{new:,} of {count(of, 'place')} new for the user" if new else "only to places used before")
    seen = sum(place.files for place in places if set(place.visibility or ()) & set(_OPEN))
    answer += ["; people outside the organisation can see files in it"] if seen else []
    answer += [f"; with {count(len(new_apps), 'application')} new for the user"] if new_apps else []
    points = [_read_before(evidence)]
    unknown = [
        "Nothing in the logs says whether the user's work calls for these files: ask the owner, or the superior."
    ]
    logged = {source.provider for source in evidence.sources if source.has_downloads}
    unknown += [
        f"{provider(name)} gave no download of anybody in these weeks, so reading just before does not show."
        for name in alert.providers
        if name not in logged
    ]
    if not domains:
        guess = (
            "the user's mail domain is taken for it"
            if _of_the_organisation(alert)
            else "other organisations are not recognised"
        )
        unknown.append(f"The organisation's domains are not set (UPLOADWATCH_ORGANISATION_DOMAINS): {guess}.")
    return Section(
        "authorised",
        "look" if strange or seen or (of and new == of) or new_apps or evidence.read_before else "calm",
        sentence_case(tuple(answer)),
        points,
        [_destinations(evidence, whose), _apps(evidence)],
        [*unknown, *limits("authorised", alert.providers)],
    )


def _read_before(evidence: Evidence) -> Text:
    if not evidence.read_before:
        return text("No file of these names was downloaded by the user in the days before.")
    [read] = evidence.read_before
    where = " and ".join(provider(name) for name in read.providers)
    return text(
        f"{count(read.files, 'file')} had been downloaded under the same name from {where}, first at "
        f"{moment(read.first_time)} UTC: ",
        *names(list(read.examples)),
        ".",
    )


def _destinations(evidence: Evidence, whose: Sequence[str]) -> Table:
    rows = [
        (
            text(Outside(place.folder or "folder not logged")),
            text(provider(place.provider)),
            text(Outside(place.owner), f" ({of})") if place.owner else text("not logged"),
            text(Outside(", ".join(place.visibility or ("not logged",)))),
            text(amount(place.files, place.sized_files, place.bytes)),
            text(_earlier(place)),
        )
        for place, of in zip(evidence.destinations, whose, strict=True)
    ]
    left_out = evidence.destinations[0].places - len(rows) if rows else 0
    return Table(
        "Where the files went",
        ("Folder", "Provider", "Owner", "Seen by", "Amount", f"Used by the user before ({_BEFORE} days)"),
        rows,
        f"{count(left_out, 'further place')} with fewer files left out." if left_out else "",
    )


def _earlier(place: Destination) -> str:
    if not place.earlier_files:
        return "never"
    files, days = count(place.earlier_files, "file"), count(place.earlier_days, "day")
    return f"{files} on {days}, last {moment(place.earlier_last)}"


def _apps(evidence: Evidence) -> Table:
    rows = [
        (
            text(Outside(app.app or "not logged")),
            text(provider(app.provider)),
            text(f"{app.files:,}"),
            text(f"{app.earlier_days:,}"),
        )
        for app in evidence.apps
    ]
    columns = ("Application", "Provider", "# files", f"# days used before (of {_BEFORE})")
    return Table("With which application", columns, rows)
