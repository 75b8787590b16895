"""``<provider>/file_sizes``: sizes that the audit log does not have, looked up in the provider's file API."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import duckdb
import pyarrow as pa

from assets.core.descriptions import described
from assets.core.partitions import SINGLE_RUN, range_of
from assets.core.pull_checks import pull_check, pulled
from assets.core.refresh import READ_BACK, touched_days
from assets.core.resources import Detector, Engine, Source
from assets.core.runbooks import Runbooks
from assets.core.seam import Fault, fault_of, worst_kind
from common.clock import Clock
from connectors import FileQuestion, FileSize, StoppedError
from detection.sizes import ask, find_open, merge_answers
from detection.tables import arrow_schema
from lake.damage import DamagedError
from lake.health import read_health, record
from lake.kept import copy_of, intact
from lake.store import Lake

__all__ = ["file_sizes"]

_MOST = 200_000
"""Upper bound on file lookups per run, however large its budget: they are held in memory."""
_KEPT_EVERY = 5_000
"""Number of answers after which they are written, so that a killed run loses few."""
_BREAKER, _BREAKER_FAILURES = timedelta(seconds=20), 3
"""Time limit of a run for a file API that was unavailable that many times in a row."""
_STATES = ("open", "refused within a day", "too fresh", "nobody to ask as")


def file_sizes(
    provider: str, partitions: dg.PartitionsDefinition[str], *, budget: timedelta, runbooks: Runbooks
) -> dg.AssetsDefinition:
    """Return the asset of one provider's recovered sizes: a cache by file and version, per day of the upload.

    Args:
        provider: Name of the provider.
        partitions: Days.
        budget: Longest time that a run may look up sizes; the next run continues.
        runbooks: Where the runbooks are.
    """

    @dg.asset(
        key=[provider, "file_sizes"],
        deps=[[provider, "logged_uploads"]],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        pool=provider,
        required_resource_keys={"lake", "clock", "engine", "detector", f"{provider}_source"},
        check_specs=[pull_check(provider, "file_sizes", runbooks)],
        **described("file_sizes", provider),
    )
    # Dagster accepts only the bare class: its type parameter is for a returned value, and a lake table returns none.
    def _asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        lake: Lake = context.resources.lake
        clock: Clock = context.resources.clock
        source: Source = getattr(context.resources, f"{provider}_source")
        faults: list[Fault] = []
        try:
            _look_up(context, provider, source, budget, faults)
        except Exception as error:  # noqa: BLE001 -- the seam: see assets.core.seam
            faults.append(fault_of(error, provider, "looking up sizes", source.environment.values()))
        for fault in faults:
            fault.log(context.log)
        problem = " ".join(dict.fromkeys(fault.problem for fault in faults))
        record(lake, provider, "sizes", problem, now=clock.now(), kind=worst_kind(faults))
        return dg.MaterializeResult(check_results=[pulled(provider, "file_sizes", faults, runbooks)])

    return _asset


def _look_up(
    context: dg.AssetExecutionContext, provider: str, source: Source, budget: timedelta, faults: list[Fault]
) -> None:
    """Look up unknown sizes and keep the answers; a refusal by the provider is a fault."""
    table = f"{provider}/file_sizes"
    lake: Lake = context.resources.lake
    clock: Clock = context.resources.clock
    engine: Engine = context.resources.engine
    detector: Detector = context.resources.detector
    floor = detector.parameters.floor_files
    with lake.alone(table), engine.get_connection() as con:
        _begin_again(context, con, lake, table)
        days = touched_days(context, lake, table)
        _find_open(con, lake, provider, days, now=clock.now(), floor_files=floor)
        ask(con, most=_MOST)
        rows = con.sql("SELECT * FROM questions").to_arrow_table().to_pylist()
        days_of: dict[tuple[str, str], set[date]] = {}
        for row in rows:
            # The same file may be looked up in the name of several users.
            days_of.setdefault((row["file_id"], row["version"]), set()).update(row.pop("days"))
        cache = _Cache(con, lake, table, days_of)
        questions = [FileQuestion(**{**row, "since": row["since"].replace(tzinfo=UTC)}) for row in rows]
        context.log.info("%s: sizes of %d files to look up", provider, len(questions))
        tried = _breaker(lake, provider, budget)
        with _stopping_after(tried) as stop, cache:
            try:
                connector = source.connector(clock, stop)
                for answer in connector.file_sizes(questions) if questions else ():
                    cache.add(answer, clock.now())
            except StoppedError:
                if tried == budget or cache.looked_up:
                    context.log.info("%s: %s are over; the next run looks up the rest", provider, tried)
                else:
                    faults.append(fault_of(StoppedError(), provider, "looking up sizes"))
            except Exception as error:  # noqa: BLE001 -- the seam: see assets.core.seam
                faults.append(fault_of(error, provider, "looking up sizes", source.environment.values()))
        for day in days:
            if not lake.part(table, day).exists():
                cache.write(day, [])
        if questions:
            _find_open(con, lake, provider, range_of(context), now=clock.now(), floor_files=floor)
        for day in range_of(context):
            note = lake.note(table, day)
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": note.rows if note else 0,
                    "looked up": cache.looked_up.get(day, 0),
                    **_left(con, day),
                },
                partition_key=day.isoformat(),
            )


def _begin_again(context: dg.AssetExecutionContext, con: duckdb.DuckDBPyConnection, lake: Lake, table: str) -> None:
    """Restart days whose answers and their copy are lost: sizes are looked up again, if the files still exist."""
    read_from = range_of(context)[0] - READ_BACK
    for day in sorted({*lake.lost_days(table), *(day for day in lake.days(table) if day >= read_from)}):
        part = lake.part(table, day)
        try:
            whole = intact(part)
        except DamagedError as error:
            context.log.error("%s: %s", table, error)
            whole = None
        if whole is None:
            context.log.warning("%s: the answers of %s are lost, and the sizes are looked up again", table, day)
            for path in (part, copy_of(part)):
                if path.exists():
                    path.replace(path.with_name(f"{path.name}.damaged"))
            part.with_suffix(".json").unlink(missing_ok=True)
            con.register("none_answered", pa.Table.from_pylist([], schema=arrow_schema("file_sizes")))
            lake.write(con, "none_answered", table, day, "answers of the file API")
            con.unregister("none_answered")


def _breaker(lake: Lake, provider: str, budget: timedelta) -> timedelta:
    """Return a run's time limit for look-ups: short if the file API was unavailable several times in a row."""
    trouble = read_health(lake, [provider])[provider].troubles.get("sizes")
    failures = trouble.failures if trouble and trouble.kind == "unavailable" else 0
    # Every fourth run it gets its usual time, since a slow file API needs it.
    return min(_BREAKER, budget) if failures >= _BREAKER_FAILURES and failures % 4 else budget


