"""Settings of Box, read from a mapping of environment variables."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from connectors.core.settings import Count, Hours, ProviderSettings, Url

__all__ = ["BoxSettings"]


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
    # Box documents no bound for late events in the history. Its incidents lasted hours, so a day is allowed. The
    # stream brings late events by itself, so a poll run needs a short lookback only.
    lateness_hours: Hours = Field(24, alias="BOX_LATENESS_HOURS")
    overlap_hours: Hours = Field(1, alias="BOX_OVERLAP_HOURS")

    @property
    def token_url(self) -> str:
        """Return the URL that issues tokens."""
        return self.token_url_ or f"{self.api_url}/oauth2/token"
