"""Comparison of the detector with other products' rules on the same labelled workloads.

Per seed the sandbox makes an organisation with incidents and look-alikes. Every rule sees the same uploads, sizes as
after recovery: the true ones but for files that are gone and whose size the log does not carry. The days after
activation are evaluated. For each day the detector learns from earlier days only.

The other rules run at their published settings, and at our budget twice. *Held out*: the threshold of each day is
calibrated on the 30 days before it, as the detector's are. *In hindsight*: one threshold is chosen so that the days
judged come to the budget, which no deployment can do. The detector's own lines are the same two, so that what its
scores are worth shows apart from what calibration costs. Alerts are counted as they fold for all: one per user in 24
hours. Intervals are Wilson's at 95 %, over the incidents or alerts of all seeds; a scenario begins on the same days
in every workload, so they do not cover other days.

Run: ``python -m bench.detection [--seeds 7,8,9] [--people N] [--days N] [--budget B] [--json]``
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from bench.detection_peers import PEERS
from bench.detection_score import Candidate
from bench.research.labelled_score import Alert, Outcome, alerts, calibrate, held_out, judge, wilson
from detection.backtest import play
from detection.parameters import Parameters
from detection.saves import count_saves
from detection.sql import ENGINE
from detection.tables import empty
from sandbox.workload.format import Label, write_workload
from sandbox.workload.making import FEWEST_DAYS, make_workload

START = date(2026, 1, 5)
OURS = "uploadwatch"
HELD_OUT = "budget, held out"
HINDSIGHT = "budget, in hindsight"
FEW = 5
"""Number of incidents of a scenario below which its interval is too wide to be useful."""
INSTALL = ".venv/bin/pip install --require-hashes --no-deps -r requirements-bench.lock"

_UPLOADS = """
CREATE OR REPLACE TABLE uploads AS
WITH delivered AS (
    SELECT *
    FROM read_parquet($path)
    WHERE kind IN ('upload', 'edit') AND "user" IS NOT NULL
    -- a repeated delivery is not a second upload
    QUALIFY event_id IS NULL OR row_number() OVER (PARTITION BY provider, event_id ORDER BY published_at) = 1
)
SELECT
    provider,
    lower("user") AS "user",
    CASE
        WHEN "user" ILIKE '%@boxdevedition.com' OR "user" ILIKE '%gserviceaccount.com' OR "user" ILIKE 'app@sharepoint'
            THEN 'service'
        ELSE 'person'
    END AS actor_class,
    TRUE AS has_address,
    kind,
    CAST(row_number() OVER () AS VARCHAR) AS event_key,
    0 AS asset,
    CAST(timezone('UTC', time) AS TIMESTAMP) AS time,
    -- as the sandbox identifies files
    concat_ws('/', lower("user"), folder, file_name) AS file_id,
    folder,
    file_name,
    coalesce(regexp_extract(lower(file_name), '\\.([a-z0-9]+)$', 1), '') AS extension,
    CASE
        WHEN NOT file_gone OR coalesce(size_in_log, provider IN ('box', 'dropbox')) THEN bytes
    END AS bytes,
    CAST(NULL AS BIGINT) AS estimated_bytes,
    ip,
    country,
    app,
    CAST(NULL AS VARCHAR) AS app_id
FROM delivered
"""

# Windows that are no detection stay below 1 whatever their score, so that the rules alone say what fires.
_STRENGTHS = """
WITH rated AS (
    SELECT
        s.scope, s."user", s.window_start,
        greatest(coalesce(s.files_score / f.threshold, 0), coalesce(s.bytes_score / b.threshold, 0)) AS strength
    FROM played_scores s
    JOIN played_thresholds f ON f.day = s.day AND f.population = s.population AND f.metric = 'files'
    JOIN played_thresholds b ON b.day = s.day AND b.population = s.population AND b.metric = 'bytes'
    WHERE s.day >= $from
)
SELECT
    r."user", r.window_start, r.window_start + INTERVAL 3 HOUR,
    CASE WHEN d."user" IS NULL THEN least(r.strength, 0.999999) ELSE greatest(r.strength, 1) END
FROM rated r
LEFT JOIN played_detections d ON d.scope = r.scope AND d."user" = r."user" AND d.window_start = r.window_start
"""


def load(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the tables ``uploads`` and ``user_hours`` of a workload."""
    con.execute(_UPLOADS, {"path": str(path)})
    count_saves(con)


