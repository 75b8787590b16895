"""Collector of the metrics: reads a home whenever it is scraped."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock, Thread

import duckdb
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from common.clock import Clock
from common.errors import MendableError
from detection.sql import ENGINE
from lake.store import Lake
from lake.usage import TableSizes
from orchestration.monitoring.catalogue import METRICS, Sample
from orchestration.monitoring.last_runs import LastRun, RunRecords, RunRecordsError
from orchestration.monitoring.parts import HOME_PARTS, SOURCE_PARTS, Scene, run_samples
from orchestration.monitoring.reading import landed_sources

__all__ = ["HomeCollector", "registry_of"]

_PATIENCE_SECONDS = 3.0
"""Longest time that a scrape waits for the run storage, which may be a database on another machine."""
_START_SECONDS = 60.0
logger = logging.getLogger(__name__)


class HomeCollector(Collector):
    """Collector of a home. A part that cannot be read is counted, and the others are reported.

    Args:
        home: Directory of the deployment.
        values: The environment.
        clock: Source of the present time.
    """

    def __init__(self, home: Path, values: Mapping[str, str], clock: Clock) -> None:
        self._home, self._values, self._clock = home, values, clock
        self._lake = Lake(root=str(home / "lake"))
        self._sizes = TableSizes(self._lake)
        self._failures: Counter[tuple[str, str]] = Counter()
        # A fault that lasts is logged once.
        self._said: dict[tuple[str, str], str] = {}
        self._runs = _Slow(RunRecords(home, values).all)
        self._one_at_a_time = Lock()

    def start(self) -> None:
        """Import what reads the runs, which takes longer than a scrape may; what cannot be read is counted later."""
        with suppress(RunRecordsError):
            self._runs.read(_START_SECONDS)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return nothing, so that registering this reads nothing."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yield all metrics, as the home is now."""
        with self._one_at_a_time:
            samples = list(self._samples())
        by_name: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            by_name[sample.name].append(sample)
        for name, metric in METRICS.items():
            family = (CounterMetricFamily if metric.counter else GaugeMetricFamily)(
                name, metric.help, labels=metric.labels
            )
            for sample in by_name[name]:
                family.add_metric(sample.labels, float(sample.value))
            yield family

    def _samples(self) -> Iterator[Sample]:
        with duckdb.connect(config=dict(ENGINE)) as con:
            scene = Scene(self._home, self._lake, con, self._clock.now(), self._values, self._sizes)
            for part, look in HOME_PARTS.items():
                yield from self._part(part, "", partial(look, scene))
            for provider in landed_sources(self._lake):
                for part, look_at in SOURCE_PARTS.items():
                    yield from self._part(part, provider, partial(look_at, scene, provider))
            yield from self._part("runs", "", lambda: self._last_runs(scene.now))
        for labels, count in sorted(self._failures.items()):
            yield Sample("uploadwatch_scrape_part_failures_total", count, labels)

    def _last_runs(self, now: datetime) -> Iterator[Sample]:
        return run_samples(self._runs.read(), now)

    def _part(self, part: str, provider: str, look: Callable[[], Iterable[Sample]]) -> list[Sample]:
        """Return the samples of a part, and how reading it went; a part that fails half-way gives none of its own."""
        labels = (part, provider)
        began = time.perf_counter()
        try:
            found = list(look())
            success = True
            self._said.pop(labels, None)
        except Exception as error:  # noqa: BLE001 -- whatever is damaged, all other parts are reported
            found, success = [], False
            said = str(error) if isinstance(error, MendableError) else f"{type(error).__name__}: {error}"
            if self._said.get(labels) != said:
                logger.warning("The part %s of the metrics cannot be read: %s", "/".join(filter(None, labels)), said)
            self._said[labels] = said
        self._failures[labels] += not success
        return [
            *found,
            Sample("uploadwatch_scrape_part_success", success, labels),
            Sample("uploadwatch_scrape_part_duration_seconds", time.perf_counter() - began, labels),
        ]


class _Slow:
    """Reader in a thread of its own, which a scrape does not wait for longer than it can.

    Args:
        read: Reads the last runs.
    """

    def __init__(self, read: Callable[[], list[LastRun]]) -> None:
        self._read = read
        self._pending: Future[list[LastRun]] | None = None

    def read(self, patience_seconds: float = _PATIENCE_SECONDS) -> list[LastRun]:
        """Return the last runs.

        Args:
            patience_seconds: Longest wait.

        Raises:
            RunRecordsError: They cannot be read, or not in time.
        """
        # An answer that came after its scrape had ended is old.
        if self._pending is None or self._pending.done():
            self._pending = Future()
            Thread(target=self._answer, args=(self._pending,), daemon=True).start()
        try:
            return self._pending.result(patience_seconds)
        except TimeoutError:
            raise RunRecordsError(
                f"Dagster's run storage did not answer within {patience_seconds:.0f} seconds. See whether its "
                "database runs."
            ) from None

    def _answer(self, answer: Future[list[LastRun]]) -> None:
        try:
            answer.set_result(self._read())
        except BaseException as error:  # noqa: BLE001 -- raised again where it is waited for
            answer.set_exception(error)


def registry_of(collector: HomeCollector) -> CollectorRegistry:
    """Return a registry with the collector alone."""
    registry = CollectorRegistry()
    registry.register(collector)
    return registry
