"""Metrics: a real server that is scraped over HTTP, and homes in which something is missing or damaged."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bench.chaos.damages import DAMAGES
from common.clock import Clock
from orchestration.monitoring.catalogue import METRICS
from orchestration.monitoring.collector import HomeCollector, registry_of
from tests.support.monitored_home import finished_run, monitored_home, variables
from tests.support.production import DEPLOY, database, needs_postgres
from tests.support.waiting import PATIENCE_SECONDS, wait_until

Labels = frozenset[tuple[str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return monitored_home(tmp_path_factory.mktemp("made") / "home")


def parsed(text: str) -> dict[str, dict[Labels, float]]:
    """Return the values of each metric by its labels, as Prometheus reads them."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def scraped(home: Path, values: Mapping[str, str] | None = None) -> dict[str, dict[Labels, float]]:
    collector = HomeCollector(home, values or variables(home), Clock())
    collector.start()
    return parsed(generate_latest(registry_of(collector)).decode())


def value(found: Mapping[str, Mapping[Labels, float]], name: str, **labels: str) -> float:
    return found[name][frozenset(labels.items())]


def broken(found: Mapping[str, Mapping[Labels, float]]) -> set[tuple[str, str]]:
    """Return the parts that could not be read, with their providers."""
    return {
        (dict(labels)["part"], dict(labels)["provider"])
        for labels, success in found["uploadwatch_scrape_part_success"].items()
        if not success
    }


