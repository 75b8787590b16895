"""The code location: assets for the configured providers, their checks, the job and its schedules."""

import os
import warnings
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from assets.alerts import alerts
from assets.audit_events import audit_events
from assets.cases import cases
from assets.checks import Traits, asset_checks
from assets.core.descriptions import explained
from assets.core.host_faults import with_sentences
from assets.core.runbooks import Runbooks
from assets.dossiers import dossiers
from assets.exports import exports, valid_exports
from assets.file_sizes import file_sizes
from assets.judgement import judgement
from assets.normalised import normalised
from assets.sizes import sized_uploads, typical_sizes
from assets.user_hours import user_hours
from common.clock import Clock
from connectors import ConfigurationError, configured, horizons, misconfigured, recovers_sizes
from lake.home import REPLAY_NOTE
from notify.channels import open_channel
from notify.settings import read_channels
from orchestration.env_file import check_working_directory
from orchestration.logs import run_loggers
from orchestration.private import write_privately
from orchestration.resources import resources
from orchestration.retention import retention_job
from orchestration.schedules import daily_schedule, default_status, pull_job, schedules, verify_job
from orchestration.sensors import notification_sensors
from orchestration.settings import Settings, environment
from orchestration.storage.dead_runs import dead_runs_sensor
from orchestration.storage.executor import leased_executor
from orchestration.storage.run_retention import run_retention_job

__all__ = ["build_defs"]
from orchestration.completeness import check
from providers import PROVIDERS

# Single-run backfills, missing upstream partitions and pools are preview features of the pinned version.
for _category in (dg.BetaWarning, dg.PreviewWarning):
    warnings.filterwarnings("ignore", category=_category)


def build_defs(values: Mapping[str, str], *, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return the definitions for an environment.

    Args:
        values: Environment variables with the providers' and the deployment's settings.
        resource_overrides: Resources to use in place of the usual ones, by key.

    Raises:
        MendableError: A room lacks something for one of the providers.
        ConfigurationError: A value that concerns all sources cannot be used, or the home holds a replay.
    """
    check(PROVIDERS.values())
    settings = Settings.read(values)
    providers = configured(values)
    log = dg.get_dagster_logger()
    if not providers:
        log.warning("No provider is configured, so there are no assets. Set the variables in docs/configuration.md.")
    # Only log these faults: the check `pulled` of such a source fails, messages for such a channel wait, others go on.
    channels = [] if settings.now else map(open_channel, read_channels(values))
    for fault in [*misconfigured(values).values(), *(channel.fault for channel in channels if channel.fault)]:
        log.error(fault)
    if not settings.now and (settings.home / REPLAY_NOTE).exists():
        raise ConfigurationError(
            f"{settings.home} holds a replay of made-up history. Set UPLOADWATCH_HOME to a directory of its own for "
            "your organisation."
        )
    recovering = [provider for provider in providers if recovers_sizes(provider, values)]
    used = {**resources(settings, values, providers), **(resource_overrides or {})}
    clock = (resource_overrides or {}).get("clock") or Clock(fixed=settings.now)
    job, verifying, status = pull_job(), verify_job(), default_status(settings)
    reach = {provider: horizons(provider, values) for provider in providers}
    traits = {name: Traits(*reach[name], recovers_sizes=name in recovering) for name in providers}
    runbooks = Runbooks(settings.docs_url, settings.console_url)
    checks = asset_checks(traits, runbooks)
    if settings.export_formats:
        checks.append(valid_exports(runbooks))
    loggers = run_loggers(values)
    cleaning = [retention_job(settings.kept_days)] if settings.kept_days else []
    return dg.Definitions(
        assets=[
            with_sentences(each)
            for each in explained(
                _assets(settings, providers, recovering, runbooks),
                used["detector"],
                running=not settings.now and not settings.end_date,
            )
        ],
        asset_checks=checks,
        jobs=[*([job, verifying] if providers else []), *cleaning],
        schedules=[
            *(
                [
                    *schedules(job, clock, reach, settings, loggers),
                    daily_schedule(run_retention_job, "20 5 * * *", "Keeps Dagster's storage small.", status, loggers),
                    daily_schedule(verifying, "50 5 * * *", "Looks for damaged files.", status, loggers),
                ]
                if providers
                else []
            ),
            # After the late-data re-pull.
            *(
                daily_schedule(each, "10 6 * * *", "Removes what UPLOADWATCH_RETENTION does not keep.", status, loggers)
                for each in cleaning
            ),
        ],
        sensors=[dead_runs_sensor(settings.home), *(notification_sensors(providers) if "notifier" in used else [])],
        resources=used,
        executor=leased_executor(settings.home),
        loggers=loggers or None,
    )


def _assets(
    settings: Settings, providers: Sequence[str], recovering: Sequence[str], runbooks: Runbooks
) -> list[dg.AssetsDefinition]:
    """Return the assets of each provider, and those of all providers together."""
    partitions = dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(),
        end_date=settings.end_date.isoformat() if settings.end_date else None,
        end_offset=0 if settings.end_date else 1,
    )
    assets: list[dg.AssetsDefinition] = []
    for provider in providers:
        sizes = provider in recovering
        assets.append(audit_events(provider, partitions, sources=providers, runbooks=runbooks))
        assets.append(normalised(provider, partitions))
        if sizes:
            budget = timedelta(minutes=settings.size_minutes)
            assets.append(file_sizes(provider, partitions, budget=budget, runbooks=runbooks))
        assets.append(sized_uploads(provider, partitions, sizes=sizes))
    if recovering:
        assets.append(typical_sizes(providers, recovering, partitions))
    if providers:
        assets.append(user_hours(providers, partitions))
        assets.append(judgement(providers, partitions))
        assets.append(alerts(providers, partitions))
        assets.append(cases(partitions))
        assets.append(dossiers(providers, partitions))
        if settings.export_formats:
            assets.append(exports(providers, partitions))
    return assets


def _definitions() -> dg.Definitions:
    write_privately()
    # Dagster has read the .env of the working directory by now; check it before anything uses its values.
    check_working_directory()
    values = environment()
    os.environ.update({name: value for name, value in values.items() if name not in os.environ})
    return build_defs(values)


@dg.definitions
def definitions() -> dg.Definitions:
    """Return the definitions for the process's environment."""
    return _definitions()
