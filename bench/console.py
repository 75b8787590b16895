"""Benchmark of the console's queue: the time of a page over few and over many cases, side by side in one run.

Two homes are made of alerts alone, each of another person, and served by the console on this machine. The pages are
asked for in turns: the queue as it opens, and one with a filter and another order. The first page after a change of the
alerts is measured by itself, since it publishes them.

Run: ``python -m bench.console [--cases FEW,MANY] [--rounds N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import requests
import uvicorn

from console.app import create_app
from console.context import Deployment
from detection.rule import RULE
from detection.tables import empty
from lake.store import Lake

FIRST = date(2026, 1, 1)
DAYS = 56
_NOW = "2026-03-01T00:00:00+00:00"
_PAGES = {"queue": "/", "filtered": "/?severity=Informational&person=user&sort=bytes"}
_TOKEN = "bench"  # noqa: S105 -- of this program alone
_MADE = """
SELECT
  sha256(concat('alert', n)) AS alert_id, $name AS name, 'Informational' AS severity,
  format('user{:06d}@example.com', n) AS "user", format('user{:06d}@example.com', n) AS person, ['box'] AS providers,
  $opening AS first_window_start, $opening + INTERVAL 3 HOUR AS last_window_end, 100 + n % 900 AS files,
  100 + n % 900 AS sized_files, 1000000000 + n AS bytes, 0 AS estimated_files, 'people' AS population, 9.0 AS score,
  7.0 AS threshold, 500 + n AS one_in, 0 AS suppressed_count, 1 AS users,
  format('user{:06d}@example.com uploaded many files', n) AS sentence
FROM range($first, $last) AS numbers(n)
"""


def make_home(home: Path, cases: int) -> None:
    """Write as many alerts, spread evenly over :data:`DAYS`."""
    lake = Lake(root=str(home / "lake"))
    with duckdb.connect() as con:
        for n in range(DAYS):
            day = FIRST + timedelta(days=n)
            opening = datetime(day.year, day.month, day.day, 9)  # noqa: DTZ001 -- tables have UTC without zone
            bound = {"name": RULE.name, "opening": opening, "first": cases * n // DAYS, "last": cases * (n + 1) // DAYS}
            con.execute(f"CREATE OR REPLACE TEMP TABLE made AS {empty('alerts')}")
            con.execute(f"INSERT INTO made BY NAME {_MADE}", bound)
            lake.write(con, "made", "alerts", day, "")


@contextmanager
def served(home: Path) -> Iterator[tuple[requests.Session, str]]:
    """Serve the console of a home; yield a signed-in session and the address."""
    app = create_app(Deployment.read(home, {"UPLOADWATCH_NOW": _NOW}), _TOKEN)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    session = requests.Session()
    session.get(f"{address}/health?token={_TOKEN}", timeout=60)
    yield session, address
    server.should_exit = True
    thread.join(20)


def _seconds(session: requests.Session, address: str) -> float:
    began = time.perf_counter()
    answer = session.get(address, timeout=300)
    answer.raise_for_status()
    return time.perf_counter() - began


def measure(cases: tuple[int, int], rounds: int) -> dict[str, Any]:
    """Measure both homes.

    Returns:
        Seconds of the first page, medians of the others, and their ratios, many over few.
    """
    with ExitStack() as stack:
        consoles = []
        for number in cases:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            make_home(home, number)
            consoles.append(stack.enter_context(served(home)))
        first = [_seconds(session, f"{address}/") for session, address in consoles]
        found: dict[str, Any] = {"cases": cases, "first_seconds": [round(each, 3) for each in first], "pages": {}}
        for name, path in _PAGES.items():
            taken: list[list[float]] = [[], []]
            for _ in range(rounds):
                for place, (session, address) in enumerate(consoles):
                    taken[place].append(_seconds(session, f"{address}{path}"))
            few, many = (statistics.median(each) for each in taken)
            found["pages"][name] = {"seconds": [round(few, 4), round(many, 4)], "ratio": round(many / few, 2)}
    found["ratio"] = max(page["ratio"] for page in found["pages"].values())
    return found


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="50,5000", help="cases of the two homes")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    few, many = map(int, options.cases.split(","))
    result = measure((few, many), options.rounds)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{'page':<12}{few:>10} cases{many:>12} cases{'ratio':>8}")
    print(f"{'first':<12}{result['first_seconds'][0]:>12.3f} s{result['first_seconds'][1]:>14.3f} s")
    for name, page in result["pages"].items():
        print(f"{name:<12}{page['seconds'][0]:>12.4f} s{page['seconds'][1]:>14.4f} s{page['ratio']:>8.2f}")


if __name__ == "__main__":
    main()
