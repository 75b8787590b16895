"""Settings of Box, read from a mapping of environment variables."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from connectors.core.settings import LATENESS, OVERLAP, RATE, SLICES, TOKEN_URL, Count, Hours, ProviderSettings, Url

__all__ = ["SETTINGS", "BoxSettings"]


class BoxSettings(ProviderSettings):
    """A Box application with client credentials, authorised for the enterprise."""

    provider: ClassVar[str] = "box"
    client_id: str = Field(alias="BOX_CLIENT_ID", description="client ID of the app")
    client_secret: SecretStr = Field(alias="BOX_CLIENT_SECRET", description="client secret of the app")
    enterprise_id: str = Field(
        alias="BOX_ENTERPRISE_ID", description="id of the enterprise", examples=["123456"], pattern=r"^\d+$"
    )
    api_url: Url = Field("https://api.box.com", alias="BOX_API_URL", description="root of the API")
    token_url_: Url | None = Field(
        None,
        alias="BOX_TOKEN_URL",
        description=f"{TOKEN_URL}; by default `oauth2/token` below `BOX_API_URL`",
        examples=["https://api.box.com/oauth2/token"],
    )
    recover_sizes: bool = Field(
        False,
        alias="BOX_RECOVER_SIZES",
        description="look up sizes missing from the log; needs the scopes *Read all "
        "files and folders* and *Make API calls using the as-user header*",
        examples=["true"],
    )
    # Box allows about 1000 a minute.
    requests_per_minute: Count = Field(
        800, alias="BOX_REQUESTS_PER_MINUTE", description=f"{RATE}; Box allows about 1000 a minute"
    )
    parallel_slices: Count = Field(4, alias="BOX_PARALLEL_SLICES", description=SLICES)
    # Box documents no bound for late events in the history. Its incidents lasted hours, so a day is allowed. The
    # stream brings late events by itself, so a poll run needs a short lookback only.
    lateness_hours: Hours = Field(24, alias="BOX_LATENESS_HOURS", description=LATENESS)
    overlap_hours: Hours = Field(1, alias="BOX_OVERLAP_HOURS", description=OVERLAP)

    @property
    def token_url(self) -> str:
        """Return the URL that issues tokens."""
        return self.token_url_ or f"{self.api_url}/oauth2/token"


SETTINGS = BoxSettings
