"""Health of a deployment: panels that are read one by one, so that a broken one leaves the others whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from importlib.metadata import version
from typing import Any

import duckdb

from assets.charts.load import load_of_days
from common.errors import MendableError
from connectors.doctor import State as Found
from console.context import Deployment
from lake.days import DAY
from lake.health import read_health
from lake.home import REPLAY_NOTE
from lake.source_status import State, activations, sources_of, warnings
from notify.backlog import read_backlog
from orchestration.deployment_checks import examine_deployment
from orchestration.evaluation_figures import (
    count_cases,
    count_windows,
    load_by_population,
    nobody_reason,
    weak_entries,
)
from orchestration.monitoring.check_results import read_check_results
from orchestration.monitoring.reading import (
    landed_sources,
    read_missing,
    read_silence,
    read_source,
    silence_limit,
    sound_view,
)
from providers import PROVIDERS, title_of

__all__ = ["LOAD_DAYS", "SIZE_DAYS", "Level", "Panel", "Problem", "Report", "read_report"]

LOAD_DAYS = 30
"""Evaluated days whose cases are compared with the budget, as ``uploadwatch status`` does."""
SIZE_DAYS = 28
"""Days whose uploads are counted for the share of known sizes."""
_REPAIR = "See `uploadwatch verify`."


class Level(IntEnum):
    """Weight of a problem, the worst last."""

    WARNING = 1
    FAILURE = 2


@dataclass(frozen=True)
class Problem:
    """Something that is not well.

    Attributes:
        level: Its weight.
        text: What it is and what to do.
    """

    level: Level
    text: str


@dataclass
class Panel:
    """Part of the report.

    Attributes:
        name: Its name in JSON and in addresses.
        title: Its heading.
        figures: What it shows, by name.
        problems: What is not well in it.
        error: Why it cannot be read; empty if it can.
    """

    name: str
    title: str
    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    error: str = ""

    def warn(self, text: str) -> None:
        """Add a warning."""
        self.problems.append(Problem(Level.WARNING, text))

    def fail(self, text: str) -> None:
        """Add a failure."""
        self.problems.append(Problem(Level.FAILURE, text))


@dataclass(frozen=True)
class Report:
    """Health of a deployment.

    Attributes:
        at: Time of the report, UTC.
        version: Version of uploadwatch.
        panels: Its parts by name.
    """

    at: datetime
    version: str
    panels: dict[str, Panel]

    @property
    def problems(self) -> list[tuple[Panel, Problem]]:
        """Return all problems with their panels, worst first."""
        found = [(panel, problem) for panel in self.panels.values() for problem in panel.problems]
        return sorted(found, key=lambda each: -each[1].level)

    @property
    def summary(self) -> str:
        """Return in one sentence whether all is well."""
        levels = [problem.level for _, problem in self.problems]
        counted = [
            f"{number} {word}{'' if number == 1 else 's'}"
            for word, number in (("failure", levels.count(Level.FAILURE)), ("warning", levels.count(Level.WARNING)))
            if number
        ]
        return f"Not all is well: {' and '.join(counted)}, worst first." if counted else "All is well."

    def as_json(self) -> dict[str, Any]:
        """Return it in the form of a JSON object; times and days are left to the writer."""
        return {
            "at": self.at,
            "version": self.version,
            "well": not self.problems,
            "summary": self.summary,
            "problems": [
                {"panel": panel.name, "level": problem.level.name.lower(), "text": problem.text}
                for panel, problem in self.problems
            ],
            "panels": {panel.name: {"error": panel.error or None, **panel.figures} for panel in self.panels.values()},
        }


def read_report(deployment: Deployment) -> Report:
    """Read the health of a deployment; a part that cannot be read says why."""
    now = deployment.clock.now()
    panels = {}
    for name, (title, read) in _PANELS.items():
        panel = Panel(name, title)
        try:
            with duckdb.connect(config={"threads": 1}) as con:
                read(panel, deployment, con, now)
        except Exception as error:  # noqa: BLE001 -- whatever is damaged, the other panels are shown
            panel.error = _hidden(deployment, _said(error))
            panel.figures, panel.problems = {}, []
            panel.fail(f"{title}: not readable, because {panel.error}")
        panels[name] = panel
    return Report(now, version("uploadwatch"), panels)


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, MendableError) else f"{type(error).__name__}: {error}. {_REPAIR}"


def _hidden(deployment: Deployment, text: str) -> str:
    """Return a text that may name people, as a token where names are hidden."""
    return deployment.pseudonyms.of(text) if deployment.pseudonyms and text else text


def _sources(panel: Panel, deployment: Deployment, con: duckdb.DuckDBPyConnection, now: datetime) -> None:
    lake = deployment.lake
    known = sources_of(lake, now)
    rows = []
    for provider in dict.fromkeys([*landed_sources(lake), *(source.provider for source in known)]):
        row: dict[str, Any] = {"provider": provider, "newest_event": None, "silent_hours": None, "limit_hours": None}
        try:
            source = read_source(lake, provider, now)
            if source is None:
                continue
            row |= source.as_json()
            row["problem"] = _hidden(deployment, row["problem"]) if row["steps"] else row["problem"]
            row["steps"] = {
                name: {**step, "problem": _hidden(deployment, step["problem"])} for name, step in row["steps"].items()
            }
            silence = read_silence(con, lake, provider, now)
            if silence:
                limit = silence_limit(silence, provider, deployment.values)
                row["newest_event"] = silence.newest.replace(tzinfo=UTC)
                row["silent_hours"] = round(silence.length / timedelta(hours=1), 1)
                row["limit_hours"] = round(limit / timedelta(hours=1), 1)
                if silence.length > limit and not _is_replay(deployment):
                    panel.warn(
                        f"{title_of(provider)} is silent for {row['silent_hours']:g} hours, and usually for at most "
                        f"{row['limit_hours']:g}. See the runbook of the check `fresh`."
                    )
        except (MendableError, OSError, duckdb.Error) as error:
            row |= {"state": "not readable", "problem": _hidden(deployment, _said(error)), "since": None}
            row |= {"checked_at": None, "steps": {}}
            panel.fail(f"{title_of(provider)}: not readable, because {row['problem']}")
        rows.append(row)
    panel.figures["sources"] = rows
    for source in known:
        if source.state is State.FAILING:
            panel.fail(
                f"{source.title} fails since {source.since:%Y-%m-%d %H:%M} UTC: {_hidden(deployment, source.problem)}"
            )
    others = [source for source in known if source.state is not State.FAILING]
    for line in warnings(others):
        panel.fail(line)
    if not rows:
        panel.warn("No run has tried any source yet. Switch the schedule `poll` on, or run a backfill.")


def _is_replay(deployment: Deployment) -> bool:
    return (deployment.home / REPLAY_NOTE).exists()


def _gaps(panel: Panel, deployment: Deployment, _con: duckdb.DuckDBPyConnection, now: datetime) -> None:
    rows, too_old = [], {}
    for provider in landed_sources(deployment.lake):
        found = read_missing(deployment.lake, provider, now)
        rows += [
            {
                "provider": provider,
                "start": datetime.fromisoformat(gap["start"]),
                "end": datetime.fromisoformat(gap["end"]),
                "cause": _hidden(deployment, str(gap["cause"])),
            }
            for gap in found.gaps
        ]
        rows += [
            {"provider": provider, "start": start, "end": end, "cause": "not pulled"} for start, end in found.not_pulled
        ]
        too_old[provider] = found.too_old
        if found.duration and not _is_replay(deployment):
            hours = found.duration / timedelta(hours=1)
            text = f"{title_of(provider)} lacks {hours:,.1f} hours of its log. See the runbook of the check `gaps`."
            (panel.fail if found.duration >= DAY else panel.warn)(text)
    panel.figures |= {"gaps": rows, "older_than_kept": too_old}


def _sizes(panel: Panel, deployment: Deployment, con: duckdb.DuckDBPyConnection, now: datetime) -> None:
    days = deployment.lake.days("user_hours")[-SIZE_DAYS:]
    rows: list[dict[str, Any]] = []
    if days:
        sound_view(con, deployment.lake, "hours", "user_hours", days)
        found = con.execute(
            "SELECT provider, CAST(sum(files) AS BIGINT), CAST(sum(sized_files) AS BIGINT) FROM hours "
            "GROUP BY provider HAVING sum(files) > 0 ORDER BY provider"
        ).fetchall()
        rows = [
            {"provider": provider, "files": files, "sized_files": sized, "share": round(sized / files, 4)}
            for provider, files, sized in found
        ]
    panel.figures |= {"days": len(days), "sizes": rows}


def _checks(panel: Panel, deployment: Deployment, _con: duckdb.DuckDBPyConnection, _now: datetime) -> None:
    gone = {provider for provider, health in read_health(deployment.lake, PROVIDERS).items() if health.removed}
    found = [
        each
        for each in read_check_results(deployment.home, deployment.values)
        if each.asset.partition("/")[0] not in gone
    ]
    rows = []
    for each in found:
        row = each._asdict() | {"text": _hidden(deployment, each.text)}
        rows.append(row)
        if not each.passed:
            text = f"The check {each.check} of {each.asset}: {row['text']}"
            (panel.fail if each.severity == "ERROR" else panel.warn)(text)
    panel.figures |= {"checks": rows}


def _budget(panel: Panel, deployment: Deployment, con: duckdb.DuckDBPyConnection, now: datetime) -> None:
    lake = deployment.lake
    days = lake.days("thresholds")[-LOAD_DAYS:]
    sound_view(con, lake, "sound", "thresholds", days)
    load = load_of_days(con, lake, days)
    sound_view(con, lake, "sound_cases", "cases", lake.days("cases"))
    until = min((each.until for each in activations(lake, deployment.values, now.date()) if each.until), default=None)
    has_list = deployment.settings.risk_list is not None
    populations = [
        each._asdict()
        | {"nobody": "" if each.actual is not None else nobody_reason(each.population, until, has_risk_list=has_list)}
        for each in load_by_population(load)
    ]
    panel.figures |= {"load": load, "populations": populations, "cases": count_cases(con, lake)}


def _windows(panel: Panel, deployment: Deployment, con: duckdb.DuckDBPyConnection, now: datetime) -> None:
    lake = deployment.lake
    days = lake.days("thresholds")[-LOAD_DAYS:]
    sound_view(con, lake, "sound", "evaluations", days)
    rows = count_windows(con, lake, days, sources_of(lake, now), now)
    for row in rows:
        reason = row["reason"] or ""
        # The cause of a gap is a provider's text.
        row["reason"] = _hidden(deployment, reason) if reason.startswith("gap: ") else reason
    panel.figures["windows"] = rows
    newest = lake.days("evaluations")[-1:]
    if not newest:
        panel.warn("Nothing is evaluated yet: no run has finished.")
    elif newest[0] < (now - DAY).date():
        panel.fail(f"The newest evaluated day is {newest[0]}. Check that the schedule `poll` is on, and its last run.")


def _outbox(panel: Panel, deployment: Deployment, _con: duckdb.DuckDBPyConnection, _now: datetime) -> None:
    rows = []
    for channel, found in read_backlog(deployment.home / "outbox.db").items():
        row = {"channel": channel, **found._asdict(), "reason": _hidden(deployment, found.reason)}
        rows.append(row)
        why = f": {row['reason']}" if found.reason else ""
        if found.parked:
            panel.fail(
                f"{found.parked} notification{'' if found.parked == 1 else 's'} for {channel} "
                f"{'was' if found.parked == 1 else 'were'} given up{why}. Correct the channel, then run "
                "`uploadwatch outbox --retry`."
            )
        elif found.pending and found.reason:
            waiting = "1 notification waits" if found.pending == 1 else f"{found.pending} notifications wait"
            panel.warn(f"{waiting} for the channel {channel}{why}.")
    panel.figures["channels"] = rows


def _activation(panel: Panel, deployment: Deployment, _con: duckdb.DuckDBPyConnection, now: datetime) -> None:
    pending = activations(deployment.lake, deployment.values, now.date())
    panel.figures["activation"] = [each.line for each in pending]


def _settings(panel: Panel, deployment: Deployment, _con: duckdb.DuckDBPyConnection, now: datetime) -> None:
    findings = examine_deployment({**deployment.values, "UPLOADWATCH_HOME": str(deployment.home)})
    weak = [_hidden(deployment, line) for line in weak_entries(deployment.settings, now.date())]
    panel.figures |= {
        "findings": [
            {"check": each.check, "state": str(each.state), "found": each.found, "to_do": each.to_do}
            for each in findings
        ],
        "allow_list": weak,
    }
    for each in findings:
        text = f"{each.found}. {each.to_do}".strip()
        if each.state is Found.FAILURE:
            panel.fail(text)
        elif each.state is Found.WARNING:
            panel.warn(text)
    for line in weak:
        panel.warn(line)


_Read = Callable[[Panel, Deployment, duckdb.DuckDBPyConnection, datetime], None]
_PANELS: dict[str, tuple[str, _Read]] = {
    "sources": ("Sources", _sources),
    "gaps": ("Gaps in the logs", _gaps),
    "checks": ("Checks", _checks),
    "windows": ("Windows", _windows),
    "budget": ("Budget", _budget),
    "sizes": ("Sizes known", _sizes),
    "outbox": ("Notifications", _outbox),
    "activation": ("Activation", _activation),
    "settings": ("Settings", _settings),
}
