"""Faults that stay: a run says which provider, which request, why and what to do, and leaves what had landed."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from tests.support.faulty import PROVIDERS, Fault, Provider, Pulled, of, token_of

pytestmark = pytest.mark.sampled

MORNING, NOON = "2026-01-05T06:30:00Z", "2026-01-05T12:30:00Z"
VARIABLES = {"box": "BOX_", "dropbox": "DROPBOX_", "google_workspace": "GOOGLE_", "office365": "OFFICE365_"}


def refused(day: Provider, home: Path, calm: Pulled, *faults: Fault, sliced: bool = False) -> str:
    """Return the error of the run at noon, after a calm one in the morning; check that all is there again afterwards.

    Args:
        day: The provider's day.
        home: Where the lake is.
        calm: The calm run.
        faults: Faults in play at noon.
        sliced: Whether slices may land before the fault is met.
    """
    morning = day.pulled_at(MORNING, home)
    landed, before = dict(morning.manifest.slices), morning.events
    # Six hours, and two quarters.
    assert len(landed) == 8
    day.play(*faults)
    noon = day.pull(home, now=NOON)
    assert sum(day.played()) > 0
    if not sliced:
        assert noon.manifest.slices == landed
        assert noon.events == before
    assert not before - noon.events
    day.play()
    assert set(day.pull(home).events) == set(calm.events)
    assert noon.failure.startswith(f"{day.provider}: ")
    assert noon.metadata["dagster/partition_row_count"] == sum(noon.events.values())
    return noon.failure


@of(*PROVIDERS)
def test_a_refused_sign_in_names_the_variables(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents an expired secret from reading as a provider without events."""
    day, calm = served
    said = refused(day, tmp_path, calm, {"api": token_of(day.provider), "kind": "sign_in_refused", "times": "always"})
    assert f"Check {VARIABLES[day.provider]}" in said


@of(*PROVIDERS)
def test_a_token_revoked_between_pages_ends_the_pull(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents half a slice from landing, and endless sign-ins, where consent is withdrawn during a run."""
    day, calm = served
    gone: Fault = {"api": token_of(day.provider), "kind": "sign_in_refused", "pass_first": 1, "times": "always"}
    said = refused(day, tmp_path, calm, {"kind": "token_expired", "pass_first": 3}, gone, sliced=True)
    assert f"Check {VARIABLES[day.provider]}" in said


SCOPES = {
    "box": "Manage enterprise properties",
    "dropbox": "events.read",
    "google_workspace": "admin.reports.audit.readonly",
    "office365": "ActivityFeed.Read",
}


@of(*PROVIDERS)
def test_a_missing_scope_is_named(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents a bare 403, which leaves the reader to guess what to grant."""
    day, calm = served
    assert SCOPES[day.provider] in refused(day, tmp_path, calm, {"kind": "missing_scope", "times": "always"})


@of(*PROVIDERS)
def test_a_provider_that_is_down_is_given_up(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents a run without end, and an outage that reads as a mistake of the operator."""
    day, calm = served
    said = refused(day, tmp_path, calm, {"kind": "failing", "retry_after": 0, "times": "always"})
    assert "HTTP 503" in said
    assert "run again later" in said
    assert day.provider in said


@of(*PROVIDERS)
def test_an_hour_of_throttling_is_not_slept_through(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents a run that holds its place for an hour because the provider asks for it."""
    day, calm = served
    said = refused(day, tmp_path, calm, {"kind": "throttled", "retry_after": 3600})
    assert "The provider throttles or fails" in said


@of(*PROVIDERS)
def test_a_redirect_is_told_and_not_followed(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents a token from being carried elsewhere, and a wrong address of the API from reading as silence."""
    day, calm = served
    said = refused(day, tmp_path, calm, {"kind": "redirect", "to": "http://127.0.0.1:9", "times": "always"})
    assert "redirects are not followed" in said
    assert "Correct the configured address" in said


OWN: dict[str, tuple[str, Fault, str, str]] = {
    "no file events": ("dropbox", {"kind": "no_file_events"}, "the team's log shows no file events", "Business Plus"),
    "auditing off": (
        "office365",
        {"kind": "auditing_off", "times": "always"},
        "does not exist",
        "auditing is switched on in Purview",
    ),
    "another tenant": ("office365", {"kind": "wrong_tenant"}, "AF20010", "check OFFICE365_TENANT_ID"),
    "no such tenant": (
        "office365",
        {"api": "office365_token", "kind": "wrong_tenant"},
        "AADSTS90002",
        "Check OFFICE365_TENANT_ID",
    ),
    "disabled": ("office365", {"kind": "refused", "code": "AF20023", "path": "/content"}, "AF20023", "Purview"),
    "window refused": (
        "office365",
        {"kind": "refused", "code": "AF20030", "quotes": "single", "path": "/content"},
        "AF20030",
        "Read the provider's message",
    ),
    "internal error": (
        "office365",
        {"kind": "refused", "code": "AF50000", "quotes": "single", "path": "/audit/", "times": "always"},
        "AF50000",
        "run again later",
    ),
}


@pytest.mark.parametrize(("served", "fault", "cause", "remedy"), OWN.values(), ids=OWN, indirect=["served"])
def test_what_only_one_provider_refuses_is_told(
    served: tuple[Provider, Pulled],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    cause: str,
    remedy: str,
) -> None:
    """Prevents a plan, a tenant or a switch that hides all uploads from passing for a quiet day."""
    # Microsoft names no time to wait, and all attempts would come to half a minute.
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)
    day, calm = served
    day.play(fault)
    pulled = day.pull(tmp_path)
    assert cause in pulled.failure
    assert remedy in pulled.failure
    assert pulled.manifest.slices == {}
    # What mends itself by asking again warns; what needs the operator fails.
    severity = dg.AssetCheckSeverity.WARN if cause == "AF50000" else dg.AssetCheckSeverity.ERROR
    assert pulled.checks["pulled"].severity is severity
    day.play()
    assert day.pull(tmp_path).events == calm.events
