"""Advice on an alert: where to look further, common false positives, how to review it and how to allow it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import NamedTuple
from urllib.parse import quote

from detection.parameters import Parameters
from detection.rule import RULE, FalsePositive
from detection.user_agents import is_derived
from dossier.evidence import Evidence
from dossier.reading import Alert, Case
from providers import PROVIDERS

__all__ = [
    "NO_NAME",
    "PREFIX",
    "Link",
    "allow_entry",
    "causes",
    "links",
    "population_text",
    "query",
    "reviews",
    "toml_text",
]

_ALLOWED_FOR = timedelta(days=90)
NO_NAME = "# A token allows nothing: put in its place what `uploadwatch reveal` says of it."
_MANY = 0.8
_FEW_FILES = Parameters().floor_files
_FEW_WINDOWS = 5
_POPULATIONS = {
    "newcomers": "The user is a newcomer, with uploads on fewer than three of the days before. Newcomers have a "
    "threshold of their own, and a share of the people's budget.",
    "watch_list": "The user is on your risk list. Persons on it have a threshold and a budget of their own.",
    "services": "A service account or an application: compared with these alone, with a budget of their own.",
}
PREFIX = 12
"""Length of an id's prefix that names an alert or a case: `uploadwatch review` refuses one that several begin with."""
_CAMERA = {"jpg", "jpeg", "png", "heic", "cr2", "nef", "arw", "mp4", "mov", "wav", "tif", "tiff", "pdf"}
_BACKUP = {"zip", "7z", "gz", "tgz", "tar", "rar", "bak", "sql", "dump", "parquet", "csv", "vbk"}


class Link(NamedTuple):
    """A link to a provider's console."""

    title: str
    url: str


def links(alert: Alert, evidence: Evidence, *, pseudonymized: bool) -> list[Link]:
    """Link to the consoles of the alert's providers; only ids come from outside, quoted, behind fixed addresses.

    Args:
        alert: The alert.
        evidence: Its evidence.
        pseudonymized: Whether tokens stand in place of names and ids, to which no console has a page.
    """
    pages = (PROVIDERS[name].log_page for name in alert.providers if name in PROVIDERS)
    found = [Link(page.title, page.address) for page in pages]
    if alert.users > 1 or pseudonymized:
        return found
    for member in evidence.users:
        for each in member.ids or []:
            page = PROVIDERS[each.provider].user_page if each.provider in PROVIDERS else None
            if page and page.ids.fullmatch(each.id):
                found.append(Link(page.title, page.address + quote(each.id, safe="")))
    return sorted(set(found))


def toml_text(value: str) -> str:
    """Quote a text for TOML: JSON's escapes, and TOML's for the one control character that JSON does not escape."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def allow_entry(alert: Alert, evidence: Evidence, today: date, *, pseudonymized: bool) -> str:
    """Return an allow-list entry for the alert of one user; the person responsible fills in owner and reason.

    Args:
        alert: The alert.
        evidence: Its evidence.
        today: The entry ends 90 days from this day.
        pseudonymized: Whether the user is a token, in whose place the reader has to put the name.
    """
    lines = ["[[allow]]", f"user = {toml_text(alert.user)}"]
    if pseudonymized:
        lines.insert(1, NO_NAME)
    if len(alert.providers) == 1:
        lines.append(f"provider = {toml_text(alert.providers[0])}")
    apps = {(app.app, app.app_id) for app in evidence.apps}
    app, app_id = apps.pop() if len(apps) == 1 else (None, None)
    if app and is_derived(app):
        lines.append("# Whoever uploads chooses the user agent: a thief's may be the same.")
    if app:
        lines.append(f"app = {toml_text(app)}")
    if app_id:
        lines.append(f"app_id = {toml_text(app_id)}")
    elif app and not is_derived(app):
        lines.append("# The log has no id of the application, so any application of this name is allowed.")
    lines += ['owner = "WHO ANSWERS FOR IT"', 'reason = "WHY IT IS RIGHT"', f"expires = {today + _ALLOWED_FOR}"]
    return "\n".join(lines)


def reviews(alert: Alert, case: Case | None) -> list[str]:
    """Return the commands that review the alert as benign or confirmed, and those for its whole case.

    An alert is reviewed at the revision that the page shows: what comes after it was not read.
    """
    about = [f"{alert.alert_id[:PREFIX]} --revision {alert.revision}"]
    if case and len(case.alert_ids) > 1:
        about.append(case.case_id[:PREFIX])
    return [
        f'uploadwatch review {each} {verdict} --by "YOUR NAME" --note "WHY"'
        for each in about
        for verdict in ("--benign", "--confirmed")
    ]


def query(alert: Alert) -> str:
    """Return the query for all uploads in the alert's hours, for the views of ``warehouse.duckdb``."""
    lines = [
        'SELECT u.time, u.provider, u."user", u.folder, u.file_name, u.bytes, u.size_source, u.app, u.ip, u.event_key',
        "FROM uploads u",
        "JOIN alerts a",
        "  ON a.person = u.person AND u.time >= coalesce(a.period_start, a.first_window_start)",
        "  AND u.time < a.last_window_end",
        "  AND list_contains(a.providers, u.provider)",
        "JOIN published p ON p.alert_key IN (a.alert_id, a.folded_into)",
        f"WHERE p.alert_id = '{alert.alert_id}'",
        "ORDER BY u.time;",
    ]
    return "\n".join(lines)


def population_text(alert: Alert) -> str:
    """Say with whom the alert's user is compared, and whose budget it counts for; empty for people in general."""
    return _POPULATIONS.get(alert.population or "", "") if alert.users == 1 else ""


def _has_little_history(alert: Alert) -> bool:
    windows = alert.baseline_files_windows
    return windows is not None and windows < _FEW_WINDOWS and not alert.scale_days


def causes(alert: Alert, evidence: Evidence) -> list[str]:
    """List common false positives of an alert with this pattern, each with how to recognise it."""
    total = sum(row.files for row in evidence.types) or 1
    first = evidence.types[0] if evidence.types else None
    found: list[FalsePositive] = []
    if alert.users > 1:
        found += ["migration", "new_client"]
    if alert.actor_class in ("service", "app"):
        found.append("service_job")
    if alert.users == 1 and any(not app.earlier_files for app in evidence.apps):
        found.append("new_client")
    if alert.users == 1 and (alert.population == "newcomers" or _has_little_history(alert)):
        found.append("newcomer")
    if first and first.files >= _MANY * total and first.extension in _CAMERA:
        found.append("recordings")
    if first and first.files >= _MANY * total and first.extension in _BACKUP:
        found.append("backup")
    if alert.metric == "bytes" and alert.peak_files is not None and alert.peak_files < _FEW_FILES:
        found.append("large_files")
    if evidence.read_before:
        found.append("tidy_up")
    found.append("project")
    return [RULE.false_positives[each] for each in found]
