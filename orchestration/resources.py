"""The resources of a deployment, made from its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assets.core.resources import ClockResource, Detector, Engine, LakeResource, Pages, Source
from assets.core.side_by_side import Pulls
from assets.exports import Exporter
from connectors import ConfigurationError, variables
from exports.formats import ExportFormat
from orchestration.pseudonymity import KEY, pseudonyms_of
from orchestration.sensors import notifier
from orchestration.settings import Settings

__all__ = ["check_region", "resources"]


def check_region(settings: Settings, formats: list[str]) -> None:
    """Refuse OCSF as Parquet without the region that is part of its path.

    Raises:
        ConfigurationError: The region is not set.
    """
    if ExportFormat.OCSF_PARQUET in formats and not settings.security_lake_region:
        raise ConfigurationError(
            f"{ExportFormat.OCSF_PARQUET} needs UPLOADWATCH_SECURITY_LAKE_REGION, which is part of its path: set it to "
            "the AWS region of the Security Lake, such as eu-central-1."
        )


def resources(settings: Settings, values: Mapping[str, str], providers: Sequence[str]) -> dict[str, Any]:
    """Return the resources of assets, checks, schedules and sensors, by key.

    Args:
        settings: The deployment's settings.
        values: The environment that they were read from.
        providers: Configured providers.

    Returns:
        lake, engine, clock, pulls, detector, exporter, pages, a source for each provider, and notifier if a channel is
        configured.

    Raises:
        ConfigurationError: A value can't be used.
    """
    # The key reaches runs as an environment variable, so that it can't be read in the UI.
    key = dg.EnvVar(KEY) if pseudonyms_of(values) else ""
    # A replay notifies nobody: its alerts are made up or old.
    notify = None if settings.now else notifier(values, settings, key)
    return {
        "lake": LakeResource(root=str(settings.home.absolute() / "lake")),
        "engine": Engine(home=str(settings.home.absolute())),
        "clock": ClockResource(fixed=settings.now),
        "pulls": Pulls(),
        "detector": Detector(
            budget=settings.budget.per_1000,
            weekly_budget=settings.budget.per_week,
            service_budget=settings.service_budget,
            organisation_domains=settings.domains,
            reasons_off=settings.off,
            risk_list=_path(settings.risk_list),
            networks=_path(settings.networks),
            geoip_country=_path(settings.geoip_country),
            geoip_asn=_path(settings.geoip_asn),
            allow_list=_path(settings.allow_list),
            persons=_path(settings.persons),
        ),
        "exporter": _exporter(settings, key),
        "pages": Pages(url=settings.console_url, sensitive=_path(settings.sensitive), pseudonym_key=key),
        **{f"{provider}_source": _source(provider, values, settings.home) for provider in providers},
        **({"notifier": notify} if notify else {}),
    }


def _path(file: Path | None) -> str:
    return str(file.absolute()) if file else ""


def _exporter(settings: Settings, key: str) -> Exporter:
    """Return the exporter with the deployment's settings."""
    check_region(settings, settings.export_formats)
    return Exporter(
        out=str(settings.home.absolute() / "exports"),
        formats=settings.export_formats,
        region=settings.security_lake_region,
        account=settings.security_lake_account,
        pseudonym_key=key,
        console_url=settings.console_url,
    )


def _source(provider: str, values: Mapping[str, str], home: Path) -> Source:
    """Return the provider's connector; it gets its values as environment variables, which the UI does not show."""
    names = [name for name in variables(provider) if values.get(name)]
    return Source(
        provider=provider,
        environment={name: dg.EnvVar(name) for name in names},
        limits=str(home.absolute() / "limits"),
    )
