"""Comparison of ways to score a window, each at the same load, on days that none of them was trained on.

Every score sees the same three-hour windows above the same floors, by files and by bytes, and the 30 days before. Both
metrics share the load: they are cut at the same place from the top, so that the user-days above either are as many as
the budget allows. *In hindsight* the cut is made on the evaluated days, so that all scores raise the same number of
alerts and recall compares. *Held out* the cut of a day is made on the 30 days before it; then the realised load
shows how steady a score is.

What is looked for: the labelled incidents of the workloads; and uploads put in, one for each user and day with uploads,
that no baseline has seen: a multiple of the user's own largest window (3, 5, 10 times, in files and bytes), a few
archives of 10 to 200 times the floor of bytes, and 1200 small files. Intervals are Wilson's at 95 %.

Run: ``python -m bench.research.scores [--seeds 7,8,9] [--people N] [--budget B] [--json]``, or over user-hours of your
own (Parquet with user, provider, hour, files, sized_files, bytes): ``--user-hours FILE [--from DAY] [--floor-bytes N]``
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from bench.detection_score import wilson
from bench.research.labelled import START, Outcome, Raised, judge, user_days, workload
from detection.chain import add_up, learn, score
from detection.parameters import Parameters
from detection.sql import ENGINE
from detection.tables import empty
from sandbox.workload.format import Label

DAY = timedelta(days=1)
METRICS = ("files", "bytes")
WEIGHTS = {
    "own spread alone": (0.0, 0.0),
    "own + 4 beyond": (4.0, 0.0),
    "own + 4 beyond + newcomers": (4.0, 1.0),
    "own + 4 beyond + 2 newcomers": (4.0, 2.0),
}
"""Weights of the parts of the detector's score: beyond the own maximum, and beyond the usual one for new users."""
PUT_IN = {"surge x3": 0, "surge x5": 4, "surge x10": 8, "archives": 12, "small files": 16}
"""Injected uploads and their hours: far enough apart that no window holds two."""

_WINDOWS = """
WITH slid AS (
    SELECT *, unnest([hour, hour - INTERVAL 1 HOUR, hour - INTERVAL 2 HOUR]) AS window_start
    FROM user_hours WHERE population = 'people'
)
SELECT "user", window_start, sum(files) AS files, CASE WHEN sum(sized_files) > 0 THEN sum(bytes) END AS bytes
FROM slid WHERE window_start >= $day AND window_start < $day + INTERVAL 1 DAY
GROUP BY ALL HAVING sum(files) >= $floor_files OR sum(bytes) >= $floor_bytes
"""

# Per user and for the organisation ("user" is NULL), over active windows except for the zero-filled columns.
_HISTORY = """
WITH windows AS (
    SELECT "user", time_bucket(INTERVAL 3 HOUR, hour) AS start,
        sum(files) AS files, CASE WHEN sum(sized_files) > 0 THEN sum(bytes) END AS bytes
    FROM user_hours WHERE population = 'people' AND hour < $day GROUP BY ALL
),
measured AS (
    SELECT *, log10(files + 1) AS m_files, log10(bytes + 1000) AS m_bytes FROM windows
)
SELECT
    "user", max(files) AS files_max, max(bytes) AS bytes_max, count(*) AS windows, count(bytes) AS sized_windows,
    max(m_files) AS files_top, max(m_bytes) AS bytes_top,
    median(m_files) AS files_median, median(m_bytes) AS bytes_median,
    mad(m_files) AS files_mad, mad(m_bytes) AS bytes_mad,
    sum(files) / (240.0 * count(DISTINCT "user")) AS files_zeros_mean,
    sum(bytes) / (240.0 * count(DISTINCT "user")) AS bytes_zeros_mean,
    sum(1.0 * files * files) / (240.0 * count(DISTINCT "user")) AS files_zeros_square,
    sum(1.0 * bytes * bytes) / (240.0 * count(DISTINCT "user")) AS bytes_zeros_square
FROM measured
GROUP BY GROUPING SETS (("user"), ())
"""


