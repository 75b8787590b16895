"""Settings of a deployment, read from environment variables and the file of variables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from connectors import ConfigurationError
from detection.reasons import known
from exports.formats import ExportFormat
from lake.retention import kept_days
from orchestration.budget import Budget, parse_budget
from orchestration.env_file import environment

__all__ = ["PREFIX", "FromVariables", "Settings", "environment"]

PREFIX = "UPLOADWATCH_"
"""Beginning of every variable of the deployment."""


def _budget(value: object) -> object:
    return parse_budget(value) if isinstance(value, str) else value


class FromVariables(BaseModel):
    """Settings that are read from the variables of their names, in capitals, after ``UPLOADWATCH_``."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            ConfigurationError: A variable has a value that cannot be used; the message names it.
        """
        given = {name: variables[key] for name in cls.model_fields if variables.get(key := f"{PREFIX}{name.upper()}")}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigurationError(
                f"{PREFIX}{str(first['loc'][0]).upper()} cannot be used: {first['msg']}. Correct the variable."
            ) from error


class Settings(FromVariables):
    """Operator's settings, apart from the providers' credentials.

    Each is read from the variable of its name, in capitals, after ``UPLOADWATCH_``. The descriptions and examples are
    those of ``docs/configuration.md``, which is written from them; links are relative to that page.
    """

    home: Path = Field(
        default=Path(".uploadwatch"), description="directory of the lake", examples=["/var/lib/uploadwatch"]
    )
    start_date: date = Field(
        default=date(2026, 1, 1), description="first day of the partitions", examples=["2026-03-01"]
    )
    end_date: date | None = Field(
        default=None,
        description="day after the last partition, for a closed period of history",
        examples=["2026-04-01"],
    )
    now: str = Field(
        default="",
        description="fixed time for replays of history, ISO 8601",
        examples=["2026-03-31T12:00:00+00:00"],
    )
    budget: Annotated[Budget, BeforeValidator(_budget)] = Field(
        default=Budget(),
        description="cases per 1000 monitored users and day; or cases a week in all, such as `10/week`: with 1,000 "
        "users that is 1.4 per 1000 and day. See [tune.md](tune.md#the-budget)",
        examples=["10/week"],
    )
    service_budget: float = Field(
        default=20.0,
        gt=0,
        le=1000,
        description="the same for service accounts and apps: with 50 of them, one a day",
        examples=["5"],
    )
    size_minutes: float = Field(
        default=5.0,
        gt=0,
        le=240,
        description="minutes per run for looking up sizes of one provider's files",
        examples=["10"],
    )
    allow_list: Path | None = Field(
        default=None,
        description="TOML file of uploads that raise no alert, see [tune.md](tune.md#allow-list)",
        examples=["/etc/uploadwatch/allow.toml"],
    )
    organisation_domains: str = Field(
        default="",
        description="your mail domains, separated by commas: users of other domains are guests, and only these domains "
        "join accounts of several providers: [identity.md](identity.md)",
        examples=["example.com,example.org"],
    )
    reasons_off: str = Field(
        default="",
        description="risk indicators that do not count, separated by commas: [alerts.md](alerts.md#risk-indicators)",
        examples=["off_hours,first_app"],
    )
    risk_list: Path | None = Field(
        default=None,
        description="file of users to watch, CSV or Parquet: [alerts.md](alerts.md#your-risk-list)",
        examples=["/etc/uploadwatch/risk.csv"],
    )
    networks: Path | None = Field(
        default=None,
        description="file of networks of Tor, of hosting providers and of your own (VPN, proxy), CSV or Parquet: "
        "[alerts.md](alerts.md#your-file-of-networks)",
        examples=["/etc/uploadwatch/networks.csv"],
    )
    geoip_country: Path | None = Field(
        default=None,
        description="database of the countries of addresses, in MaxMind's format (`.mmdb`): "
        "[alerts.md](alerts.md#your-databases-of-places)",
        examples=["/etc/uploadwatch/country.mmdb"],
    )
    geoip_asn: Path | None = Field(
        default=None, description="the same of autonomous systems", examples=["/etc/uploadwatch/asn.mmdb"]
    )
    persons: Path | None = Field(
        default=None,
        description="file that assigns accounts to persons, CSV or Parquet: "
        "[identity.md](identity.md#the-file-of-persons)",
        examples=["/etc/uploadwatch/persons.csv"],
    )
    exports: str = Field(
        default="",
        description=f"files for other systems, of these formats, separated by commas: "
        f"{', '.join(f'`{each}`' for each in ExportFormat)}; see [exports.md](exports.md)",
        examples=["ocsf-json,csv"],
    )
    security_lake_region: str = Field(
        default="",
        pattern=r"^([a-z]{2}(-[a-z]+)+-\d)?$",
        description="AWS region in the path of `ocsf-parquet`, which needs it",
        examples=["eu-central-1"],
    )
    security_lake_account: str = Field(
        default="external",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="AWS account in the same path, or a name for data from outside AWS",
        examples=["123456789012"],
    )
    pseudonyms: bool = Field(
        default=False,
        description="tokens in place of names in everything that leaves the lake (exports, pages, notifications): "
        "[privacy.md](privacy.md#pseudonyms)",
        examples=["true"],
    )
    retention: str = Field(
        default="",
        description="days that tables are kept; others are kept indefinitely: [privacy.md](privacy.md#retention)",
        examples=["audit_events=90,uploads=400"],
    )
    # Office 365 keeps seven days, so with every provider an outage of that length can be caught up.
    notify_max_age_days: float = Field(
        default=7.0,
        gt=0,
        le=366,
        description="alerts that ended longer ago, such as those of a backfill, are not notified",
        examples=["2"],
    )
    sensitive: Path | None = Field(
        default=None,
        description="dictionary of sensitive words, CSV or Parquet, in place of the one shipped: "
        "[analyst.md](analyst.md#your-dictionary)",
        examples=["/etc/uploadwatch/sensitive.csv"],
    )
    console_url: str = Field(
        default="",
        description="address of the [console](console.md), for links in notifications, exports and Dagster's UI, and "
        "the only one that it answers where people [sign in](console-sign-in.md)",
        examples=["https://uploads.example.com"],
    )
    docs_url: str = Field(
        default="",
        description="address under which this documentation is served, for links from checks to their runbooks; empty "
        "for the path in the repository: [operations.md](operations.md#serve-the-documentation)",
        examples=["https://docs.example.com/uploadwatch"],
    )
    schedules_on: bool = Field(
        default=False,
        description="`true`: schedules run from the start; without it, switch them on in the UI. What somebody "
        "switches in the UI stays so",
        examples=["true"],
    )

    @field_validator("retention")
    @classmethod
    def _kept(cls, value: str) -> str:
        kept_days(value)
        return value

    @property
    def kept_days(self) -> dict[str, int]:
        """Retention in days by table; other tables are kept for good."""
        return kept_days(self.retention)

    @field_validator("exports")
    @classmethod
    def _formats(cls, value: str) -> str:
        named = [name.strip() for name in value.split(",") if name.strip()]
        unknown = [name for name in named if name not in list(ExportFormat)]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: not a format; choose from {', '.join(ExportFormat)}")
        return ",".join(named)

    @property
    def export_formats(self) -> list[str]:
        """Formats of the exported files."""
        return [name for name in self.exports.split(",") if name]

    @field_validator("console_url", "docs_url")
    @classmethod
    def _address(cls, value: str, info: ValidationInfo) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment):
            example = "".join(map(str, cls.model_fields[info.field_name or ""].examples or ()))
            raise ValueError(f"it is no address of a directory; write it as {example}")
        return value.rstrip("/")

    @field_validator("reasons_off")
    @classmethod
    def _known(cls, value: str) -> str:
        return ",".join(known([name.strip() for name in value.split(",") if name.strip()]))

    @property
    def off(self) -> list[str]:
        """Names of the disabled risk indicators."""
        return [name for name in self.reasons_off.split(",") if name]

    @property
    def domains(self) -> list[str]:
        """Mail domains of the organisation, lower case."""
        return [domain.strip().lower() for domain in self.organisation_domains.split(",") if domain.strip()]
