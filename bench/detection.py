"""Measurement of the detector on made-up organisations that do not flatter it.

Organisations of several kinds are made by seed, without events: 100 days of history, then 90 days that are judged, with
thefts of many classes in them. Days are played in order, alerts feed back, and a reviewer reads them, late or never. By
rule it says the target, what was realised, the fullest week against its allowance, recall by class and by speed of the
theft, precision, and repeats: alerts on a user who had one in the 30 days before; each by alert and by case.

An upheaval (``--upheaval rollout``, ``migration``, ``joiners``, ``month_end``, ``holidays``) is run paired: the same
organisations and thefts, with it and without, the thefts in the 15 days after it.

Choose rules with ``--purpose tuning``, and judge what was chosen with ``--purpose judging``: kinds and seeds differ
(:mod:`bench.habits`). An organisation takes about 30 seconds of one core, hardly more with 5000 people than with 300.

Run: ``python -m bench.detection [--purpose tuning] [--organisations 3] [--people 1500] [--budget 2]
[--reviewer present] [--upheaval NAME] [--peers] [--json]``
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np

from bench.case_folding import REVIEWERS, Alert, fold, reviewed_at
from bench.detection_peers import PEERS
from bench.detection_report import markdown, report
from bench.detection_score import Outcome, Register, judge, verdict_on
from bench.habits import JUDGING, TUNING, seeds_of
from bench.ordinary_hours import START, Hours, Organisation, make_organisation, user_names, write_hours
from bench.peer_alerts import alerts, calibrate, held_out
from bench.played import connect, play_rules
from bench.thefts import MANNERS, Theft, plan_thefts
from bench.upheavals import AFTER_DAYS, UPHEAVALS, upset
from detection.parameters import Parameters

DAYS = 190
HISTORY_DAYS = 100
"""Days before those judged: a time scale of 30 days looks back on 30 of itself, and is calibrated on as many."""
UPHEAVAL_DAY = 119
"""First day of an upheaval, a Monday."""
OURS = "uploadwatch"
HELD_OUT = "budget, held out"
HINDSIGHT = "budget, in hindsight"
INSTALL = ".venv/bin/pip install --require-hashes --no-deps -r requirements-bench.lock"
_SHORT = 2
"""Most days that a theft may take which is put in after an upheaval."""


@dataclass(frozen=True)
class Setting:
    """What is varied between runs."""

    people: int = 1500
    budget: float = 2.0
    reviewer: str = "present"
    density: float = 0.5
    upheaval: str = ""
    peers: bool = False


def user_days(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> dict[date, int]:
    """Return the monitored users by day; as in calibration, users with uploads in the 30 days before."""
    rows = con.execute(
        """
        WITH active AS (SELECT DISTINCT "user", CAST(hour AS DATE) AS day FROM hours WHERE population = 'people')
        SELECT d.day, count(DISTINCT a."user")
        FROM (SELECT unnest(CAST($days AS DATE[])) AS day) d
        LEFT JOIN active a ON a.day >= d.day - INTERVAL 30 DAY AND a.day < d.day
        GROUP BY d.day
        ORDER BY d.day
        """,
        {"days": [day.isoformat() for day in days]},
    ).fetchall()
    return dict(rows)


def prepare(kind: str, seed: int, setting: Setting) -> tuple[Organisation, list[Theft]]:
    """Return an organisation and its thefts; at a density of 1 they are as many as alerts are allowed."""
    organisation = make_organisation(kind, seed, setting.people, DAYS)
    if not setting.upheaval:
        number = max(1, round(setting.density * 2 * setting.people / 1000 * (DAYS - HISTORY_DAYS)))
        return organisation, plan_thefts(organisation, number, HISTORY_DAYS + 2, DAYS - 2)
    number = max(4, round(setting.density * 2 * setting.people / 1000 * AFTER_DAYS))
    short = [manner for manner in MANNERS.values() if manner.most_days <= _SHORT]
    begins = UPHEAVAL_DAY + UPHEAVALS[setting.upheaval].days
    return organisation, plan_thefts(organisation, number, begins, begins + AFTER_DAYS - 1, short)


def measure_one(
    organisation: Organisation, ordinary: Hours, thefts: Sequence[Theft], setting: Setting
) -> dict[str, Outcome]:
    """Return what each rule comes to in one organisation."""
    hours = Hours.concat(ordinary, *(theft.rows for theft in thefts))
    register = Register(hours, user_names(len(organisation.actor)))
    review = reviewed_at(setting.reviewer)
    judged = [START + timedelta(days=day) for day in range(HISTORY_DAYS, organisation.days)]
    with connect() as con:
        write_hours(con, organisation, hours)
        watched = user_days(con, judged)
        parameters = Parameters(budget=setting.budget)
        played = play_rules(con, START, judged[0], judged[-1], parameters, review, verdict_on(thefts, register))
        # Service accounts have a budget of their own.
        raised = {OURS: [alert for alert in played if alert.population == "people"]}
        if setting.peers:
            raised |= peer_alerts(con, judged, watched, setting.budget)
    return {
        name: judge(each, fold(each, review), thefts, register, watched, setting.budget)
        for name, each in raised.items()
    }


def peer_alerts(
    con: duckdb.DuckDBPyConnection, judged: Sequence[date], watched: Mapping[date, int], budget: float
) -> dict[str, list[Alert]]:
    """Return the alerts of other products' rules, by rule and setting.

    Each runs at its published settings, and at the budget twice. *Held out*: each day's threshold is calibrated on the
    30 days before it, as the detector's are. *In hindsight*: one threshold is chosen so that the days judged come to
    the budget, which no deployment can do.
    """
    learnt = [judged[0] - timedelta(days=number) for number in range(30, 0, -1)]
    by_day = user_days(con, learnt) | dict(watched)
    allowed = int(budget * sum(watched.values()) / 1000)
    raised: dict[str, list[Alert]] = {}
    for name, peer in PEERS.items():
        if not peer.available:
            continue
        candidates = peer.rule(con, [*learnt, *judged])
        inside = candidates.take(candidates.day >= np.datetime64(judged[0]))
        for setting, least in peer.published.items():
            raised[f"{name} ({setting})"] = alerts(inside, least, metric=peer.metric)
        raised[f"{name} ({HELD_OUT})"] = held_out(
            candidates, by_day, judged, budget, metric=peer.metric, fold_days=peer.fold_days
        )
        least = calibrate(inside, allowed, peer.fold_days)
        raised[f"{name} ({HINDSIGHT})"] = alerts(inside, least, metric=peer.metric, fold_days=peer.fold_days)
    return raised


def measure(organisations: Sequence[tuple[str, int]], setting: Setting) -> dict[str, Any]:
    """Measure all organisations, given by kind and seed; with an upheaval, both with it and without."""
    outcomes: dict[str, Outcome] = defaultdict(Outcome)
    for kind, seed in organisations:
        organisation, thefts = prepare(kind, seed, setting)
        runs: list[tuple[str, Hours]] = [("", organisation.hours)]
        if setting.upheaval:
            thieves = {int(user.removeprefix("user")) for theft in thefts for user in theft.users}
            upset_hours = upset(organisation, setting.upheaval, thieves, UPHEAVAL_DAY)
            runs = [(f" without {setting.upheaval}", organisation.hours), (f" with {setting.upheaval}", upset_hours)]
        for suffix, hours in runs:
            for name, outcome in measure_one(organisation, hours, thefts, setting).items():
                outcomes[name + suffix] += outcome
    return {
        "organisations": [list(each) for each in organisations],
        "people": setting.people,
        "judged_days": DAYS - HISTORY_DAYS,
        "target_per_1000": setting.budget,
        "reviewer": setting.reviewer,
        "upheaval": setting.upheaval or None,
        "peers": setting.peers,
        "rules": {name: outcome.as_dict() for name, outcome in outcomes.items()},
        "left_out": {
            name: f"{peer.needs} is not installed: {INSTALL}" for name, peer in PEERS.items() if not peer.available
        },
    }


def organisations_for(purpose: str, number: int) -> Iterator[tuple[str, int]]:
    """Return kinds and seeds: each kind of the purpose in turn, with another seed each time."""
    kinds = TUNING if purpose == "tuning" else JUDGING
    for place, seed in enumerate(seeds_of(purpose, number)):
        yield kinds[place % len(kinds)], seed


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--purpose", choices=("tuning", "judging"), default="tuning")
    parser.add_argument("--organisations", type=int, default=3, help="how many, the purpose's kinds in turn")
    parser.add_argument("--only", help="kinds and seeds instead, such as office:1,school:1001")
    parser.add_argument("--people", type=int, default=1500, help="people of each organisation, 50 to 5000")
    parser.add_argument("--budget", type=float, default=2.0, help="alerts per 1000 monitored users and day")
    parser.add_argument("--reviewer", choices=REVIEWERS, default="present")
    parser.add_argument("--density", type=float, default=0.5, help="thefts as a share of the alerts allowed at 2")
    parser.add_argument("--upheaval", choices=UPHEAVALS, default="", help="run with and without it")
    parser.add_argument("--peers", action="store_true", help="other products' rules beside it")
    parser.add_argument("--markdown", action="store_true", help="print tables for the documentation")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    chosen = list(organisations_for(options.purpose, options.organisations))
    if options.only:
        chosen = [(kind, int(seed)) for kind, seed in (each.split(":") for each in options.only.split(","))]
    setting = Setting(
        options.people, options.budget, options.reviewer, options.density, options.upheaval, options.peers
    )
    result = measure(chosen, setting)
    print(json.dumps(result) if options.json else markdown(result) if options.markdown else report(result))


if __name__ == "__main__":
    main()
