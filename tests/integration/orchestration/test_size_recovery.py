"""Recovery of sizes in runs: what comes first where the quota binds, and what a later run goes on with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import file_sizes
from connectors import FileSize, variables
from lake.store import Lake
from orchestration.definitions import build_defs
from orchestration.schedules import range_tags
from tests.support.memory import connect
from tests.support.sandbox_server import Client, serving, uploads

pytestmark = pytest.mark.sampled

DAY = date(2026, 1, 5)
Run = Callable[..., dg.ExecuteInProcessResult]


def run_over(provider: str, client: Client, home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a provider's assets up to its uploads, hours after the day, with given settings."""
    wanted = set(variables(provider))
    base = {name: value for name, value in client.environment.items() if name in wanted}
    base |= {"UPLOADWATCH_HOME": str(home), "UPLOADWATCH_START_DATE": "2026-01-01"}

    def run(hour: int, **settings: str) -> dg.ExecuteInProcessResult:
        now = datetime(2026, 1, 6, tzinfo=UTC) + timedelta(hours=hour)
        client.set_clock(now.isoformat())
        values = {**base, **settings, "UPLOADWATCH_NOW": now.isoformat()}
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        defs = build_defs(values)
        chosen = dg.AssetSelection.assets([provider, "uploads"]).upstream().required_multi_asset_neighbors()
        job = dg.define_asset_job("recover", selection=chosen)
        merged = dg.Definitions.merge(defs, dg.Definitions(jobs=[job]))
        return merged.resolve_job_def("recover").execute_in_process(
            tags=range_tags(DAY, DAY), instance=dg.DagsterInstance.ephemeral()
        )

    return run


def looked_up(home: Path, provider: str) -> dict[str, tuple[str, datetime]]:
    """State and time of the answer about each file, by its name."""
    lake = home / "lake" / provider
    with connect() as con:
        rows = con.execute(
            f"""
            SELECT u.file_name, s.state, s.checked_at
            FROM read_parquet('{lake}/file_sizes/*/part.parquet') s
            JOIN read_parquet('{lake}/uploads/*/part.parquet') u USING (file_id)
            """
        ).fetchall()
    return {name: (state, at) for name, state, at in rows}


def metadata(result: dg.ExecuteInProcessResult, node: str) -> dict[str, Any]:
    [found] = result.asset_materializations_for_node(node)
    return {name: value.value for name, value in found.metadata.items()}


def test_a_binding_quota_goes_to_what_may_decide_an_alert_and_the_rest_follows(tmp_path, monkeypatch):
    """Prevents a tick that hangs on its quota, archives behind drafts, and a quota that each run counts anew."""
    rows = [
        row | {"user": f"user{n:02}@example.com", "folder": "", "file_name": f"{n:02}.{'zip' if n < 8 else 'txt'}"}
        for n, row in enumerate(uploads("office365", 30))
    ]
    home = tmp_path / "home"
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        run = run_over("office365", client, home, monkeypatch)
        # A batch of twenty, and none of ten.
        tight = {"UPLOADWATCH_SIZE_MINUTES": "0.03", "OFFICE365_GRAPH_REQUESTS_PER_MINUTE": "25"}
        first = metadata(run(1, **tight), "office365__file_sizes")
        begun = looked_up(home, "office365")
        assert sorted(begun) == [f"{n:02}.zip" for n in range(8)] + [f"{n:02}.txt" for n in range(18, 30)]
        assert (first["looked up"], first["left: open"]) == (20, 10)
        assert metadata(run(2, **tight), "office365__file_sizes")["looked up"] == 0
        last = run(3, UPLOADWATCH_SIZE_MINUTES="3", OFFICE365_GRAPH_REQUESTS_PER_MINUTE="6000")
        after = looked_up(home, "office365")
    assert metadata(last, "office365__file_sizes")["left: open"] == 0
    assert len(after) == 30
    assert {name: after[name] for name in begun} == begun
    coverage = metadata(last, "office365__uploads")["size coverage"]
    assert coverage["recovered"] == {"files": 30, "share": 1.0}


def test_a_refusal_is_asked_again_after_a_day_and_not_before(tmp_path, monkeypatch):
    """Prevents a quota spent on the same refusals every 15 minutes, and files that are never asked for again."""
    own = [row | {"user": f"user{n}@example.com"} for n, row in enumerate(uploads("google_workspace", 3))]
    rows = own + uploads("google_workspace", 1, user="eve@partner.example.net")
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        run = run_over("google_workspace", client, tmp_path / "home", monkeypatch)
        first, soon, later = (metadata(run(hour), "google_workspace__file_sizes") for hour in (1, 2, 26))
    assert (first["looked up"], first["left: open"], first["left: refused within a day"]) == (4, 0, 1)
    assert (soon["looked up"], soon["left: refused within a day"]) == (0, 1)
    assert later["looked up"] == 1


def test_answers_are_written_as_they_come_and_whatever_ends_the_run(tmp_path, monkeypatch):
    """Prevents a killed run from losing hours of look-ups."""
    monkeypatch.setattr(file_sizes, "_KEPT_EVERY", 10)
    lake = Lake(root=str(tmp_path))
    now = datetime(2026, 1, 6, tzinfo=UTC)

    def kept() -> int:
        note = lake.note("box/file_sizes", DAY)
        return note.rows if note else 0

    with connect() as con:
        days = {(f"f{n}", ""): [DAY] for n in range(100)}
        cache = file_sizes._Cache(con, lake, "box/file_sizes", days)
        with pytest.raises(KeyboardInterrupt), cache:
            for n in range(34):
                cache.add(FileSize(f"f{n}", "found", n, "v", now - timedelta(hours=1)), now)
                assert kept() == n + 1 - (n + 1) % 10
            raise KeyboardInterrupt
        assert kept() == 34
        again = file_sizes._Cache(con, lake, "box/file_sizes", days)
        with again:
            again.add(FileSize("f0", "found", 0, "v", now), now + timedelta(hours=1))
        assert kept() == 34
