"""The production profile in `deploy/`: Dagster's daemon, a code server and PostgreSQL, as processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg2
import pytest

from orchestration.storage.run_retention import remove_old_runs
from tests.support.production import POSTGRES, Production, needs_postgres, producing

pytestmark = [needs_postgres, pytest.mark.sampled("module")]


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    with producing(tmp_path_factory.mktemp("production"), postgres=True) as running:
        yield running


def test_a_tick_goes_through_the_queue_and_survives_the_end_of_its_process(production):
    """Prevents a tick that is lost with its process, and an event log that is not in the database."""
    production.hold_back()
    first = production.tick()
    os.kill(production.worker(first), signal.SIGKILL)
    production.answer_again()
    assert production.ended(first).status == dg.DagsterRunStatus.FAILURE
    second = production.ended(production.begun_again(first))
    assert second.status == dg.DagsterRunStatus.SUCCESS
    assert second.tags["dagster/retry_number"] == "1"
    queued = production.instance.all_logs(first.run_id, of_type=dg.DagsterEventType.RUN_ENQUEUED)
    assert len(queued) == 1
    with psycopg2.connect(_database_url(production)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT asset_key FROM event_logs WHERE run_id = %s AND dagster_event_type = %s",
            (second.run_id, "ASSET_MATERIALIZATION"),
        )
        made = {key for (key,) in cursor.fetchall()}
    assert {'["box", "audit_events"]', '["alerts"]'} <= made


def test_a_run_is_begun_again_after_the_machine_went_down(production):
    """Prevents a run that stays started for ever, and all ticks that would wait for it."""
    production.hold_back()
    first = production.tick()
    production.worker(first)
    production.stop_the_machine()
    production.answer_again()
    production.start_code_server()
    assert production.ended(first).status == dg.DagsterRunStatus.FAILURE
    assert production.ended(production.begun_again(first)).status == dg.DagsterRunStatus.SUCCESS


def test_old_runs_leave_the_database(production):
    """Prevents a removal that works on SQLite only, or that takes what the UI says of the days with it."""
    instance = production.instance
    key = dg.AssetKey(["box", "audit_events"])
    known = instance.get_materialized_partitions(key)
    assert known
    removed, kept = remove_old_runs(instance, datetime.now(UTC) + timedelta(days=1))
    assert (removed, kept) == (3, 1)
    assert instance.get_runs_count() == 1
    assert instance.get_materialized_partitions(key) == known


def _database_url(production: Production) -> str:
    return POSTGRES.rpartition("/")[0] + "/" + os.environ["DAGSTER_PG_DATABASE"]
