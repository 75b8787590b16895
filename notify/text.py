"""Messages as text for people. Text from outside is escaped, so that it is no mention, link or markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from detection.wording import cause_words, known_size, outgrown
from privacy.pseudonyms import TOKEN
from providers import title_of

__all__ = ["harmless", "headline", "text_of"]

_LOOK_ALIKES = str.maketrans(
    {"<": "‹", ">": "›", "[": "［", "]": "］", "`": "ˋ", "*": "∗", "~": "∼", "|": "¦", "\\": "∖", "#": "＃"}
)
"""Characters that Slack, Teams, Discord or Markdown interpret, and look-alikes that they do not."""
_E_MAIL = re.compile(r"(?<![\w.+'-])[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
_MENTION = re.compile(r"@(?=(?:everyone|here|channel|all|team|room)\b)", re.IGNORECASE)
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LINK_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d_])")
_REASONS = 5
_PREFIX = 12
"""Length of a case's id as it is shown; commands accept it."""
_LONGEST = 1700
"""Longest text: Discord accepts 2000 characters, the fewest of the usual channels."""


def harmless(text: str, longest: int = 600) -> str:
    """Escape a text from outside, so that no channel reads a mention, link or markup in it; put it on one line.

    Active characters are replaced by look-alikes; addresses of people stay as they are.
    """
    shown = " ".join("".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text).split())
    shown = shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
    parts = []
    end = 0
    for match in _E_MAIL.finditer(shown):
        parts += [_inert(shown[end : match.start()]), match[0]]
        end = match.end()
    parts.append(_inert(shown[end:]))
    return _EMPHASIS.sub("＿", _MENTION.sub("＠", "".join(parts)))


def _inert(text: str) -> str:
    text = text.translate(_LOOK_ALIKES).replace("@", "＠").replace("://", ":∕∕")
    return _LINK_DOT.sub("․", text)


def _said(name: str, text: str, longest: int) -> str:
    """Return a name with a text about it; without the text if that is a pseudonym, which means nothing to readers."""
    return harmless(name) if TOKEN.fullmatch(text) else f"{harmless(name)}: {harmless(text, longest)}"


def _group(about: Mapping[str, Any]) -> list[str]:
    """Return the common cause of a group and the largest of its users; nothing about a single user."""
    cause = about.get("cause") if about.get("users", 1) > 1 else None
    lines = [f"Common cause: {harmless(cause_words(cause))}."] if cause else []
    for each in about.get("largest") or []:
        files = f"{each['files']:,} file{'' if each['files'] == 1 else 's'}"
        known = known_size(each["files"], each["sized_files"], each["bytes"])
        lines.append(f"Largest by {each['by']}: {harmless(each['user'])}, {files}, {known}")
    return lines


def _amount(about: Mapping[str, Any]) -> list[str]:
    """Return the files and bytes of an alert; nothing of one that is withdrawn, which has none."""
    if about.get("files") is None:
        return []
    return [
        f"{about['files']:,} file{'' if about['files'] == 1 else 's'}",
        known_size(about["files"], about["sized_files"], about["bytes"]),
    ]


def headline(event: str, about: Mapping[str, Any]) -> str:
    """Return the title of a message."""
    match event.partition("."):
        case "alert" | "case", _, what:
            name = f"{about['name']} ({about['severity']})"
            told = name if what in ("new", "opened") else f"{what.capitalize()}: {name}"
            return harmless(f"{told}: {', '.join([about['user'], *_amount(about)])}", 150)
        case "run", _, _:
            return "uploadwatch: a run failed"
        case "source", _, what:
            title = title_of(about["provider"])
            return f"uploadwatch: {title} {'fails' if what == 'failing' else 'works again'}"
        case "feed", _, what:
            title = title_of(about["provider"])
            return f"uploadwatch: no new events from {title}" if what == "stale" else f"uploadwatch: {title} is back"
        case _:
            return "uploadwatch: test"


def text_of(event: str, about: Mapping[str, Any]) -> str:
    """Return the text of a message below its title."""
    match event.partition("."):
        case "alert", _, "withdrawn":
            lines = [
                f"User {harmless(about['user'])}, from {about['first_window_start']}: no longer an alert "
                f"({harmless(about['state'])}: {harmless(about['reason'])})."
            ]
        case "alert" | "case", _, _:
            lines = [harmless(about["sentence"], 800)]
            lines += _group(about)
            if former := about.get("outgrown_review"):
                lines.append(f"Not reviewed: {outgrown(former['verdict'], former['revision'])}.")
            reasons = about["reasons"] or []
            lines += [_said(each["name"], each["evidence"], 120) for each in reasons[:_REASONS]]
            if len(reasons) > _REASONS:
                lines.append(f"and {len(reasons) - _REASONS} more reasons")
        case "run", _, _:
            days = f", days {about['first_day']} to {about['last_day']}" if about["first_day"] else ""
            lines = [f"Run {about['run_id']} of {harmless(about['job'])}{days}. See its log in Dagster's UI."]
            lines += [_said(each["step"], each["error"], 200) for each in about["failed"][:_REASONS]]
        case "source", _, what:
            title = title_of(about["provider"])
            lines = [f"{title} {'fails' if what == 'failing' else 'works again'} since {about['since']}."]
            if not TOKEN.fullmatch(about["reason"]):
                lines.append(harmless(about["reason"], 1200))
            elif about["steps"]:
                lines.append(f"Steps that fail: {', '.join(about['steps'])}. See uploadwatch status.")
        case "feed", _, _:
            lines = [harmless(about["reason"])]
        case _:
            lines = ["If you can read this, uploadwatch reaches this channel."]
    # The link is near the top: the end of a long text is cut.
    return "\n".join([lines[0], *_link(about), *lines[1:], *_ids(about)])[:_LONGEST]


def _link(about: Mapping[str, Any]) -> list[str]:
    return [f"Page: {about['page']}"] if about.get("page") else []


def _ids(about: Mapping[str, Any]) -> list[str]:
    """Return the ids of an alert and its case; nothing of other messages."""
    lines = []
    if case := about.get("case"):
        place = case["alert_ids"].index(about["alert_id"]) + 1
        lines.append(f"Case {case['case_id'][:_PREFIX]}, {case['state']}: alert {place} of {len(case['alert_ids'])}")
    if "alert_id" in about:
        lines.append(f"Alert {about['alert_id']}, revision {about['revision']}")
    return lines
