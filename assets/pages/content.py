"""The three questions about the files: are they sensitive, may the user have them there, of which types are they."""

from __future__ import annotations

import re

from assets.pages.evidence import Alert
from assets.pages.limits import limits
from assets.pages.words import (
    Outside,
    Section,
    Table,
    Text,
    amount,
    count,
    moment,
    provider,
    sentence_case,
    share,
    text,
)
from detection.evidence import Destination, Evidence, Type
from detection.wording import size

__all__ = ["authorised", "sensitive", "types"]

_TOLD = 4
_TOLD_TYPES = 12
_OPEN = ("people_with_link", "public_on_the_web", "shared_externally")
"""Words of Google's for a file that people outside the organisation can see."""


def sensitive(alert: Alert, evidence: Evidence) -> Section:
    """Whether the files may hold sensitive data, by their names and extensions."""
    hits = [hit for hit in evidence.sensitive if hit.files]
    total, usual = _totals(evidence)
    rows = [
        (
            text(hit.category),
            text(f"{hit.files:,}"),
            text(size(hit.bytes) if hit.bytes is not None else "unknown"),
            text(share(hit.files, total)),
            text(share(hit.usual_files, usual)),
            text(Outside(", ".join(hit.terms[:8]))),
            _names(hit.examples),
        )
        for hit in hits
    ]
    found: list[str] = []
    if evidence.labels:
        found.append("Labelled by the provider: ")
        for n, label in enumerate(evidence.labels[:_TOLD]):
            found += ["; "] * bool(n) + [Outside(label.label), f" ({count(label.files, 'file')})"]
        found.append(". ")
    if hits:
        told = "; ".join(f"{hit.category} ({count(hit.files, 'file')})" for hit in hits[:_TOLD])
        more = len(hits) - _TOLD
        found.append(f"By name or type: {told}")
        found.append(f"; and {count(more, 'further category', 'further categories')}." if more > 0 else ".")
    unusual = any(_grown(hit.files, hit.usual_files, total, usual) for hit in hits)
    columns = ("Category", "# files", "# size", "# share", "# share of the 30 days before", "by", "such as")
    return Section(
        "sensitive",
        "look" if unusual or evidence.labels else "calm",
        tuple(found) or text("No name, folder or type of a file is in the dictionary, and no label is told."),
        [text("Names, folders and extensions were compared with the dictionary; no content was read.")],
        [
            table
            for table in (_labels(evidence), Table("Files that the dictionary has an entry for", columns, rows))
            if table.rows
        ],
        ["What a file holds can't be told by its name.", *limits("sensitive", alert.providers)],
    )


def _labels(evidence: Evidence) -> Table:
    rows = [
        (
            text(Outside(label.label)),
            text(provider(label.provider)),
            text(f"{label.files:,}"),
            text(size(label.bytes) if label.bytes is not None else "unknown"),
            _names(label.examples),
        )
        for label in evidence.labels
    ]
    return Table("Labels of the provider's own", ("Label", "Provider", "# files", "# size", "such as"), rows)


def _names(names: list[str | None]) -> Text:
    pieces: list[str] = []
    for name in names:
        pieces += [", "] * bool(pieces) + [Outside(name) if name else "(no name)"]
    return tuple(pieces)


