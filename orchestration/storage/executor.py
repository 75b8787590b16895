"""The executor of every job: Dagster's in-process one, under a run lease."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import dagster as dg

from orchestration.storage.run_lease import Lease, Leases, LeaseState

__all__ = ["leased_executor"]

_kept: dict[str, Lease] = {}
"""Leases of the runs that this process carries out, by run.

They are kept until the process ends or starts another run: Dagster records the end of a run only after its executor is
done, and a process that is killed in between leaves a dead run, too.
"""


class _LeasedExecutor(dg.Executor):
    """Executor that takes the run's lease, and lets another one execute the steps.

    Args:
        executor: The other executor.
        leases: The leases of the home.
    """

    def __init__(self, executor: dg.Executor, leases: Leases) -> None:
        self._executor, self._leases = executor, leases

    # Dagster's types of these values are not public.
    @property
    def retries(self) -> Any:
        """Retry mode of the steps."""
        return self._executor.retries

    @property
    def step_dependency_config(self) -> Any:
        """Configuration of the steps that a step waits for."""
        return self._executor.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        """Execute the steps."""
        run_id: str = plan_context.run_id
        for before in list(_kept):
            run = plan_context.instance.get_run_by_id(before)
            if run is None or run.is_finished:
                _kept.pop(before).release()
        # A command takes the lease of its run before the run exists.
        if self._leases.state(run_id) is not LeaseState.HELD:
            _kept[run_id] = self._leases.take(run_id)
        yield from self._executor.execute(plan_context, execution_plan)


def leased_executor(home: Path) -> dg.ExecutorDefinition:
    """Return the executor whose runs hold a lease below this home."""
    in_process = dg.in_process_executor
    create = cast("Callable[[dg.InitExecutorContext], dg.Executor]", in_process.executor_creation_fn)

    @dg.executor(name=in_process.name, config_schema=in_process.config_schema.as_field())
    def _executor(init_context: dg.InitExecutorContext) -> dg.Executor:
        return _LeasedExecutor(create(init_context), Leases(home))

    return _executor
