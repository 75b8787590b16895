"""The doctor against the sandbox: green where all is well, and what it says of a set-up that is not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.doctor import State, examine
from tests.support.doctor import (
    FORTNIGHT,
    NOW,
    PROVIDERS,
    ask,
    not_checked,
    play,
    sandbox,
    served,
    settings,
    states,
    token_of,
)
from tests.support.sandbox_server import Client

__all__ = ["sandbox", "served"]


def test_missing_subscriptions_are_started_and_told(sandbox: Client) -> None:
    """Prevents an operator from looking for a fault where new subscriptions have nothing to tell yet."""
    first, second = ask(sandbox, "office365"), ask(sandbox, "office365")
    assert states(first) == {"auditing": State.WARNING}
    assert "Audit.SharePoint" in first["auditing"].found
    assert "12 hours" in first["auditing"].to_do
    assert states(second) == {}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_good_set_up_is_green(sandbox: Client, provider: str) -> None:
    """Prevents a doctor that finds fault with what works, and one that leaves a check out."""
    ask(sandbox, provider)
    found = ask(sandbox, provider)
    assert states(found) == {}
    assert list(found)[:3] == ["configuration", "sign_in", "audit_log"]
    own = {"dropbox": {"plan"}, "google_workspace": {"plan"}, "office365": {"auditing"}}
    shared = {"sizes", "newest_event", "retention", "clock", "quota"}
    assert set(list(found)[3:]) == shared | own.get(provider, set())
    assert not any(finding.to_do for finding in found.values())


WRONG_SIGN_INS = {
    "box": "Platform Apps Manager",
    "dropbox": "let a team admin open the consent page",
    "google_workspace": "Manage Domain Wide Delegation",
    "office365": "Certificates & secrets",
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refused_sign_in_leaves_the_rest_unchecked(sandbox: Client, provider: str) -> None:
    """Prevents a wrong secret from being told as a dozen failures, or from hiding what was not looked at."""
    play(sandbox, {"api": token_of(provider), "kind": "sign_in_refused"})
    found = ask(sandbox, provider)
    assert found["sign_in"].state is State.FAILURE
    assert WRONG_SIGN_INS[provider] in found["sign_in"].to_do
    assert not_checked(found) == set(found) - {"configuration", "sign_in", "clock", "quota"}
    assert all("sign_in" in found[check].found for check in not_checked(found))
    assert found["clock"].state is State.OK


@pytest.mark.parametrize(
    ("provider", "changed", "wanted"),
    [
        ("box", {"BOX_CLIENT_SECRET": "wrong-secret"}, "BOX_CLIENT_SECRET"),
        ("dropbox", {"DROPBOX_APP_SECRET": "wrong-secret"}, "App Console > the app > Settings"),
        ("google_workspace", {"GOOGLE_ADMIN_EMAIL": "nobody@example.com"}, "GOOGLE_ADMIN_EMAIL must be an active user"),
        ("office365", {"OFFICE365_CLIENT_SECRET": "wrong-secret"}, "Certificates & secrets"),
        ("office365", {"OFFICE365_CLIENT_ID": "wrong"}, "Application (client) ID"),
        ("office365", {"OFFICE365_TENANT_ID": "wrong"}, "Directory (tenant) ID"),
    ],
)
def test_wrong_credentials_name_the_place_in_the_console(
    sandbox: Client, provider: str, changed: dict[str, Any], wanted: str
) -> None:
    """Prevents one remedy for all refusals, and secrets in what is printed."""
    found = ask(sandbox, provider, **changed)
    assert found["sign_in"].state is State.FAILURE
    assert wanted in found["sign_in"].to_do
    assert "wrong-secret" not in repr(found)


MISSING = {
    "box": "Manage enterprise properties",
    "dropbox": "events.read",
    "google_workspace": "privilege Reports",
    "office365": "ActivityFeed.Read",
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_missing_permission_is_named(sandbox: Client, provider: str) -> None:
    """Prevents a permission that nobody granted from looking like an empty log."""
    play(sandbox, {"api": provider, "kind": "missing_scope"})
    found = ask(sandbox, provider)
    assert found["sign_in"].state is State.OK
    assert found["audit_log"].state is State.FAILURE
    assert MISSING[provider] in found["audit_log"].to_do
    assert {"newest_event", "retention"} <= not_checked(found)


def test_dropbox_without_team_info_says_so(sandbox: Client) -> None:
    """Prevents taking a missing scope for a plan without file events."""
    play(sandbox, {"api": "dropbox", "kind": "missing_scope", "path": "/features/"})
    found = ask(sandbox, "dropbox")
    assert states(found) == {"plan": State.FAILURE}
    assert "team_info.read" in found["plan"].to_do


def test_a_plan_without_file_events_is_a_failure(sandbox: Client) -> None:
    """Prevents watching a Dropbox team in whose log uploads are invisible."""
    play(sandbox, {"api": "dropbox", "kind": "no_file_events"})
    found = ask(sandbox, "dropbox")
    assert states(found) == {"plan": State.FAILURE}
    assert "Business Plus, Advanced or Enterprise" in found["plan"].to_do


def test_a_plan_that_dropbox_does_not_tell_is_a_warning(sandbox: Client) -> None:
    """Prevents an answer without the feature from passing as one that has it."""
    body = {"values": [{".tag": "other"}]}
    play(sandbox, {"api": "dropbox", "kind": "answer", "path": "/features/", "status": 200, "body": body})
    assert states(ask(sandbox, "dropbox")) == {"plan": State.WARNING}


@pytest.mark.parametrize(("provider", "api"), [("google_workspace", "google_drive"), ("office365", "graph")])
def test_sizes_without_their_permission_are_a_failure(sandbox: Client, provider: str, api: str) -> None:
    """Prevents a deployment whose sizes are all denied, which detects less than half."""
    ask(sandbox, provider)
    play(sandbox, {"api": api, "kind": "missing_scope"})
    found = ask(sandbox, provider)
    assert states(found) == {"sizes": State.FAILURE}
    wanted = {"google_workspace": "drive.metadata.readonly", "office365": "Sites.Read.All"}
    assert wanted[provider] in found["sizes"].to_do


@pytest.mark.parametrize(
    ("provider", "path", "wanted"), [("box", "/2.0/f", "as-user"), ("dropbox", "/2/files/", "files.metadata.read")]
)
def test_sizes_are_tried_as_those_who_uploaded(sandbox: Client, provider: str, path: str, wanted: str) -> None:
    """Prevents a right to act as users that nobody granted from being met in a run only."""
    switch: dict[str, Any] = {f"{provider.upper()}_RECOVER_SIZES": "true"}
    found = ask(sandbox, provider, **switch)
    assert states(found) == {}
    assert "can be looked up" in found["sizes"].found
    play(sandbox, {"api": provider, "kind": "missing_scope", "path": path})
    refused = ask(sandbox, provider, **switch)
    assert states(refused) == {"sizes": State.FAILURE}
    assert wanted in refused["sizes"].to_do


@pytest.mark.parametrize(
    ("provider", "switch"), [("google_workspace", "GOOGLE_RECOVER_SIZES"), ("office365", "OFFICE365_RECOVER_SIZES")]
)
def test_sizes_that_nobody_looks_up_are_not_checked(sandbox: Client, provider: str, switch: str) -> None:
    """Prevents asking for a permission that the deployment does not use."""
    ask(sandbox, provider)
    play(sandbox, *({"api": api, "kind": "missing_scope"} for api in ("google_drive", "graph")))
    off: dict[str, Any] = {switch: "false"}
    found = ask(sandbox, provider, **off)
    assert states(found) == {"sizes": State.NOT_CHECKED}
    assert switch in found["sizes"].to_do


@pytest.mark.parametrize(
    ("check", "api", "library"),
    [("audit_log", "google_workspace", "Admin SDK API"), ("sizes", "google_drive", "Google Drive API")],
)
def test_a_google_api_that_is_switched_off_is_named(sandbox: Client, check: str, api: str, library: str) -> None:
    """Prevents sending an administrator to the delegation where the Cloud project lacks the API."""
    error = {"code": 403, "message": "API has not been used", "errors": [{"reason": "accessNotConfigured"}]}
    play(sandbox, {"api": api, "kind": "answer", "status": 403, "body": {"error": error}})
    found = ask(sandbox, "google_workspace")
    assert found[check].state is State.FAILURE
    assert f"{library} > Enable" in found[check].to_do


def test_an_edition_whose_drive_log_is_refused_is_a_failure(sandbox: Client) -> None:
    """Prevents an edition without Drive's log from being told as a lack of permission."""
    error = {"code": 403, "message": "Not available", "errors": [{"reason": "forbidden"}]}
    body = {"error": error}
    play(sandbox, {"api": "google_workspace", "kind": "answer", "path": "/drive", "status": 403, "body": body})
    found = ask(sandbox, "google_workspace")
    assert found["audit_log"].state is State.OK
    assert found["plan"].state is State.FAILURE
    assert "supported edition" in found["plan"].to_do


