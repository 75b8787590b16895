"""Settings of Dropbox Business, read from a mapping of environment variables."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from connectors.core.settings import Count, Hours, ProviderSettings, Url

__all__ = ["DropboxSettings"]


class DropboxSettings(ProviderSettings):
    """A Dropbox application linked to the team, and the refresh token of a team administrator."""

    provider: ClassVar[str] = "dropbox"
    app_key: str = Field(alias="DROPBOX_APP_KEY")
    app_secret: SecretStr = Field(alias="DROPBOX_APP_SECRET")
    refresh_token: SecretStr = Field(alias="DROPBOX_REFRESH_TOKEN")
    api_url: Url = Field("https://api.dropboxapi.com", alias="DROPBOX_API_URL")
    token_url_: Url | None = Field(None, alias="DROPBOX_TOKEN_URL")
    recover_sizes: bool = Field(False, alias="DROPBOX_RECOVER_SIZES")
    # Dropbox publishes no figure, so the rate is low.
    requests_per_minute: Count = Field(300, alias="DROPBOX_REQUESTS_PER_MINUTE")
    parallel_slices: Count = Field(2, alias="DROPBOX_PARALLEL_SLICES")
    # Dropbox says that actions appear within hours, at most 24; twice that is safe.
    lateness_hours: Hours = Field(48, alias="DROPBOX_LATENESS_HOURS")
    overlap_hours: Hours = Field(6, alias="DROPBOX_OVERLAP_HOURS")

    @property
    def token_url(self) -> str:
        """Return the URL that issues tokens."""
        return self.token_url_ or f"{self.api_url}/oauth2/token"
