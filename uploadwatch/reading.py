"""Reading of a home's tables, as data frames or as tables of Arrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Generic, TypeVar

import duckdb
import pyarrow as pa

from common.clock import Clock
from common.errors import MendableError
from detection.persons import named
from detection.rule import SEVERITIES
from detection.sql import ENGINE
from lake.damage import DamagedError
from lake.days import days_between
from lake.ledger import publish
from lake.named import find_named
from lake.people import load_people, view_people
from lake.rereading import reread
from lake.store import Lake
from lake.triage import load_assignees
from lake.warehouse import open_warehouse
from providers import PROVIDERS
from uploadwatch.frames import to_arrow

__all__ = ["Day", "Reader"]

T = TypeVar("T")
R = TypeVar("R")
Day = date | str
"""A day, UTC: a date, or YYYY-MM-DD."""


class Reader(Generic[T]):
    """Tables of a home in one form: data frames of pandas, or tables of Arrow.

    Every call reads the home as it is now. Runs may go on meanwhile: each file is read as it was before or after a
    change, and a lost or damaged one is an error that names it. Times are UTC with zone, sizes bytes, and an unknown
    size is missing. Names are shown also where pages and exports have pseudonyms.
    """

    def __init__(self, home: Path, clock: Clock, form: Callable[[pa.Table], T]) -> None:
        self._home, self._clock, self._form = home, clock, form
        self._lake = Lake(root=str(home / "lake"))

    def cases(self) -> T:
        """Return all cases, those to read first on top.

        Returns:
            The columns of the table ``cases``, and the ``assignee`` who works on the case.
        """
        query = """
            SELECT c.*, a.assignee
            FROM cases c
            LEFT JOIN assignees a USING (case_id)
            ORDER BY c.state = 'reviewed', list_position($severities, c.severity) DESC, c.one_in DESC NULLS LAST,
              c.opened_at DESC, c.case_id
        """

        def read(con: duckdb.DuckDBPyConnection) -> T:
            self._publish(con)
            load_assignees(con, self._lake)
            return self._rows(con, query, {"severities": list(SEVERITIES)})

        return self._reading(read)

    def alerts(self) -> T:
        """Return all alerts, by opening and user.

        Returns:
            The columns of the table ``alerts`` under their published ids, and revision, ``case_id``, and review.
        """
        return self._published('FROM shown ORDER BY first_window_start, "user", alert_id')

    def alert(self, alert_id: str) -> T:
        """Return one alert, or the alerts of one case.

        Args:
            alert_id: Id of an alert or a case, or a beginning of it that no other has.

        Raises:
            MendableError: None or several have such an id.
        """

        def read(con: duckdb.DuckDBPyConnection) -> T:
            self._publish(con)
            found = find_named(con, alert_id)
            wanted = [found.alert_id] if found.alert_id else found.alert_ids
            query = "FROM shown WHERE list_contains(?, alert_id) ORDER BY first_window_start, alert_id"
            return self._rows(con, query, [wanted])

        return self._reading(read)

    def uploads(self, first: Day, last: Day, *, person: str | None = None) -> T:
        """Return the uploads of some days, by time.

        Args:
            first: First day, UTC.
            last: Last day, UTC.
            person: Person by an address, an account (``provider:id``) or a key; None for everybody.

        Returns:
            The columns of the table ``uploads``, with the person's key as ``user``.

        Raises:
            MendableError: A day is none, the last is before the first, nobody has such a name, or a file is damaged.
        """
        tables = [f"{provider}/uploads" for provider in PROVIDERS]
        return self._of_person("uploads", tables, _days(first, last), person, 'time, "user", event_key, asset')

    def baseline(self, person: str, day: Day) -> T:
        """Return what was usual for a person on a day, a row for each scope.

        Args:
            person: As for :meth:`uploads`.
            day: Day, UTC, whose windows are compared with it.

        Returns:
            The columns of the table ``baselines``; no row for a person without uploads in the training days.

        Raises:
            MendableError: There are no baselines of the day, or as for :meth:`uploads`.
        """
        [wanted] = _days(day, day)
        made = self._lake.days("baselines")
        if wanted not in made:
            known = f"there are some from {made[0]} to {made[-1]}" if made else "no run has made any"
            raise MendableError(f"There are no baselines of {wanted}: {known}.")
        return self._of_person("baselines", ["baselines"], [wanted], person, "scope, population")

    def scores(self, first: Day | None = None, last: Day | None = None, *, person: str | None = None) -> T:
        """Return the scores of windows, of all days or of some.

        Args:
            first: First day, UTC; None for the first that there is.
            last: Last day, UTC; None for the last that there is.
            person: As for :meth:`uploads`.

        Returns:
            The columns of the table ``scores``.

        Raises:
            MendableError: As for :meth:`uploads`.
        """
        return self._scored("scores", first, last, person)

    def detections(self, first: Day | None = None, last: Day | None = None, *, person: str | None = None) -> T:
        """Return the windows over the threshold, of all days or of some.

        Args:
            first: First day, UTC; None for the first that there is.
            last: Last day, UTC; None for the last that there is.
            person: As for :meth:`uploads`.

        Returns:
            The columns of the table ``detections``.

        Raises:
            MendableError: As for :meth:`uploads`.
        """
        return self._scored("detections", first, last, person)

    def sql(self, query: str) -> T:
        """Return the rows of a query over the views of ``warehouse.duckdb``, which has a view for each table.

        The query can't write, and reads no file outside of the lake. A lost day of a table that it names is an error.

        Args:
            query: SQL of DuckDB.

        Raises:
            MendableError: No run has made the views yet, or the text is not one query that reads.
            duckdb.Error: The query is wrong, or does what it may not.
        """

        def read() -> T:
            with open_warehouse(self._home) as con:
                # COPY, and EXPLAIN ANALYZE of it, would write files of the lake.
                if [each.type for each in con.extract_statements(query)] != [duckdb.StatementType.SELECT]:
                    raise MendableError("Give one query that reads: SELECT, FROM or DESCRIBE.")
                # The views read what is there: a lost day would be left out.
                for kind in sorted(_named_in(query)):
                    for table in (kind, *(f"{provider}/{kind}" for provider in PROVIDERS)):
                        for day in self._lake.lost_days(table):
                            raise self._damaged(table, day, "it is missing")
                return self._rows(con, query)

        return reread(read)

    def _damaged(self, table: str, day: date, cause: str) -> DamagedError:
        remedy = f"The next run makes it again, or materialise {table} of {day}."
        return DamagedError(self._lake.part(table, day), cause, remedy)

    def _rows(self, con: duckdb.DuckDBPyConnection, query: str, values: object = None) -> T:
        return self._form(to_arrow(con, query, values))

    def _publish(self, con: duckdb.DuckDBPyConnection) -> None:
        """Publish the alerts in a connection.

        Raises:
            DamagedError: Alerts of a day are lost or damaged, and would be left out.
        """
        made = self._lake.made_days("alerts") | set(self._lake.days("alerts"))
        publish(con, self._lake, self._clock.now())
        read = {day for (day,) in con.execute("SELECT day FROM alert_days").fetchall()}
        for day in sorted(made - read):
            if cause := self._lake.fault("alerts", day, deep=True):
                raise self._damaged("alerts", day, cause)

    def _published(self, query: str) -> T:
        def read(con: duckdb.DuckDBPyConnection) -> T:
            self._publish(con)
            return self._rows(con, query)

        return self._reading(read)

    def _scored(self, table: str, first: Day | None, last: Day | None, person: str | None) -> T:
        # A lost day at either end is an error, too.
        made = sorted({*self._lake.days(table), *self._lake.made_days(table)})
        days = _days(first or made[0], last or made[-1]) if made else []
        return self._of_person(table, [table], days, person, 'window_start, "user", scope, population')

    def _of_person(self, kind: str, tables: Sequence[str], days: Sequence[date], person: str | None, order: str) -> T:
        def read(con: duckdb.DuckDBPyConnection) -> T:
            load_people(con, self._lake)
            keys = None if person is None else self._keys(con, person)
            view_people(con, self._lake, kind, tables, days)
            query = f'FROM {kind} WHERE $keys IS NULL OR list_contains($keys, "user") ORDER BY {order}'
            return self._rows(con, query, {"keys": keys})

        return self._reading(read)

    def _keys(self, con: duckdb.DuckDBPyConnection, person: str) -> list[str]:
        """Return the keys of the persons that a name means."""
        keys = named(con, person.strip().lower(), first_only=False)
        known = con.execute("SELECT count(*) FROM person_labels WHERE list_contains(?, person)", [keys]).fetchall()
        # A key is an account as it is stored, which may have capitals.
        exact = con.execute("SELECT person FROM person_labels WHERE person = ?", [person.strip()]).fetchall()
        if not known[0][0] and not exact:
            raise MendableError(
                f"Nobody is known as {person!r}. Give an address, provider:id, or the person of a row of alerts()."
            )
        return [*keys, *(key for (key,) in exact)]

    def _reading(self, read: Callable[[duckdb.DuckDBPyConnection], R]) -> R:
        def once() -> R:
            with duckdb.connect(config=dict(ENGINE)) as con:
                return read(con)

        return reread(once)


def _named_in(query: str) -> set[str]:
    """Return the tables that a query names."""
    # Without the views: DuckDB does not name tables beside views of lists of files.
    with duckdb.connect() as con:
        return {name.lower() for name in con.get_table_names(query)}


def _days(first: Day, last: Day) -> list[date]:
    """Return the days from one to another.

    Raises:
        MendableError: One is not a day, or the last is before the first.
    """
    begins, ends = _day(first), _day(last)
    if begins > ends:
        raise MendableError(f"The first day, {begins}, is after the last, {ends}.")
    return days_between(begins, ends)


def _day(given: Day) -> date:
    if isinstance(given, datetime):
        return given.astimezone(UTC).date() if given.tzinfo else given.date()
    if isinstance(given, date):
        return given
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError):
        raise MendableError(f"{given!r} is not a day: write YYYY-MM-DD, or give a date.") from None
