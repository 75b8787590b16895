"""Runs of the pull against the sandbox with faults, and the lake's content afterwards."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import zstandard

from lake.manifest import Manifest
from orchestration.definitions import build_defs
from tests.support.memory import connect
from tests.support.sandbox_server import Client, serving, uploads

PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
DAY = "2026-01-05"
NOW = "2026-01-06T00:00:00Z"
READ = ("logged_uploads", "uploads", "activity", "rejects")
TOKEN = {"google_workspace": "google_token"}
Fault = dict[str, Any]


def of(*providers: str) -> pytest.MarkDecorator:
    """Run a test with the days of these providers."""
    return pytest.mark.parametrize("served", providers, indirect=True)


def token_of(provider: str) -> str:
    """Return the name of the API that issues the provider's tokens."""
    return TOKEN.get(provider, f"{provider}_token")


def rows(provider: str, count: int = 90) -> list[dict[str, Any]]:
    """Return uploads, one every eight minutes of the day, and a sign-in."""
    found = uploads(provider, count)
    for number, row in enumerate(found):
        row["time"] = f"{DAY}T{number * 8 // 60:02}:{number * 8 % 60:02}:00"
    return [*found, {"provider": provider, "kind": "sign_in", "time": f"{DAY}T12:01:00", "user": "ann.lee@example.com"}]


@dataclass
class Pulled:
    """Lake contents and check results after a run.

    Attributes:
        checks: Outcomes of the checks, by name.
        metadata: Metadata of the audit events.
        manifest: The manifest of the day.
        events: The landed lines with their counts.
        uploads: The uploads read from them; none if they were not read.
    """

    checks: Mapping[str, dg.AssetCheckEvaluation]
    metadata: Mapping[str, Any]
    manifest: Manifest
    events: Counter[bytes]
    uploads: Counter[tuple[Any, ...]]

    @property
    def failure(self) -> str:
        """Return the check's message if the provider did not answer; "" if it did."""
        found = self.checks["pulled"]
        return "" if found.passed else found.description or ""


def landed(manifest: Manifest) -> Counter[bytes]:
    """Return the landed lines of a day."""
    found: Counter[bytes] = Counter()
    for path in manifest.files:
        with Path(path).open("rb") as file:
            found.update(zstandard.ZstdDecompressor().stream_reader(file).read().splitlines())
    return found


def read_uploads(path: Path) -> Counter[tuple[Any, ...]]:
    """Return the uploads of a day."""
    query = 'SELECT event_key, asset, "user", file_name, bytes FROM read_parquet(?)'
    with connect() as con:
        return Counter(con.execute(query, [str(path)]).fetchall())


class Provider:
    """A sandbox with one provider's day, and runs over it."""

    def __init__(self, client: Client, folder: Path, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client, self.provider, self._folder = client, provider, folder
        self._earlier: dict[str, tuple[Path, Pulled]] = {}
        self._instance = dg.DagsterInstance.ephemeral()
        # The whole day is one slice, so that it is clear which requests a fault affects.
        one_slice = {f"{provider.removesuffix('_workspace').upper()}_PARALLEL_SLICES": "1"}
        client.environment = {**client.environment, **one_slice}
        for name, value in client.environment.items():
            monkeypatch.setenv(name, value)

    def pulled_at(self, now: str, home: Path) -> Pulled:
        """Return the result of a calm run at a time of the day, copied into this home; one run serves all homes."""
        if now not in self._earlier:
            self.play()
            place = self._folder / f"at-{now[11:13]}"
            self._earlier[now] = (place, self.pull(place, now=now))
        place, pulled = self._earlier[now]
        shutil.copytree(place, home, dirs_exist_ok=True)
        return replace(pulled, manifest=self._manifest(home))

    def play(self, *faults: Fault) -> None:
        """Activate a fault plan."""
        plan = [{"api": self.provider, **fault} for fault in faults]
        answer = self.client.plain.put(f"{self.client.url}/_sandbox/faults", json=plan)
        assert answer.status_code == 200, answer.text

    def played(self) -> list[int]:
        """Return how often each fault of the plan was played."""
        return [fault["played"] for fault in self.client.plain.get(f"{self.client.url}/_sandbox/faults").json()]

    def pull(
        self, home: Path, *, now: str = NOW, read: bool = False, settings: Mapping[str, str] | None = None
    ) -> Pulled:
        """Run over the day: the audit events and their checks, and the uploads if requested."""
        self.client.set_clock(now)
        values = {
            **self.client.environment,
            **(settings or {}),
            "UPLOADWATCH_HOME": str(home),
            "UPLOADWATCH_START_DATE": DAY,
            "UPLOADWATCH_NOW": now,
        }
        keys = [dg.AssetKey([self.provider, table]) for table in ("audit_events", *(READ if read else ()))]
        selection = dg.AssetSelection.assets(*keys) - dg.AssetSelection.checks_for_assets(*keys[1:])
        job = dg.define_asset_job("pull", selection=selection, executor_def=dg.in_process_executor)
        defs = dg.Definitions.merge(build_defs(values), dg.Definitions(jobs=[job]))
        result = defs.resolve_job_def("pull").execute_in_process(
            instance=self._instance,
            partition_key=DAY,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
        [made] = result.asset_materializations_for_node(f"{self.provider}__audit_events")
        manifest = self._manifest(home)
        uploads_of_day = home / "lake" / self.provider / "uploads" / f"day={DAY}" / "part.parquet"
        return Pulled(
            {found.check_name: found for found in result.get_asset_check_evaluations()},
            {name: value.value for name, value in made.metadata.items()},
            manifest,
            landed(manifest),
            read_uploads(uploads_of_day) if read else Counter(),
        )

    def _manifest(self, home: Path) -> Manifest:
        return Manifest(home / "lake" / self.provider / "audit_events" / f"day={DAY}")


@contextmanager
def provider_day(folder: Path, provider: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """Yield a sandbox with one provider's day."""
    with serving(folder, rows(provider), NOW) as client:
        yield Provider(client, folder, provider, monkeypatch)


def at(hour: int, minute: int = 0) -> datetime:
    """Return a time of the day."""
    return datetime(2026, 1, 5, hour, minute, tzinfo=UTC)
