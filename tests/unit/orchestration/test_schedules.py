"""Requests of the poll run and the late-data re-pull: the days, and the slices to pull again."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest

from orchestration.definitions import build_defs

BOX = {"BOX_CLIENT_ID": "a", "BOX_CLIENT_SECRET": "b", "BOX_ENTERPRISE_ID": "1"}
DROPBOX = {"DROPBOX_APP_KEY": "a", "DROPBOX_APP_SECRET": "b", "DROPBOX_REFRESH_TOKEN": "c"}


@pytest.fixture
def asked(tmp_path, monkeypatch) -> Callable[..., tuple[str, str, dict[str, bool]]]:
    """Return a function that evaluates a schedule on a real instance."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    for name, value in {**BOX, **DROPBOX}.items():
        monkeypatch.setenv(name, value)
    return evaluate


def evaluate(schedule: str, **variables: str) -> tuple[str, str, dict[str, bool]]:
    """First and last day of what a schedule asks for, and for each provider whether all that is not final."""
    values = {**BOX, **DROPBOX, "UPLOADWATCH_NOW": "2026-03-10T12:00:00+00:00", **variables}
    defs = build_defs(values)
    with (
        dg.DagsterInstance.get() as instance,
        dg.build_schedule_context(instance=instance, repository_def=defs.get_repository_def()) as context,
    ):
        told = defs.resolve_schedule_def(schedule).evaluate_tick(context)
    assert told.run_requests
    [request] = told.run_requests
    config = {name.removesuffix("__audit_events"): op["config"] for name, op in request.run_config["ops"].items()}
    first, last = (request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end"))
    return (first, last, {provider: told["late_data"] for provider, told in config.items()})


@pytest.mark.parametrize(
    ("schedule", "variables", "wanted"),
    [
        ("poll", {}, ("2026-03-09", "2026-03-10", False)),
        ("poll", {"DROPBOX_OVERLAP_HOURS": "30"}, ("2026-03-08", "2026-03-10", False)),
        ("late_data", {}, ("2026-03-07", "2026-03-10", True)),
        ("late_data", {"BOX_LATENESS_HOURS": "73"}, ("2026-03-06", "2026-03-10", True)),
        ("late_data", {"UPLOADWATCH_START_DATE": "2026-03-09"}, ("2026-03-09", "2026-03-10", True)),
    ],
)
def test_schedules_reach_as_far_as_the_providers_are_late(asked, schedule, variables, wanted):
    """Prevents a horizon that an operator widened from being cut off by the days that a schedule covers."""
    first, last, late_data = wanted
    assert asked(schedule, **variables) == (first, last, {"box": late_data, "dropbox": late_data})