def files(home: Path) -> dict[str, tuple[bytes, int]]:
    """Return the content and modification time of each file, without what SQLite keeps while a database is open."""
    return {
        path.relative_to(home).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(home.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


@contextmanager
def serving(home: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli.app import main; main()", "metrics", "--port", str(port)],
        env={**os.environ, **variables(home)},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}/metrics"

    def answers() -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(url, timeout=PATIENCE_SECONDS).ok
        return False

    try:
        wait_until(answers, "the metrics are served", ended=process.poll)
        yield url
    finally:
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0


def test_a_server_is_scraped_while_the_home_changes(made: Path, tmp_path: Path) -> None:
    """Prevents figures of the time when the server was started, and a server that ends with what it reads."""
    home = shutil.copytree(made, tmp_path / "home")
    with serving(home) as url:
        answer = requests.get(url, timeout=PATIENCE_SECONDS)
        assert answer.headers["Content-Type"].startswith("text/plain")
        found = parsed(answer.text)
        assert not broken(found)
        assert value(found, "uploadwatch_open_cases", severity="Low") == 2
        assert value(found, "uploadwatch_outbox_messages", channel="soc", state="pending") == 1
        assert value(found, "uploadwatch_last_run_success", job="watch_uploads", schedule="poll") == 1
        shutil.rmtree(home / "lake" / "cases")
        (home / "outbox.db").unlink()
        found = parsed(requests.get(url, timeout=PATIENCE_SECONDS).text)
        assert broken(found) == {("outbox", "")}
        assert "uploadwatch_open_cases" not in found
        assert value(found, "uploadwatch_scrape_part_failures_total", part="outbox", provider="") == 1
        began = time.perf_counter()
        requests.get(url, timeout=PATIENCE_SECONDS)
        # A scrape takes a tenth of a second; Prometheus gives it ten.
        assert time.perf_counter() - began < 10


def test_the_figures_are_those_of_the_home(made: Path) -> None:
    """Prevents a metric that reads another thing than its name says."""
    found = scraped(made)
    assert not broken(found)
    assert value(found, "uploadwatch_source_state", provider="box", state="well") == 1
    assert value(found, "uploadwatch_source_quarantined_events", provider="box") == 2
    assert value(found, "uploadwatch_source_missing_seconds", provider="box") == 0
    assert value(found, "uploadwatch_source_newest_event_age_seconds", provider="box") < 3600
    assert value(found, "uploadwatch_budget_actual_cases", population="people") == 1
    assert value(found, "uploadwatch_budget_target_cases", population="people") == pytest.approx(0.2)
    assert 3590 < value(found, "uploadwatch_outbox_oldest_pending_age_seconds", channel="soc") < 3600 + PATIENCE_SECONDS
    assert 0 <= value(found, "uploadwatch_newest_day_age_seconds", table="evaluations") < 2 * 86400
    held = sum(path.stat().st_size for path in (made / "lake").rglob("*") if path.is_file())
    assert sum(found["uploadwatch_table_size_bytes"].values()) == held


def test_every_metric_has_a_value(made: Path) -> None:
    """Prevents a metric that is documented and never exposed, and one that names a person."""
    found = scraped(made)
    assert {name for name in found if not name.endswith("_created")} == set(METRICS)
    assert "ann@" not in str(found)
    for name, metric in METRICS.items():
        assert re.fullmatch(r"uploadwatch_[a-z_]+", name)
        assert name.endswith("_total") is metric.counter
        assert all({label for label, _ in labels} == set(metric.labels) for labels in found[name])


def test_a_scrape_changes_nothing(made: Path, tmp_path: Path) -> None:
    """Prevents a reader that repairs a file beside a run, or makes an outbox where there is none."""
    home = shutil.copytree(made, tmp_path / "home")
    for path in (home / "lake" / "box").rglob("manifest.json"):
        path.write_text("{", encoding="utf-8")
    for path in (home / "lake" / "cases").rglob("part.parquet"):
        path.write_bytes(b"damaged")
    before = files(home)
    assert broken(scraped(home)) == {("gaps", "box"), ("cases", "")}
    assert files(home) == before


@pytest.mark.sampled
@settings(max_examples=30)
@given(data=st.data())
def test_a_scrape_never_fails(made: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Prevents one damaged file from hiding everything else that is wrong, and a repair beside a run."""
    home = tmp_path_factory.mktemp("damaged") / "home"
    shutil.copytree(made, home)
    names = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    acts: list[Callable[[Path], object]] = [*DAMAGES, lambda path: (path.unlink(), path.mkdir())]
    damage = st.tuples(st.sampled_from(names), st.sampled_from(acts))
    for name, act in data.draw(st.lists(damage, min_size=1, max_size=6, unique_by=lambda each: each[0])):
        if (home / name).is_file() and (home / name).stat().st_size:
            act(home / name)
    # Dagster opens its own database for writing.
    before = {name: file for name, file in files(home).items() if not name.startswith("dagster/")}
    try:
        found = scraped(home)
        assert {name: file for name, file in files(home).items() if not name.startswith("dagster/")} == before
        assert found["uploadwatch_build_info"]
        assert ("disk", "") not in broken(found)
        assert found["uploadwatch_filesystem_free_bytes"]
    finally:
        shutil.rmtree(home)


@pytest.mark.parametrize("gone", ["lake", "dagster", "lake/box", "lake/thresholds", "outbox.db", "."])
def test_a_scrape_survives_a_missing_directory(made: Path, tmp_path: Path, gone: str) -> None:
    """Prevents an exporter that ends, and is restarted for ever, before the first run has made anything."""
    home = shutil.copytree(made, tmp_path / "home")
    removed = (home / gone).resolve()
    removed.unlink() if removed.is_file() else shutil.rmtree(removed)
    found = scraped(home)
    assert found["uploadwatch_build_info"]
    assert ("build", "") not in broken(found)
    assert (("runs", "") in broken(found)) is (gone in ("dagster", "."))
    assert (("lake", "") in broken(found)) is (gone in ("lake", "."))


def test_a_run_storage_that_hangs_delays_nothing(made: Path) -> None:
    """Prevents a database that does not answer from taking all other metrics with it."""
    collector = HomeCollector(made, variables(made), Clock())
    collector._runs._read = lambda: time.sleep(30) or []
    registry = registry_of(collector)
    began = time.perf_counter()
    found = parsed(generate_latest(registry).decode())
    assert broken(found) == {("runs", "")}
    assert time.perf_counter() - began < 20
    assert found["uploadwatch_source_state"]


@needs_postgres
def test_runs_are_read_from_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Prevents metrics that only a home with SQLite has, and a password in the log when the database is gone."""
    home = monitored_home(tmp_path / "home", runs=False)
    with database() as values:
        for name, value_ in values.items():
            monkeypatch.setenv(name, value_)
        finished_run(home, settings=(DEPLOY / "dagster.yaml").read_text(encoding="utf-8"))
        collector = HomeCollector(home, variables(home), Clock())
        collector.start()
        registry = registry_of(collector)
        found = parsed(generate_latest(registry).decode())
        assert not broken(found)
        assert value(found, "uploadwatch_last_run_success", job="watch_uploads", schedule="poll") == 1
    found = parsed(generate_latest(registry).decode())
    assert broken(found) == {("runs", "")}
    assert "run storage" in caplog.text
    assert values["DAGSTER_PG_PASSWORD"] not in caplog.text
    assert not list((home / "dagster").glob("**/*.db"))


def test_the_command_prints_once(made: Path) -> None:
    """Prevents metrics that only a server gives, so that a textfile collector can't have them."""
    run = subprocess.run(
        [sys.executable, "-c", "from cli.app import main; main()", "metrics", "--once"],
        env={**os.environ, **variables(made), "UPLOADWATCH_NOW": datetime.now(UTC).isoformat()},
        cwd=made,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    assert not broken(parsed(run.stdout))
