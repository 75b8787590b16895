"""A deployment with Dagster's daemon: what its poll run leaves for metrics and heartbeat, and its lines in the log."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest
from prometheus_client import generate_latest

from common.clock import Clock
from orchestration.logs import LOG_FORMAT
from orchestration.monitoring.collector import HomeCollector, registry_of
from orchestration.monitoring.heartbeat import faults
from tests.support.production import producing

pytestmark = pytest.mark.sampled


def test_a_scheduled_run_is_seen_by_all_that_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a schedule's run that the heartbeat takes for none, and a setting that runs do not get."""
    monkeypatch.setenv(LOG_FORMAT, "json")
    with producing(tmp_path, postgres=False) as production:
        home, clock = tmp_path / "home", Clock(fixed=production._values["UPLOADWATCH_NOW"])
        assert any("No poll run" in fault for fault in faults(home, production._values, clock.now()))
        run = production.ended(production.tick())
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert faults(home, production._values, clock.now()) == []
        collector = HomeCollector(home, production._values, clock)
        collector.start()
        text = generate_latest(registry_of(collector)).decode()
        logged = (tmp_path / "code.log").read_text(encoding="utf-8")
    assert 'uploadwatch_last_run_success{job="watch_uploads",schedule="poll"} 1.0' in text
    assert 'uploadwatch_source_state{provider="box",state="well"} 1.0' in text
    assert not [
        line for line in text.splitlines() if line.startswith("uploadwatch_scrape_part_success") and line[-3:] == "0.0"
    ]
    lines = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    of_run = [line for line in lines if line.get("run_id") == run.run_id]
    assert {"box"} < {line.get("provider") for line in of_run}
    assert not [line for line in logged.splitlines() if run.run_id in line and not line.startswith("{")]
    assert not [value for name, value in production._values.items() if "SECRET" in name and value in logged]