@dataclass
class Rated:
    """Strengths of one score: a row per user, window and day; a metric below its floor or its usual value is -inf."""

    real: list[pd.DataFrame] = field(default_factory=list)
    put_in: list[pd.DataFrame] = field(default_factory=list)


def _alternatives(windows: pd.DataFrame, history: pd.DataFrame, floors: Mapping[str, float]) -> dict[str, pd.DataFrame]:
    """Return the strengths of scores that the detector does not use; users without history use the organisation's."""
    organisation = history[history["user"].isna()].iloc[0]
    known = windows[["user"]].merge(history[history["user"].notna()], on="user", how="left")
    typical_top = history[history["user"].notna()][["files_top", "bytes_top"]].median()
    result: dict[str, dict[str, Any]] = defaultdict(dict)
    for metric, offset in zip(METRICS, (1, 1000), strict=True):
        amount = windows[metric].astype(float)
        size = np.log10(amount + offset)

        def of(column: str, metric: str = metric) -> pd.Series[float]:
            return known[f"{metric}_{column}"].astype(float).fillna(float(organisation[f"{metric}_{column}"]))

        result["own maximum"][metric] = size - known[f"{metric}_top"].fillna(typical_top[f"{metric}_top"])
        spread = np.sqrt(np.maximum(of("zeros_square") - of("zeros_mean") ** 2, 1e-9))
        result["z over zero-filled windows"][metric] = (amount - of("zeros_mean")) / spread
        result["robust z on log"][metric] = (size - of("median")) / (1.4826 * of("mad") + 0.1)
        # A percentile orders windows by size, and has only ties at the top.
        result["organisation's percentile"][metric] = size
        for strengths in result.values():
            strengths[metric] = np.where(
                amount >= floors[metric], np.nan_to_num(strengths[metric], nan=-np.inf), -np.inf
            )
    return {
        name: pd.DataFrame({"user": windows["user"], "window_start": windows["window_start"], **strengths})
        for name, strengths in result.items()
    }


def _weighted(con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters) -> dict[str, pd.DataFrame]:
    """Return the strengths of the detector's own query under different weights."""
    found = {}
    for name, (beyond, newcomer) in WEIGHTS.items():
        score(con, day, parameters.model_copy(update={"beyond_weight": beyond, "newcomer_weight": newcomer}))
        found[name] = con.execute(
            """
            SELECT "user", window_start, coalesce(max(files_score), -CAST('inf' AS DOUBLE)) AS files,
                coalesce(max(bytes_score), -CAST('inf' AS DOUBLE)) AS bytes
            FROM scores WHERE population = 'people' GROUP BY ALL
            """
        ).df()
    return found


