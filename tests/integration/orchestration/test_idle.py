"""Runs with nothing new."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import dagster as dg

from cli.replay import deployment
from orchestration.definitions import build_defs
from orchestration.schedules import JOB, range_tags, run_config
from tests.support.pipeline import FIRST, Quick, burst, moment, sandbox, watch, write

DAYS = 5
COMPUTED = re.compile(r"(\d+) of \d+ days computed")


def test_an_idle_run_computes_no_day_and_shows_the_alerts(tmp_path: Path) -> None:
    """Prevents runs that cost what the day holds, and an asset page without its alerts after a run with nothing new."""
    events = burst("box", "one@example.com", moment(4, 10), files=700, minutes=50)
    workload = write(tmp_path / "workload.parquet", events, days=DAYS, people=30)
    home = watch(workload, tmp_path / "home", days=DAYS, providers=["box"], detector=Quick())
    last = FIRST + timedelta(days=DAYS - 1)
    computed: list[list[int]] = []
    shown = []
    with (
        sandbox(workload, tmp_path / "sandbox", now=moment(DAYS, 0)) as stand_in,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        values = deployment(home.home, stand_in, FIRST, last, providers=["box"], settings={})
        values["UPLOADWATCH_NOW"] = moment(DAYS, 0).isoformat()
        for _ in range(2):
            defs = build_defs(values, resource_overrides={"detector": Quick()})
            ran = defs.resolve_job_def(JOB).execute_in_process(
                instance=instance,
                tags=range_tags(last, last),
                run_config=run_config(["box"], late_data=False).to_config_dict(),
            )
            said = [entry.user_message for entry in instance.all_logs(ran.run_id)]
            computed.append([int(found.group(1)) for text in said if (found := COMPUTED.search(text))])
            [alerts] = ran.asset_materializations_for_node("alerts")
            shown.append(alerts.metadata)
    assert len(computed[1]) > 5
    assert set(computed[1]) == {0}
    assert shown[1] == shown[0]
    assert "one@example.com" in str(shown[1]["alerts"].value)
    assert "alerts against the users' month" in shown[1]
