"""What no page can tell, since a provider's log does not hold it, by question and provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dossier.evidence import Evidence
from dossier.layout import count, moment, provider

__all__ = ["gaps", "limits"]

_LIMITS = {
    "signs": {
        "box": (
            "Box tells addresses but no countries (those shown are of your database), and has no event of a changed "
            "password: an administrator's change of the account stands in for it."
        ),
        "google_workspace": (
            "Google Workspace tells neither devices that were added nor administrators who act as a user."
        ),
        "office365": (
            "Office 365 tells addresses but no countries (those shown are of your database), and no administrators who "
            "act as a user. Where it names no application, the user agent does, which its bearer chooses. The risk "
            "that Microsoft Entra gives a user or a sign-in is not in its audit log."
        ),
    },
    "sensitive": {
        "box": "Box tells a classification only of some events: none here does not say that a file has none.",
        "dropbox": "Dropbox's events of uploads carry no label.",
        "google_workspace": (
            "Google Drive tells labels only of some events: none here does not say that a file has none."
        ),
        "office365": (
            "Microsoft tells a sensitivity label by its id alone, and only of some events: none here does not say that "
            "a file has none."
        ),
    },
    "authorised": {
        "box": "Box tells the folder's name, not its path, and nothing of who can see it.",
        "dropbox": "Dropbox's events of uploads tell neither the owner of a folder nor who can see it.",
        "google_workspace": (
            "Google Drive tells a folder's name only of a file put into it in the same step, and who could see a file "
            "when it was uploaded: what was shared afterwards stands below."
        ),
        "office365": "Office 365 tells an owner only of personal sites (OneDrive), and not who can see a site.",
    },
    "afterwards": {
        "box": "Box tells a shared link as a share to the outside, whoever it is meant for.",
        "dropbox": "Dropbox tells a shared link as a share to the outside, whoever it is meant for.",
    },
}


def limits(question: str, providers: Sequence[str]) -> list[str]:
    """What these providers' logs can't tell of a question."""
    told = _LIMITS[question]
    return [told[name] for name in providers if name in told]


def gaps(evidence: Evidence, since: datetime, until: datetime) -> list[str]:
    """What was not watched between two times; providers that failed alike are told together."""
    alike: dict[tuple[int, datetime, datetime, str | None], list[str]] = {}
    for gap in evidence.gaps:
        if gap.first_time < until and gap.last_time > since:
            key = (gap.windows, gap.first_time, gap.last_time, gap.reason)
            alike.setdefault(key, []).append(provider(gap.provider))
    return [
        f"{', '.join(names)}: {count(windows, 'three-hour window')} between {moment(first)} and {moment(last)} UTC "
        f"not evaluated{f' ({reason})' if reason else ''}, so what happened then may be missing here."
        for (windows, first, last, reason), names in alike.items()
    ]
