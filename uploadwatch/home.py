"""A home: its tables as data frames, and the acts of people on its cases."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from common.clock import Clock
from common.errors import MendableError
from lake import triage
from lake.home import replay_variables
from lake.ledger import publish
from lake.named import Named, find_named
from lake.reviews import ReadAlert
from orchestration.settings import Settings, environment
from uploadwatch.frames import to_pandas
from uploadwatch.reading import Reader

__all__ = ["Home", "open_home"]

Ids = str | Sequence[str]
"""Id of a case or an alert, or a beginning of it that no other has; or several."""


class Home(Reader[pd.DataFrame]):
    """A home, whose tables are read as data frames of pandas.

    Attributes:
        path: Directory of the deployment.
        arrow: The same tables as tables of Arrow.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(path, clock, to_pandas)
        self.path = path
        self.arrow: Reader[pa.Table] = Reader(path, clock, lambda table: table)

    def review(self, ids: Ids, verdict: str, note: str, *, by: str | None = None) -> None:
        """Review alerts, or the alerts of cases: all or none.

        Args:
            ids: The alerts or cases.
            verdict: ``benign`` or ``confirmed``.
            note: Why.
            by: Name of the reviewer; None for the name of the user who runs this.

        Raises:
            MendableError: An id is of none or of several, the verdict is unknown, or the note is empty.
        """
        with self._chosen(ids) as (con, found):
            alerts = [ReadAlert(alert) for alert in _alerts(found)]
            triage.review(con, self._lake, alerts, verdict=verdict, note=note, by=_name(by), now=self._clock.now())

    def undo(self, ids: Ids, *, by: str | None = None) -> None:
        """Take back the latest review of alerts or cases.

        Raises:
            MendableError: An id is of none or of several, or none of the alerts is reviewed.
        """
        with self._chosen(ids) as (con, found):
            triage.undo(con, self._lake, _alerts(found), by=_name(by), now=self._clock.now())

    def reopen(self, ids: Ids, note: str, *, by: str | None = None) -> None:
        """Withdraw the verdicts of alerts or cases.

        Raises:
            MendableError: An id is of none or of several, the note is empty, or none of the alerts is reviewed.
        """
        with self._chosen(ids) as (con, found):
            triage.reopen(con, self._lake, _alerts(found), note=note, by=_name(by), now=self._clock.now())

    def take(self, ids: Ids, *, by: str | None = None) -> None:
        """Take cases to work on.

        Raises:
            MendableError: An id is of none or of several, or somebody else works on a case.
        """
        name, now = _name(by), self._clock.now()
        self._each(ids, lambda case, alerts: triage.take(self._lake, case, alerts, by=name, now=now))

    def hand_over(self, ids: Ids, to: str, *, by: str | None = None) -> None:
        """Hand cases over to a person.

        Raises:
            MendableError: An id is of none or of several, or the name is empty.
        """
        name, now = _name(by), self._clock.now()
        self._each(ids, lambda case, alerts: triage.assign(self._lake, case, alerts, to=to, by=name, now=now))

    def comment(self, ids: Ids, text: str, *, by: str | None = None) -> None:
        """Add a comment to cases.

        Raises:
            MendableError: An id is of none or of several, or the comment is empty or too long.
        """
        name, now = _name(by), self._clock.now()
        self._each(ids, lambda case, alerts: triage.comment(self._lake, case, alerts, text=text, by=name, now=now))

    @contextmanager
    def _chosen(self, ids: Ids) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Named]]]:
        wanted = [ids] if isinstance(ids, str) else list(ids)
        if not wanted:
            raise MendableError("No id is given: take some from cases().")
        with duckdb.connect() as con:
            publish(con, self._lake, self._clock.now())
            yield con, [find_named(con, each) for each in wanted]

    def _each(self, ids: Ids, act: Callable[[str, Sequence[str]], None]) -> None:
        with self._chosen(ids) as (con, found):
            for case_id in dict.fromkeys(each.case_id for each in found if each.case_id):
                [(alerts,)] = con.execute("SELECT alert_ids FROM cases WHERE case_id = ?", [case_id]).fetchall()
                act(case_id, alerts)


def open_home(home: str | PathLike[str]) -> Home:
    """Open a home.

    Args:
        home: Directory of the deployment (``UPLOADWATCH_HOME``).

    Raises:
        MendableError: It holds no lake.
    """
    path = Path(home)
    if not (path / "lake").is_dir():
        raise MendableError(f"{path} holds no lake. Name the directory of the deployment, UPLOADWATCH_HOME.")
    settings = Settings.read({**environment(), **replay_variables(path)})
    return Home(path, Clock(fixed=settings.now))


def _alerts(found: Sequence[Named]) -> list[str]:
    return list(
        dict.fromkeys(alert for each in found for alert in ([each.alert_id] if each.alert_id else each.alert_ids))
    )


def _name(by: str | None) -> str:
    return by or getpass.getuser()
