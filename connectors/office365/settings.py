"""Settings of Office 365, read from a mapping of environment variables."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from connectors.core.settings import LATENESS, OVERLAP, RATE, SLICES, TOKEN_URL, Count, Hours, ProviderSettings, Url
from connectors.office365.clouds import mismatch

__all__ = ["SETTINGS", "Office365Settings"]


class Office365Settings(ProviderSettings):
    """An Entra ID application with a client secret and the permission ActivityFeed.Read."""

    provider: ClassVar[str] = "office365"
    tenant_id: str = Field(
        alias="OFFICE365_TENANT_ID",
        description="directory (tenant) ID",
        examples=["11111111-2222-3333-4444-555555555555"],
        pattern=r"^[0-9A-Za-z-]{1,64}$",
    )
    client_id: str = Field(alias="OFFICE365_CLIENT_ID", description="application (client) ID")
    client_secret: SecretStr = Field(alias="OFFICE365_CLIENT_SECRET", description="client secret of the app")
    api_url: Url = Field(
        "https://manage.office.com",
        alias="OFFICE365_API_URL",
        description="root of the Management Activity API, and the scope of its tokens; "
        "[other clouds](providers/office365.md#government-clouds-and-china) have other addresses",
        examples=["https://manage-gcc.office.com"],
    )
    login_url: Url = Field(
        "https://login.microsoftonline.com",
        alias="OFFICE365_LOGIN_URL",
        description=TOKEN_URL,
        examples=["https://login.microsoftonline.us"],
    )
    graph_url: Url = Field(
        "https://graph.microsoft.com",
        alias="OFFICE365_GRAPH_URL",
        description="root of Microsoft Graph, for sizes",
        examples=["https://graph.microsoft.us"],
    )
    publisher_id_: str = Field(
        "",
        alias="OFFICE365_PUBLISHER_ID",
        description="GUID whose request quota is used; by default the tenant",
        examples=["11111111-2222-3333-4444-555555555555"],
    )
    recover_sizes: bool = Field(
        False,
        alias="OFFICE365_RECOVER_SIZES",
        description="look up sizes in Graph; needs `Sites.Read.All`",
        examples=["true"],
    )
    # Microsoft allows 2000 requests a minute for the feed, and the smallest tenant 1250 resource units a minute for
    # Graph. A file, in a batch or not, costs one unit, and so does a page of changes.
    requests_per_minute: Count = Field(
        1500, alias="OFFICE365_REQUESTS_PER_MINUTE", description=f"{RATE}; Microsoft allows 2000 a minute"
    )
    graph_requests_per_minute: Count = Field(
        1000, alias="OFFICE365_GRAPH_REQUESTS_PER_MINUTE", description="the same for Graph; each file of a batch is one"
    )
    parallel_slices: Count = Field(2, alias="OFFICE365_PARALLEL_SLICES", description=SLICES)
    # Late events come in new blobs, so only the listing can lag. No figure is documented, so a day is allowed.
    lateness_hours: Hours = Field(24, alias="OFFICE365_LATENESS_HOURS", description=LATENESS)
    overlap_hours: Hours = Field(1, alias="OFFICE365_OVERLAP_HOURS", description=OVERLAP)

    @property
    def clouds(self) -> str:
        """Return the mismatch of addresses of different clouds, and which to set; "" for none."""
        wrong, to_set = mismatch(self.api_url, self.login_url, self.graph_url if self.recover_sizes else "")
        to_do = " and ".join(f"{name}={url}" for name, url in to_set.items())
        return f"{wrong}. Set {to_do}." if to_do else f"{wrong}." if wrong else ""

    @property
    def publisher_id(self) -> str:
        """Return the GUID whose request quota is used."""
        return self.publisher_id_ or self.tenant_id


SETTINGS = Office365Settings
