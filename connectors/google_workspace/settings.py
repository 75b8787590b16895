"""Settings of Google Workspace, read from a mapping of environment variables."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from connectors.core.settings import LATENESS, OVERLAP, RATE, SLICES, TOKEN_URL, Count, Hours, ProviderSettings, Url

__all__ = ["SETTINGS", "GoogleWorkspaceSettings"]


class GoogleWorkspaceSettings(ProviderSettings):
    """A service account with domain-wide delegation, and the administrator that it impersonates to read the reports."""

    provider: ClassVar[str] = "google_workspace"
    service_account_file: str = Field(
        alias="GOOGLE_SERVICE_ACCOUNT_FILE",
        description="key file of the service account",
        examples=["/etc/uploadwatch/google.json"],
    )
    admin_email: str = Field(
        alias="GOOGLE_ADMIN_EMAIL",
        description="administrator with the Reports privilege, in whose name reports are read",
        examples=["admin@example.com"],
        pattern=r"^[^@\s]+@[^@\s]+$",
    )
    customer_id: str = Field(
        "my_customer", alias="GOOGLE_CUSTOMER_ID", description="id of the customer", examples=["C01234567"]
    )
    api_url: Url = Field("https://admin.googleapis.com", alias="GOOGLE_API_URL", description="root of the Reports API")
    drive_url: Url = Field("https://www.googleapis.com", alias="GOOGLE_DRIVE_URL", description="root of the Drive API")
    token_url: Url | None = Field(
        None,
        alias="GOOGLE_TOKEN_URL",
        description=f"{TOKEN_URL}; by default the one in the key file",
        examples=["https://oauth2.googleapis.com/token"],
    )
    recover_sizes: bool = Field(
        False,
        alias="GOOGLE_RECOVER_SIZES",
        description="look up sizes in Drive; needs `drive.metadata.readonly` delegated",
        examples=["true"],
    )
    # Google allows 2400 requests a minute for the reports, and reportedly 12000 for Drive.
    requests_per_minute: Count = Field(
        1800, alias="GOOGLE_REQUESTS_PER_MINUTE", description=f"{RATE}; Google allows 2400 a minute of reports"
    )
    drive_requests_per_minute: Count = Field(
        6000, alias="GOOGLE_DRIVE_REQUESTS_PER_MINUTE", description="the same for Drive"
    )
    parallel_slices: Count = Field(4, alias="GOOGLE_PARALLEL_SLICES", description=SLICES)
    # Mostly minutes to three hours; but Google once documented up to three days, and still warns of later events.
    lateness_hours: Hours = Field(72, alias="GOOGLE_LATENESS_HOURS", description=LATENESS)
    overlap_hours: Hours = Field(6, alias="GOOGLE_OVERLAP_HOURS", description=OVERLAP)


SETTINGS = GoogleWorkspaceSettings
