"""Page builder: makes the pages of alerts and their index; unchanged pages keep their file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from common.digests import text_digest
from detection.dependencies import dependencies
from detection.risk import Networks
from detection.sensitive import Term
from detection.tables import arrow_schema
from dossier.evidence import Evidence
from dossier.html import IndexCase, IndexRow, render_closed, render_index, render_page
from dossier.layout import PSEUDONYMS, QUESTIONS, amount
from dossier.page import page_of, sentence_of
from dossier.pseudonymized import pseudonymize_alert, pseudonymize_closed
from dossier.queries import SIGNS, USUAL
from dossier.reading import Alert, Closed, read_alerts, read_cases, read_closed, read_evidence, watched_until
from lake.days import days_between
from lake.home import INDEX, dossier_path, pages_directory
from lake.ledger import publish
from lake.people import read_people
from lake.store import Lake, replace_text
from privacy.pseudonyms import Pseudonyms
from providers import PROVIDERS

__all__ = ["Made", "PageBuilder", "is_switched"]

_NAMES = ".names"
"""File that records whether the pages hold names, or which key made their tokens."""
_LISTED = timedelta(days=90)
"""Age from which alerts are left out of the index, counted back from the newest."""


class Made(NamedTuple):
    """Page of an alert: its alert_id, its title, and whether it was rebuilt."""

    alert_id: str
    title: str
    is_new: bool


class _Row(NamedTuple):
    alert_id: str
    state: str
    revision: int
    path: str
    sha256: str
    found: list[str]
    evidence: str
    made_at: datetime


MADE_BY = (
    Alert,
    read_evidence,
    page_of,
    pseudonymize_alert,
    pseudonymize_closed,
    render_page,
    render_closed,
    watched_until,
)
"""The functions that make a page of an alert and the tables."""


class PageBuilder:
    """The pages of one run.

    Attributes:
        rendered: Number of pages rendered so far.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        lake: Lake,
        *,
        now: datetime,
        networks: Networks,
        terms: Sequence[Term],
        domains: Sequence[str],
        pseudonyms: Pseudonyms | None,
    ) -> None:
        publish(con, lake, now)
        self.rendered = 0
        self._con, self._lake, self._now = con, lake, now
        self._networks, self._terms, self._domains = networks, terms, list(domains)
        self._pseudonyms = pseudonyms
        self._notice = PSEUDONYMS if pseudonyms else ""
        self._names = _names(pseudonyms)
        given = [str(self._domains), networks.digest, text_digest(repr(list(terms))), self._names]
        self._said = "|".join([dependencies(*MADE_BY).digest, *given])
        self._cases = read_cases(con)
        self._alerts: dict[date, list[Alert]] = defaultdict(list)
        for alert in read_alerts(con):
            self._alerts[alert.first_window_start.date()].append(alert)
        self._closed: dict[date, list[Closed]] = defaultdict(list)
        for closed in read_closed(con):
            # Whoever has a page's address can read what became of the alert; alerts that never had a page need none.
            if self._exists(closed):
                self._closed[closed.first_window_start.date()].append(closed)
        lake.view(con, "dossiers", ["dossiers"], lake.days("dossiers"))
        columns = ", ".join(_Row._fields)
        rows = con.execute(f"SELECT {columns} FROM dossiers").fetchall()  # noqa: S608 -- our own columns
        self._rows = {row[0]: _Row._make(row) for row in rows}
        self._evidence: dict[str, Evidence] = {}
        tables = [f"{provider}/{table}" for provider in PROVIDERS for table in ("uploads", "activity")]
        tables += ["detections", "evaluations", "baselines"]
        people = read_people(lake)
        self._content = cache(lambda day: lake.digest(tables, [day], people.digest([day])))
        self._made_from = cache(self._digest_of)

    def look_at(self, days: Sequence[date]) -> None:
        """Gather the evidence for the alerts of those days whose inputs changed, in one go."""
        due = []
        for day in days:
            note = self._lake.note("dossiers", day)
            if not note or note.made_from != self.made_from(day):
                due += self._alerts.get(day, [])
        self._evidence = read_evidence(
            self._con, self._lake, due, now=self._now, networks=self._networks, terms=self._terms
        )

    def made_from(self, day: date) -> str:
        """Return the input digest of a day's pages."""
        return self._made_from(day)

    def _digest_of(self, day: date) -> str:
        alerts, closed = self._alerts.get(day, []), self._closed.get(day, [])
        if not alerts and not closed:
            return text_digest("no alert")
        parts = [self._said, *(each.model_dump_json() for each in (*alerts, *closed))]
        # Somebody may have deleted a page that a row exists for.
        parts += [each.alert_id for each in alerts if each.alert_id in self._rows and not self._exists(each)]
        parts += [f"{self._is_open(alert)} {self._cases[alert.case_id].model_dump_json()}" for alert in alerts]
        if alerts:
            last = max(max(watched_until(alert, self._now), alert.last_window_end) for alert in alerts)
            first = min(alert.since for alert in alerts).date() - timedelta(days=SIGNS + USUAL)
            parts += [self._content(each) for each in days_between(first, last.date())]
        return text_digest(*parts)

    def _exists(self, of: Alert | Closed) -> bool:
        return dossier_path(self._lake, of.alert_id).exists()

    def _is_open(self, alert: Alert) -> bool:
        return watched_until(alert, self._now) >= self._now.replace(tzinfo=None)

    def make(self, con: duckdb.DuckDBPyConnection, day: date) -> list[Made]:
        """Make the pages of a day, and ``day_dossiers`` of their rows in ``con``."""
        rows, made = [], []
        for alert in self._alerts.get(day, []):
            evidence = self._evidence[alert.alert_id]
            case = self._cases[alert.case_id]
            said = [self._said, alert.model_dump_json(), evidence.model_dump_json(), case.model_dump_json()]
            said.append(str(self._is_open(alert)))
            row = self._kept(alert.alert_id, text_digest(*said))
            user = self._shown(alert).user
            title = (
                f"{user}: {amount(alert.files, alert.sized_files, alert.bytes)}, {alert.first_window_start:%H:%M} UTC"
            )
            made.append(Made(alert.alert_id, title, row is None))
            if row is None:
                page = page_of(
                    alert, evidence, domains=self._domains, now=self._now, case=case, pseudonyms=self._pseudonyms
                )
                found = [section.found for section in page.sections]
                row = self._write(alert.alert_id, "open", alert.revision, render_page(page), found, text_digest(*said))
            rows.append(row)
        for closed in self._closed.get(day, []):
            said = [self._said, closed.model_dump_json()]
            row = self._kept(closed.alert_id, text_digest(*said))
            made.append(Made(closed.alert_id, f"{closed.state}, {closed.first_window_start:%H:%M} UTC", row is None))
            if row is None:
                shown = pseudonymize_closed(closed, self._pseudonyms) if self._pseudonyms else closed
                html = render_closed(shown, self._now.replace(tzinfo=None), self._notice)
                row = self._write(closed.alert_id, closed.state, closed.revision, html, [], text_digest(*said))
            rows.append(row)
        con.register("bound", pa.Table.from_pylist([row._asdict() for row in rows], schema=arrow_schema("dossiers")))
        con.execute("CREATE OR REPLACE TEMP TABLE day_dossiers AS FROM bound ORDER BY alert_id")
        con.unregister("bound")
        return made

    def _kept(self, alert_id: str, evidence: str) -> _Row | None:
        row = self._rows.get(alert_id)
        return row if row and row.evidence == evidence and dossier_path(self._lake, alert_id).exists() else None

    def _write(self, alert_id: str, state: str, revision: int, html: str, found: Sequence[str], evidence: str) -> _Row:
        path = dossier_path(self._lake, alert_id)
        replace_text(path, html)
        self.rendered += 1
        place = f"{path.parent.name}/{path.name}"
        row = _Row(
            alert_id, state, revision, place, text_digest(html), list(found), evidence, self._now.replace(tzinfo=None)
        )
        self._rows[alert_id] = row
        return row

    def index(self) -> None:
        """Rebuild the index, with the time of this check of the pages; call it after all pages are made."""
        alerts = {alert.alert_id: alert for day in self._alerts.values() for alert in day}
        since = max((alert.first_window_start - _LISTED for alert in alerts.values()), default=datetime.min)  # noqa: DTZ901 -- as in the tables
        listed = []
        for case in self._cases.values():
            members = [alerts[alert_id] for alert_id in case.alert_ids]
            rows = [
                self._index_row(each) for each in members if each.first_window_start >= since and self._has_page(each)
            ]
            if rows:
                listed.append(IndexCase(case, rows))
        older = len(alerts) - sum(each.number for each in listed)
        replace_text(
            pages_directory(self._lake) / INDEX,
            render_index(listed, older, self._now.replace(tzinfo=None), self._notice),
        )
        replace_text(_state(self._lake), self._names)

    def _has_page(self, alert: Alert) -> bool:
        row = self._rows.get(alert.alert_id)
        return row is not None and row.state == "open"

    def _index_row(self, alert: Alert) -> IndexRow:
        answers = list(zip(QUESTIONS.values(), self._rows[alert.alert_id].found, strict=True))
        return IndexRow(alert, sentence_of(self._shown(alert)), answers)

    def _shown(self, alert: Alert) -> Alert:
        return pseudonymize_alert(alert, self._pseudonyms) if self._pseudonyms else alert


def is_switched(lake: Lake, pseudonyms: Pseudonyms | None) -> bool:
    """Check whether existing pages hold names where tokens are now wanted, tokens of another key, or the reverse."""
    try:
        return _state(lake).read_text(encoding="utf-8") != _names(pseudonyms)
    except FileNotFoundError:
        return pseudonyms is not None


def _names(pseudonyms: Pseudonyms | None) -> str:
    """Return a fingerprint of the key; it is a token, which does not reveal the key."""
    return pseudonyms.of("key") if pseudonyms else "names"


def _state(lake: Lake) -> Path:
    return pages_directory(lake) / _NAMES
