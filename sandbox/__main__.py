"""The command line: `python -m sandbox serve` and `python -m sandbox workload`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from sandbox.base.clock import SECOND, parse_time
from sandbox.base.data import Events, load
from sandbox.base.people import organisation_domains, settle
from sandbox.faults.plans import Plan, PlanError
from sandbox.google_workspace import activities as google_activities
from sandbox.office365 import records as office365_records
from sandbox.server import Sandbox, serve
from sandbox.workload.format import WorkloadError

app = typer.Typer(no_args_is_help=True, add_completion=False)
_SKIPPED = {"google_workspace": google_activities.SKIPPED, "office365": office365_records.SKIPPED}


@app.callback()
def _sandbox() -> None:
    """Stand-ins for the audit APIs of Box, Dropbox, Google Workspace and Office 365."""


@app.command("serve")
def serve_command(
    workload: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The workload to serve: Parquet, or CSV with a header.")
    ],
    state: Annotated[Path, typer.Option(help="The directory for sandbox.env and Google's key file.")],
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes a free one.")] = 0,
    now: Annotated[
        str, typer.Option(help="The clock at start, ISO 8601 with a zone; the last publication if not given.")
    ] = "",
    requests_per_minute: Annotated[
        int, typer.Option(help="Requests per minute that each API accepts; 0 is no limit.")
    ] = 0,
    faults: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="A fault plan, JSON: see docs/sandbox.md; sandbox/plans/hard.json is one."
        ),
    ] = None,
) -> None:
    """Serve the providers in a workload until stopped; DIR/sandbox.env has addresses and credentials for a client."""
    try:
        events = load(workload)
    except WorkloadError as error:
        raise typer.BadParameter(str(error), param_hint="--workload") from None
    if not events:
        raise typer.BadParameter(f"{workload} has no events", param_hint="--workload")
    settle(organisation_domains(user for found in events.values() for user in found.user))
    start = parse_time(now, zone_required=True) if now else _last_publication(events)
    if start is None:
        raise typer.BadParameter(f"{now!r} is not an ISO 8601 time with a zone", param_hint="--now")
    try:
        plan = Plan.load(faults) if faults else Plan()
    except PlanError as error:
        raise typer.BadParameter(str(error), param_hint="--faults") from None
    sandbox = Sandbox(events, start, requests_per_minute=requests_per_minute, plan=plan)
    served = ", ".join(_summary(provider, found) for provider, found in events.items())
    serve(sandbox, state, port, lambda url: typer.echo(f"sandbox: serving {url} with {served}"))


def _last_publication(events: dict[str, Events]) -> int:
    """Return the first full second at which all events are published."""
    last = max(int(found.published.max()) for found in events.values())
    return -(-last // SECOND) * SECOND


def _summary(provider: str, events: Events) -> str:
    skipped = Counter(kind for kind in events.kind if kind in _SKIPPED.get(provider, ()))
    unknown = "".join(f", {count} {kind} skipped: no such event there" for kind, count in sorted(skipped.items()))
    return f"{provider} ({len(events)} events{unknown})"


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] != ["serve"]:
        # Making workloads imports more than serving needs, and a server must start fast.
        from sandbox.workload.making import add_command  # noqa: PLC0415 - see above

        add_command(app)
    app(prog_name="python -m sandbox")


if __name__ == "__main__":
    main()
