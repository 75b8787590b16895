"""The providers' settings: what counts as configured, and what is said where something is missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import ConfigurationError, build, configured, horizons, misconfigured, recovers_sizes, variables
from providers import PROVIDERS

BOX = {"BOX_CLIENT_ID": "id", "BOX_CLIENT_SECRET": "hidden", "BOX_ENTERPRISE_ID": "12"}
OFFICE = {
    "OFFICE365_TENANT_ID": "11111111-2222-3333-4444-555555555555",
    "OFFICE365_CLIENT_ID": "id",
    "OFFICE365_CLIENT_SECRET": "hidden",
}


def now() -> datetime:
    return datetime(2026, 1, 5, tzinfo=UTC)


def test_only_what_is_configured_is_there() -> None:
    """Prevents assets of providers that nobody set up, and optional variables from counting as set-up."""
    assert configured({}) == []
    assert configured({"BOX_API_URL": "https://api.box.com", "BOX_CLIENT_ID": " "}) == []
    assert configured({**OFFICE, **BOX, "HOME": "/root"}) == ["box", "office365"]


def test_half_a_configuration_names_the_missing_variables_and_the_provider() -> None:
    """Prevents a forgotten variable from silently leaving a provider out."""
    for missing in BOX:
        half = {**BOX, missing: ""}
        assert configured({**half, **OFFICE}) == ["box", "office365"]
        faults = misconfigured({**half, **OFFICE})
        assert list(faults) == ["box"]
        assert f"box is half configured: {missing} not set" in faults["box"]
        assert "hidden" not in faults["box"]
        with pytest.raises(ConfigurationError, match=f"{missing} not set"):
            build("box", half, now=now)
    with pytest.raises(ConfigurationError, match=r"BOX_CLIENT_ID, BOX_CLIENT_SECRET, BOX_ENTERPRISE_ID"):
        build("box", {}, now=now)


@pytest.mark.parametrize(
    "wrong",
    [
        {"BOX_ENTERPRISE_ID": "hidden; drop"},
        {"BOX_API_URL": "http://api.box.com"},
        {"BOX_API_URL": "https://user:hidden@api.box.com"},
        {"BOX_TOKEN_URL": "ftp://api.box.com/token"},
    ],
    ids=lambda wrong: next(iter(wrong.values())),
)
def test_a_value_that_cannot_be_used_names_its_variable_and_not_the_value(wrong: Mapping[str, str]) -> None:
    """Prevents credentials in the clear, credentials in an address, and a mistyped secret in the message."""
    faults = misconfigured({**BOX, **wrong})
    assert next(iter(wrong)) in faults["box"]
    assert "hidden" not in faults["box"]


def test_what_shapes_the_graph_is_read_whatever_else_is_wrong() -> None:
    """Prevents a missing secret from taking recovered sizes out of the graph, and with them out of the alerts."""
    half = {"BOX_CLIENT_ID": "id", "BOX_RECOVER_SIZES": "true", "BOX_LATENESS_HOURS": "30", "BOX_OVERLAP_HOURS": "x"}
    assert recovers_sizes("box", half)
    assert horizons("box", half) == (timedelta(hours=30), timedelta(hours=1))
    assert recovers_sizes("box", {**BOX, "BOX_RECOVER_SIZES": "treu"})
    assert "BOX_RECOVER_SIZES" in misconfigured({**BOX, "BOX_RECOVER_SIZES": "treu"})["box"]


def test_every_provider_names_its_variables() -> None:
    """Prevents a variable from being read that the set-up does not hand on."""
    assert list(PROVIDERS) == ["box", "dropbox", "google_workspace", "office365"]
    assert variables("box") == [
        "BOX_CLIENT_ID",
        "BOX_CLIENT_SECRET",
        "BOX_ENTERPRISE_ID",
        "BOX_API_URL",
        "BOX_LATENESS_HOURS",
        "BOX_OVERLAP_HOURS",
        "BOX_PARALLEL_SLICES",
        "BOX_RECOVER_SIZES",
        "BOX_REQUESTS_PER_MINUTE",
        "BOX_TOKEN_URL",
    ]
    for provider in PROVIDERS:
        names = variables(provider)
        assert len(names) == len(set(names))
        assert all(names)


def test_sizes_are_looked_up_only_where_that_is_switched_on() -> None:
    """Prevents asking for files without the permission to, and a switch that Box does not have."""
    assert not recovers_sizes("office365", OFFICE)
    assert recovers_sizes("office365", {**OFFICE, "OFFICE365_RECOVER_SIZES": "true"})
    assert not recovers_sizes("box", BOX)
    assert not recovers_sizes("google_workspace", {})


@pytest.mark.parametrize(
    "text", [None, "no json", "{}", '{"client_email": "a", "private_key": "-----BEGIN hidden", "token_uri": "b"}']
)
def test_a_key_file_that_cannot_be_used_is_named(text: str | None, tmp_path: Path) -> None:
    """Prevents a traceback from the depths of a library, with the key in it."""
    file = tmp_path / "key.json"
    if text is not None:
        file.write_text(text)
    values = {"GOOGLE_SERVICE_ACCOUNT_FILE": str(file), "GOOGLE_ADMIN_EMAIL": "admin@example.com"}
    with pytest.raises(ConfigurationError) as refused:
        build("google_workspace", values, now=now)
    assert "GOOGLE_SERVICE_ACCOUNT_FILE" in str(refused.value)
    assert str(file) in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_secrets_do_not_show_in_settings() -> None:
    """Prevents a secret in a log of the settings or in a debugger's view of the connector."""
    from connectors.box.settings import BoxSettings

    settings = BoxSettings.read(BOX)
    assert settings is not None
    assert "hidden" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.secrets() == ["hidden"]


def test_a_time_without_zone_is_refused() -> None:
    """Prevents a window shifted by the machine's own zone."""
    connector = build("box", BOX, now=now)
    with pytest.raises(ValueError, match="time zone"):
        list(connector.pages(datetime(2026, 1, 1), datetime(2026, 1, 2)))
