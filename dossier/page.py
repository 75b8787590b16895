"""Content of a page: the alert, its five answers and what to do, for HTML and for the terminal."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from detection.rule import RULE
from detection.wording import outgrown, printable
from dossier.evidence import Evidence
from dossier.layout import PSEUDONYMS, QUESTIONS, Outside, Passage, Section, Table, Text, count, moment, text
from dossier.picture import Picture, pictures
from dossier.pseudonymized import pseudonymize_alert, pseudonymize_evidence
from dossier.reading import Alert, Case, watched_until
from dossier.sections.advice import Link, allow_entry, causes, links, population_text, query, reviews
from dossier.sections.aftermath import afterwards
from dossier.sections.case import case_text
from dossier.sections.compromise import compromise, timeline
from dossier.sections.content import sensitive, types
from dossier.sections.group import allow_group, cause_text, largest, users
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
        facts: Sentences about the alert beside its own: its common cause, what it adds up, and with whom it compares.
        groups: Largest users and users of a group; none for other alerts.
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
    facts: list[Text]
    groups: list[Table]
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
    is_group = alert.users > 1
    names = [member.user for member in evidence.users]
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
        _facts(alert, evidence),
        [largest(evidence), users(alert, evidence)] if is_group else [],
        links(alert, evidence, pseudonymized=pseudonymized),
        causes(alert, evidence),
        reviews(alert, case),
        allow_group(alert, evidence, now.date(), domains=domains, names=names, pseudonymized=pseudonymized)
        if is_group
        else allow_entry(alert, evidence, now.date(), pseudonymized=pseudonymized),
        query(alert),
        now.replace(tzinfo=None),
        PSEUDONYMS if pseudonymized else "",
    )


def _facts(alert: Alert, evidence: Evidence) -> list[Text]:
    facts = [cause_text(alert, evidence)] if alert.users > 1 else []
    if alert.since < alert.first_window_start:
        facts.append(
            text(
                f"It counts all uploads since {moment(alert.since)} UTC: {count(alert.files, 'file')} in all, with "
                "those that other alerts reported."
            )
        )
    elif alert.peak_window_start and alert.users == 1 and alert.peak_window_start > alert.first_window_start:
        facts.append(
            text(
                f"It opened with a window from {moment(alert.first_window_start)} UTC on. The sentence is about the "
                "rarest one."
            )
        )
    if population := population_text(alert):
        facts.append(text(population))
    return [fact for fact in facts if fact]
