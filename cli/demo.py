"""``uploadwatch run`` and ``uploadwatch demo``: replay a workload through the sandbox."""

from __future__ import annotations

import os
import subprocess
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.alert_table import case_table
from cli.case_queue import cases_of
from cli.options import HOME, HomeOption, called, known_providers
from cli.replay import SANDBOX, Home, play, sandbox
from cli.terminal import terminal
from common.clock import Clock
from detection.incident_score import read_labels, score
from detection.rule import RULE
from lake.shown_alerts import read_alerts
from lake.store import Lake
from orchestration.resources import resources
from orchestration.settings import Settings, environment
from providers import PROVIDERS

__all__ = ["demo", "run"]

out = terminal()
_DEMO_START = date(2026, 1, 5)
_DEMO_DAYS = 60
_FEWEST_DAYS = 18
"""Days of the workload up to the first harmful incident after activation."""
_ATTEMPTS = 5
_OWN_FILES = (
    "UPLOADWATCH_ALLOW_LIST",
    "UPLOADWATCH_RISK_LIST",
    "UPLOADWATCH_NETWORKS",
    "UPLOADWATCH_GEOIP_COUNTRY",
    "UPLOADWATCH_GEOIP_ASN",
    "UPLOADWATCH_SENSITIVE",
    "UPLOADWATCH_PERSONS",
)
_OWN_VALUES = ("UPLOADWATCH_SERVICE_BUDGET", "UPLOADWATCH_REASONS_OFF")


def _content(workload: Path) -> tuple[date, date, list[str]]:
    """Return the first and last day with events in a workload, and the providers with events.

    Raises:
        typer.BadParameter: It cannot be read, or is empty.
    """
    reader = "read_parquet" if workload.suffix == ".parquet" else "read_csv"
    query = f"""
        SELECT CAST(min(time) AS DATE), CAST(max(time) AS DATE), list(DISTINCT provider)
        FROM {reader}(?)
    """  # noqa: S608 -- one of two
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        try:
            [(first, last, there)] = con.execute(query, [str(workload)]).fetchall()
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            raise typer.BadParameter(f"{workload} is no workload: {said}", param_hint="--workload") from None
    if first is None:
        raise typer.BadParameter(f"{workload} has no events.", param_hint="--workload")
    return first, last, [provider for provider in PROVIDERS if provider in there]


def _own_rules() -> dict[str, str]:
    """Return the operator's settings for raising alerts; leave out those for outgoing data, since nothing here is real.

    Raises:
        AllowListError: The allow-list cannot be used.
        OperatorFileError: Another of the files cannot be used.
        ConfigurationError: One of the other values cannot be used.
    """
    own = {name: os.environ[name] for name in (*_OWN_FILES, *_OWN_VALUES) if os.environ.get(name)}
    # They are stored for the UI, which may be started from another directory.
    own |= {name: str(Path(own[name]).absolute()) for name in _OWN_FILES if name in own}
    # Check the files now: a run would read them only after minutes of work.
    made = resources(Settings.read(own), own, [])
    made["detector"].entries()
    made["detector"].mapped()
    made["detector"].watch()
    made["pages"].terms()
    return own


def _replay(
    home: Home,
    workload: Path,
    first: date,
    last: date,
    providers: list[str],
    settings: dict[str, str],
    faults: Path | None = None,
) -> None:
    home.clear()
    midnight = datetime.combine(first, datetime.min.time(), UTC)
    with (
        sandbox(workload, home.path / "sandbox", now=midnight, faults=faults) as stand_in,
        Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("days"),
            TimeElapsedColumn(),
            console=out,
        ) as bar,
        home.instance() as instance,
    ):
        task = bar.add_task(f"{first}", total=(last - first).days + 1)

        def progress(start: date, end: date) -> None:
            bar.update(task, advance=(end - start).days + 1, description=f"{end}")

        # Only with injected faults may the sandbox fail to answer.
        attempts = _ATTEMPTS if faults else 1
        play(
            home,
            stand_in,
            workload,
            first,
            last,
            providers=providers,
            settings=settings,
            progress=progress,
            instance=instance,
            attempts=attempts,
        )


