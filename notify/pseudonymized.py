"""Messages in which tokens stand in place of names, as in exports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from notify.outbox import Letter
from privacy.pseudonyms import Pseudonyms

__all__ = ["covered"]


def covered(letter: Letter, pseudonyms: Pseudonyms) -> Letter:
    """The message as it leaves the home, where pseudonyms are on: figures, times and providers stay.

    It is covered as it goes out rather than as it is entered, so that what waited since before the setting or the key
    changed goes out by those that hold now.
    """
    match letter.event.partition(".")[0]:
        case "alert":
            return replace(letter, about=_alert(dict(letter.about), pseudonyms))
        case "run":
            # What a step's error quotes may be a row.
            failed = [each | {"error": pseudonyms.of(each["error"])} for each in letter.about["failed"]]
            return replace(letter, about={**letter.about, "failed": failed})
        case "source" if letter.about["steps"]:
            # Likewise; the steps that fail are enough to know where to look.
            return replace(letter, about={**letter.about, "reason": pseudonyms.of(letter.about["reason"])})
        case _:
            return letter


def _alert(about: dict[str, Any], pseudonyms: Pseudonyms) -> dict[str, Any]:
    told: dict[str, Any] = {"user": pseudonyms.of(about["user"])}
    if about.get("sentence") is not None:
        told["sentence"] = pseudonyms.sentence(about["sentence"], about["user"])
    if about.get("reason") is not None:
        told["reason"] = pseudonyms.end(about["reason"])
    if about.get("reasons"):
        told["reasons"] = [each | {"evidence": pseudonyms.of(each["evidence"])} for each in about["reasons"]]
    if about.get("review"):
        said = about["review"]
        told["review"] = said | {part: pseudonyms.of(said[part]) for part in ("by", "note") if said[part] is not None}
    return about | told
