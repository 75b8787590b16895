"""Which providers there are, which are configured, and how a connector is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from connectors.box.audit_log import BoxConnector
from connectors.box.settings import BoxSettings
from connectors.core.errors import ConfigurationError
from connectors.core.rate_limits import Limits
from connectors.core.settings import ProviderSettings
from connectors.core.types import Connector
from connectors.dropbox.audit_log import DropboxConnector
from connectors.dropbox.settings import DropboxSettings
from connectors.google_workspace.audit_log import GoogleWorkspaceConnector
from connectors.google_workspace.settings import GoogleWorkspaceSettings
from connectors.office365.audit_log import Office365Connector
from connectors.office365.settings import Office365Settings

__all__ = ["PROVIDERS", "build", "configured", "horizons", "misconfigured", "recovers_sizes", "variables"]

_SETTINGS: dict[str, type[ProviderSettings]] = {
    kind.provider: kind for kind in (BoxSettings, DropboxSettings, GoogleWorkspaceSettings, Office365Settings)
}

PROVIDERS: tuple[str, ...] = tuple(_SETTINGS)
"""All providers, in their usual order."""


def variables(provider: str) -> list[str]:
    """Names of a provider's environment variables, the required ones first."""
    return _SETTINGS[provider].variables()


def configured(environment: Mapping[str, str]) -> list[str]:
    """Return the providers of which any required variable is set, in their usual order; see :func:`misconfigured`."""
    return [provider for provider, kind in _SETTINGS.items() if kind.wanted(environment)]


def misconfigured(environment: Mapping[str, str]) -> dict[str, str]:
    """Return why configured providers can't be pulled: a variable is missing, or has a value that can't be used."""
    found = {}
    for provider in configured(environment):
        try:
            _settings(provider, environment)
        except ConfigurationError as error:
            found[provider] = str(error)
    return found


def horizons(provider: str, environment: Mapping[str, str]) -> tuple[timedelta, timedelta]:
    """Return a provider's lateness horizon and its overlap; where a value can't be used, the default."""
    lateness, overlap = (_SETTINGS[provider].alone(environment, name) for name in ("lateness_hours", "overlap_hours"))
    return timedelta(hours=lateness), timedelta(hours=overlap)


def recovers_sizes(provider: str, environment: Mapping[str, str]) -> bool:
    """Return whether sizes that a configured provider's log does not carry are to be looked up."""
    kind = _SETTINGS[provider]
    # Sizes that are known stay in use where the value can't be read: nothing is asked for meanwhile.
    return kind.wanted(environment) and bool(kind.alone(environment, "recover_sizes", unusable=True))


def build(
    provider: str, environment: Mapping[str, str], *, now: Callable[[], datetime], limits: Limits | None = None
) -> Connector:
    """A connector for any number of threads; it signs in when it is first used.

    Args:
        provider: Name of the provider.
        environment: Values of its variables.
        now: The present as the provider sees it, UTC with zone.
        limits: Keeps requests below the provider's quotas; None: those of this connector alone.

    Raises:
        ConfigurationError: The provider is not or half configured, or one of its values can't be used.
    """
    limits = limits or Limits(None)
    match settings := _settings(provider, environment):
        case BoxSettings():
            return BoxConnector(settings, now, limits)
        case DropboxSettings():
            return DropboxConnector(settings, now, limits)
        case GoogleWorkspaceSettings():
            return GoogleWorkspaceConnector(settings, now, limits)
        case Office365Settings():
            return Office365Connector(settings, now, limits)
    raise TypeError(f"no connector for {type(settings).__name__}")


def _settings(provider: str, environment: Mapping[str, str]) -> ProviderSettings:
    settings = _SETTINGS[provider].read(environment)
    if settings is None:
        required = ", ".join(_SETTINGS[provider].required())
        raise ConfigurationError(f"{provider} is not configured. Set {required}.")
    return settings