def user_days(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> dict[date, int]:
    """Return the monitored users by day; as in calibration, users with uploads in the 30 days before."""
    rows = con.execute(
        """
        SELECT d.day, count(DISTINCT h."user")
        FROM (SELECT unnest(CAST($days AS DATE[])) AS day) d
        LEFT JOIN user_hours h ON h.population = 'people' AND h.hour >= d.day - INTERVAL 30 DAY AND h.hour < d.day
        GROUP BY d.day
        """,
        {"days": [day.isoformat() for day in days]},
    ).fetchall()
    return dict(rows)


def ours(con: duckdb.DuckDBPyConnection, days: Sequence[date], budget: float) -> list[Candidate]:
    """The detector's chain, day by day, each day with nothing but the days before it; people alone, as for the others.

    Returns:
        All scored windows; strength is the score as a multiple of the day's threshold, and at least 1 is a detection.
    """
    hours = con.sql("FROM user_hours WHERE population = 'people'").to_arrow_table()
    began = con.sql(
        "SELECT provider, date_trunc('day', min(time)) AS first_day FROM uploads GROUP BY provider"
    ).to_arrow_table()
    [(first,)] = con.execute("SELECT CAST(min(time) AS DATE) FROM uploads").fetchall()
    with duckdb.connect() as own:
        own.register("hours", hours)
        own.register("sources", began)
        own.execute(f"CREATE TEMP VIEW reviews AS {empty('reviews')}")
        play(own, first, max(days), Parameters(budget=budget))
        return [Candidate(*row) for row in own.execute(_STRENGTHS, {"from": min(days)}).fetchall()]


@dataclass(frozen=True)
class Measured:
    """One workload's outcomes by rule and setting, and the thresholds chosen in hindsight, by rule."""

    outcomes: Mapping[tuple[str, str], Outcome]
    thresholds: Mapping[str, float]


def compare(
    con: duckdb.DuckDBPyConnection, days: Sequence[date], judged: Sequence[date], labels: Sequence[Label], budget: float
) -> Measured:
    """Run all available rules over the tables of one workload.

    Args:
        con: Connection with the tables that :func:`load` makes.
        days: Days to learn thresholds from, and to evaluate.
        judged: Those to evaluate.
        labels: What happened.
        budget: Alerts per 1000 monitored users and day.
    """
    by_day = user_days(con, days)
    watched = sum(by_day[day] for day in judged)
    allowed = int(budget * watched / 1000)
    outcomes: dict[tuple[str, str], Outcome] = {}
    thresholds: dict[str, float] = {}

    def add(name: str, setting: str, raised: Sequence[Alert]) -> None:
        outcomes[name, setting] = judge(raised, labels, watched)

    own = ours(con, judged, budget)
    thresholds[OURS] = calibrate(own, allowed)
    add(OURS, HELD_OUT, alerts(own, 1))
    add(OURS, HINDSIGHT, alerts(own, thresholds[OURS]))
    for name, peer in PEERS.items():
        if not peer.available:
            continue
        candidates = peer.rule(con, days)
        inside = [candidate for candidate in candidates if candidate.begin.date() in set(judged)]
        for setting, least in peer.published.items():
            add(name, setting, alerts(inside, least))
        thresholds[name] = calibrate(inside, allowed)
        add(name, HELD_OUT, held_out(candidates, by_day, judged, budget))
        add(name, HINDSIGHT, alerts(inside, thresholds[name]))
    return Measured(outcomes, thresholds)


@contextmanager
def workload(seed: int, people: int, days: int) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Label]]]:
    """Yield a connection with the tables of a workload, and its labels."""
    table, labels = make_workload(seed=seed, people=people, days=days, start=START)
    with tempfile.TemporaryDirectory() as directory, duckdb.connect(config=dict(ENGINE)) as con:
        con.execute("SET enable_progress_bar = FALSE")
        path = Path(directory) / "workload.parquet"
        write_workload(table, path)
        load(con, path)
        yield con, labels


def _share(hits: int, trials: int) -> dict[str, Any]:
    low, high = wilson(hits, trials)
    return {
        "hits": hits,
        "of": trials,
        "share": round(hits / trials, 3) if trials else None,
        "low": round(low, 3),
        "high": round(high, 3),
    }