def test_an_empty_drive_log_beside_sign_ins_is_a_warning(sandbox: Client) -> None:
    """Prevents an edition without Drive's log from passing for a quiet organisation."""
    play(sandbox, {"api": "google_workspace", "kind": "answer", "path": "/drive", "status": 200, "body": {}})
    found = ask(sandbox, "google_workspace")
    assert found["plan"].state is State.WARNING
    assert "the edition may lack it" in found["plan"].found
    assert found["newest_event"].state is State.WARNING


@pytest.mark.parametrize(("api", "check"), [("office365_token", "sign_in"), ("office365", "audit_log")])
def test_a_wrong_tenant_is_told(sandbox: Client, api: str, check: str) -> None:
    """Prevents a tenant's id that is another's from looking like a missing permission."""
    play(sandbox, {"api": api, "kind": "wrong_tenant"})
    found = ask(sandbox, "office365")
    assert found[check].state is State.FAILURE
    assert "OFFICE365_TENANT_ID" in found[check].to_do


def test_auditing_that_is_off_is_told(sandbox: Client) -> None:
    """Prevents 'the tenant does not exist' from being read as a wrong tenant."""
    play(sandbox, {"api": "office365", "kind": "auditing_off"})
    found = ask(sandbox, "office365")
    assert found["auditing"].state is State.FAILURE
    assert "Start recording user and admin activity" in found["auditing"].to_do


