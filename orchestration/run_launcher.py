"""Dagster's run launcher, with an answer to whether the process of a run is still there."""

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

__all__ = ["WatchedRunLauncher"]


class WatchedRunLauncher(DefaultRunLauncher):
    """``DefaultRunLauncher`` whose runs can be monitored.

    A code server tells of a run whose process died, but not of those that died with it. Such a run would stay
    started for ever, and every tick would wait for it. Here the code server is asked; one that was started anew knows
    nothing of the run, so that the monitoring ends it and it is begun again.

    The code server has to be ``dagster api grpc``: ``dagster code-server start`` forgets its runs when it reloads.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Asks the code server that started the run.

        Raises:
            dagster.DagsterUserCodeUnreachableError: It does not answer, so that nothing is known: the monitoring asks
                again.
        """
        client = self._get_grpc_client_for_termination(run.run_id)
        if client is None:
            return CheckRunHealthResult(WorkerStatus.SUCCESS, "The run is over.")
        answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id))
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "The code server knows nothing of the run's process.")
