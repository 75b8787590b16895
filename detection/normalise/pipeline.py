"""Pipeline of the normalisation queries over one day of one provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import duckdb
import pyarrow as pa

from detection.normalise.clients import read_clients
from detection.normalise.operations import create_operations, drop_operations
from detection.normalise.reading import raw_by_line, raw_by_text, raw_of_files, raw_of_lines
from detection.normalise.sampling import create_sample, read_fields
from detection.sql import into, load, parsed
from detection.user_agents import MARK
from providers import PROVIDERS

__all__ = ["normalise", "normalise_parsed", "outcomes", "outcomes_of_lines", "parse"]

_TABLES = ("rejects", "ignored", "counts")
_VIEWS = ("uploads", "activity")
_STEPS = ("events_again", "repeated", "alerts_again", "text_lines", "sampled_fields", "sample_size", "asked_files")


def normalise(
    con: duckdb.DuckDBPyConnection,
    provider: str,
    *,
    day: date,
    raw_files: Sequence[str],
    organisation_domains: Sequence[str],
) -> None:
    """Make the temporary tables of one day, and views of its uploads and activity.

    The tables are events, rejects, ignored, counts and seen_accounts (columns of ``identities``).

    Every line of the raw files is one upload event, one activity, one reject or one ignored event; an upload
    event with several files becomes several uploads, and an alert about several users an activity of each. Times are
    UTC, sizes are bytes; NULL is a size that the log does not record. Columns are those of
    :data:`detection.tables.TABLES`, for uploads those of ``logged_uploads``.

    The views are ordered by time. They read ``events``, which holds uploads and activity together, so that no row is
    copied.

    Args:
        con: Connection; its time zone is set to UTC.
        provider: One of :data:`providers.PROVIDERS`.
        day: Day of the events, UTC.
        raw_files: Landed events. For office365 those published on the day and the two days after it, with
            ``day=YYYY-MM-DD`` in their paths; for the others those of the day.
        organisation_domains: The organisation's mail domains. Users of Box and Google of other domains are
            guests; without domains there are no guests.

    Raises:
        ValueError: The provider is not known.
        duckdb.Error: A file cannot be read at all.
    """
    _prepare(con, provider, day, raw_files, organisation_domains)
    _finish(con, provider, day, raw_files)


def parse(
    con: duckdb.DuckDBPyConnection, provider: str, *, raw_files: Sequence[str], organisation_domains: Sequence[str]
) -> None:
    """Make the temporary table ``parsed_events``: the events of files, from which :func:`normalise_parsed` goes on.

    Its rows depend on their own file alone, not on the other files or the day. ``file_hash`` is ``hash(file)``.

    Args:
        con: Connection; its time zone is set to UTC.
        provider: One of :data:`providers.PROVIDERS`.
        raw_files: Landed events, as for :func:`normalise`.
        organisation_domains: As for :func:`normalise`.

    Raises:
        duckdb.Error: A file cannot be read at all.
    """
    con.execute("SET TimeZone = 'UTC'")
    create_operations(con, provider)
    _read(con, provider, raw_files, _parameters(provider, None, organisation_domains), whole=True)
    read_clients(con)
    if PROVIDERS[provider].layout.without_id:
        _work_over(con, "normalise/numbered")
    con.execute("DROP TABLE IF EXISTS parsed_events")
    con.execute("ALTER TABLE events RENAME TO parsed_events")
    _clear(con)


def normalise_parsed(
    con: duckdb.DuckDBPyConnection, provider: str, *, day: date, parsed_files: Sequence[str], raw_files: Sequence[str]
) -> None:
    """Make what :func:`normalise` makes, of events that were parsed before.

    Args:
        con: Connection; its time zone is set to UTC.
        provider: One of :data:`providers.PROVIDERS`.
        day: Day of the events, UTC.
        parsed_files: Parquet files of rows of :func:`parse`, at least one.
        raw_files: The files that they were parsed from; only the first lines of the newest are read, as a sample.

    Raises:
        duckdb.Error: A file cannot be read at all.
    """
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET VARIABLE parsed_files = $files", {"files": list(parsed_files)})
    given = {"parsed": "SELECT * FROM read_parquet(getvariable('parsed_files'))"}
    query = "normalise/of_day"
    # Saves are worked over, and put in order afterwards.
    in_order = not PROVIDERS[provider].layout.saves_apart
    if in_order:
        given["unordered"] = load(query)
        query = "normalise/ordered"
    into(con, "events", query, {"day": day}, given=given)
    _settle(con, provider, in_order=in_order)
    _finish(con, provider, day, raw_files)


def _finish(con: duckdb.DuckDBPyConnection, provider: str, day: date, raw_files: Sequence[str]) -> None:
    """Make the tables of a day from its events."""
    create_sample(con, raw_files)
    bound = {"day": day, "read_fields": read_fields(PROVIDERS[provider].layout)}
    for table in _TABLES:
        into(con, table, f"normalise/{table}", bound)
    acts = "SELECT * FROM events WHERE reason IS NULL"
    into(con, "seen_accounts", "normalise/accounts", given={"acts": acts, "keyed": load("persons/keyed")})
    _clear(con)


def outcomes(
    con: duckdb.DuckDBPyConnection,
    provider: str,
    *,
    raw_files: Sequence[str],
    organisation_domains: Sequence[str],
) -> pa.Table:
    """Return the outcome of :func:`normalise` for every line, whatever its day, for a person to check.

    Args:
        con: Connection; its time zone is set to UTC.
        provider: One of :data:`providers.PROVIDERS`.
        raw_files: Files of events. To identify lines, put each into a file of its own.
        organisation_domains: As for :func:`normalise`.

    Returns:
        One row per line: file; outcome (upload, activity, ignored or rejected), reason (of the latter two), kind,
        operation, time (TIMESTAMP, UTC), user, actor_class, other_users (further users of an alert), ip, country,
        app, file_name (the first file's), files, bytes (sum over an upload's files, NULL where one is not known),
        event_key, detail. Of equal lines in one file, the one that counts comes first.
    """
    _prepare(con, provider, None, raw_files, organisation_domains)
    asked = "CREATE OR REPLACE TEMP TABLE asked_files AS SELECT unnest(CAST($files AS VARCHAR [])) AS file"
    con.execute(asked, {"files": list(raw_files)})
    found: pa.Table = con.sql(load("normalise/outcomes")).to_arrow_table()
    _clear(con)
    return found


def outcomes_of_lines(
    con: duckdb.DuckDBPyConnection, provider: str, lines: str, *, organisation_domains: Sequence[str]
) -> None:
    """Make the temporary table ``outcomes`` of lines that have not landed, with the columns of :func:`outcomes`.

    Args:
        con: Connection; its time zone is set to UTC.
        provider: One of :data:`providers.PROVIDERS`.
        lines: Query with json (NULL if a line is not JSON), unreadable (its text in that case) and file,
            which identifies the line; it is run twice.
        organisation_domains: As for :func:`normalise`.
    """
    _prepare(con, provider, None, (), organisation_domains, lines=lines)
    con.execute(f"CREATE OR REPLACE TEMP TABLE asked_files AS SELECT DISTINCT file FROM ({lines})")  # noqa: S608 -- ours
    into(con, "outcomes", "normalise/outcomes")
    _clear(con)


def _prepare(
    con: duckdb.DuckDBPyConnection,
    provider: str,
    day: date | None,
    raw_files: Sequence[str],
    organisation_domains: Sequence[str],
    *,
    lines: str | None = None,
) -> None:
    """Make the table ``events`` of files or lines, with each event counted once, and the views that read it."""
    if provider not in PROVIDERS:
        raise ValueError(f"unknown provider {provider!r}: expected one of {', '.join(PROVIDERS)}")
    con.execute("SET TimeZone = 'UTC'")
    parameters = _parameters(provider, day, organisation_domains)
    layout = PROVIDERS[provider].layout
    create_operations(con, provider)
    if lines is None:
        in_order = _read(con, provider, raw_files, parameters)
    else:
        in_order = False
        _classify(con, provider, "events", raw_of_lines(layout, lines), parameters, in_order=in_order)
    read_clients(con)
    if layout.without_id:
        _work_over(con, "normalise/ordered", {"unordered": load("normalise/numbered")})
        in_order = True
    _settle(con, provider, in_order=in_order)


def _parameters(provider: str, day: date | None, organisation_domains: Sequence[str]) -> dict[str, object]:
    return {
        "provider": provider,
        "day": day,
        "organisation_domains": [domain.lower() for domain in organisation_domains],
        "derived_mark": MARK,
    }


def _settle(con: duckdb.DuckDBPyConnection, provider: str, *, in_order: bool) -> None:
    """Count each event once, and make the views of uploads and activity."""
    for table in ("repeated", "alerts_again"):
        into(con, table, f"normalise/{table}")
    (repeated,) = con.execute("SELECT EXISTS (FROM repeated) OR EXISTS (FROM alerts_again)").fetchall()[0]
    if repeated or PROVIDERS[provider].layout.saves_apart or not in_order:
        _work_over(
            con,
            "normalise/ordered",
            {"pairs": load("normalise/pairs"), "unordered": load("normalise/settled")},
        )
    for view in _VIEWS:
        con.execute(parsed(f"CREATE OR REPLACE TEMP VIEW {view} AS {load(f'normalise/{view}')}"))


def _work_over(con: duckdb.DuckDBPyConnection, query: str, given: Mapping[str, str] | None = None) -> None:
    """Rebuild ``events`` with a query that reads it."""
    into(con, "events_again", query, given=given)
    con.execute("DROP TABLE events")
    con.execute("ALTER TABLE events_again RENAME TO events")


def _read(
    con: duckdb.DuckDBPyConnection,
    provider: str,
    raw_files: Sequence[str],
    parameters: dict[str, object],
    *,
    whole: bool = False,
) -> bool:
    """Make the table ``events``; use a slower way of reading only for files that need it.

    Args:
        con: Connection.
        provider: Provider of the events.
        raw_files: The files.
        parameters: Values to bind.
        whole: Whether the events of all days are kept as they were parsed, in no order.

    Returns:
        Whether the events are in order; they are not, if they are rewritten afterwards anyway.
    """
    layout = PROVIDERS[provider].layout
    in_order = not (layout.without_id or layout.saves_apart or whole)
    usual, overlong = list(raw_files), list[str]()

    def classify(table: str, raw: str, *, ordered: bool = False) -> None:
        _classify(con, provider, table, raw, parameters, in_order=ordered, whole=whole)

    while True:
        try:
            classify("events", raw_of_files(con, layout, usual), ordered=in_order)
            break
        except duckdb.InvalidInputException as error:
            found = _with_overlong_line(error, usual)
            if not found:
                raise
            overlong += found
            usual = [file for file in usual if file not in found]
    if overlong:
        _read_again(con, raw_by_line(con, layout, overlong), classify)
        in_order = False
    for read in (raw_by_text, raw_by_line):
        unsure = con.execute(
            """
            SELECT file FROM (SELECT unnest($files) AS file)
            WHERE hash(file) IN (SELECT file_hash FROM events WHERE unsure)
            """,
            {"files": list(raw_files)},
        ).fetchall()
        if not unsure:
            break
        files = [file for (file,) in unsure]
        _read_again(con, read(con, layout, files), classify)
        in_order = False
    return in_order


def _read_again(con: duckdb.DuckDBPyConnection, raw: str, classify: Callable[[str, str], None]) -> None:
    """Replace the rows of some files in ``events`` with the result of another way of reading them."""
    classify("events_again", raw)
    con.execute("DELETE FROM events WHERE file_hash IN (SELECT file_hash FROM events_again)")
    con.execute("INSERT INTO events SELECT * FROM events_again")


def _with_overlong_line(error: duckdb.InvalidInputException, files: Sequence[str]) -> list[str]:
    """Return the file named in DuckDB's message: one of its lines is longer than DuckDB's buffers."""
    said = str(error)
    return [file for file in files if "maximum_object_size" in said and f'"{file}"' in said]


def _classify(
    con: duckdb.DuckDBPyConnection,
    provider: str,
    table: str,
    raw: str,
    parameters: dict[str, object],
    *,
    in_order: bool,
    whole: bool = False,
) -> None:
    organisation = "SELECT CAST($organisation_domains AS VARCHAR []) AS domains"
    given = {"organisation": organisation, "raw": raw, "classified": load(f"normalise/{provider}")}
    # Each query reads the one before, by this name.
    queries = [("parsed", "normalise/events")]
    if not whole:
        queries.append(("unordered", "normalise/of_day"))
    if in_order:
        queries.append(("", "normalise/ordered"))
    *before, (_, query) = queries
    given |= {name: load(each) for name, each in before}
    # The order of the lines does not matter here, and keeping it takes a third of the time.
    (kept,) = con.execute("SELECT current_setting('preserve_insertion_order')").fetchall()[0]
    con.execute("SET preserve_insertion_order = FALSE")
    try:
        into(con, table, query, parameters, given=given)
    finally:
        con.execute("SET preserve_insertion_order = $kept", {"kept": kept})


def _clear(con: duckdb.DuckDBPyConnection) -> None:
    for table in _STEPS:
        con.execute(f"DROP TABLE IF EXISTS {table}")
    drop_operations(con)
