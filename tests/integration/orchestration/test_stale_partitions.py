"""A changed rule shows which partitions it makes stale, on a real instance of Dagster."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleCauseCategory, StaleStatus
from dagster._core.loader import LoadingContextForTest

from detection import dependencies
from detection.tables import TABLES
from lake.store import Lake
from orchestration.definitions import build_defs
from tests.support.memory import connect

pytestmark = pytest.mark.sampled

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = NOW.date()
DAYS = [DAY - timedelta(days=ago) for ago in (1, 0)]
KEYS = {"BOX_CLIENT_ID": "a", "BOX_CLIENT_SECRET": "b", "BOX_ENTERPRISE_ID": "1"}
MADE = (
    *("user_hours", "baselines", "recent_sums", "scores", "period_sums", "thresholds", "detections", "causes"),
    *("evaluations", "alerts"),
)


class Deployment:
    """A lake with uploads of two days, and runs of what follows them."""

    def __init__(self, home: str, instance: dg.DagsterInstance) -> None:
        self.home, self.instance, self.settings = home, instance, KEYS
        lake = Lake(root=f"{home}/lake")
        columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES["uploads"])
        for day in DAYS:
            with connect() as con:
                con.execute(f"CREATE TABLE made ({columns})")
                con.execute(
                    'INSERT INTO made (provider, event_key, asset, time, "user", actor_class, extension) '
                    f"VALUES ('box', '{day}', 0, TIMESTAMP '{day} 09:00:00', 'ann@example.com', 'person', '')"
                )
                lake.write(con, "made", "box/uploads", day, "")

    def defs(self) -> dg.Definitions:
        values = {**self.settings, "UPLOADWATCH_HOME": self.home, "UPLOADWATCH_NOW": NOW.isoformat()}
        selection = dg.AssetSelection.assets(*MADE).without_checks()
        job = dg.define_asset_job("made", selection=selection, executor_def=dg.in_process_executor)
        return dg.Definitions.merge(build_defs(values), dg.Definitions(jobs=[job]))

    def run(self, first: int = 0) -> None:
        ends = (("start", DAYS[first]), ("end", DAY))
        tags = {f"dagster/asset_partition_range_{end}": day.isoformat() for end, day in ends}
        assert self.defs().resolve_job_def("made").execute_in_process(tags=tags, instance=self.instance).success

    def stale(self) -> dict[str, set[str]]:
        """Return the tables with partitions that a changed rule makes stale, and the causes that Dagster names."""
        graph = self.defs().resolve_asset_graph()
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        found: dict[str, set[str]] = {}
        for table in MADE:
            for day in DAYS:
                key, partition = dg.AssetKey(table), day.isoformat()
                assert resolver.get_status(key, partition) is not StaleStatus.MISSING
                for cause in resolver.get_stale_causes(key, partition):
                    if cause.category is StaleCauseCategory.CODE:
                        assert resolver.get_status(key, partition) is StaleStatus.STALE
                        found.setdefault(f"{table}: {cause.reason}", set()).add(partition)
        return found


@pytest.fixture
def deployment(tmp_path, monkeypatch) -> Iterator[Deployment]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        made = Deployment(str(tmp_path), instance)
        made.run()
        yield made


def test_a_changed_query_makes_the_partitions_of_its_table_stale(deployment, monkeypatch):
    """Prevents a rule that is changed and partitions that go on showing what the old one said, with no sign of it."""
    assert deployment.stale() == {}
    digest = dependencies._digest
    monkeypatch.setattr(
        dependencies, "_digest", lambda path: digest(path) + "changed" * (path.name == "user_hours.sql")
    )
    dependencies._found.cache_clear()
    cause = "user_hours: has a new code version"
    assert deployment.stale() == {cause: {day.isoformat() for day in DAYS}}
    # A run over today computes the days before that exist, too, and reports them: nothing is stale any more.
    deployment.run(first=1)
    assert deployment.stale() == {}
    # So they are if the rule changes once more.
    monkeypatch.setattr(dependencies, "_digest", digest)
    dependencies._found.cache_clear()
    assert deployment.stale() == {cause: {day.isoformat() for day in DAYS}}


def test_the_event_log_takes_little_of_each_partition(deployment):
    """Prevents metadata that make an event log of gigabytes of a year of ticks."""
    sizes: dict[str, int] = {}
    for table in MADE:
        for record in deployment.instance.fetch_materializations(dg.AssetKey(table), limit=10).records:
            made = record.asset_materialization
            assert made is not None
            size = sum(len(name) + len(str(value.value)) for name, value in made.metadata.items())
            sizes[f"{table} {made.partition}"] = size
            assert ("preview" in made.metadata) <= (made.partition == DAY.isoformat())
            assert size < (8_000 if made.partition == DAY.isoformat() else 600), f"{table}: {size} bytes"
    assert sizes[f"user_hours {DAY}"] > 1_000


def test_a_changed_setting_makes_stale_what_depends_on_it(deployment):
    """Prevents a new budget from making a month of baselines look out of date; detections store all settings."""
    deployment.settings = {**KEYS, "UPLOADWATCH_BUDGET": "5"}
    changed = "has a new code version"
    made = {"thresholds", "detections", "causes"}
    assert set(deployment.stale()) == {f"{table}: {changed}" for table in made}


def test_sums_of_days_are_made_where_they_are_missing_or_of_other_hours(deployment):
    """Prevents baselines without the days that a lake has no sums of yet, or with the sums of hours that changed."""
    lake = Lake(root=f"{deployment.home}/lake")

    def learnt() -> tuple[str, str]:
        """The baselines' content, and that of the sums that they were added up from."""
        baselines, sums = lake.note("baselines", DAY), lake.note("day_sums", DAYS[0])
        assert baselines is not None
        assert sums is not None
        return baselines.content, sums.content

    found = learnt()
    assert lake.days("day_sums") == DAYS[:1]
    for lost in (lake.directory("day_sums", DAYS[0]), lake.directory("baselines", DAY)):
        shutil.rmtree(lost)
    deployment.run()
    assert learnt() == found
    with connect() as con:
        lake.view(con, "uploads", ["box/uploads"], [DAYS[0]])
        more = "(FROM uploads UNION ALL SELECT * REPLACE (concat(file_id, '-2') AS file_id) FROM uploads)"
        lake.write(con, more, "box/uploads", DAYS[0], "more")
    deployment.run()
    assert all(now != before for now, before in zip(learnt(), found, strict=True))
