"""Thieves who know the rules: ways to steal that are made to pass, and what each costs before it is found.

Each way is tried at several sizes, by accounts of their own, on organisations in which ordinary life and a reviewer who
is there go on. By way and size it says whether it is found or silent, after how long, what was gone by then, and which
size passes. Ways that need the whole organisation (a rollout, a migration) are played in one.

A way is *found* by an alert of which half of the files or bytes are stolen. What comes to an alert that was reviewed
before counts if it opens a case again, since nobody looks at it otherwise.

Run: ``python -m bench.evasion --seed N [--organisations 1] [--kind office] [--people 1500] [--ways T2,T7] [--sizes]
[--json]``. An organisation takes about five minutes of one core.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from bench.case_folding import Alert, fold, reviewed_at
from bench.detection import DAYS, HISTORY_DAYS, UPHEAVAL_DAY
from bench.detection_score import Register, first_alert, share, verdict_on
from bench.evasion_ways import SCALES, WAYS, Way
from bench.habits import KINDS, TUNING
from bench.ordinary_hours import START, Hours, Organisation, make_organisation, stream, user_names, write_hours
from bench.played import connect, play_rules
from bench.thefts import Cast, Manner, Theft, commit
from bench.upheavals import upset
from detection.parameters import Parameters

_TOGETHER = 40
"""Thefts played at once: more would use up the budget, and be hidden by one another."""


@dataclass(frozen=True)
class Trial:
    """One way at one size, and what became of it.

    Attributes:
        way: Name of the way.
        scale: Size, relative to the way's usual one.
        theft: What was stolen.
        found: Its first alert, if any.
    """

    way: str
    scale: float
    theft: Theft
    found: Alert | None


def _commit(organisation: Organisation, cast: Cast, way: Way, scale: float, rng: np.random.Generator) -> Theft:
    last = DAYS - way.days - 1
    # In an upheaval everybody moves at the same time; elsewhere thefts are spread over the days.
    day = way.on_day if way.on_day is not None else int(rng.integers(HISTORY_DAYS + 2, last + 1))
    accounts = [cast.draw(way.who, day) for _ in range(way.accounts(scale))]
    did = way.draw(rng, cast.largest(accounts[0], day), scale)
    manner = Manner(way.name, f"{scale:g}", lambda *_: did)
    return commit(organisation, manner, did, accounts, day, way.apps)


def _play(
    organisation: Organisation, hours: Hours, thefts: Sequence[Theft], budget: float, reviewer: str
) -> Iterator[tuple[Theft, Alert | None]]:
    whole = Hours.concat(hours, *(theft.rows for theft in thefts))
    register = Register(whole, user_names(len(organisation.actor)))
    review = reviewed_at(reviewer)
    judged = START + timedelta(days=HISTORY_DAYS)
    last = START + timedelta(days=DAYS - 1)
    with connect() as con:
        write_hours(con, organisation, whole)
        raised = play_rules(con, START, judged, last, Parameters(budget=budget), review, verdict_on(thefts, register))
    opened = {(case.user, case.known) for case in fold(raised, review)}
    for theft in thefts:
        seen = (alert for alert in raised if not alert.after_review or (alert.subject, alert.known) in opened)
        yield theft, first_alert((alert for alert in seen if alert.user in theft.users), theft, register)


def try_ways(kind: str, seed: int, people: int, ways: Sequence[Way], budget: float) -> list[Trial]:
    """Return all ways at all sizes, tried in one organisation; as few plays as the budget allows."""
    groups: dict[tuple[str, str], list[tuple[Way, float]]] = defaultdict(list)
    for way in ways:
        groups[way.upheaval, way.reviewer].extend((way, scale) for scale in SCALES)
    trials = []
    for (upheaval, reviewer), wanted in groups.items():
        for turn in range(-(-len(wanted) // _TOGETHER)):
            number = -(-len(wanted) // _TOGETHER)
            organisation = make_organisation(kind, seed, people, DAYS)
            rng = stream(seed, kind, upheaval, reviewer, str(turn), "evasion")
            cast = Cast(organisation, rng)
            # Every so many, so that the sizes of a way are not in one play.
            mine = wanted[turn::number]
            thefts = [_commit(organisation, cast, way, scale, rng) for way, scale in mine]
            hours = organisation.hours
            if upheaval:
                hours = upset(organisation, upheaval, cast.taken, UPHEAVAL_DAY)
            played = _play(organisation, hours, thefts, budget, reviewer)
            for (way, scale), (theft, found) in zip(mine, played, strict=True):
                trials.append(Trial(way.name, scale, theft, found))
    return trials


def _amount(pairs: Iterable[tuple[int, int]]) -> dict[str, Any]:
    files, sizes = zip(*pairs, strict=True)
    return {"files": int(np.median(files)), "bytes": int(np.median(sizes))}


def _hours(trial: Trial) -> float | None:
    return (trial.found.known - trial.theft.start) / timedelta(hours=1) if trial.found else None


def _gone(trial: Trial) -> tuple[int, int]:
    whole = (trial.theft.files, trial.theft.bytes)
    return trial.theft.gone_by(trial.found.known) if trial.found else whole


def summary(trials: Sequence[Trial], ways: Mapping[str, Way] = WAYS) -> dict[str, Any]:
    """Return by way what became of each size, and the largest that passes.

    A size passes if half of its trials or more are silent. Loss is what was gone when the alert came, or all of it.
    """
    by_way: dict[str, dict[float, list[Trial]]] = defaultdict(lambda: defaultdict(list))
    for trial in trials:
        by_way[trial.way][trial.scale].append(trial)
    result: dict[str, Any] = {}
    for name, by_scale in by_way.items():
        sizes = []
        passes = None
        for scale, tried in sorted(by_scale.items()):
            found = [trial for trial in tried if trial.found]
            size = _amount((trial.theft.files, trial.theft.bytes) for trial in tried)
            taken = sorted(hours for trial in tried if (hours := _hours(trial)) is not None)
            sizes.append(
                {
                    "scale": scale,
                    "size": size,
                    "found": share(len(found), len(tried)),
                    "hours": round(float(np.median(taken)), 1) if taken else None,
                    "loss": _amount(map(_gone, tried)),
                }
            )
            if 2 * len(found) <= len(tried):
                passes = size
        way = ways[name]
        result[name] = {"case": way.case, "what": way.what, "sizes": sizes, "passes": passes}
    return result


def _size(amount: Mapping[str, int] | None) -> str:
    if amount is None:
        return "none"
    return f"{amount['files']:,} files, {amount['bytes'] / 1e9:,.1f} GB"


def report(result: Mapping[str, Any], *, sizes: bool = False) -> str:
    """Format the result: a line per way with its usual size, and the sizes in a line each if asked for."""
    lines = [
        f"{result['organisations']} organisation(s) of {result['people']} people, kind {result['kind']}, budget "
        f"{result['budget']:g}. Sizes x{SCALES[0]:g} to x{SCALES[-1]:g} of the usual one; hours and loss are the usual "
        "one's.\n",
        f"{'case':5}{'way':26}{'found':>7}{'hours':>9}{'lost':>29}{'passes':>29}",
    ]
    for name, way in result["ways"].items():
        rows = way["sizes"]
        [usual] = [row for row in rows if row["scale"] == 1]
        found, tried = (sum(row["found"][key] for row in rows) for key in ("hits", "of"))
        lines.append(
            f"{way['case']:5}{name:26}{f'{found}/{tried}':>7}"
            f"{_when(usual):>9}{_size(usual['loss']):>29}{_size(way['passes']):>29}"
        )
        if sizes:
            lines += [
                f"{'':8}x{row['scale']:<8g}{_size(row['size']):>29}  {row['found']['hits']}/{row['found']['of']}"
                f"{_when(row):>9}  lost {_size(row['loss'])}"
                for row in rows
            ]
    return "\n".join(lines)


def markdown(result: Mapping[str, Any]) -> str:
    """Format the result for the documentation: a line per way."""
    lines = [
        "| | way | found of all sizes | the usual size: after hours | lost by then | largest size that passes |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, way in result["ways"].items():
        rows = way["sizes"]
        [usual] = [row for row in rows if row["scale"] == 1]
        found, tried = (sum(row["found"][key] for row in rows) for key in ("hits", "of"))
        lines.append(
            f"| {way['case']} | {name}: {way['what']} | {found} of {tried} | {_when(usual)} | {_size(usual['loss'])} | "
            f"{_size(way['passes'])} |"
        )
    return "\n".join(lines)


def _when(row: Mapping[str, Any]) -> str:
    return "silent" if row["hours"] is None else f"{row['hours']:.1f}"


def measure(
    seed: int, organisations: int, kind: str, people: int, budget: float, names: Sequence[str]
) -> dict[str, Any]:
    """Try ways in so many organisations, by the seeds from one on."""
    ways = [way for way in WAYS.values() if not names or {way.name, way.case} & set(names)]
    trials = [trial for at in range(organisations) for trial in try_ways(kind, seed + at, people, ways, budget)]
    return {
        "seed": seed,
        "organisations": organisations,
        "kind": kind,
        "people": people,
        "budget": budget,
        "ways": summary(trials),
    }


def main() -> None:
    """Read the command line, try all ways and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--organisations", type=int, default=1, help="how many, by the seeds from this one on")
    parser.add_argument("--kind", choices=KINDS, default=TUNING[0])
    parser.add_argument("--people", type=int, default=1500)
    parser.add_argument("--budget", type=float, default=2.0, help="alerts per 1000 monitored users and day")
    parser.add_argument("--ways", default="", help="names or cases, with commas between them; empty for all")
    parser.add_argument("--sizes", action="store_true", help="print a line for each size, too")
    parser.add_argument("--markdown", action="store_true", help="print a table for the documentation")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    names = [name.strip() for name in options.ways.split(",") if name.strip()]
    result = measure(options.seed, options.organisations, options.kind, options.people, options.budget, names)
    if options.json:
        print(json.dumps(result))
    else:
        print(markdown(result) if options.markdown else report(result, sizes=options.sizes))


if __name__ == "__main__":
    main()
