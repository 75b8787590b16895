"""Checks of the alerts: no duplicates, actual alerts near the target, and no expired allow-list entry still in use."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import dagster as dg

from assets.charts.load import load_of_days
from assets.checks.findings import Finding, Outcome, Scene
from assets.core.preview import cell
from assets.core.severities import ERROR, WARN
from detection.allow_list import AllowListError, Entry
from detection.chain import cover, mark
from detection.persons import named
from detection.rule import RULE
from lake.days import DAY, REACH, TRAINING_DAYS, days_between
from lake.health import read_health
from lake.shown_alerts import suppressed
from lake.verification import verify
from providers import PROVIDERS

__all__ = ["allow_list", "budget_realised", "configured", "deduplicated", "intact"]

_MONTH = timedelta(days=TRAINING_DAYS)
_MORE_WARN, _MORE_FAIL, _FEWER_WARN = 1.5, 3, 1 / 3
_CHANCE = 5
"""Differences between raised and allowed alerts below this count as chance."""


def deduplicated(scene: Scene) -> Outcome:
    """Check that no user has two alerts within the deduplication period."""
    period = timedelta(hours=scene.detector.parameters.deduplication_hours)
    days = days_between(scene.days[0] - DAY, scene.days[-1] + DAY)
    scene.lake.view(scene.con, "alerts", ["alerts"], days)
    doubled = scene.con.execute(
        """
        SELECT "user", first_window_start, next_start
        FROM (
            SELECT "user", first_window_start,
                lead(first_window_start) OVER (
                    PARTITION BY coalesce(person, "user") ORDER BY first_window_start
                ) AS next_start
            FROM alerts
        )
        WHERE next_start < first_window_start + ?
        ORDER BY 1, 2
        """,
        [period],
    ).fetchall()
    return Outcome(
        [
            Finding(ERROR, f"{cell(user)} has alerts that open {first} and {second} UTC")
            for user, first, second in doubled
        ],
        f"no user has two alerts within {RULE.periods.deduplication}",
    )


def budget_realised(scene: Scene) -> Outcome:
    """Check that the number of cases in a month is close to the target."""
    last = scene.days[-1] - DAY
    load = load_of_days(scene.con, scene.lake, days_between(last - _MONTH + DAY, last))
    findings, summary = [], []
    metadata: dict[str, dg.MetadataValue] = {}
    for population in dict.fromkeys(row["population"] for row in load):
        rows = [row for row in load if row["population"] == population]
        raised, allowed = sum(row["raised"] for row in rows), sum(row["allowed"] for row in rows)
        said = f"{population}: actual {raised} cases in {len(rows)} days, target {allowed:.1f}"
        summary.append(said)
        metadata |= {
            f"{population}: raised": dg.MetadataValue.int(raised),
            f"{population}: allowed": dg.MetadataValue.float(round(allowed, 1)),
        }
        beside = abs(raised - allowed) >= _CHANCE
        if beside and raised > _MORE_WARN * allowed:
            findings.append(Finding(ERROR if raised > _MORE_FAIL * allowed else WARN, said))
        elif beside and raised < _FEWER_WARN * allowed:
            findings.append(Finding(WARN, said))
    return Outcome(findings, "; ".join(summary) or "no monitored users yet", metadata)


def configured(scene: Scene) -> Outcome:
    """Check that every source with data in the lake is configured."""
    missing = {
        source: health.unconfigured_since
        for source, health in read_health(scene.lake, PROVIDERS).items()
        if health.unconfigured_since
    }
    return Outcome(
        [
            Finding(ERROR, f"{source} is not configured since {since:%Y-%m-%d %H:%M} UTC")
            for source, since in missing.items()
        ],
        "every source with data in the lake is configured",
    )


def intact(scene: Scene) -> Outcome:
    """Check that every file of the lake is what was written."""
    problems = list(verify(scene.lake))
    counts = Counter(problem.state for problem in problems)
    return Outcome(
        [
            Finding(
                WARN if problem.repair else ERROR,
                f"{problem.path} is {problem.state}: {problem.cause}; {problem.means}",
            )
            for problem in problems
        ],
        "every file is what was written",
        {state: dg.MetadataValue.int(counts[state]) for state in ("damaged", "missing", "left over")},
    )


def _ambiguity(scene: Scene, entry: Entry) -> str:
    """Describe which accounts an entry allows if several had its address; return an empty text if only one had it."""
    means, all_ = (named(scene.con, entry.user, first_only=first) for first in (True, False))
    if entry.user.startswith("*@") or means == all_:
        return ""
    others = ", ".join(person for person in all_ if person not in means)
    return (
        f"{entry.said} means {', '.join(means)}, who had the address first; {others} had it, too. To allow these, name "
        "the account in the place of the address."
    )


def allow_list(scene: Scene) -> Outcome:
    """Check that the file can be used and that no expired entry would still suppress something."""
    today = scene.now.date()
    days = days_between(today - REACH, today)
    try:
        entries = scene.detector.entries()
    except AllowListError as error:
        return Outcome([Finding(ERROR, str(error))], "", remedy="Correct the file")
    scene.lake.view(scene.con, "detections", ["detections"], days)
    scene.lake.view(scene.con, "user_hours", ["user_hours"], [*days, today + DAY])
    counts = suppressed(scene.con)
    scene.con.execute(
        "CREATE OR REPLACE TEMP VIEW scored AS SELECT * EXCLUDE (allowed_by) FROM detections WHERE allowed_by IS NULL"
    )
    scene.detector.people(scene.lake).load_into(scene.con)
    findings = []
    for entry in entries:
        if entry.expires >= today:
            findings += [Finding(WARN, each) for each in (entry.weakness, _ambiguity(scene, entry)) if each]
            continue
        cover(scene.con, [entry], expired=True)
        mark(scene.con, "would_be", scene.detector.parameters)
        [(windows,)] = scene.con.execute(
            'SELECT count(DISTINCT ("user", window_start)) FROM would_be WHERE allowed_by IS NOT NULL'
        ).fetchall()
        if windows:
            findings.append(
                Finding(
                    WARN,
                    f"{entry.said} expired on {entry.expires} and would have suppressed {windows} "
                    f"window{'' if windows == 1 else 's'} since: renew or remove it",
                )
            )
    return Outcome(
        findings,
        f"{sum(counts.values())} windows of the last {REACH.days} days suppressed by {len(counts)} entries",
        {"suppressed windows": dg.MetadataValue.json(counts)},
    )
