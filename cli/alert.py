"""``uploadwatch alert``: the page of an alert in the terminal."""

from __future__ import annotations

from typing import Annotated

import duckdb
import typer

from cli.options import HOME, Format, HomeOption, lake_of
from cli.terminal import terminal, write_json
from common.clock import Clock
from detection.geoip import read_geography
from detection.risk import read_networks
from detection.sensitive import read_terms
from dossier.layout import PSEUDONYMS
from dossier.page import page_of
from dossier.pseudonymized import pseudonymize_closed, pseudonymize_evidence
from dossier.reading import read_alerts, read_cases, read_closed, read_evidence
from dossier.terminal import closed_in_terminal, page_in_terminal
from lake.ledger import publish
from lake.named import find_named
from orchestration.pseudonymity import pseudonyms_of
from orchestration.settings import Settings, environment

__all__ = ["alert"]


def alert(
    alert: Annotated[str, typer.Argument(help="The id of an alert or a case, or enough of its beginning.")],
    home: HomeOption = HOME,
    format_: Annotated[
        Format, typer.Option("--format", help="table, or json: the evidence as one object.")
    ] = Format.TABLE,
) -> None:
    """Show the evidence of an alert, or of a case's first one: five answers, and what else its case has."""
    lake = lake_of(home)
    values = environment()
    settings, pseudonyms = Settings.read(values), pseudonyms_of(values)
    now = Clock(fixed=settings.now).now()
    with duckdb.connect() as con:
        publish(con, lake, now)
        shown = {each.alert_id: each for each in read_alerts(con)}
        closed = {each.alert_id: each for each in read_closed(con)}
        named = find_named(con, alert)
        # Of a case, its first alert: the page names the others.
        wanted = named.alert_id or named.alert_ids[0]
        if wanted in closed:
            gone = closed[wanted]
            said = (pseudonymize_closed(gone, pseudonyms), PSEUDONYMS) if pseudonyms else (gone, "")
            terminal().print(closed_in_terminal(*said), highlight=False)
            return
        about = shown[wanted]
        case = read_cases(con)[about.case_id]
        terms = read_terms(settings.sensitive)
        networks = read_networks(settings.networks, read_geography(settings.geoip_country, settings.geoip_asn))
        evidence = read_evidence(con, lake, [about], now=now, networks=networks, terms=terms)[about.alert_id]
    if format_ is Format.JSON:
        shown_evidence = pseudonymize_evidence(evidence, pseudonyms) if pseudonyms else evidence
        write_json(shown_evidence.model_dump_json(indent=1))
    else:
        page = page_of(about, evidence, domains=settings.domains, now=now, case=case, pseudonyms=pseudonyms)
        terminal().print(page_in_terminal(page), highlight=False, crop=False)
