"""Many faults at once, at all four providers: the alerts are those of calm days, to the letter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from cli.replay import Home, play
from lake.shown_alerts import read_alerts
from lake.store import Lake
from tests.support.pipeline import FIRST, Quick, burst, moment, sandbox, write

pytestmark = pytest.mark.sampled("module")

PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
DAYS = 5
PLAN = Path(__file__).parents[3] / "sandbox" / "plans" / "hard.json"


def played(workload: Path, home: Path, faults: Path | None) -> tuple[str, list[Mapping[str, Any]]]:
    """The alerts, as JSON, after a workload was played under a plan; and how often each fault was played."""
    with (
        sandbox(workload, home / "sandbox", now=moment(0, 0), faults=faults) as stand_in,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        play(
            Home(home),
            stand_in,
            workload,
            FIRST,
            FIRST + timedelta(days=DAYS - 1),
            providers=PROVIDERS,
            # One slice after the other, so that the plan meets the same requests in every run.
            settings={f"{name.upper()}_PARALLEL_SLICES": "1" for name in PROVIDERS},
            progress=lambda _start, _end: None,
            instance=instance,
            resource_overrides={"detector": Quick()},
        )
        fates = requests.get(f"{stand_in.environment['UPLOADWATCH_SANDBOX_URL']}/_sandbox/faults", timeout=30).json()
    return json.dumps(read_alerts(Lake(root=str(home / "lake")), datetime.now(UTC))), fates


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    events = [
        *(
            e
            for n, p in enumerate(PROVIDERS)
            for e in burst(p, f"at.{p}@example.com", moment(4, 9 + n), files=300, minutes=50)
        ),
        # Pages enough for every fault of the plan.
        *(
            event | {"kind": "download"}
            for provider, files in (("box", 4000), ("dropbox", 4000), ("google_workspace", 15000), ("office365", 1500))
            for event in burst(provider, "reader@example.com", moment(3, 9), files=files, minutes=300)
        ),
        *burst("google_workspace", "late@example.com", moment(4, 18), files=300, minutes=30),
        *burst("google_workspace", "late@example.com", moment(4, 18.6), files=200, minutes=20, late=2),
        *burst("office365", "late.too@example.com", moment(4, 5), files=300, minutes=40, late=9),
    ]
    return write(tmp_path_factory.mktemp("hard") / "workload.parquet", events, days=DAYS, people=24)


def test_the_hard_plan_leaves_the_same_alerts(workload: Path, tmp_path: Path) -> None:
    """Prevents events lost, doubled or moved by faults that work alone but not together, and retries by hand."""
    calm, _ = played(workload, tmp_path / "calm", None)
    hard, fates = played(workload, tmp_path / "hard", PLAN)
    assert hard == calm
    found = json.loads(calm)
    assert {alert["user"] for alert in found} >= {f"at.{provider}@example.com" for provider in PROVIDERS}
    assert [alert["files"] for alert in found if alert["user"] == "late@example.com"] == [500]
    assert [fate for fate in fates if not fate["played"]] == []
