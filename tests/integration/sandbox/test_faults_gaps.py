"""Expired content at Office 365: the rest lands, and the gap is recorded, shown and warned of."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from tests.support.faulty import Fault, Provider, Pulled, at, of

pytestmark = pytest.mark.sampled


@of("office365")
@pytest.mark.parametrize("quotes", ["double", "single"])
@pytest.mark.parametrize("code", ["AF20050", "AF20051", "AF20052"])
def test_a_blob_that_is_gone_is_a_gap_and_the_rest_lands(
    served: tuple[Provider, Pulled], code: str, quotes: str, tmp_path: Path
) -> None:
    """Prevents one lost blob from holding back all others for ever, or from passing for a quiet quarter of an hour."""
    day, calm = served
    day.play({"kind": "refused", "code": code, "quotes": quotes, "path": "/audit/", "pass_first": 1, "times": 2})
    pulled = day.pull(tmp_path)
    assert pulled.failure == ""
    assert not pulled.events - calm.events
    lost = sum((calm.events - pulled.events).values())
    assert 0 < lost < 10
    [piece] = pulled.manifest.slices.values()
    assert len(piece.gaps) == 2
    for gap in piece.gaps:
        assert "2026-01-05T00:" in gap["start"]
        assert gap["start"] < gap["end"]
        assert code in gap["cause"]
    assert pulled.metadata["gaps"] == [f"{gap['start']} to {gap['end']}: {gap['cause']}" for gap in piece.gaps]
    check = pulled.checks["gaps"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert f"office365 gave nothing from {piece.gaps[0]['start']} to {piece.gaps[0]['end']}" in (
        check.description or ""
    )
    assert code in (check.description or "")
    [first, _] = json.loads(json.dumps(check.metadata["gaps"].value))
    assert first == {"provider": "office365", **piece.gaps[0]}


@of("office365")
def test_a_window_that_is_too_old_is_cut_and_the_cut_is_a_gap(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents the last day that Microsoft keeps from being lost whole because its first minutes are."""
    day, calm = served
    fault: Fault = {"kind": "refused", "code": "AF20055", "path": "/content"}
    day.play(fault)
    # Seven days later, less what is kept: the first 35 minutes are gone, and ten more by Microsoft's own clock.
    pulled = day.pull(tmp_path, now="2026-01-12T00:30:00Z")
    assert pulled.failure == ""
    [piece] = pulled.manifest.slices.values()
    bounds = [(gap["start"], gap["end"]) for gap in piece.gaps]
    kept = at(0, 35)
    assert bounds == [
        (at(0).isoformat(), kept.isoformat()),
        (kept.isoformat(), (kept + timedelta(minutes=10)).isoformat()),
    ]
    assert not pulled.events - calm.events
    assert sum(pulled.events.values()) > 100
    # The six days since were not pulled either.
    assert pulled.checks["gaps"].severity is dg.AssetCheckSeverity.ERROR
    assert not pulled.checks["gaps"].passed


@of("office365")
def test_a_blob_that_is_there_again_closes_the_gap(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents a gap that stays for good although the slice was pulled whole before it was final."""
    day, calm = served
    noon = "2026-01-05T12:30:00Z"
    day.play({"kind": "refused", "code": "AF20050", "path": "/audit/"})
    assert not day.pull(tmp_path, now=noon).checks["gaps"].passed
    day.play()
    pulled = day.pull(tmp_path)
    assert pulled.checks["gaps"].passed
    assert set(pulled.events) == set(calm.events)


@of("office365")
def test_a_subscription_that_another_client_started_is_no_failure(
    served: tuple[Provider, Pulled], tmp_path: Path
) -> None:
    """Prevents AF20024, which Microsoft answers with 400, from ending a pull."""
    day, calm = served
    none: Fault = {"kind": "answer", "status": 200, "body": [], "path": "/subscriptions/list"}
    day.play(none, {"kind": "refused", "code": "AF20024", "path": "/start", "times": 3})
    assert day.pull(tmp_path).events == calm.events
    assert day.played() == [1, 3]
