"""Search for the risk indicators of the users of alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from typing import NamedTuple

import duckdb
import pyarrow as pa
from pyarrow import csv as pa_csv

from detection.persons import create_empty_person_tables, named
from detection.reasons import REASONS, known_only
from detection.risk import ListedUser, Networks
from detection.rule import RULE
from detection.sql import into
from detection.tables import arrow_schema
from detection.user_agents import MARK

__all__ = ["LOOK_BACK", "Confirmed", "Watch", "find_reasons"]

LOOK_BACK = timedelta(days=90)
"""Period before an alert whose sign-ins and uploads are read, so that a dormant account does not look new."""

_SIGN_PERIOD = timedelta(hours=24)
_BOUND = {
    "training_days": RULE.periods.training_days,
    "quiet_days": RULE.periods.quiet_days,
    "sign_period": _SIGN_PERIOD,
    "look_back": LOOK_BACK - _SIGN_PERIOD,
    "failed_sign_ins": 5,
    "many_networks": 10,
    # Faster than an airliner, and farther than geolocation errs.
    "kilometres_per_hour": 1000,
    "least_km": 500,
    # With fewer days, an hour without activity means nothing.
    "least_active_days": 10,
    "rare_share": 0.1,
    "mass_downloads": 100,
    "rare_share_days": 2,
    "derived_mark": MARK,
    "removed_files": 3,
}
_STEPS = ("placed", "spans", "seen_hours", "sightings")
_REASONS = (
    "sign_ins",
    "reported",
    "places",
    "travel",
    "networks",
    "account",
    "habits",
    "files",
    "removals",
    "other_alert",
    "risk_list",
)
_RISK_LIST = pa.schema([("user", pa.string()), ("reason", pa.string()), ("since", pa.date32()), ("until", pa.date32())])
_COUNTRIES = {
    "country": pa.string(),
    "latitude": pa.float64(),
    "longitude": pa.float64(),
    "radius_km": pa.float64(),
}


_DATA = files("detection").joinpath("data", "countries.csv")


class Confirmed(NamedTuple):
    """Confirmed alert: its user, and the start of its opening window when it was reviewed, UTC."""

    user: str
    first_window_start: datetime


class Watch(NamedTuple):
    """Inputs from people to the risk indicators.

    Attributes:
        off: Names of reasons that are switched off.
        risk_list: Users on the risk list.
        networks: What the operator knows of addresses.
        confirmed: Alerts that a review confirmed.
    """

    off: Sequence[str] = ()
    risk_list: Sequence[ListedUser] = ()
    networks: Networks = Networks()
    confirmed: Sequence[Confirmed] = ()


def find_reasons(con: duckdb.DuckDBPyConnection, watch: Watch) -> dict[str, list[dict[str, str]]]:
    """Return reasons by alert, each with name, strength and evidence, ordered by name.

    Reads the tables ``folded_alerts``, ``openings``, ``uploads``, ``activity`` and ``source_days`` (provider, day:
    days on which its log has uploads or activity).

    Args:
        con: Connection in which these tables exist.
        watch: The operator's inputs.
    """
    [(alerts,)] = con.execute("SELECT count(*) FROM folded_alerts").fetchall()
    if not alerts:
        # The queries would read months of uploads and activity for nothing.
        return {}
    into(con, "user_activity", "reasons/user_activity")
    into(con, "seen", "seen")
    # DuckDB needs a downloaded extension to compare addresses; a few users have few, so Python does it.
    ips = con.execute("SELECT DISTINCT ip FROM seen WHERE ip IS NOT NULL ORDER BY ip").fetchall()
    con.register("addresses", watch.networks.table(ip for (ip,) in ips))
    create_empty_person_tables(con)
    listed = [
        row.model_dump() | {"user": person}
        for row in watch.risk_list
        for person in named(con, row.user, first_only=False)
    ]
    con.register("risk_list", pa.Table.from_pylist(listed, schema=_RISK_LIST))
    confirmed = [
        row._asdict() | {"user": person}
        for row in watch.confirmed
        for person in named(con, row.user.lower(), first_only=True)
    ]
    con.register("confirmed", pa.Table.from_pylist(confirmed, schema=arrow_schema("reviews", *Confirmed._fields)))
    con.register("countries", _countries())
    for table in _STEPS:
        into(con, table, f"reasons/{table}", _BOUND)
    found = []
    for query in _REASONS:
        into(con, "found_reasons", f"reasons/{query}", _BOUND)
        found += con.execute("SELECT alert_id, name, evidence FROM found_reasons").fetchall()
    for name in ("addresses", "risk_list", "confirmed", "countries"):
        con.unregister(name)
    reasons: dict[str, list[dict[str, str]]] = defaultdict(list)
    counted = set(known_only({name for _, name, _ in found})) - set(watch.off)
    for alert_id, name, evidence in sorted(found):
        if name in counted:
            reasons[alert_id].append({"name": name, "strength": REASONS[name].strength, "evidence": evidence})
    return reasons


def _countries() -> pa.Table:
    text = _DATA.read_bytes()
    # Without strings_can_be_null, NA stays Namibia.
    convert = pa_csv.ConvertOptions(column_types=_COUNTRIES, strings_can_be_null=False)
    return pa_csv.read_csv(pa.BufferReader(text), convert_options=convert)
