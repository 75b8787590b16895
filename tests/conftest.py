"""Hooks for every test."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

from lake.home import REPLAY_NOTE
from tests.support.sampled import PARTS, VARIABLE, choose, deselect


def pytest_configure(config: pytest.Config) -> None:
    """Register the `sampled` marker, and choose the part before the run starts other processes."""
    config.addinivalue_line("markers", "sampled: takes long, so that a run takes one case, or module, in six")
    choose()
    # How long an example takes says something of the machine alone.
    settings.register_profile("suite", deadline=None)
    settings.load_profile("suite")


def pytest_report_header() -> str:
    """Report the part of the long tests that the run takes."""
    return f"long tests: part {choose()} of {PARTS} ({VARIABLE}=all for all)"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect long tests of other parts."""
    deselect(config, items)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from scanning the imported modules again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def beside_a_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prevents tests that pass or fail by whether the demo was made before: each runs beside one, in no one's home."""
    directory = tmp_path_factory.mktemp("elsewhere")
    (directory / ".uploadwatch").mkdir()
    (directory / ".uploadwatch" / REPLAY_NOTE).write_text("{}", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        yield
