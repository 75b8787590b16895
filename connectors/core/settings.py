"""The providers' settings, read from a mapping of environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from connectors.clouds import mismatch
from connectors.errors import ConfigurationError

__all__ = ["BoxSettings", "DropboxSettings", "GoogleWorkspaceSettings", "Office365Settings", "ProviderSettings"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("https", "http") or not url.hostname or url.query or url.fragment or "@" in url.netloc:
        raise ValueError("give an address such as https://host, without credentials and query")
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise ValueError("give an https address: credentials would travel in the clear (http is for this machine only)")
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]
Count = Annotated[int, Field(ge=1)]
Hours = Annotated[int, Field(ge=1, le=24 * 30)]


class ProviderSettings(BaseModel):
    """Settings of one provider; every field's alias is its environment variable.

    Attributes:
        lateness_hours: So long after its end the events of a slice are final.
        overlap_hours: Slices that ended no longer ago than this, and are not final, are read again by every tick.
        recover_sizes: Whether sizes that the provider's log does not carry are to be looked up.
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
        """All variables, the required ones first."""
        return sorted(
            (field.alias or "" for field in cls.model_fields.values()),
            key=lambda name: (name not in cls.required(), name),
        )

    @classmethod
    def required(cls) -> list[str]:
        """The variables without which the provider can't be used."""
        return [field.alias or "" for field in cls.model_fields.values() if field.is_required()]

    @classmethod
    def wanted(cls, environment: Mapping[str, str]) -> bool:
        """Return whether any required variable is set; an empty one counts as not set."""
        return any(environment.get(name, "").strip() for name in cls.required())

    @classmethod
    def alone(cls, environment: Mapping[str, str], field: str, *, unusable: Any = None) -> Any:
        """Return an optional setting by itself, whatever is wrong with the others.

        Args:
            environment: Values of the variables.
            field: Name of the setting.
            unusable: What stands for a value that can't be used; None: the default.
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
        """Reads the settings; an empty variable counts as not set.

        Returns:
            The settings; None where no required variable is set: the provider is not configured.

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
        """The values that may appear nowhere."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


class BoxSettings(ProviderSettings):
    """A Box application with client credentials, authorised for the enterprise."""

    provider: ClassVar[str] = "box"
    client_id: str = Field(alias="BOX_CLIENT_ID")
    client_secret: SecretStr = Field(alias="BOX_CLIENT_SECRET")
    enterprise_id: str = Field(alias="BOX_ENTERPRISE_ID", pattern=r"^\d+$")
    api_url: Url = Field("https://api.box.com", alias="BOX_API_URL")
    token_url_: Url | None = Field(None, alias="BOX_TOKEN_URL")
    recover_sizes: bool = Field(False, alias="BOX_RECOVER_SIZES")
    # Box allows about 1000 a minute.
    requests_per_minute: Count = Field(800, alias="BOX_REQUESTS_PER_MINUTE")
    parallel_slices: Count = Field(4, alias="BOX_PARALLEL_SLICES")
    # No figure is documented for late events in the history: its incidents lasted hours, so a day. Its stream tells
    # of late events by itself, so a tick reads little again.
    lateness_hours: Hours = Field(24, alias="BOX_LATENESS_HOURS")
    overlap_hours: Hours = Field(1, alias="BOX_OVERLAP_HOURS")

    @property
    def token_url(self) -> str:
        """Where tokens are given."""
        return self.token_url_ or f"{self.api_url}/oauth2/token"


class DropboxSettings(ProviderSettings):
    """A Dropbox application linked to the team, and the refresh token of a team administrator."""

    provider: ClassVar[str] = "dropbox"
    app_key: str = Field(alias="DROPBOX_APP_KEY")
    app_secret: SecretStr = Field(alias="DROPBOX_APP_SECRET")
    refresh_token: SecretStr = Field(alias="DROPBOX_REFRESH_TOKEN")
    api_url: Url = Field("https://api.dropboxapi.com", alias="DROPBOX_API_URL")
    token_url_: Url | None = Field(None, alias="DROPBOX_TOKEN_URL")
    recover_sizes: bool = Field(False, alias="DROPBOX_RECOVER_SIZES")
    # Dropbox publishes no figure, so little is asked for.
    requests_per_minute: Count = Field(300, alias="DROPBOX_REQUESTS_PER_MINUTE")
    parallel_slices: Count = Field(2, alias="DROPBOX_PARALLEL_SLICES")
    # Dropbox says that actions appear in a few hours, and within 24 at most; twice that is safe.
    lateness_hours: Hours = Field(48, alias="DROPBOX_LATENESS_HOURS")
    overlap_hours: Hours = Field(6, alias="DROPBOX_OVERLAP_HOURS")

    @property
    def token_url(self) -> str:
        """Where tokens are given."""
        return self.token_url_ or f"{self.api_url}/oauth2/token"


class GoogleWorkspaceSettings(ProviderSettings):
    """A service account with domain-wide delegation, and the administrator it reads the reports as."""

    provider: ClassVar[str] = "google_workspace"
    service_account_file: str = Field(alias="GOOGLE_SERVICE_ACCOUNT_FILE")
    admin_email: str = Field(alias="GOOGLE_ADMIN_EMAIL", pattern=r"^[^@\s]+@[^@\s]+$")
    customer_id: str = Field("my_customer", alias="GOOGLE_CUSTOMER_ID")
    api_url: Url = Field("https://admin.googleapis.com", alias="GOOGLE_API_URL")
    drive_url: Url = Field("https://www.googleapis.com", alias="GOOGLE_DRIVE_URL")
    token_url: Url | None = Field(None, alias="GOOGLE_TOKEN_URL")
    recover_sizes: bool = Field(False, alias="GOOGLE_RECOVER_SIZES")
    # Google allows 2400 a minute of the reports, and is said to allow 12000 of Drive.
    requests_per_minute: Count = Field(1800, alias="GOOGLE_REQUESTS_PER_MINUTE")
    drive_requests_per_minute: Count = Field(6000, alias="GOOGLE_DRIVE_REQUESTS_PER_MINUTE")
    parallel_slices: Count = Field(4, alias="GOOGLE_PARALLEL_SLICES")
    # Mostly minutes to three hours; but Google once told of up to three days, and still warns of later ones.
    lateness_hours: Hours = Field(72, alias="GOOGLE_LATENESS_HOURS")
    overlap_hours: Hours = Field(6, alias="GOOGLE_OVERLAP_HOURS")


class Office365Settings(ProviderSettings):
    """An Entra ID application with a client secret and the permission ActivityFeed.Read."""

    provider: ClassVar[str] = "office365"
    tenant_id: str = Field(alias="OFFICE365_TENANT_ID", pattern=r"^[0-9A-Za-z-]{1,64}$")
    client_id: str = Field(alias="OFFICE365_CLIENT_ID")
    client_secret: SecretStr = Field(alias="OFFICE365_CLIENT_SECRET")
    api_url: Url = Field("https://manage.office.com", alias="OFFICE365_API_URL")
    login_url: Url = Field("https://login.microsoftonline.com", alias="OFFICE365_LOGIN_URL")
    graph_url: Url = Field("https://graph.microsoft.com", alias="OFFICE365_GRAPH_URL")
    publisher_id_: str = Field("", alias="OFFICE365_PUBLISHER_ID")
    recover_sizes: bool = Field(False, alias="OFFICE365_RECOVER_SIZES")
    # Microsoft allows 2000 a minute of the feed, and the smallest tenant 1250 resource units a minute of Graph: one for
    # a file, in a batch or not, or for a page of changes.
    requests_per_minute: Count = Field(1500, alias="OFFICE365_REQUESTS_PER_MINUTE")
    graph_requests_per_minute: Count = Field(1000, alias="OFFICE365_GRAPH_REQUESTS_PER_MINUTE")
    parallel_slices: Count = Field(2, alias="OFFICE365_PARALLEL_SLICES")
    # Late events come in blobs of their own, so only the listing itself can lag: no figure is documented, so a day.
    lateness_hours: Hours = Field(24, alias="OFFICE365_LATENESS_HOURS")
    overlap_hours: Hours = Field(1, alias="OFFICE365_OVERLAP_HOURS")

    @property
    def clouds(self) -> str:
        """What is wrong with the addresses, and which to set, where they are not those of one cloud; "" for nothing."""
        wrong, to_set = mismatch(self.api_url, self.login_url, self.graph_url if self.recover_sizes else "")
        to_do = " and ".join(f"{name}={url}" for name, url in to_set.items())
        return f"{wrong}. Set {to_do}." if to_do else f"{wrong}." if wrong else ""

    @property
    def publisher_id(self) -> str:
        """GUID whose request quota is used."""
        return self.publisher_id_ or self.tenant_id
