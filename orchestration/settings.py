"""Settings of a deployment, read from environment variables and the file of variables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from connectors import ConfigurationError
from detection.reasons import known
from exports.formats import ExportFormat
from lake.retention import kept_days
from orchestration.budget import Budget, parse_budget
from orchestration.env_file import environment

__all__ = ["Settings", "environment"]

_PREFIX = "UPLOADWATCH_"


def _budget(value: object) -> object:
    return parse_budget(value) if isinstance(value, str) else value


class Settings(BaseModel):
    """Operator's settings, apart from the providers' credentials.

    Attributes:
        home: Directory of the deployment (``UPLOADWATCH_HOME``).
        start_date: First day of the partitions (``UPLOADWATCH_START_DATE``).
        end_date: Day after the last one, for a replay of past days (``UPLOADWATCH_END_DATE``).
        now: Fixed time for replays of history, ISO 8601 (``UPLOADWATCH_NOW``).
        budget: Cases per 1000 monitored users and day, or a week in all (``UPLOADWATCH_BUDGET``).
        service_budget: The same for service accounts and apps (``UPLOADWATCH_SERVICE_BUDGET``).
        size_minutes: Longest time that a run may look up sizes of one provider (``UPLOADWATCH_SIZE_MINUTES``).
        allow_list: TOML file of uploads that raise no alert, see :mod:`detection.allow_list`
            (``UPLOADWATCH_ALLOW_LIST``).
        organisation_domains: Mail domains of the organisation, separated by commas
            (``UPLOADWATCH_ORGANISATION_DOMAINS``).
        reasons_off: Disabled risk indicators, separated by commas (``UPLOADWATCH_REASONS_OFF``).
        risk_list: File of users to watch, CSV or Parquet (``UPLOADWATCH_RISK_LIST``).
        networks: File of networks of Tor, of hosting providers and of the organisation's own, CSV or Parquet
            (``UPLOADWATCH_NETWORKS``).
        geoip_country: Database of the countries of addresses, in MaxMind's format (``UPLOADWATCH_GEOIP_COUNTRY``).
        geoip_asn: The same of autonomous systems (``UPLOADWATCH_GEOIP_ASN``).
        persons: File that maps accounts to persons, CSV or Parquet, see :mod:`detection.persons`
            (``UPLOADWATCH_PERSONS``).
        exports: Formats of the exported files, separated by commas; empty for none (``UPLOADWATCH_EXPORTS``).
        security_lake_region: AWS region of the Security Lake (``UPLOADWATCH_SECURITY_LAKE_REGION``).
        security_lake_account: AWS account of exported records, or a name for sources outside AWS
            (``UPLOADWATCH_SECURITY_LAKE_ACCOUNT``).
        retention: Days that tables are kept, such as ``audit_events=90,uploads=400`` (``UPLOADWATCH_RETENTION``).
        pseudonyms: Whether tokens replace names in everything that leaves the lake (``UPLOADWATCH_PSEUDONYMS``).
        notify_max_age_days: Age in days from which alerts are no longer notified
            (``UPLOADWATCH_NOTIFY_MAX_AGE_DAYS``).
        sensitive: File of words and extensions of what may be sensitive, CSV or Parquet (``UPLOADWATCH_SENSITIVE``).
        pages_url: Address under which the pages of alerts are served (``UPLOADWATCH_PAGES_URL``).
        schedules_on: Whether schedules run from the start, until somebody stops one in the UI
            (``UPLOADWATCH_SCHEDULES_ON``).
    """

    model_config = ConfigDict(frozen=True)

    home: Path = Path(".uploadwatch")
    start_date: date = date(2026, 1, 1)
    end_date: date | None = None
    now: str = ""
    budget: Annotated[Budget, BeforeValidator(_budget)] = Budget()
    service_budget: float = Field(default=20.0, gt=0, le=1000)
    size_minutes: float = Field(default=5.0, gt=0, le=240)
    allow_list: Path | None = None
    organisation_domains: str = ""
    reasons_off: str = ""
    risk_list: Path | None = None
    networks: Path | None = None
    geoip_country: Path | None = None
    geoip_asn: Path | None = None
    persons: Path | None = None
    exports: str = ""
    security_lake_region: str = Field(default="", pattern=r"^([a-z]{2}(-[a-z]+)+-\d)?$")
    security_lake_account: str = Field(default="external", pattern=r"^[A-Za-z0-9_-]+$")
    pseudonyms: bool = False
    retention: str = ""
    # Office 365 keeps seven days, so with every provider an outage of that length can be caught up.
    notify_max_age_days: float = Field(default=7.0, gt=0, le=366)
    sensitive: Path | None = None
    pages_url: str = ""
    schedules_on: bool = False

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

    @field_validator("pages_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment):
            raise ValueError("it is no address of a directory; write it as https://alerts.example.com/pages")
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

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            ConfigurationError: A variable has a value that cannot be used; the message names it.
        """
        given = {name: variables[key] for name in cls.model_fields if variables.get(key := f"{_PREFIX}{name.upper()}")}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigurationError(
                f"{_PREFIX}{str(first['loc'][0]).upper()} cannot be used: {first['msg']}. Correct the variable."
            ) from error
