"""The sensors on real instances: alerts, feeds that stop and come back, and runs that fail."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from common.clock import Clock
from connectors import Page
from lake.landing import land
from lake.manifest import Manifest
from lake.store import Lake
from notify.delivery import alone, outbox_of
from orchestration.definitions import build_defs
from privacy.pseudonyms import Pseudonyms
from tests.support.notified import NOON, NOW, PATH, SECRET, Made, Receiver, receiver, write_alerts

BOX = {"BOX_CLIENT_ID": "a", "BOX_CLIENT_SECRET": "b", "BOX_ENTERPRISE_ID": "1"}
FRESH = dg.AssetCheckKey(dg.AssetKey(["box", "uploads"]), "fresh")


@pytest.fixture
def soc() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def variables(tmp_path: Path, soc: Receiver, monkeypatch) -> dict[str, str]:
    values = {**BOX, **soc.variables, "UPLOADWATCH_HOME": str(tmp_path)}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def tick(variables, instance) -> Callable[[datetime], str | None]:
    """Return a function that evaluates the notification sensor at a time and returns its message."""

    def evaluate(now: datetime) -> str | None:
        defs = build_defs(variables, resource_overrides={"clock": Clock(fixed=now.isoformat())})
        resources = {name: (defs.resources or {})[name] for name in ("lake", "clock", "notifier")}
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            return defs.resolve_sensor_def("notifications").evaluate_tick(context).skip_message

    return evaluate


def test_the_sensor_tells_tokens_where_pseudonyms_are_on(tmp_path, tick, variables, soc, monkeypatch):
    """Prevents names in a channel whose deployment has covered them, and a key that stands in the definitions."""
    write_alerts(tmp_path, Made("a", "ann.planted", NOON, reason="seen by ann.planted"))
    key = base64.b64encode(bytes(range(64))).decode()
    for name, value in {"UPLOADWATCH_PSEUDONYMS": "true", "UPLOADWATCH_PSEUDONYM_KEY": key}.items():
        variables[name] = value
        monkeypatch.setenv(name, value)
    assert tick(NOW).startswith("1 entered, 1 sent")
    [body] = soc.bodies().values()
    assert "ann.planted" not in str(body)
    assert Pseudonyms(key).reveal(body["alert"]["user"]) == "ann.planted"
    assert key not in str(build_defs(variables).resources["notifier"])


def test_the_sensor_tells_alerts(tmp_path, tick, soc):
    """Prevents alerts that nobody looks at from staying in the lake."""
    write_alerts(tmp_path, Made("a", "ann", NOON))
    assert tick(NOW) == "1 entered, 1 sent, 0 failed; 0 pending, 0 parked."
    assert tick(NOW) == "0 entered, 0 sent, 0 failed; 0 pending, 0 parked."
    assert soc.received() == [("a-1", "case.opened")]


def test_two_rounds_never_work_at_once(tmp_path, tick, soc):
    """Prevents a tick that outlives its minute from sending beside the next one."""
    write_alerts(tmp_path, Made("a", "ann", NOON))
    with alone(tmp_path) as may:
        assert may
        assert tick(NOW) == "Another round is at work."
    assert soc.received() == []


def test_a_feed_that_stops_is_told_once_and_once_again_when_it_is_back(tick, instance, soc):
    """Prevents a provider that stopped from going unnoticed, and from being told of by every tick."""
    now = datetime.now(UTC)

    def looked(*, passed: bool, said: str) -> None:
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=FRESH.asset_key, check_name="fresh", passed=passed, description=said)
        )

    tick(now)
    looked(passed=True, said="well")
    tick(now)
    assert soc.received() == []
    for passed, said in ((False, "the newest event of box is of 2026-02-01"), (True, "well again"), (False, "gone")):
        for _ in range(2):
            looked(passed=passed, said=said)
            tick(now)
    assert soc.received() == [
        ("feed-box-1", "feed.stale"),
        ("feed-box-2", "feed.fresh"),
        ("feed-box-3", "feed.stale"),
    ]
    assert soc.bodies()["feed-box-1"]["feed"] == {
        "provider": "box",
        "reason": "the newest event of box is of 2026-02-01",
    }


def test_a_new_source_has_a_day_for_its_first_events(tick, instance, soc, tmp_path):
    """Prevents a message for each source on the first day, and a source without any event that nobody is told of."""
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    manifest = Manifest(Lake(root=str(tmp_path / "lake")).directory("box/audit_events", hour.date()))
    land(manifest, hour, hour + timedelta(hours=1), [Page(b"")], now=now)
    for later, told in ((timedelta(hours=1), 0), (timedelta(hours=25), 1)):
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=FRESH.asset_key, check_name="fresh", passed=False, description="no event")
        )
        tick(now + later)
        assert [kind for _, kind in soc.received()] == ["feed.stale"] * told


def test_a_feed_that_no_run_looks_at_is_stale(tick, instance, soc):
    """Prevents schedules that somebody switched off from leaving the last check green for ever."""
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=FRESH.asset_key, check_name="fresh", passed=True)
    )
    now = datetime.now(UTC)
    tick(now)
    for _ in range(2):
        tick(now + timedelta(hours=25))
    assert soc.received() == [("feed-box-1", "feed.stale")]
    assert "No run has looked since" in soc.bodies()["feed-box-1"]["feed"]["reason"]


def test_a_run_that_fails_is_told_once(tmp_path, variables, instance, tick, soc):
    """Prevents a run that fails at night from being found by chance, days later."""

    @dg.op
    def breaks() -> None:
        raise ValueError("no space left\non the disk")

    @dg.job(
        tags={"dagster/asset_partition_range_start": "2026-03-01", "dagster/asset_partition_range_end": "2026-03-02"}
    )
    def broken() -> None:
        breaks()

    result = broken.execute_in_process(instance=instance, raise_on_error=False)
    defs = build_defs(variables)
    for _ in range(2):
        context = dg.build_run_status_sensor_context(
            sensor_name="run_failures",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
            resources={"clock": Clock(), "notifier": defs.resources["notifier"]},
        ).for_run_failure()
        defs.resolve_sensor_def("run_failures")(context)
    tick(datetime.now(UTC))
    [(key, body)] = soc.bodies().items()
    assert key == f"run-{result.run_id}-1"
    assert len(soc.server.asked) == 1
    assert body["run"] == {
        "run_id": result.run_id,
        "job": "broken",
        "first_day": "2026-03-01",
        "last_day": "2026-03-02",
        "failed": [{"step": "breaks", "error": "ValueError: no space left"}],
    }


def test_sensors_are_there_and_run_where_a_channel_is_configured(variables):
    """Prevents a configured channel from being silent, and a replay or a deployment without one from failing ticks."""
    defs = build_defs(variables)
    assert {sensor.name: sensor.default_status for sensor in defs.sensors} == {
        "dead_runs": dg.DefaultSensorStatus.RUNNING,
        "notifications": dg.DefaultSensorStatus.RUNNING,
        "run_failures": dg.DefaultSensorStatus.RUNNING,
    }
    dg.Definitions.validate_loadable(defs)
    for silent in (
        {**BOX, "UPLOADWATCH_HOME": variables["UPLOADWATCH_HOME"]},
        {**variables, "UPLOADWATCH_NOW": str(NOW)},
    ):
        assert [sensor.name for sensor in build_defs(silent).sensors] == ["dead_runs"]


def test_half_a_channel_is_told_and_keeps_nothing_from_loading(variables, caplog):
    """Prevents a channel without its address from being left out in silence, and from keeping all else from running."""
    del variables["UPLOADWATCH_NOTIFY_SOC_URL"]
    dg.Definitions.validate_loadable(build_defs(variables))
    assert "UPLOADWATCH_NOTIFY_SOC_URL is not set" in caplog.text


def test_no_secret_is_in_the_definitions(variables):
    """Prevents the UI from showing a channel's address or secret among the resources."""
    shown = repr(build_defs(variables).resources)
    assert "UPLOADWATCH_NOTIFY_SOC_SECRET" in shown
    assert SECRET not in shown
    assert PATH not in shown


def test_a_secret_is_not_kept_in_the_outbox_of_the_sensor(tmp_path, tick, soc):
    """Prevents the file that a backup copies from holding what the channels sign in with."""
    write_alerts(tmp_path, Made("a", "ann", NOON))
    tick(NOW)
    assert outbox_of(tmp_path).counts()["sent"] == 1
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in content
    assert PATH.encode() not in content
