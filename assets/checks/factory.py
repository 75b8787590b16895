"""Factory of Dagster's asset checks from the catalogue; all checks of an asset are one step, which costs less."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, timedelta
from itertools import groupby

import dagster as dg

from assets.checks.catalogue import CATALOGUE, Check
from assets.checks.findings import Finding, Outcome, Scene, Traits
from assets.core.partitions import range_of
from assets.core.resources import Detector, Engine
from assets.core.runbooks import Runbooks
from assets.core.severities import ERROR, WARN
from common.clock import Clock
from lake.damage import DamagedError
from lake.store import Lake

__all__ = ["asset_checks"]

_NO_TRAITS = Traits(lateness=timedelta(), overlap=timedelta(), recovers_sizes=False)


def asset_checks(traits: Mapping[str, Traits], runbooks: Runbooks) -> list[dg.AssetChecksDefinition]:
    """Return the checks of all assets.

    Args:
        traits: Traits of each configured provider; without any there are no checks.
        runbooks: Where the runbooks are.
    """
    if not traits:
        return []
    found = []
    for (table, per_provider), checks in groupby(CATALOGUE, key=lambda check: (check.table, check.per_provider)):
        of_table = list(checks)
        if per_provider:
            found += [
                _of_asset(of_table, [provider, table], provider, known, runbooks) for provider, known in traits.items()
            ]
        else:
            found.append(_of_asset(of_table, [table], "", _NO_TRAITS, runbooks))
    return found


def _of_asset(
    checks: Sequence[Check], path: Sequence[str], provider: str, traits: Traits, runbooks: Runbooks
) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(path)

    @dg.multi_asset_check(
        name=f"{'__'.join(path)}__checks",
        specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=key,
                description=check.description,
                blocking=check.blocking,
                metadata={"what to do": check.remedy, **runbooks.metadata(check.name)},
            )
            for check in checks
        ],
        can_subset=True,
    )
    def _checks(
        context: dg.AssetCheckExecutionContext,
        lake: dg.ResourceParam[Lake],
        clock: dg.ResourceParam[Clock],
        engine: Engine,
        detector: Detector,
    ) -> Iterator[dg.AssetCheckResult]:
        now = clock.now().astimezone(UTC).replace(tzinfo=None)
        wanted = {selected.name for selected in context.selected_asset_check_keys}
        days = _days(context, now.date())
        with engine.get_connection() as con:
            scene = Scene(lake, con, now, days, detector, provider, traits)
            for check in checks:
                if check.name in wanted:
                    yield _look(check, scene).result(check.name, key, check.remedy, runbooks)

    return _checks


def _look(check: Check, scene: Scene) -> Outcome:
    """Run a check; if a table that it reads is lost, report that without blocking the assets downstream."""
    try:
        return check.look(scene)
    except DamagedError as error:
        return Outcome([Finding(WARN if check.blocking else ERROR, str(error))], "")


def _days(context: dg.AssetCheckExecutionContext, today: date) -> list[date]:
    """Return the days of the run; yesterday and today, like a poll run, if a person runs the check by itself."""
    run = context.op_execution_context
    if run.has_partition_key or run.has_partition_key_range:
        return range_of(context)
    return [today - timedelta(days=1), today]
