"""The allow-list through the whole pipeline: what it covers is counted, and nothing else is kept back."""

from __future__ import annotations

import pytest

from tests.support.command import say
from tests.support.pipeline import Quick, burst, moment, watch, write

pytestmark = pytest.mark.sampled("module")

DAYS = 5


def test_what_is_allowed_is_counted_and_raises_no_alert(tmp_path):
    """Prevents a list that is read but not heeded, or heeded without a word."""
    events = [
        event
        for user in ("mover@example.com", "other@example.com")
        for event in burst("box", user, moment(3, 10), files=900, minutes=50)
    ]
    listed = tmp_path / "allow.toml"
    listed.write_text(
        "[[allow]]\nuser = 'mover@example.com'\nprovider = 'box'\nowner = 'ops@example.com'\nreason = 'move'\n"
        "expires = 2026-01-08\n"
    )
    detector = Quick(allow_list=str(listed))
    workload = write(tmp_path / "workload.parquet", events, days=DAYS)
    watched = watch(workload, tmp_path / "home", days=DAYS, providers=["box"], detector=detector)
    assert watched.of("mover@example.com") == []
    assert [alert["files"] for alert in watched.of("other@example.com")] == [900]
    marked = watched.query(
        "SELECT DISTINCT allowed_by FROM '{lake}/detections/*/part.parquet' WHERE allowed_by IS NOT NULL"
    )
    assert marked == [("mover@example.com at Box (ops@example.com: move)",)]
    printed = say("alerts", "--home", str(watched.home.path), values={})
    assert "windows suppressed by the allow-list: mover@example.com at Box" in " ".join(printed.out.split())