def measure(seeds: Sequence[int], people: int, days: int, budget: float) -> dict[str, Any]:
    """Run all rules over the workloads of all seeds.

    Returns:
        What was asked, incidents of each scenario in all, rules left out with the reason, and by rule and setting
        the realised alerts per 1000 monitored users and day (in all, and of the seeds the least and the most), recall
        by scenario and in all, precision, and of lines in hindsight the threshold of each seed.
    """
    parameters = Parameters()
    learnt, judged = (
        [START + timedelta(days=number) for number in range(first, days)]
        for first in (parameters.warm_up_days, parameters.activation_days)
    )
    outcomes: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    thresholds: dict[str, list[float]] = defaultdict(list)
    for seed in seeds:
        with workload(seed, people, days) as (con, labels):
            measured = compare(con, learnt, judged, labels, budget)
        for key, outcome in measured.outcomes.items():
            outcomes[key].append(outcome)
        for name, threshold in measured.thresholds.items():
            thresholds[name].append(round(threshold, 3))
    rules: dict[str, Any] = {}
    for (name, setting), parts in outcomes.items():
        total = sum(parts, Outcome())
        rates = [part.realised_per_1000 for part in parts]
        rules[f"{name} ({setting})"] = {
            "realised_per_1000": round(total.realised_per_1000, 2),
            "realised_range": [round(min(rates), 2), round(max(rates), 2)],
            "alerts": total.alerts,
            "precision": _share(total.true, total.alerts),
            "recall": {
                "all": _share(total.found.total(), total.wanted.total()),
                **{name: _share(total.found[name], count) for name, count in sorted(total.wanted.items())},
            },
            **({"thresholds": thresholds[name]} if setting == HINDSIGHT else {}),
        }
    incidents = next(iter(rules.values()))["recall"]
    return {
        "seeds": list(seeds),
        "people": people,
        "days": days,
        "judged_days": len(judged),
        "budget": budget,
        "incidents": {name: share["of"] for name, share in incidents.items()},
        "left_out": {
            name: f"{peer.needs} is not installed: {INSTALL}" for name, peer in PEERS.items() if not peer.available
        },
        "rules": rules,
    }


def _percent(share: Mapping[str, Any]) -> str:
    if share["share"] is None:
        return "none"
    return f"{share['share']:4.0%} ({share['low']:.0%}-{share['high']:.0%})"


def report(result: Mapping[str, Any]) -> str:
    """Format the result: a line per rule, then a line per scenario with a column for each rule at the budget."""
    rules = result["rules"]
    incidents = {name: count for name, count in result["incidents"].items() if name != "all"}
    lines = [
        f"{len(result['seeds'])} workloads of {result['people']} people, {result['judged_days']} days judged, "
        f"{result['incidents']['all']} incidents to find; asked for: {result['budget']:g} alerts per 1000 monitored "
        "users and day.",
        "Held out: each day's threshold from the days before it. In hindsight: one threshold from the days judged.",
        "In brackets: of the workloads the least and the most; 95 % intervals.\n",
        f"{'':4}{'rule':46}{'realised':>20}{'precision':>17}{'recall':>17}",
    ]
    for number, (name, rule) in enumerate(rules.items(), start=1):
        low, high = rule["realised_range"]
        realised = f"{rule['realised_per_1000']:.2f} ({low:.2f}-{high:.2f})"
        lines.append(
            f"{number:2}  {name:46}{realised:>20}{_percent(rule['precision']):>17}{_percent(rule['recall']['all']):>17}"
        )
    columns = {number: rule for number, (name, rule) in enumerate(rules.items(), start=1) if "(budget" in name}
    lines.append(f"\n{'found of each scenario':24}{'of':>4}" + "".join(f"{number:5}" for number in columns))
    for scenario, count in incidents.items():
        found = "".join(f"{rule['recall'][scenario]['hits']:5}" for rule in columns.values())
        lines.append(f"{scenario:24}{count:4}{found}")
    per_seed = sorted({count // len(result["seeds"]) for count in incidents.values()})
    lines.append(
        f"\nA workload has {' or '.join(map(str, per_seed))} incidents of a scenario, on the same days with every seed."
    )
    few = [name for name, count in incidents.items() if count < FEW]
    if few:
        lines.append(f"Fewer than {FEW} of {', '.join(few)}: their intervals are wide; take more seeds.")
    lines += [f"{name} is left out: {reason}" for name, reason in result["left_out"].items()]
    return "\n".join(lines)


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="7,8,9", help="seeds of the workloads, with commas between them")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--days", type=int, default=60, help=f"length of a workload, at least {FEWEST_DAYS}")
    parser.add_argument("--budget", type=float, default=2.0, help="alerts per 1000 monitored users and day")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = measure([int(seed) for seed in options.seeds.split(",")], options.people, options.days, options.budget)
    print(json.dumps(result) if options.json else report(result))


if __name__ == "__main__":
    main()
