"""Base of the providers' settings, read from a mapping of environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from connectors.core.errors import ConfigurationError

__all__ = ["LATENESS", "OVERLAP", "RATE", "SLICES", "TOKEN_URL", "Count", "Hours", "ProviderSettings", "Url"]

# Descriptions of settings that several providers have. All descriptions are those of docs/configuration.md, which is
# written from them.
LATENESS = "allowed lateness: hours after its end from which a slice is final, see [lateness](#lateness)"
OVERLAP = "lookback: hours by which events are usually late; poll runs pull a slice again a few times until then"
RATE = "requests in any minute, by all runs together, see [quotas](#quotas)"
SLICES = "slices pulled at once"
TOKEN_URL = "token endpoint"  # noqa: S105 -- no secret

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("https", "http") or not url.hostname or url.query or url.fragment or "@" in url.netloc:
        raise ValueError("give an address such as https://host, without credentials and query")
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise ValueError("give an https address: credentials would be sent unencrypted (http is for this machine only)")
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]
Count = Annotated[int, Field(ge=1)]
Hours = Annotated[int, Field(ge=1, le=24 * 30)]


class ProviderSettings(BaseModel):
    """Settings of one provider; every field's alias is its environment variable, and its description says what it is.

    Attributes:
        lateness_hours: Hours after its end from which the events of a slice are final.
        overlap_hours: Lookback: every poll run reads again the slices that ended within these hours and are not final.
        recover_sizes: Whether to look up sizes that the provider's log does not carry.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    provider: ClassVar[str]
    recover_sizes: bool
    lateness_hours: int
    overlap_hours: int

    @property
    def lateness(self) -> timedelta:
        """``lateness_hours``."""
        return timedelta(hours=self.lateness_hours)

    @property
    def overlap(self) -> timedelta:
        """``overlap_hours``."""
        return timedelta(hours=self.overlap_hours)

    @classmethod
    def variables(cls) -> list[str]:
        """Return all variables, the required ones first."""
        return sorted(
            (field.alias or "" for field in cls.model_fields.values()),
            key=lambda name: (name not in cls.required(), name),
        )

    @classmethod
    def required(cls) -> list[str]:
        """Return the variables without which the provider can't be used."""
        return [field.alias or "" for field in cls.model_fields.values() if field.is_required()]

    @classmethod
    def wanted(cls, environment: Mapping[str, str]) -> bool:
        """Return whether any required variable is set; an empty one counts as not set."""
        return any(environment.get(name, "").strip() for name in cls.required())

    @classmethod
    def alone(cls, environment: Mapping[str, str], field: str, *, unusable: Any = None) -> Any:
        """Return one optional setting, even if others are invalid.

        Args:
            environment: Values of the variables.
            field: Name of the setting.
            unusable: Replacement for a value that can't be used; None: the default.
        """
        info = cls.model_fields[field]
        text = environment.get(info.alias or "", "").strip()
        if not text:
            return info.default
        try:
            kind: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
            return TypeAdapter(kind).validate_python(text)
        except ValidationError:
            return info.default if unusable is None else unusable

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self | None:
        """Read the settings; an empty variable counts as not set.

        Returns:
            The settings; None if no required variable is set: the provider is not configured.

        Raises:
            ConfigurationError: Some required variables are missing, or a value can't be used; names them.
        """
        if not cls.wanted(environment):
            return None
        values = {name: text for name in cls.variables() if (text := environment.get(name, "").strip())}
        missing = [name for name in cls.required() if name not in values]
        if missing:
            there = [name for name in cls.required() if name in values]
            raise ConfigurationError(
                f"{cls.provider} is half configured: {', '.join(missing)} not set. Set it, or unset "
                f"{', '.join(there)} to leave {cls.provider} out."
            )
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            found = "; ".join(f"{part['loc'][0]} cannot be used: {part['msg']}" for part in error.errors())
        raise ConfigurationError(f"{cls.provider}: {found}. Correct the variable.")

    def secrets(self) -> list[str]:
        """Return the values that must never be shown."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
