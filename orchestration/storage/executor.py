"""The executor of every job: Dagster's in-process one, under a run lease."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.definitions.executor_definition import IN_PROC_CONFIG
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.init import InitExecutorContext

from orchestration.storage.run_lease import Lease, Leases, LeaseState

__all__ = ["leased_executor"]

_kept: dict[str, Lease] = {}
"""Leases of the runs that this process carries out, by run.

They are kept until the process ends or begins another run: Dagster records that a run is over only after its executor
is done, and a process that is killed in between leaves a dead run, too.
"""


class _LeasedExecutor(InProcessExecutor):
    """In-process executor that takes the run's lease first."""

    leases: Leases

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Execute the steps."""
        run_id = plan_context.run_id
        for before in list(_kept):
            run = plan_context.instance.get_run_by_id(before)
            if run is None or run.is_finished:
                _kept.pop(before).release()
        # A command holds the lease of its run from before the run exists.
        if self.leases.state(run_id) is not LeaseState.HELD:
            _kept[run_id] = self.leases.take(run_id)
        yield from super().execute(plan_context, execution_plan)


def leased_executor(home: Path) -> dg.ExecutorDefinition:
    """Return the executor whose runs hold a lease below this home."""

    @dg.executor(name=dg.in_process_executor.name, config_schema=IN_PROC_CONFIG)
    def _executor(init_context: InitExecutorContext) -> InProcessExecutor:
        config = init_context.executor_config
        executor = _LeasedExecutor(
            retries=RetryMode.from_config(config["retries"]),  # type: ignore[arg-type]
            step_dependency_config=StepDependencyConfig.from_config(config.get("step_dependency_config")),  # type: ignore[arg-type]
        )
        executor.leases = Leases(home)
        return executor

    return _executor
