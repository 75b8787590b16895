"""Finds what makes the users of alerts suspicious."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from importlib.resources import files
from typing import NamedTuple

import duckdb
import pyarrow as pa
from pyarrow import csv as pa_csv

from detection.persons import named, tell_nobody
from detection.reasons import REASONS
from detection.risk import Address, ListedUser, Networks
from detection.sql import into

__all__ = ["LOOK_BACK", "QUERIES", "Watch", "find_reasons"]

LOOK_BACK = timedelta(days=90)
"""How far back a user's sign-ins and uploads are read to tell a dormant account from a new one."""

_SIGN_PERIOD = timedelta(hours=24)
_BOUND = {
    "sign_period": _SIGN_PERIOD,
    "look_back": LOOK_BACK - _SIGN_PERIOD,
    "failed_sign_ins": 5,
    "many_networks": 10,
    # Faster than an airliner, and farther than geolocation errs.
    "kilometres_per_hour": 1000,
    "least_km": 500,
    # Of fewer days, an hour without activity says nothing.
    "least_active_days": 10,
    "rare_share": 0.1,
    "mass_downloads": 100,
    "rare_share_days": 2,
}
_STEPS = ("spans", "seen_hours", "sightings")
_REASONS = (
    "sign_ins",
    "reported",
    "places",
    "travel",
    "networks",
    "account",
    "habits",
    "files",
    "other_alert",
    "risk_list",
)
QUERIES = ("seen", "reasons/user_activity", *(f"reasons/{name}" for name in (*_STEPS, *_REASONS)))
"""The queries that the reasons depend on."""
_ADDRESSES = pa.schema([(name, pa.string()) for name in Address._fields])
_RISK_LIST = pa.schema([("user", pa.string()), ("reason", pa.string()), ("since", pa.date32()), ("until", pa.date32())])
_COUNTRIES = {
    "country": pa.string(),
    "latitude": pa.float64(),
    "longitude": pa.float64(),
    "radius_km": pa.float64(),
}


class Watch(NamedTuple):
    """What the operator set for the reasons.

    Attributes:
        off: Names of reasons that do not count.
        risk_list: Users to watch.
        networks: Networks of Tor and of hosting providers.
    """

    off: Sequence[str] = ()
    risk_list: Sequence[ListedUser] = ()
    networks: Networks = Networks()


def find_reasons(con: duckdb.DuckDBPyConnection, watch: Watch) -> dict[str, list[dict[str, str]]]:
    """Reasons by alert, each with name, strength and evidence, ordered by name.

    Reads the tables ``folded_alerts``, ``openings``, ``uploads``, ``activity`` and ``source_days`` (provider, day:
    those of which its log has uploads or activity).

    Args:
        con: Connection in which these tables exist.
        watch: What the operator set.
    """
    [(alerts,)] = con.execute("SELECT count(*) FROM folded_alerts").fetchall()
    if not alerts:
        # Asking would read months of uploads and activity.
        return {}
    into(con, "user_activity", "reasons/user_activity")
    into(con, "seen", "seen")
    # DuckDB compares addresses only with an extension that has to be downloaded; those of a few users are few.
    ips = con.execute("SELECT DISTINCT ip FROM seen WHERE ip IS NOT NULL ORDER BY ip").fetchall()
    known = [watch.networks.find(ip)._asdict() for (ip,) in ips]
    con.register("addresses", pa.Table.from_pylist(known, schema=_ADDRESSES))
    tell_nobody(con)
    listed = [
        row.model_dump() | {"user": person}
        for row in watch.risk_list
        for person in named(con, row.user, first_only=False)
    ]
    con.register("risk_list", pa.Table.from_pylist(listed, schema=_RISK_LIST))
    con.register("countries", _countries())
    for table in _STEPS:
        into(con, table, f"reasons/{table}", _BOUND)
    found = []
    for query in _REASONS:
        into(con, "found_reasons", f"reasons/{query}", _BOUND)
        found += con.execute("SELECT alert_id, name, evidence FROM found_reasons").fetchall()
    for name in ("addresses", "risk_list", "countries"):
        con.unregister(name)
    reasons: dict[str, list[dict[str, str]]] = defaultdict(list)
    for alert_id, name, evidence in sorted(found):
        if name not in watch.off:
            reasons[alert_id].append({"name": name, "strength": REASONS[name].strength, "evidence": evidence})
    return reasons


def _countries() -> pa.Table:
    text = files("detection").joinpath("data", "countries.csv").read_bytes()
    # Without strings_can_be_null, NA stays Namibia.
    convert = pa_csv.ConvertOptions(column_types=_COUNTRIES, strings_can_be_null=False)
    return pa_csv.read_csv(pa.BufferReader(text), convert_options=convert)
