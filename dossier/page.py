"""Content of a page: the alert, its five answers and what to do, for HTML and for the terminal."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from detection.rule import RULE
from detection.wording import outgrown, printable
from dossier.evidence import Evidence
from dossier.layout import PSEUDONYMS, QUESTIONS, Outside, Passage, Section, Table, Text, amount, text
from dossier.picture import Picture, pictures
from dossier.pseudonymized import pseudonymize_alert, pseudonymize_evidence
from dossier.reading import Alert, Case, watched_until
from dossier.sections.advice import Link, allow_entry, causes, links, query, reviews
from dossier.sections.aftermath import afterwards
from dossier.sections.case import case_text
from dossier.sections.compromise import compromise, timeline
from dossier.sections.content import sensitive, types
from dossier.sections.permission import authorised, ownerships
from privacy.pseudonyms import Pseudonyms

__all__ = ["ATTACK", "Page", "page_of", "sentence_of"]

ATTACK = tuple(
    (f"{each.tactic.uid} {each.tactic.name}", f"{each.sub_technique.uid} {each.sub_technique.name}")
    for each in RULE.attacks
)
"""Tactics and techniques, mapped by the project; the closest first."""


class Page(NamedTuple):
    """Content of an alert's page.

    Attributes:
        alert: The alert.
        case: What its case is, and which alerts it has besides; empty if it is unknown.
        sections: The answers, in the order of the rule's investigation steps.
        pictures: The two halves of the picture, without those that have no figures.
        timeline: Events in order.
        users: Users of an alert storm; None for other alerts.
        links: Consoles of the providers.
        causes: Common false positives of such an alert.
        reviews: Commands to review it.
        allow: Entry for the allow-list.
        query: Query for its uploads.
        as_of: Time until which the logs were read, UTC.
        notice: Notice that names are pseudonyms; empty if they are real names.
    """

    alert: Alert
    case: Text
    sections: list[Section]
    pictures: list[Picture]
    timeline: Table
    users: Table | None
    links: list[Link]
    causes: list[str]
    reviews: list[str]
    allow: str
    query: str
    as_of: datetime
    notice: str

    @property
    def reviewer(self) -> Outside:
        """Name of the person who reviewed the alert."""
        return Outside(self.alert.reviewed_by or "")

    @property
    def review_note(self) -> Outside:
        """Reason that the reviewer gave."""
        return Passage(self.alert.review_note or "")

    @property
    def outgrown(self) -> Text:
        """Notice that the alert grew after its review; empty if it did not."""
        alert = self.alert
        if not alert.outgrown_verdict:
            return ()
        said = outgrown(alert.outgrown_verdict, alert.outgrown_revision)
        by, note = Outside(alert.outgrown_by or ""), Passage(alert.outgrown_note or "")
        return text(f"Not reviewed: {said}. So said ", by, ": ", note)

    @property
    def sentence(self) -> Text:
        """The alert's one sentence."""
        return sentence_of(self.alert)


def sentence_of(alert: Alert) -> Text:
    """Return the alert's sentence, with the user as a piece of its own."""
    user = printable(alert.user)
    before, found, after = alert.sentence.partition(user)
    return text(before, Outside(user), after) if found else text(Passage(alert.sentence))


def page_of(
    alert: Alert,
    evidence: Evidence,
    *,
    domains: list[str],
    now: datetime,
    case: Case | None = None,
    pseudonyms: Pseudonyms | None = None,
) -> Page:
    """Return the page of an alert.

    Args:
        alert: The alert.
        evidence: Its evidence.
        domains: Mail domains of the organisation; empty if they are not configured.
        now: UTC with zone.
        case: Its case.
        pseudonyms: Maker of tokens for names; None leaves names unchanged.
    """
    whose = ownerships(alert, evidence, domains)
    pseudonymized = pseudonyms is not None
    if pseudonyms:
        alert, evidence = pseudonymize_alert(alert, pseudonyms), pseudonymize_evidence(evidence, pseudonyms)
    answers = [
        compromise(alert, evidence),
        sensitive(alert, evidence),
        authorised(alert, evidence, domains, whose),
        types(alert, evidence),
        afterwards(alert, evidence, watched_until(alert, now)),
    ]
    return Page(
        alert,
        case_text(case, alert) if case else (),
        sorted(answers, key=lambda section: list(QUESTIONS).index(section.key)),
        pictures(alert, evidence),
        timeline(alert, evidence),
        _users(alert, evidence) if alert.users > 1 else None,
        links(alert, evidence, pseudonymized=pseudonymized),
        causes(alert, evidence),
        reviews(alert, case),
        allow_entry(alert, evidence, now.date(), pseudonymized=pseudonymized),
        query(alert),
        now.replace(tzinfo=None),
        PSEUDONYMS if pseudonymized else "",
    )


def _users(alert: Alert, evidence: Evidence) -> Table:
    rows = [
        (
            text(Outside(member.user)),
            text(amount(member.files, member.sized_files, member.bytes)),
            text(f"1 in {member.one_in:,} user-days" if member.one_in else "–"),
        )
        for member in evidence.users
    ]
    left_out = alert.users - len(rows)
    return Table(
        "Users of the alert storm",
        ("User", "Amount", "Rarity"),
        rows,
        f"{left_out:,} with fewer files left out." if left_out else "",
    )
