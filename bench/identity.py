"""Two runs of the whole product on one organisation: as it is, and with addresses that change and files saved all day.

The second variant has the first one's people, work and incidents. Besides, a fifth of the people are renamed in the
middle third, a tenth show an alias now and then, a tenth often no address at Box and Office 365; office programs save
one document every minute, and a sync client the same files all day. Who a person is and what a file is decide whether
the two variants come to the same alerts. Everything goes through the sandbox's APIs and Dagster, as in a deployment.

Run: ``python -m bench.identity [--seed N] [--people N] [--days N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa

from cli.replay import Home, play, sandbox
from detection.incident_score import read_labels, score
from lake.shown_alerts import read_alerts
from lake.store import Lake
from providers import PROVIDERS
from sandbox.workload.format import labels_path, write_labels, write_workload
from sandbox.workload.making import FEWEST_DAYS, make_workload

START = date(2026, 1, 5)
VARIANTS = {"as it is": False, "changing": True}
_NEW_USER = "no upload by this user is on record"
# Of people alone, since a guest's or a machine's address never changes here.
_PEOPLE = """
    CREATE TEMP TABLE shown AS
    SELECT lower("user") AS "user", coalesce(nullif(lower(address), '-'), lower("user")) AS address, time
    FROM workload
    WHERE "user" LIKE '%@example.com' AND kind IN ('upload', 'edit')
"""
_WHO = "SELECT DISTINCT person, address FROM read_parquet($path) WHERE kind = 'person_names' AND address IS NOT NULL"
_DELIVERED = "read_parquet($path, union_by_name = true) WHERE actor_class = 'person' AND kind IN ('upload', 'edit')"
# An account that is only ever met without an address has none in common with the person's others.
_OF_SEVERAL = """
    SELECT s."user", count(DISTINCT w.person) AS persons
    FROM (SELECT DISTINCT "user", address FROM shown) s
    LEFT JOIN who w ON w.address = s.address
    GROUP BY s."user"
    HAVING count(DISTINCT s.address) > 1
"""


def _count(con: duckdb.DuckDBPyConnection, query: str, given: Mapping[str, Any] | None = None) -> int:
    [(number,)] = con.execute(query, given).fetchall()
    return int(number or 0)


def _identities(table: pa.Table, home: Path) -> dict[str, int]:
    """Count correct and wrong identities."""
    lake = home / "lake"
    with duckdb.connect() as con:
        con.register("workload", table)
        con.execute(_PEOPLE)
        con.execute(f"CREATE TEMP TABLE who AS {_WHO}", {"path": str(lake / "persons.parquet")})
        con.execute(f"CREATE TEMP TABLE several AS {_OF_SEVERAL}")
        hours = {"path": str(lake / "user_hours" / "*" / "part.parquet")}
        uploads = {"path": str(lake / "*" / "uploads" / "*" / "part.parquet")}
        return {
            "people": _count(con, 'SELECT count(DISTINCT "user") FROM shown'),
            "addresses": _count(con, "SELECT count(DISTINCT address) FROM shown"),
            "several_addresses": _count(con, "SELECT count(*) FROM several"),
            "one_history": _count(con, "SELECT count(*) FROM several WHERE persons = 1"),
            "watched": _count(
                con, "SELECT count(DISTINCT \"user\") FROM read_parquet($path) WHERE population = 'people'", hours
            ),
            "saves": _count(con, f"SELECT count(*) FROM {_DELIVERED}", uploads),  # noqa: S608 -- ours
            "files": _count(
                con,
                f"SELECT count(DISTINCT (provider, user_id, file_id, CAST(time AS DATE))) FROM {_DELIVERED}",  # noqa: S608 -- ours
                uploads,
            ),
        }


def _former(table: pa.Table) -> dict[str, str]:
    """Return the user of a workload by each address, since labels name the user."""
    with duckdb.connect() as con:
        con.register("workload", table)
        return dict(
            con.execute(
                "SELECT DISTINCT lower(address), lower(\"user\") FROM workload WHERE address <> '-'",
            ).fetchall()
        )


def run(folder: Path, *, seed: int, people: int, days: int, changing: bool) -> dict[str, Any]:
    """Run the product on one variant.

    Returns:
        Counts of people, addresses and files, and how the alerts compare with the labels.
    """
    folder.mkdir()
    workload, home = folder / "workload.parquet", Home(folder / "home")
    table, labels = make_workload(seed=seed, people=people, days=days, start=START, saves=changing, renames=changing)
    write_workload(table, workload)
    write_labels(labels, labels_path(workload))
    last = START + timedelta(days=days - 1)
    with (
        sandbox(workload, folder / "sandbox", now=datetime.combine(START, datetime.min.time(), UTC)) as stand_in,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        play(
            home, stand_in, workload, START, last,
            providers=tuple(PROVIDERS), settings={}, progress=lambda _start, _end: None, instance=instance,
        )  # fmt: skip
    users = _former(table)
    lake = Lake(root=str(home.path / "lake"))
    alerts = [
        {**alert, "user": users.get(alert["user"], alert["user"])} for alert in read_alerts(lake, datetime.now(UTC))
    ]
    result = score(alerts, read_labels(labels_path(workload)), providers=tuple(PROVIDERS))
    several = {user for address, user in users.items() if address != user}
    return {
        "events": table.num_rows,
        **_identities(table, home.path),
        "alerts": len(alerts),
        "incidents": sum(result.wanted.values()),
        "found": sum(result.found.values()),
        "false": result.look_alikes + result.unlabelled,
        "alerts_on_changed": sum(alert["user"] in several for alert in alerts),
        "new_user": sum(_NEW_USER in alert["sentence"] for alert in alerts),
        "new_user_on_changed": sum(_NEW_USER in alert["sentence"] and alert["user"] in several for alert in alerts),
    }


_LINES = {
    "events": "events of the workload",
    "people": "people who upload",
    "addresses": "addresses they are shown by",
    "several_addresses": "people with several addresses",
    "one_history": "… of them one history",
    "watched": "users with uploads in the lake, guests too",
    "saves": "uploads and saves",
    "files": "files counted",
    "alerts": "alerts",
    "incidents": "incidents to find",
    "found": "incidents found",
    "false": "false alerts",
    "alerts_on_changed": "alerts on people with several addresses",
    "new_user": "alerts on users without history",
    "new_user_on_changed": "… of them with several addresses",
}


def report(result: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the result as a table, one column per variant."""
    lines = [f"{'':44}" + "".join(f"{name:>12}" for name in result)]
    lines += [f"{text:44}" + "".join(f"{each[key]:12,}" for each in result.values()) for key, text in _LINES.items()]
    return "\n".join(lines)


def main(given: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--days", type=int, default=60, help=f"length of the workload, at least {FEWEST_DAYS}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as folder:
        result = {
            name: run(
                Path(folder) / name.replace(" ", "_"),
                seed=options.seed, people=options.people, days=options.days, changing=changing,
            )
            for name, changing in VARIANTS.items()
        }  # fmt: skip
    print(json.dumps(result) if options.json else report(result))


if __name__ == "__main__":
    main()