def _inject(con: duckdb.DuckDBPyConnection, day: date, history: pd.DataFrame, floor_bytes: int, draw: Any) -> None:
    """Make ``user_hours`` of injected uploads, for each user with uploads on the day and three windows before."""
    users = con.execute(
        """SELECT DISTINCT "user", min(provider) AS provider FROM user_hours
        WHERE population = 'people' AND hour >= $day AND hour < $day + INTERVAL 1 DAY GROUP BY ALL ORDER BY 1""",
        {"day": day},
    ).df()
    users = users.merge(history[(history["windows"] >= 3) & (history["sized_windows"] >= 1)], on="user")
    parts = []
    for name, hour in PUT_IN.items():
        if name.startswith("surge"):
            times = int(name.removeprefix("surge x"))
            files, sizes = users["files_max"] * times, users["bytes_max"] * times
        elif name == "archives":
            files, sizes = 0 * users["files_max"] + 3, floor_bytes * 10 ** draw.uniform(1, 2.3, len(users))
        else:
            files, sizes = 0 * users["files_max"] + 1200, 0 * users["files_max"] + 1200 * 20_000
        at = datetime.combine(day, time(hour))
        parts.append(users[["user", "provider"]].assign(hour=at, files=files, sized_files=files, bytes=sizes))
    every = pd.concat(parts)  # noqa: F841 -- read by the query
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE put_in AS {empty("user_hours")}
        UNION ALL BY NAME SELECT 'people' AS population, "user", provider, CAST(hour AS TIMESTAMP) AS hour,
        CAST(files AS BIGINT) AS files, CAST(sized_files AS BIGINT) AS sized_files, CAST(bytes AS BIGINT) AS bytes
        FROM every"""  # noqa: S608 -- our own names
    )


def rate(
    con: duckdb.DuckDBPyConnection, days: Sequence[date], parameters: Parameters, watched: Mapping[date, int]
) -> dict[str, Rated]:
    """Score every window of the days, and every injected upload, by every score.

    Args:
        con: Connection with ``hours`` (user-hours) and ``sources``.
        days: Days to score.
        parameters: Floors and training; weights are each score's own.
        watched: Monitored users by day.
    """
    rated: dict[str, Rated] = defaultdict(Rated)
    draw = np.random.default_rng(1)
    floors = {"files": parameters.floor_files, "bytes": parameters.floor_bytes}
    con.execute(f"CREATE OR REPLACE TEMP VIEW reviews AS {empty('reviews')}")
    con.execute(f"CREATE OR REPLACE TEMP VIEW past_detections AS {empty('detections')}")
    add_up(con, "hours")
    for day in days:
        first = day - parameters.training_days * DAY
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW user_hours AS FROM hours WHERE hour >= '{first}' AND hour < '{day + 2 * DAY}'"
        )
        learn(con, day, parameters)
        history = con.execute(_HISTORY, {"day": day}).df()
        bound = {"day": datetime.combine(day, time()), "floor_files": floors["files"], "floor_bytes": floors["bytes"]}
        _inject(con, day, history, parameters.floor_bytes, draw)
        for kind, source in (("real", None), ("put_in", "put_in")):
            if source:
                con.execute("CREATE OR REPLACE TEMP VIEW user_hours AS FROM put_in")
            windows = con.execute(_WINDOWS, bound).df()
            strengths = _weighted(con, day, parameters) | _alternatives(windows, history, floors)
            for name, table in strengths.items():
                getattr(rated[name], kind).append(table.assign(day=day))
    rated["tail of own spread"] = _tail(rated["own spread alone"], days, watched, parameters.training_days)
    return rated


def _tail(own: Rated, days: Sequence[date], watched: Mapping[date, int], training: int) -> Rated:
    """Return the own score as a probability: a generalised Pareto tail on the pooled user-days of the days before.

    The tail begins at the tenth of the user-days with scores that are highest, and is fitted by probability-weighted
    moments (Hosking and Wallis 1987). Strength is minus the logarithm to base 10 of the chance per user and day.
    """
    best = pd.concat(own.real).groupby(["day", "user"])[list(METRICS)].max().reset_index()
    found = Rated()
    for day, real, put_in in zip(days, own.real, own.put_in, strict=True):
        past = best[(best["day"] < day) & (best["day"] >= day - training * DAY)]
        user_day_count = sum(count for each, count in watched.items() if day - training * DAY <= each < day)
        chance = {
            metric: pareto(past.loc[np.isfinite(past[metric]), metric].to_numpy(), user_day_count) for metric in METRICS
        }
        for table, kept in ((real, found.real), (put_in, found.put_in)):
            kept.append(table.assign(**{metric: chance[metric](table[metric].to_numpy()) for metric in METRICS}))
    return found


def pareto(scores: np.ndarray[Any, Any], user_days: int) -> Any:
    """Return a function from scores to minus log10 of their probability, by the tail of past scores."""
    if len(scores) < 30 or not user_days:
        return lambda values: np.asarray(values, dtype=float)
    start = float(np.quantile(scores, 0.9))
    beyond = np.sort(scores[scores > start]) - start
    number = len(beyond)
    first, second = beyond.mean(), float(np.mean(beyond * (number - np.arange(1, number + 1)) / max(number - 1, 1)))
    shape = 2 - first / max(first - 2 * second, 1e-9)
    scale = 2 * first * second / max(first - 2 * second, 1e-9)
    share = number / user_days

    def strength(values: Any) -> Any:
        values = np.asarray(values, dtype=float)
        over = np.maximum(values - start, 0)
        inner = np.maximum(1 + shape * over / scale, 1e-300)
        tail = over / scale if abs(shape) < 1e-6 else np.log(inner) / shape
        # Scores below the start of the tail keep their order, below all scores in the tail.
        return np.where(
            values > start, -np.log10(share) + tail / np.log(10), -np.log10(share) - (start - values) - 1e-6
        )

    return strength


def cut(strengths: pd.DataFrame, allowed: float) -> dict[str, float]:
    """Return the two thresholds, at the same rank of each metric, with at most `allowed` user-days above either."""
    best = strengths.groupby(["day", "user"])[list(METRICS)].max()
    ranks = best.where(np.isfinite(best)).rank(ascending=False, method="first")
    place = ranks.min(axis=1).dropna().sort_values()
    if not allowed or place.empty:
        return dict.fromkeys(METRICS, np.inf)
    last = float(place.iloc[min(int(allowed), len(place)) - 1]) if allowed >= 1 else 0.0
    found = {}
    for metric in METRICS:
        values = best.loc[np.isfinite(best[metric]), metric].sort_values(ascending=False)
        found[metric] = float(values.iloc[min(int(last), len(values)) - 1]) if len(values) and last else np.inf
    return found


def _above(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.Series[bool]:
    return (table["files"] >= thresholds["files"]) | (table["bytes"] >= thresholds["bytes"])


def _raised(table: pd.DataFrame) -> list[Raised]:
    first: dict[tuple[Any, Any], Any] = {}
    for user, day, start in zip(table["user"], table["day"], table["window_start"].dt.to_pydatetime(), strict=True):
        begin, end = first.get((user, day), (start, start))
        first[user, day] = (min(begin, start), max(end, start))
    return [Raised(user, begin, end + timedelta(hours=3)) for (user, _), (begin, end) in first.items()]


@dataclass
class Found:
    """Counts of one score over one organisation; they add up."""

    outcome: Outcome = field(default_factory=Outcome)
    held_out: Outcome = field(default_factory=Outcome)
    hits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PUT_IN, 0))
    trials: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PUT_IN, 0))

    def __add__(self, other: Found) -> Found:
        return Found(
            self.outcome + other.outcome,
            self.held_out + other.held_out,
            {name: count + other.hits[name] for name, count in self.hits.items()},
            {name: count + other.trials[name] for name, count in self.trials.items()},
        )


def compare(
    con: duckdb.DuckDBPyConnection,
    days: Sequence[date],
    judged: Sequence[date],
    labels: Sequence[Label],
    budget: float,
    parameters: Parameters,
) -> dict[str, Found]:
    """Rate the windows of an organisation, and count what each score finds at the budget."""
    con.execute("CREATE OR REPLACE TEMP VIEW user_hours AS FROM hours")
    watched = user_days(con, days)
    result = {}
    for name, rated in rate(con, days, parameters, watched).items():
        real, put_in = pd.concat(rated.real), pd.concat(rated.put_in)
        inside = real[real["day"].isin(set(judged))]
        count = sum(watched[day] for day in judged)
        thresholds = cut(inside, budget * count / 1000)
        found = Found(judge(_raised(inside[_above(inside, thresholds)]), labels, count))
        late = []
        for day in judged:
            past = real[(real["day"] < day) & (real["day"] >= day - parameters.training_days * DAY)]
            allowed = budget * sum(watched.get(each, 0) for each in set(past["day"])) / 1000
            today = real[real["day"] == day]
            late.append(today[_above(today, cut(past, allowed))])
        found.held_out = judge(_raised(pd.concat(late)), labels, count)
        tried = put_in[put_in["day"].isin(set(judged))]
        hours = pd.to_datetime(tried["window_start"]).dt.hour
        for what, hour in PUT_IN.items():
            here = tried[hours == hour]
            # Below both floors an upload need not be found.
            found.trials[what] = len(here)
            found.hits[what] = int(_above(here, thresholds).sum())
        result[name] = found
    most = {what: max(found.trials[what] for found in result.values()) for what in PUT_IN}
    for found in result.values():
        found.trials = most
    return result


def _organisations(options: argparse.Namespace, parameters: Parameters) -> Iterator[tuple[Any, ...]]:
    if options.user_hours:
        with duckdb.connect(config=dict(ENGINE)) as con:
            con.execute("SET enable_progress_bar = FALSE")
            con.execute(
                f"""CREATE TABLE hours AS {empty("user_hours")}
                UNION ALL BY NAME SELECT 'people' AS population, "user", provider, CAST(hour AS TIMESTAMP) AS hour,
                files, sized_files, bytes FROM read_parquet($path)""",  # noqa: S608 -- our own names
                {"path": str(options.user_hours)},
            )
            [(first, last)] = con.execute(
                "SELECT CAST(min(hour) AS DATE), CAST(max(hour) AS DATE) FROM hours"
            ).fetchall()
            begin = max(options.begin or first, first + parameters.activation_days * DAY)
            days = [begin + n * DAY for n in range((last - begin).days)]
            judged = days[parameters.training_days :]
            _sources(con)
            yield con, days, judged, []
        return
    for seed in options.seeds.split(","):
        days, judged = (
            [START + n * DAY for n in range(first, options.days)]
            for first in (parameters.warm_up_days, parameters.activation_days)
        )
        with workload(int(seed), options.people, options.days) as (con, labels):
            con.execute("CREATE TABLE hours AS FROM user_hours")
            con.execute("DROP TABLE user_hours")
            _sources(con)
            yield con, days, judged, labels


def _sources(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE TEMP TABLE sources AS SELECT provider, date_trunc('day', min(hour)) AS first_day FROM hours GROUP BY 1"
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Compare the scores over all requested organisations; return shares with their intervals, by score."""
    parameters = Parameters(budget=options.budget, floor_bytes=options.floor_bytes)
    total: dict[str, Found] = defaultdict(Found)
    for organisation in _organisations(options, parameters):
        con, days, judged, labels = organisation
        for name, found in compare(con, days, judged, labels, options.budget, parameters).items():
            total[name] = total[name] + found
    scores = {}
    for name, found in total.items():
        shares = {what: _share(found.hits[what], found.trials[what]) for what in PUT_IN}
        wanted = found.outcome.wanted
        shares |= {what: _share(found.outcome.found[what], count) for what, count in sorted(wanted.items())}
        shares["all labelled"] = _share(found.outcome.found.total(), wanted.total())
        scores[name] = {
            "realised_in_hindsight": round(found.outcome.realised_per_1000, 2),
            "realised_held_out": round(found.held_out.realised_per_1000, 2),
            "held_out_labelled": _share(found.held_out.found.total(), found.held_out.wanted.total()),
            "recall": shares,
        }
    return {"budget": options.budget, "scores": scores}


