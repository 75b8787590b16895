"""Pseudonymized messages: tokens replace names, as in exports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from notify.outbox import Letter
from privacy.pseudonyms import Pseudonyms

__all__ = ["pseudonymized"]


def pseudonymized(letter: Letter, pseudonyms: Pseudonyms) -> Letter:
    """Return the pseudonymized message; figures, times and providers stay.

    Messages are pseudonymized when they are sent, not when they are entered, so that the present setting and key
    apply to messages that waited through a change.
    """
    match letter.event.partition(".")[0]:
        case "alert" | "case":
            return replace(letter, about=_alert(dict(letter.about), pseudonyms))
        case "run":
            # A step's error may quote a row.
            failed = [each | {"error": pseudonyms.of(each["error"])} for each in letter.about["failed"]]
            return replace(letter, about={**letter.about, "failed": failed})
        case "source" if letter.about["steps"]:
            # Likewise. The names of the failed steps show where to look.
            return replace(letter, about={**letter.about, "reason": pseudonyms.of(letter.about["reason"])})
        case _:
            return letter


def _alert(about: dict[str, Any], pseudonyms: Pseudonyms) -> dict[str, Any]:
    changed: dict[str, Any] = {"user": pseudonyms.of(about["user"])}
    if about.get("sentence") is not None:
        changed["sentence"] = pseudonyms.sentence(about["sentence"], about["user"])
    if about.get("reason") is not None:
        changed["reason"] = pseudonyms.end(about["reason"])
    if about.get("reasons"):
        changed["reasons"] = [each | {"evidence": pseudonyms.of(each["evidence"])} for each in about["reasons"]]
    if about.get("largest"):
        changed["largest"] = [each | {"user": pseudonyms.of(each["user"])} for each in about["largest"]]
    for review in ("review", "outgrown_review"):
        if said := about.get(review):
            changed[review] = said | {
                part: pseudonyms.of(said[part]) for part in ("by", "note") if said[part] is not None
            }
    return about | changed