def _plain(address: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", address.lower())


def _ownership(evidence: Evidence, place: Destination, domains: list[str]) -> str:
    """Whose a place is: own, the organisation's, another organisation's, or not told."""
    if not place.owner:
        return "not told"
    owner = place.owner.lower()
    users = [member.user for member in evidence.users]
    if any(owner == user or _plain(owner) == _plain(user) for user in users):
        return "own"
    if "@" not in owner:
        return "the organisation"
    own = domains or [user.rpartition("@")[2] for user in users]
    return "the organisation" if owner.rpartition("@")[2] in own else "another organisation"


def authorised(alert: Alert, evidence: Evidence, domains: list[str]) -> Section:
    """Whether the user may have these files in these places: what was uploaded there before, and whose they are."""
    places = evidence.destinations
    strange = [place for place in places if _ownership(evidence, place, domains) == "another organisation"]
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
    told = {source.provider for source in evidence.sources if source.has_downloads}
    unknown += [
        f"{provider(name)} gave no download of anybody in these weeks, so reading just before does not show."
        for name in alert.providers
        if name not in told
    ]
    return Section(
        "authorised",
        "look" if strange or seen or (of and new == of) or new_apps or evidence.read_before else "calm",
        sentence_case(tuple(answer)),
        points,
        [_destinations(evidence, domains), _apps(evidence)],
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
        *_names(list(read.examples)),
        ".",
    )


def _destinations(evidence: Evidence, domains: list[str]) -> Table:
    rows = [
        (
            text(Outside(place.folder or "folder not told")),
            text(provider(place.provider)),
            _owner(evidence, place, domains),
            text(Outside(", ".join(place.visibility or ("not told",)))),
            text(amount(place.files, place.sized_files, place.bytes)),
            text(_earlier(place)),
        )
        for place in evidence.destinations
    ]
    left_out = evidence.destinations[0].places - len(rows) if rows else 0
    return Table(
        "Where the files went",
        ("Folder", "Provider", "Owner", "Seen by", "Amount", "Used by the user before (36 days)"),
        rows,
        f"{count(left_out, 'further place')} with fewer files left out." if left_out else "",
    )


def _owner(evidence: Evidence, place: Destination, domains: list[str]) -> Text:
    return text(Outside(place.owner), f" ({_ownership(evidence, place, domains)})") if place.owner else text("not told")


def _earlier(place: Destination) -> str:
    if not place.earlier_files:
        return "never"
    files, days = count(place.earlier_files, "file"), count(place.earlier_days, "day")
    return f"{files} on {days}, last {moment(place.earlier_last)}"


def _apps(evidence: Evidence) -> Table:
    rows = [
        (
            text(Outside(app.app or "not told")),
            text(provider(app.provider)),
            text(f"{app.files:,}"),
            text(f"{app.earlier_days:,}"),
        )
        for app in evidence.apps
    ]
    columns = ("Application", "Provider", "# files", "# days used before (of 36)")
    return Table("With which application", columns, rows)


def types(alert: Alert, evidence: Evidence) -> Section:
    """Of which types the files are, next to what the user uploads otherwise."""
    total, usual = _totals(evidence)
    now = [row for row in evidence.types if row.files]
    unusual = [row for row in now if 10 * row.files >= total and _grown(row.files, row.usual_files, total, usual)]
    answer: list[str] = []
    if now:
        first = now[0]
        answer += [*_kind(first), f": {share(first.files, total)} of the files"]
        answer.append(
            f", and {share(first.usual_files, usual)} of the user's in the 30 days before"
            if usual
            else ", with nothing to compare to"
        )
    if len(now) > 1:
        answer.append(f"; {count(len(now), 'type')} in all")
    rows = [
        (
            tuple(_kind(row)),
            text(f"{row.files:,}"),
            text(share(row.files, total)),
            text(size(row.bytes) if row.bytes is not None else "unknown" if row.files else "–"),
            text(share(row.usual_files, usual)),
        )
        for row in evidence.types[:_TOLD_TYPES]
    ]
    left_out = len(evidence.types) - len(rows)
    return Section(
        "types",
        "look" if unusual and usual else "calm" if usual else "unknown",
        sentence_case(tuple(answer)) if answer else text("No file on record."),
        [],
        [
            Table(
                "Types by extension",
                ("Type", "# files", "# share", "# size", "# share of the 30 days before"),
                rows,
                f"{count(left_out, 'further type')} left out." if left_out else "",
            )
        ],
        [
            "An extension is what the name says, not what the file is.",
            *([] if usual else ["No upload of the user is on record in the 30 days before, so there is no usual mix."]),
            *_unsized(alert),
        ],
    )


def _totals(evidence: Evidence) -> tuple[int, int]:
    """Files of the alert, and of the 30 days before."""
    return sum(row.files for row in evidence.types), sum(row.usual_files for row in evidence.types)


def _grown(files: int, usual_files: int, total: int, usual: int) -> bool:
    """Whether a share is more than twice the usual one, or there is no usual one."""
    return files > 0 and (not usual or files * usual > 2 * usual_files * total)


def _kind(row: Type) -> Text:
    return text(Outside(row.extension)) if row.extension else text("without extension")


def _unsized(alert: Alert) -> list[str]:
    missing = alert.files - alert.sized_files
    if not missing:
        return []
    gone = f"; {alert.estimated_files:,} of them are gone" if alert.estimated_files else ""
    return [f"The size of {count(missing, 'file')} is not known{gone}: bytes are those of the others."]
