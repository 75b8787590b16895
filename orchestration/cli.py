"""The ``uploadwatch`` command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from dotenv import load_dotenv
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from connectors import PROVIDERS, ConfigurationError, ConnectorError, variables
from orchestration.alert import alert
from orchestration.backfill import backfill
from orchestration.backtest import backtest
from orchestration.classify import classify as classified
from orchestration.classify import outcome_table
from orchestration.doctor import doctor
from orchestration.export import export
from orchestration.forget import forget
from orchestration.formats import Format, lake_of, pages_address
from orchestration.import_history import history
from orchestration.notify.commands import notify, outbox
from orchestration.pseudonymity import reveal
from orchestration.replay import Home, play, sandbox
from orchestration.report import alert_table, read_alerts, read_suppressed, score
from orchestration.retention import retention
from orchestration.review import review
from orchestration.settings import Settings, environment
from orchestration.status import status

__all__ = ["main"]

app = typer.Typer(
    help="Watches uploads to Box, Dropbox, Google Workspace and Office 365 with a baseline per user.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_COMMANDS = (
    *(alert, doctor, backfill, review, backtest, status, notify, outbox),
    *(export, reveal, forget, retention),
)
for _command in _COMMANDS:
    app.command()(_command)
app.command("import")(history)
out = Console()
_PROJECT = Path(__file__).resolve().parents[1]
_DEMO_START = date(2026, 1, 5)
_DEMO_DAYS = 60
_ATTEMPTS = 5

HomeOption = Annotated[Path, typer.Option("--home", envvar="UPLOADWATCH_HOME", help="Directory of the lake.")]


def _days(workload: Path) -> tuple[date, date]:
    """First and last day with events in a workload."""
    reader = "read_parquet" if workload.suffix == ".parquet" else "read_csv"
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        query = f"SELECT CAST(min(time) AS DATE), CAST(max(time) AS DATE) FROM {reader}(?)"  # noqa: S608 -- one of two
        [(first, last)] = con.execute(query, [str(workload)]).fetchall()
    return first, last


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

        # Only faults are an excuse for a stand-in that does not answer.
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


@app.command()
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
    """Plays a workload through the sandbox's APIs into a lake, as a deployment would have seen it.

    A home that an earlier replay made is made anew; a lake that none made is left alone.
    """
    start, end = _days(workload)
    _replay(
        Home(home),
        workload,
        first.date() if first else start,
        last.date() if last else end,
        _providers(provider),
        {"UPLOADWATCH_BUDGET": str(budget)},
        faults,
    )
    out.print(f"{len(read_alerts(home))} alerts in {home}; see them with: uploadwatch alerts --home {home}")


def _providers(names: list[str] | None) -> list[str]:
    unknown = sorted(set(names or ()) - set(PROVIDERS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: not a provider. Choose from {', '.join(PROVIDERS)}.")
    return [provider for provider in PROVIDERS if not names or provider in names]


@app.command()
def alerts(
    home: HomeOption = Path(".uploadwatch"),
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one array.")] = Format.TABLE,
) -> None:
    """Prints the alerts of a home."""
    lake_of(home)
    found = read_alerts(home)
    if format_ is Format.JSON:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    else:
        out.print(alert_table(found, read_suppressed(home)))


@app.command()
def classify(
    files: Annotated[list[Path], typer.Argument(help="Answers, arrays or lines.", exists=True, dir_okay=False)],
    provider: Annotated[str, typer.Option(help="Whose events they are.")],
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one array.")] = Format.TABLE,
) -> None:
    """Shows what becomes of every audit event of a file: upload, activity, ignored or rejected, and why."""
    (name,) = _providers([provider])
    found = classified(name, files, organisation_domains=Settings.read(environment()).domains)
    if format_ is Format.JSON:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    else:
        out.print(outcome_table(found))


@app.command()
def demo(home: HomeOption = Path(".uploadwatch")) -> None:
    """Makes 60 days of a made-up organisation, watches them through the four APIs, and shows the alerts."""
    began = time.monotonic()
    workload = home / "demo" / "workload.parquet"
    workload.parent.mkdir(parents=True, exist_ok=True)
    out.print("A made-up organisation of 300 people over four providers, 60 days of it …")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "sandbox",
            "workload",
            "--out",
            str(workload),
            "--days",
            str(_DEMO_DAYS),
            "--start",
            _DEMO_START.isoformat(),
        ],
        check=True,
        cwd=_PROJECT,
        stdout=subprocess.DEVNULL,
    )
    _replay(Home(home), workload, _DEMO_START, _DEMO_START + timedelta(days=_DEMO_DAYS - 1), list(PROVIDERS), {})
    found = read_alerts(home)
    out.print(alert_table(found))
    result = score(found, workload.with_suffix(".labels.csv"), providers=PROVIDERS)
    for scenario, wanted in sorted(result.wanted.items()):
        out.print(f"  {scenario.replace('_', ' ')}: {result.found[scenario]} of {wanted}")
    out.print(
        f"[bold]{sum(result.found.values())} of {sum(result.wanted.values())} harmful labelled incidents found[/], "
        f"{result.as_suspicious} of {result.suspicious} by a suspicious user told as such; "
        f"{result.look_alikes + result.unlabelled} false alerts "
        f"({result.look_alikes} on labelled look-alikes, {result.unlabelled} on ordinary work) in "
        f"{_DEMO_DAYS - 14} days of watching."
    )
    out.print(
        f"Took {time.monotonic() - began:.0f} s. Lineage, runs and checks of all this in the browser: [bold]make ui[/]"
    )
    out.print(f"A page for each alert: {pages_address(home)}", soft_wrap=True)


@app.command()
def ui(
    home: HomeOption = Path(".uploadwatch"),
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 3000,
) -> None:
    """Opens Dagster's UI on a home that `demo` or `run` made, with its sandbox running again."""
    place = Home(home)
    noted = place.variables()
    if not noted:
        raise typer.BadParameter(
            f"{home} was not made by `uploadwatch demo` or `uploadwatch run`; run one of them first."
        )
    workload, now = Path(noted.pop("workload")), datetime.fromisoformat(noted["UPLOADWATCH_NOW"])
    providers = noted.pop("providers").split(",")
    with place.instance(), sandbox(workload, place.path / "sandbox", now=now) as stand_in:
        out.print(f"Dagster's UI on http://127.0.0.1:{port} (stop with Ctrl-C)")
        _serve(
            [sys.executable, "-m", "dagster", "dev", "-w", str(_PROJECT / "workspace.yaml"), "-p", str(port)],
            place.path,
            {**_without_providers(os.environ), **stand_in.variables(providers), **noted},
        )


def _serve(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Runs a server that has processes of its own, and sees that none is left once this one is told to stop."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True) as process:
        try:
            process.wait()
        except KeyboardInterrupt:
            # To all of them: the one on top does not always tell the others.
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(timeout=20)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _without_providers(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the credentials of real providers: a replay must not reach them."""
    theirs = {name for provider in PROVIDERS for name in variables(provider)}
    return {name: value for name, value in environment.items() if name not in theirs}


def main() -> None:
    """Entry point: errors that a person can mend are said in one line, without a traceback."""
    load_dotenv(".env")
    try:
        app()
    except (ConfigurationError, ConnectorError, FileExistsError, FileNotFoundError, LookupError, RuntimeError) as error:
        # What a provider says in an error may look like markup.
        Console(stderr=True).print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False)
        raise SystemExit(1) from error