def _share(hits: int, trials: int) -> dict[str, Any]:
    low, high = wilson(hits, trials)
    return {"hits": hits, "of": trials, "low": round(low, 3), "high": round(high, 3)}


def _text(share: Mapping[str, Any]) -> str:
    if not share["of"]:
        return "none"
    return f"{share['hits'] / share['of']:.2f} ({share['low']:.2f}-{share['high']:.2f})"


def report(result: Mapping[str, Any]) -> str:
    """Format a line per score: recall at the same load, for each injected kind and the labelled incidents."""
    lines = [
        f"asked for: {result['budget']:g} alerts per 1000 users and day; recall at that load, with 95 % intervals",
        f"{'score':36}{'held out':>9}" + "".join(f"{what:>18}" for what in (*PUT_IN, "all labelled")),
    ]
    for name, found in result["scores"].items():
        cells = "".join(f"{_text(found['recall'][what]):>18}" for what in (*PUT_IN, "all labelled"))
        lines.append(f"{name:36}{found['realised_held_out']:9.2f}{cells}")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="7,8,9", help="seeds of the workloads, with commas between them")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--budget", type=float, default=2.0, help="alerts per 1000 monitored users and day")
    parser.add_argument("--user-hours", type=Path, help="Parquet of user-hours to use in place of workloads")
    parser.add_argument("--from", dest="begin", type=date.fromisoformat, help="first day of them to look at")
    parser.add_argument("--floor-bytes", type=int, default=Parameters().floor_bytes)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = measure(options)
    print(json.dumps(result) if options.json else report(result))


if __name__ == "__main__":
    main()