def run(
    workload: Annotated[Path, typer.Option(help="Workload file, Parquet or CSV.", exists=True, dir_okay=False)],
    home: HomeOption,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")] = None,
    provider: Annotated[list[str] | None, typer.Option(help="Only this provider; may be repeated.")] = None,
    budget: Annotated[float, typer.Option(help="Alerts per 1000 monitored users and day.")] = 2.0,
    faults: Annotated[
        Path | None, typer.Option(help="Fault plan that the sandbox plays, JSON.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Replay a workload through the sandbox's APIs into a lake, as a deployment would have seen it.

    The allow-list, the risk list, the file of networks, the dictionary, the disabled risk indicators and the budget of
    service accounts come from the environment. Nothing is exported and nobody is notified. A home made by an earlier
    replay is replaced; any other lake is left alone.
    """
    start, end, there = _content(workload)
    wanted = known_providers(provider) if provider else there
    if missing := [name for name in wanted if name not in there]:
        raise typer.BadParameter(
            f"{workload} has no events of {', '.join(missing)}, only of {', '.join(there)}.", param_hint="--provider"
        )
    _replay(
        Home(home),
        workload,
        first.date() if first else start,
        last.date() if last else end,
        wanted,
        {**_own_rules(), "UPLOADWATCH_BUDGET": str(budget)},
        faults,
    )
    out.print(f"{len(_alerts(home))} alerts in {home}; see them with: {escape(called('alerts', home))}", soft_wrap=True)


def demo(
    home: HomeOption = HOME,
    days: Annotated[
        int,
        typer.Option(
            help="Days to replay, from the first; fewer take less time and raise fewer alerts.",
            min=_FEWEST_DAYS,
            max=_DEMO_DAYS,
        ),
    ] = _DEMO_DAYS,
) -> None:
    """Generate 60 days of a made-up organisation, pull them through the four APIs, and show the alerts."""
    began = time.monotonic()
    workload = home.absolute() / "demo" / "workload.parquet"
    workload.parent.mkdir(parents=True, exist_ok=True)
    out.print("Generating 60 days of a made-up organisation: 300 people, four providers …")
    subprocess.run(
        [
            *SANDBOX,
            "workload",
            "--out",
            str(workload),
            "--days",
            str(_DEMO_DAYS),
            "--start",
            _DEMO_START.isoformat(),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    last = _DEMO_START + timedelta(days=days - 1)
    _replay(Home(home), workload, _DEMO_START, last, list(PROVIDERS), {})
    found = _alerts(home)
    out.print(case_table(cases_of(found), width=out.width))
    result = score(found, read_labels(workload.with_suffix(".labels.csv")), providers=tuple(PROVIDERS), last=last)
    for scenario, wanted in sorted(result.wanted.items()):
        out.print(f"  {scenario.replace('_', ' ')}: {result.found[scenario]} of {wanted}")
    out.print(
        f"[bold]{sum(result.found.values())} of {sum(result.wanted.values())} harmful labelled incidents found[/], "
        f"{result.as_suspicious} of {result.suspicious} by a suspicious user reported as such; "
        f"{result.look_alikes + result.unlabelled} false positives "
        f"({result.look_alikes} on labelled look-alikes, {result.unlabelled} on ordinary work) in "
        f"{days - RULE.periods.activation_days} monitored days."
    )
    out.print(
        f"Took {time.monotonic() - began:.0f} s. To see lineage, runs and checks in the browser: "
        f"[bold]{escape(called('ui', home))}[/]",
        soft_wrap=True,
    )
    out.print(f"To triage the cases, each with a page: [bold]{escape(called('console', home))}[/]", soft_wrap=True)


def _alerts(home: Path) -> list[dict[str, Any]]:
    return read_alerts(Lake(root=str(home / "lake")), Clock(fixed=Settings.read(environment()).now).now())