def _find_open(
    con: duckdb.DuckDBPyConnection, lake: Lake, provider: str, days: Sequence[date], *, now: datetime, floor_files: int
) -> None:
    """Make ``open_uploads``: the uploads of these days whose size is unknown."""
    lake.view(con, "logged_uploads", [f"{provider}/logged_uploads"], days)
    lake.view(con, "dated_sizes", [f"{provider}/file_sizes"], days, dated=True)
    find_open(con, now=now, floor_files=floor_files)


def _left(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, int]:
    """Count the files of a day without a size, by reason."""
    found = con.execute(
        "SELECT state, count(DISTINCT file_id) FROM open_uploads WHERE day = $day GROUP BY state", {"day": day}
    ).fetchall()
    files = dict(found)
    return {f"left: {state}": files.get(state, 0) for state in _STATES}


@contextmanager
def _stopping_after(budget: timedelta) -> Iterator[threading.Event]:
    """Yield an event that is set once the budget is used up."""
    stop = threading.Event()
    timer = threading.Timer(budget.total_seconds(), stop.set)
    timer.daemon = True
    timer.start()
    try:
        yield stop
    finally:
        timer.cancel()


class _Cache:
    """Answers, written to the days of the uploads as they arrive, so that they are kept however a run ends.

    Args:
        con: Connection.
        lake: Where they are written.
        table: Table of the lake.
        days_of: Days of the uploads by the file's id and version.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, lake: Lake, table: str, days_of: Mapping[tuple[str, str], Iterable[date]]
    ) -> None:
        self.looked_up: dict[date, int] = {}
        self._con, self._lake, self._table, self._days_of = con, lake, table, days_of
        self._waiting: dict[date, list[dict[str, object]]] = {}
        self._seen: set[tuple[str, str]] = set()
        self._count = 0

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, *_: object) -> None:
        """Write the answers that are still in memory."""
        self._flush()

    def add(self, answer: FileSize, now: datetime) -> None:
        """Add an answer."""
        modified = answer.modified_at.astimezone(UTC).replace(tzinfo=None) if answer.modified_at else None
        row: dict[str, object] = {
            "file_id": answer.file_id,
            "asked_version": answer.asked_version,
            "state": answer.state,
            "bytes": answer.bytes,
            "version": answer.version,
            "modified_at": modified,
            "checked_at": now.replace(tzinfo=None),
        }
        key = (answer.file_id, answer.asked_version)
        for day in self._days_of[key]:
            self._waiting.setdefault(day, []).append(row)
            # A file may have several answers, one for each version; count it once.
            self.looked_up[day] = self.looked_up.get(day, 0) + (key not in self._seen)
        self._seen.add(key)
        self._count += 1
        if self._count % _KEPT_EVERY == 0:
            self._flush()

    def write(self, day: date, rows: Sequence[dict[str, object]]) -> None:
        """Add answers to a day's cache; a newer answer about the same version replaces the older one."""
        self._lake.view(self._con, "cached", [self._table], [day])
        # Merge in memory first: the file that is read is the one that is replaced.
        self._con.register("answered", pa.Table.from_pylist(list(rows), schema=arrow_schema("file_sizes")))
        merge_answers(self._con)
        self._con.unregister("answered")
        self._lake.write(self._con, "merged", self._table, day, "answers of the file API")

    def _flush(self) -> None:
        for day, rows in self._waiting.items():
            self.write(day, rows)
        self._waiting.clear()
