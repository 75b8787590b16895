"""Groups with a common cause: what it is, the largest of their users, and an allow-list entry for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from detection.user_agents import is_derived
from dossier.evidence import Evidence
from dossier.layout import Outside, Table, Text, amount, provider, text
from dossier.reading import Alert
from dossier.sections.advice import NO_NAME, toml_text

__all__ = ["allow_group", "cause_text", "largest", "users"]

_ALLOWED_FOR = timedelta(days=14)
"""Time for which an entry is offered: a rollout ends."""
_BY = {"score": "score above the threshold", "files": "files", "bytes": "bytes"}


class _Cause(NamedTuple):
    """Source and application of a group; names from outside.

    Attributes:
        provider: The source.
        app: Name of the application; None where it is not logged or not known.
        app_id: The provider's id of it; None if it is not logged.
        is_known: Whether uploads say which application it is; else the part after the slash may be a name or an id.
    """

    provider: str
    app: str | None
    app_id: str | None
    is_known: bool


def _cause(alert: Alert, evidence: Evidence) -> _Cause:
    source, _, app = (alert.cause or "").partition("/")
    for row in evidence.apps:
        if row.provider == source and app and app in (row.app_ids or []):
            return _Cause(source, row.app, app, is_known=True)
    for row in evidence.apps:
        if row.provider == source and app and row.app == app:
            return _Cause(source, app, row.app_id, is_known=True)
    return _Cause(source, app or None, None, is_known=False)


def cause_text(alert: Alert, evidence: Evidence) -> Text:
    """Return the common cause in words: the source, and the application by its name in the uploads."""
    cause = _cause(alert, evidence)
    if not cause.provider:
        return ()
    pieces = ["Common cause: uploads to ", provider(cause.provider)]
    if cause.app:
        pieces += [" with the application ", Outside(cause.app)]
    if cause.app_id:
        pieces += [f"{'' if cause.app else ' with an application'} (id ", Outside(cause.app_id), ")"]
    return text(*pieces, ".")


def largest(evidence: Evidence) -> Table:
    """List the largest users by score, by files and by bytes; the alert of each is folded into the group's."""
    rows = [
        (
            text(f"By {_BY[each.largest_by]}"),
            text(Outside(each.user)),
            text(amount(each.files, each.sized_files, each.bytes)),
            text("–" if each.distance is None else f"{each.distance:.1f}"),
        )
        for each in evidence.largest
    ]
    note = "Look at these first: who steals while others migrate is mostly one of them."
    return Table("Largest users of the group", ("Largest", "User", "Amount", "# above the threshold"), rows, note)


def users(alert: Alert, evidence: Evidence) -> Table:
    """List the users of a group, those with the most files first."""
    rows = [
        (
            text(Outside(member.user)),
            text(amount(member.files, member.sized_files, member.bytes)),
            text(f"1 in {member.one_in:,} user-days" if member.one_in else "–"),
        )
        for member in evidence.users
    ]
    left_out = alert.users - len(rows)
    note = f"{left_out:,} with fewer files left out." if left_out else ""
    return Table("Users of the group", ("User", "Amount", "Rarity"), rows, note)


def allow_group(
    alert: Alert, evidence: Evidence, today: date, *, domains: Sequence[str], names: Sequence[str], pseudonymized: bool
) -> str:
    """Return allow-list entries for the cause of a group; the person responsible fills in owner and reason.

    An entry for everybody of a domain needs an application that the uploader does not choose freely: without one, each
    user has an entry.

    Args:
        alert: The alert.
        evidence: Its evidence.
        today: The entries end two weeks from this day.
        domains: Mail domains of the organisation; empty if they are not configured.
        names: Real names of the users in the evidence, in its order.
        pseudonymized: Whether the evidence has tokens in their place.
    """
    cause = _cause(alert, evidence)
    by_name = cause.app if cause.is_known and not cause.app_id else None
    narrow = [f"app_id = {toml_text(cause.app_id)}"] if cause.app_id else []
    if cause.app_id and cause.app:
        narrow.insert(0, f"app = {toml_text(cause.app)}")
    if by_name:
        narrow.append(f"app = {toml_text(by_name)}")
        narrow.append(
            "# Whoever uploads chooses the user agent: a thief's may be the same."
            if is_derived(by_name)
            else "# The log has no id of the application, so any application of this name is allowed."
        )
    whole = _domains(names, domains, pseudonymized=pseudonymized) if narrow and not _chosen(cause) else set()
    single = [
        member.user
        for member, name in zip(evidence.users, names, strict=True)
        if name.rpartition("@")[2] not in whole and "*" not in name
    ]
    # The user agent that the name of an application with an id comes from may not stand for a domain, either.
    if whole and cause.app_id and cause.app and is_derived(cause.app):
        narrow = narrow[1:]
    entries = [_entry(f"*@{domain}", cause, narrow, today) for domain in sorted(whole)]
    for user in single:
        notes = [NO_NAME] if pseudonymized else []
        entries.append(_entry(user, cause, narrow, today, notes))
    left_out = alert.users - len(evidence.users)
    if left_out and (single or not whole):
        entries.append(f"# {left_out:,} further users of the group are not listed here.")
    return "\n\n".join(entries)


def _chosen(cause: _Cause) -> bool:
    """Return whether only a user agent, which the uploader chooses, names the application."""
    return not cause.app_id and (not cause.app or is_derived(cause.app))


def _domains(names: Sequence[str], domains: Sequence[str], *, pseudonymized: bool) -> set[str]:
    """Return the domains that an entry may stand for: the organisation's, or if none is configured, the only one."""
    found = {name.rpartition("@")[2] for name in names if "@" in name}
    if domains:
        return found & set(domains)
    alone = len(found) == 1 and all("@" in name for name in names)
    return found if alone and not pseudonymized else set()


def _entry(user: str, cause: _Cause, narrow: Sequence[str], today: date, notes: Sequence[str] = ()) -> str:
    lines = ["[[allow]]", *notes, f"user = {toml_text(user)}"]
    lines += [f"provider = {toml_text(cause.provider)}"] if cause.provider else []
    lines += [
        *narrow,
        'owner = "WHO ANSWERS FOR IT"',
        'reason = "WHY IT IS RIGHT"',
        f"expires = {today + _ALLOWED_FOR}",
    ]
    return "\n".join(lines)