def test_a_subscription_that_was_disabled_is_told(sandbox: Client) -> None:
    """Prevents what an administrator switched off from being taken for a fault of the set-up."""
    listed = {"api": "office365", "kind": "answer", "path": "/list", "status": 200, "body": []}
    play(sandbox, listed, {"api": "office365", "kind": "refused", "path": "/start", "code": "AF20023"})
    found = ask(sandbox, "office365")
    assert found["auditing"].state is State.FAILURE
    assert "administrator disabled" in found["auditing"].to_do


def test_half_a_configuration_is_a_failure(sandbox: Client) -> None:
    """Prevents a forgotten variable from leaving a provider out in silence."""
    found = ask(sandbox, "box", BOX_CLIENT_SECRET="")
    assert found["configuration"].state is State.FAILURE
    assert "BOX_CLIENT_SECRET" in found["configuration"].found
    assert not_checked(found) == set(found) - {"configuration"}


def test_a_key_file_that_is_none_is_a_failure(sandbox: Client, tmp_path: Path) -> None:
    """Prevents a traceback, and the key's text, where the file can't be used."""
    file = tmp_path / "key.json"
    file.write_text('{"private_key": "hidden"}')
    found = ask(sandbox, "google_workspace", GOOGLE_SERVICE_ACCOUNT_FILE=str(file))
    assert found["configuration"].state is State.FAILURE
    assert "hidden" not in repr(found)


def test_a_key_file_that_others_can_read_is_a_warning(sandbox: Client, tmp_path: Path) -> None:
    """Prevents a key that opens every Drive from lying about."""
    file = tmp_path / "key.json"
    file.write_bytes(Path(sandbox.environment["GOOGLE_SERVICE_ACCOUNT_FILE"]).read_bytes())
    file.chmod(0o644)
    found = ask(sandbox, "google_workspace", GOOGLE_SERVICE_ACCOUNT_FILE=str(file))
    assert states(found) == {"configuration": State.WARNING}
    assert "chmod 600" in found["configuration"].to_do


def test_addresses_of_different_clouds_are_a_warning(sandbox: Client) -> None:
    """Prevents a government tenant whose tokens are asked for in the wrong cloud."""
    play(sandbox, {"api": "office365_token", "kind": "sign_in_refused"})
    found = ask(sandbox, "office365", OFFICE365_API_URL="https://manage.office365.us")
    assert found["configuration"].state is State.WARNING
    assert "OFFICE365_LOGIN_URL=https://login.microsoftonline.us" in found["configuration"].to_do
    assert "OFFICE365_GRAPH_URL=https://graph.microsoft.us" in found["configuration"].to_do


def test_one_provider_that_fails_does_not_touch_the_others(sandbox: Client) -> None:
    """Prevents one expired secret from hiding what the others need; what is not configured is named."""
    ask(sandbox, "office365")
    play(sandbox, {"api": "box_token", "kind": "sign_in_refused"})
    values = {name: value for name, value in settings(sandbox).items() if not name.startswith("DROPBOX")}
    found = examine(PROVIDERS, values, now=NOW, clock=lambda: datetime.now(UTC), activation=FORTNIGHT)
    failed = {(finding.provider, finding.check) for finding in found if finding.state is State.FAILURE}
    assert failed == {("box", "sign_in")}
    [dropbox] = [finding for finding in found if finding.provider == "dropbox"]
    assert (dropbox.state, dropbox.found) == (State.NOT_CHECKED, "not configured")
    assert "DROPBOX_REFRESH_TOKEN" in dropbox.to_do
