"""Last runs of each job and schedule, from Dagster's run storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from common.errors import MendableError

__all__ = ["LastRun", "RunRecords", "RunRecordsError"]


class RunRecordsError(MendableError):
    """Dagster's run storage is missing, or cannot be read."""


class LastRun(NamedTuple):
    """Last finished run.

    Attributes:
        job: Name of its job.
        schedule: Schedule that started it; empty if the runs of all schedules, and those by hand, were looked at.
        ended: When it ended, UTC with zone.
        success: Whether it succeeded.
        succeeded: When the last successful run ended; None if there is none.
    """

    job: str
    schedule: str
    ended: datetime
    success: bool
    succeeded: datetime | None


class RunRecords:
    """Reader of the run storage of a deployment. Opening it imports Dagster, which takes seconds.

    Args:
        home: Directory of the deployment.
        values: Environment; ``DAGSTER_HOME`` is where Dagster's settings are, by default in the home.
    """

    def __init__(self, home: Path, values: Mapping[str, str]) -> None:
        self._directory = Path(values.get("DAGSTER_HOME") or home / "dagster").absolute()
        self._storage: Any = None
        self._file: Path | None = None
        self._lock = Lock()

    def all(self) -> list[LastRun]:
        """Return the last run of each schedule, and of the job that pulls, however it was started.

        Raises:
            RunRecordsError: The storage cannot be read.
        """
        from orchestration.schedules import JOB, SCHEDULES  # noqa: PLC0415 -- imports Dagster

        jobs = {"poll": JOB, "late_data": JOB}
        wanted = [(jobs.get(name, name), name) for name in (*SCHEDULES, "retention")]
        found = [self.last(job, schedule) for job, schedule in (*wanted, (JOB, ""))]
        return [run for run in found if run]

    def last(self, job: str, schedule: str) -> LastRun | None:
        """Return the last finished run of a job, of one schedule or of all; None if there is none.

        Raises:
            RunRecordsError: The storage cannot be read.
        """
        import dagster as dg  # noqa: PLC0415 -- takes seconds

        finished = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
        ended = self._newest(job, schedule, finished)
        if ended is None:
            return None
        at, status = ended
        success = status is dg.DagsterRunStatus.SUCCESS
        good = ended if success else self._newest(job, schedule, [dg.DagsterRunStatus.SUCCESS])
        return LastRun(job, schedule, at, success, good[0] if good else None)

    def _newest(self, job: str, schedule: str, statuses: Sequence[Any]) -> tuple[datetime, Any] | None:
        import dagster as dg  # noqa: PLC0415 -- takes seconds

        tags = {"dagster/schedule_name": schedule} if schedule else None
        try:
            with self._lock:
                wanted = dg.RunsFilter(job_name=job, statuses=statuses, tags=tags)
                records = self._opened().get_run_records(wanted, limit=1)
        except RunRecordsError:
            raise
        except Exception as error:  # whatever a storage raises
            # The next attempt opens it again. The text of an error may hold the address of the database.
            self._storage = None
            raise RunRecordsError(
                f"Dagster's run storage can't be read ({type(error).__name__}). See dagster.yaml in {self._directory}, "
                "and whether its database runs."
            ) from error
        if not records:
            return None
        [record] = records
        # A run that was ended from outside may have no time of its end.
        ended = record.end_time or record.update_timestamp.timestamp()
        return datetime.fromtimestamp(ended, UTC), record.dagster_run.status

    def _opened(self) -> Any:
        from orchestration.storage.dagster_internals import InstanceRef  # noqa: PLC0415 -- imports Dagster

        if self._storage is None:
            if not (self._directory / "dagster.yaml").is_file():
                raise RunRecordsError(f"{self._directory} holds no dagster.yaml. Set DAGSTER_HOME to its directory.")
            ref = InstanceRef.from_dir(str(self._directory))
            data = ref.run_storage_data
            base = data.config_dict.get("base_dir") if data and data.class_name == "SqliteRunStorage" else None
            self._file = Path(base) / "runs.db" if isinstance(base, str) else None
            self._refuse_missing()
            self._storage = ref.run_storage
            if self._storage is None:
                raise RunRecordsError(f"dagster.yaml in {self._directory} names no run storage.")
        self._refuse_missing()
        return self._storage

    def _refuse_missing(self) -> None:
        """Refuse a missing SQLite file, which Dagster would create."""
        if self._file and not (self._file.is_file() and self._file.stat().st_size):
            raise RunRecordsError(f"Dagster's run storage {self._file} is missing or empty.")
