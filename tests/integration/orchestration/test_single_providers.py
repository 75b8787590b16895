"""The whole pipeline with one provider configured: any one of the four is enough."""

from __future__ import annotations

import os

import pytest

from connectors import variables
from orchestration.definitions import build_defs
from providers import PROVIDERS
from tests.support.pipeline import Quick, burst, moment, watch, write

pytestmark = pytest.mark.sampled

DAYS = 4


@pytest.fixture(scope="module")
def workload(tmp_path_factory):
    events = [e for p in PROVIDERS for e in burst(p, f"at.{p}@example.com", moment(3, 9), files=600, minutes=50)]
    return write(tmp_path_factory.mktemp("single") / "workload.parquet", events, days=DAYS, people=40)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_one_provider_is_enough(workload, tmp_path, monkeypatch, provider):
    """Prevents a pipeline that needs all four, or shows assets and alerts of providers that are not configured."""
    for other in PROVIDERS:
        for name in variables(other):
            monkeypatch.delenv(name, raising=False)
    home = watch(workload, tmp_path, days=DAYS, providers=[provider], detector=Quick())
    [alert] = home.of(f"at.{provider}@example.com")
    assert (alert["files"], alert["providers"]) == (600, [provider])
    assert {name for found in home.alerts for name in found["providers"]} == {provider}
    values = {**os.environ, "UPLOADWATCH_NOW": moment(DAYS, 0).isoformat()}
    keys = build_defs(values).resolve_asset_graph().get_all_asset_keys()
    assert {key.path[0] for key in keys if len(key.path) > 1} == {provider}


def test_without_its_scope_sizes_are_unknown_and_files_detect(workload, tmp_path):
    """Prevents unknown sizes from counting as zero bytes, and detection from going silent where they are missing."""
    home = watch(
        workload,
        tmp_path,
        days=DAYS,
        providers=["google_workspace"],
        settings={"GOOGLE_RECOVER_SIZES": "false"},
        detector=Quick(),
    )
    [alert] = home.of("at.google_workspace@example.com")
    assert (alert["files"], alert["sized_files"], alert["bytes"]) == (600, 0, None)
    assert "sizes unknown" in alert["sentence"]
