"""Registry of providers: which exist, which are configured, and a factory of their connectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import cast

from pydantic.fields import FieldInfo

from connectors.core.errors import ConfigurationError
from connectors.core.rate_limits import Limits
from connectors.core.settings import ProviderSettings
from connectors.core.types import Connector
from connectors.parts import part
from providers import PROVIDERS

__all__ = ["build", "configured", "horizons", "misconfigured", "recovers_sizes", "setting_fields", "variables"]

_SETTINGS = {name: cast(type[ProviderSettings], part("settings", name)) for name in PROVIDERS}
_Make = Callable[[ProviderSettings, Callable[[], datetime], Limits], Connector]


def variables(provider: str) -> list[str]:
    """Return the names of a provider's environment variables, the required ones first."""
    return _SETTINGS[provider].variables()


def setting_fields(provider: str) -> dict[str, FieldInfo]:
    """Return a provider's settings by their environment variables, in the order of their declaration."""
    return {field.alias or "": field for field in _SETTINGS[provider].model_fields.values()}


def configured(environment: Mapping[str, str]) -> list[str]:
    """Return the providers of which any required variable is set, in their usual order; see :func:`misconfigured`."""
    return [provider for provider, kind in _SETTINGS.items() if kind.wanted(environment)]


def misconfigured(environment: Mapping[str, str]) -> dict[str, str]:
    """Return why configured providers can't be pulled: a variable is missing or has an unusable value."""
    found = {}
    for provider in configured(environment):
        try:
            _settings(provider, environment)
        except ConfigurationError as error:
            found[provider] = str(error)
    return found


def horizons(provider: str, environment: Mapping[str, str]) -> tuple[timedelta, timedelta]:
    """Return a provider's allowed lateness and its lookback; the default if a value can't be used."""
    lateness, overlap = (_SETTINGS[provider].alone(environment, name) for name in ("lateness_hours", "overlap_hours"))
    return timedelta(hours=lateness), timedelta(hours=overlap)


def recovers_sizes(provider: str, environment: Mapping[str, str]) -> bool:
    """Return whether to look up sizes that a configured provider's log does not carry."""
    kind = _SETTINGS[provider]
    # If the value can't be read, known sizes stay in use and nothing is looked up meanwhile.
    return kind.wanted(environment) and bool(kind.alone(environment, "recover_sizes", unusable=True))


def build(
    provider: str, environment: Mapping[str, str], *, now: Callable[[], datetime], limits: Limits | None = None
) -> Connector:
    """Return a connector, safe for any number of threads; it signs in when it is first used.

    Args:
        provider: Name of the provider.
        environment: Values of its variables.
        now: The present as the provider sees it, UTC with zone.
        limits: Keeps requests below the provider's quotas; None: limits of this connector alone.

    Raises:
        ConfigurationError: The provider is not, or only half, configured, or one of its values can't be used.
    """
    limits = limits or Limits(None)
    connector = cast(_Make, part("connector", provider))
    return connector(_settings(provider, environment), now, limits)


def _settings(provider: str, environment: Mapping[str, str]) -> ProviderSettings:
    settings = _SETTINGS[provider].read(environment)
    if settings is None:
        required = ", ".join(_SETTINGS[provider].required())
        raise ConfigurationError(f"{provider} is not configured. Set {required}.")
    return settings
