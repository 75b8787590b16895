"""Settings of Office 365, read from a mapping of environment variables."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from connectors.core.settings import Count, Hours, ProviderSettings, Url
from connectors.office365.clouds import mismatch

__all__ = ["Office365Settings"]


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
    # Microsoft allows 2000 requests a minute for the feed, and the smallest tenant 1250 resource units a minute for
    # Graph. A file, in a batch or not, costs one unit, and so does a page of changes.
    requests_per_minute: Count = Field(1500, alias="OFFICE365_REQUESTS_PER_MINUTE")
    graph_requests_per_minute: Count = Field(1000, alias="OFFICE365_GRAPH_REQUESTS_PER_MINUTE")
    parallel_slices: Count = Field(2, alias="OFFICE365_PARALLEL_SLICES")
    # Late events come in new blobs, so only the listing can lag. No figure is documented, so a day is allowed.
    lateness_hours: Hours = Field(24, alias="OFFICE365_LATENESS_HOURS")
    overlap_hours: Hours = Field(1, alias="OFFICE365_OVERLAP_HOURS")

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
