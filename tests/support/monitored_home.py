"""A home that is at work now: a lake of Box, an outbox, and Dagster's records of a poll run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from connectors import Page
from lake.health import record
from lake.landing import land
from lake.manifest import Manifest
from notify.messages import trial_message
from notify.outbox import outbox_of
from orchestration.schedules import JOB
from orchestration.shipped_files import shipped_text
from tests.support.made_lake import MadeLake

__all__ = ["OnlyChannel", "finished_run", "monitored_home"]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class OnlyChannel:
    """The channel of the outbox."""

    name, severity = "soc", "Informational"


def finished_run(home: Path, *, success: bool = True, schedule: str = "poll", settings: str = "") -> None:
    """Record a run that ends now, where Dagster's settings say; by default in the home."""

    @dg.op
    def pull() -> None:
        if not success:
            raise ValueError("the provider is down")

    @dg.job(name=JOB)
    def job() -> None:
        pull()

    storage = home / "dagster"
    storage.mkdir(parents=True, exist_ok=True)
    (storage / "dagster.yaml").write_text(settings or shipped_text("dagster.yaml"), encoding="utf-8")
    with dg.DagsterInstance.from_config(str(storage)) as instance:
        job.execute_in_process(
            instance=instance,
            tags={"dagster/schedule_name": schedule},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )


def monitored_home(home: Path, *, runs: bool = True) -> Path:
    """Make a home in which everything that the metrics read is there."""
    now = datetime.now(UTC)
    today, naive = now.date(), now.replace(tzinfo=None)
    made = MadeLake(home)
    for day in (today - DAY, today):
        start = datetime.combine(day, datetime.min.time(), UTC)
        manifest = Manifest(made.lake.directory("box/audit_events", day))
        land(
            manifest,
            start,
            min(start + DAY, now.replace(minute=0, second=0, microsecond=0) + HOUR),
            [Page(b"{}\n")],
            now=now,
        )
        made.write("box/rejects", [{"provider": "box", "day": day, "reason": "not JSON", "event": "x"}], day)
        made.write(
            "evaluations", [{"scope": "box", "window_start": start.replace(tzinfo=None), "state": "evaluated"}], day
        )
        figures = {"budget": 2.0, "watched_users": 100, "allowed": 0.2, "opened": 1, "balance": -0.8}
        made.write("thresholds", [{"population": "people", "metric": "files", **figures}], day)
        cases = [
            {"case_id": str(day), "user": "ann@example.com", "state": "open", "severity": "Low", "opened_at": naive}
        ]
        made.write("cases", cases, day)
    made.counts(today - DAY, uploads=dict.fromkeys(range(24), 3))
    made.counts(today, uploads={now.hour: 3})
    record(made.lake, "box", "pull", "", now=now)
    outbox_of(home).add([trial_message(now - HOUR)], [OnlyChannel()], now - HOUR)
    if runs:
        finished_run(home)
    return home


def variables(home: Path, **more: str) -> Mapping[str, str]:
    """Return the environment of a command on this home."""
    return {"UPLOADWATCH_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), **more}
