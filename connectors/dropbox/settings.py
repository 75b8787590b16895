"""Settings of Dropbox Business, read from a mapping of environment variables."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from connectors.core.settings import LATENESS, OVERLAP, RATE, SLICES, TOKEN_URL, Count, Hours, ProviderSettings, Url

__all__ = ["SETTINGS", "DropboxSettings"]


class DropboxSettings(ProviderSettings):
    """A Dropbox application linked to the team, and the refresh token of a team administrator."""

    provider: ClassVar[str] = "dropbox"
    app_key: str = Field(alias="DROPBOX_APP_KEY", description="app key")
    app_secret: SecretStr = Field(alias="DROPBOX_APP_SECRET", description="app secret")
    refresh_token: SecretStr = Field(alias="DROPBOX_REFRESH_TOKEN", description="refresh token of a team administrator")
    api_url: Url = Field("https://api.dropboxapi.com", alias="DROPBOX_API_URL", description="root of the API")
    token_url_: Url | None = Field(
        None,
        alias="DROPBOX_TOKEN_URL",
        description=f"{TOKEN_URL}; by default `oauth2/token` below `DROPBOX_API_URL`",
        examples=["https://api.dropboxapi.com/oauth2/token"],
    )
    recover_sizes: bool = Field(
        False,
        alias="DROPBOX_RECOVER_SIZES",
        description="look up sizes missing from the log; needs `files.metadata.read` and `team_data.member`",
        examples=["true"],
    )
    # Dropbox publishes no figure, so the rate is low.
    requests_per_minute: Count = Field(
        300, alias="DROPBOX_REQUESTS_PER_MINUTE", description=f"{RATE}; Dropbox publishes no figure"
    )
    parallel_slices: Count = Field(2, alias="DROPBOX_PARALLEL_SLICES", description=SLICES)
    # Dropbox says that actions appear within hours, at most 24; twice that is safe.
    lateness_hours: Hours = Field(48, alias="DROPBOX_LATENESS_HOURS", description=LATENESS)
    overlap_hours: Hours = Field(6, alias="DROPBOX_OVERLAP_HOURS", description=OVERLAP)

    @property
    def token_url(self) -> str:
        """Return the URL that issues tokens."""
        return self.token_url_ or f"{self.api_url}/oauth2/token"


SETTINGS = DropboxSettings
