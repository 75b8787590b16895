"""Facts that no page can show because the provider's log does not have them, by investigation step and provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from detection.rule import RULE
from dossier.evidence import Evidence
from dossier.layout import count, moment, provider
from providers import PROVIDERS

__all__ = ["gaps", "limits"]


def limits(question: str, providers: Sequence[str]) -> list[str]:
    """Return what these providers' logs cannot answer about a question."""
    sentences = (PROVIDERS[name].not_in_log.get(question) for name in providers)
    return [sentence for sentence in sentences if sentence]


def gaps(evidence: Evidence, since: datetime, until: datetime) -> list[str]:
    """Describe windows between two times that were not evaluated; providers with the same gap share a sentence."""
    alike: dict[tuple[int, datetime, datetime, str | None], list[str]] = {}
    for gap in evidence.gaps:
        if gap.first_time < until and gap.last_time > since:
            key = (gap.windows, gap.first_time, gap.last_time, gap.reason)
            alike.setdefault(key, []).append(provider(gap.provider))
    window = f"{RULE.periods.test_window_adjective} window"
    return [
        f"{', '.join(names)}: {count(windows, window)} between {moment(first)} and {moment(last)} UTC "
        f"not evaluated{f' ({reason})' if reason else ''}, so what happened then may be missing here."
        for (windows, first, last, reason), names in alike.items()
    ]
