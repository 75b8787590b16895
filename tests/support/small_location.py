"""A code location of one asset, one asset that takes a while, and a schedule: started in two seconds."""

import time

import dagster as dg


@dg.asset
def quick() -> None:
    """Do nothing."""


@dg.asset
def slow(context: dg.AssetExecutionContext) -> None:
    """Say something twice a second, longer than a person needs to look."""
    for number in range(60):
        context.log.info(f"line {number} of slow")
        time.sleep(0.5)


job = dg.define_asset_job("nightly_job", selection=["quick"])
defs = dg.Definitions(
    assets=[quick, slow],
    jobs=[job],
    schedules=[dg.ScheduleDefinition(name="nightly", job=job, cron_schedule="0 3 * * *")],
)
