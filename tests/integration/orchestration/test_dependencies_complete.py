"""Comparison of the functions and queries that run while a table is made with those that its version covers."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb
import pytest

from assets.core import refresh
from assets.core.code_version import MADE_BY, dependencies_of
from assets.core.refresh import Step
from detection.dependencies import ROOT
from providers import PROVIDERS
from tests.support.damaged_home import made_home

pytestmark = pytest.mark.sampled

LOOKED_AT = ("detection", "dossier", "providers")
NOT_FOLLOWED = (
    *("detection.sql", "detection.tables", "detection.dependencies", "detection.definitions"),
    # Its values are covered, as the code reads them.
    "detection.rule",
    # It decides which pages are made again, and where they are; its functions for their content are followed.
    "dossier.page_builder",
)
OF_THE_SEARCH = {"detection.parameters.settings_of"}
IN_THE_UI_ALONE = {"sizes/coverage"}


class Recorder:
    """Functions and queries that ran while each table was made, by table."""

    def __init__(self) -> None:
        self.functions: dict[str, set[str]] = defaultdict(set)
        self.queries: dict[str, set[str]] = defaultdict(set)

    @contextmanager
    def record(self, table: str) -> Iterator[None]:
        """Record what this thread calls."""

        def note(frame: FrameType, event: str, _: Any) -> None:
            code = frame.f_code
            if event != "call" or not code.co_filename.startswith(str(ROOT)):
                return
            path = Path(code.co_filename).relative_to(ROOT)
            module = ".".join(path.with_suffix("").parts)
            if module == "detection.sql" and code.co_name == "load":
                self.queries[table].add(frame.f_locals["name"])
            elif module.split(".")[0] in LOOKED_AT and module not in NOT_FOLLOWED and path.suffix == ".py":
                name = code.co_qualname.partition(".")[0]
                self.functions[table].add(f"{module.removesuffix('.__init__')}.{name}")

        sys.setprofile(note)
        try:
            yield
        finally:
            sys.setprofile(None)


def test_all_that_runs_while_a_table_is_made_is_in_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a function or query that decides a table from being missed by the search over the source."""
    recorder = Recorder()
    bring = refresh._bring_up_to_date

    def recorded(con: duckdb.DuckDBPyConnection, lake: Any, step: Step, day: date) -> Any:
        def compute(own: duckdb.DuckDBPyConnection, of: date) -> Any:
            with recorder.record(next(iter(step.outputs.values()))):
                return step.compute(own, of)

        return bring(con, lake, replace(step, compute=compute), day)

    monkeypatch.setattr(refresh, "_bring_up_to_date", recorded)
    # One day at a time: another thread would clear what this one has loaded.
    monkeypatch.setattr(refresh, "_DAYS_AT_ONCE", 1)
    made_home(tmp_path, tuple(PROVIDERS))
    seen = {name.split("/")[-1] for name in recorder.functions | recorder.queries}
    # Steps are recorded under the first of the tables that they make.
    beside = {"activity", "rejects", "recent_sums", "period_sums", "causes", "evaluations"}
    assert seen >= set(MADE_BY) - {*beside, "exports", "file_sizes"}
    missed = {}
    for name in recorder.functions | recorder.queries:
        *provider, table = name.split("/")
        known = dependencies_of(table, provider[0] if provider else "")
        others = dependencies_of("evaluations") if table == "detections" else known
        missed[name] = (
            recorder.functions[name] - set(known.definitions) - set(others.definitions) - OF_THE_SEARCH,
            recorder.queries[name] - {*known.queries, *others.queries} - IN_THE_UI_ALONE,
        )
    assert {name: found for name, found in missed.items() if any(found)} == {}
