"""Tables: their columns, types and the meaning of each column."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import duckdb
import pyarrow as pa

from detection.rule import RULE

__all__ = ["TABLES", "Column", "arrow_schema", "empty"]


class Column(NamedTuple):
    """Column of a table: DuckDB type, and its meaning for a reader."""

    name: str
    type: str
    description: str


def _columns(*rows: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


_EVENT = (
    ("provider", "VARCHAR", "box, dropbox, google_workspace or office365"),
    ("event_key", "VARCHAR", "Identity of the audit event, stable over repeated deliveries and pulls"),
)
_ACTOR = (
    ("user_id", "VARCHAR", "The provider's stable id of the user"),
    ("user", "VARCHAR", "Lower-case e-mail; where there is none, provider and id, or provider and class"),
    ("actor_class", "VARCHAR", "person, service, app, guest, anonymous or system"),
)
_UPLOAD = (
    *_EVENT,
    ("asset", "INTEGER", "Which of the event's files this is, from 0"),
    ("time", "TIMESTAMP", "When it happened, UTC"),
    *_ACTOR,
    ("kind", "VARCHAR", "upload, or edit for a new version of a file"),
    ("operation", "VARCHAR", "The provider's own name of the event"),
    ("file_id", "VARCHAR", "The provider's id of the file"),
    ("version", "VARCHAR", "The provider's id of the version"),
    ("file_name", "VARCHAR", "Name of the file, as the provider gives it"),
    ("extension", "VARCHAR", "Lower-case extension without the dot; empty where there is none"),
    ("folder", "VARCHAR", "Folder or path, as far as the provider logs it"),
    ("owner", "VARCHAR", "Owner of the file or of the place it went to"),
    ("label", "VARCHAR", "The provider's own label or classification of the file; NULL where it logs none"),
    ("visibility", "VARCHAR", "Who can see the file, in the provider's words; NULL where it does not log it"),
)
_CLIENT = (
    ("app", "VARCHAR", "Client application as the provider names it; else by its user agent, marked (by user agent)"),
    ("ip", "VARCHAR", "Address of the client in its shortest form; IPv4 within IPv6 is IPv4"),
    ("country", "VARCHAR", "Country of the client, ISO 3166, where the provider logs it"),
)
_CLIENT_ID = (
    "app_id",
    "VARCHAR",
    "The provider's id of the client application, not self-chosen; NULL if not logged",
)
_BASELINE = (
    ("files_windows", "BIGINT", f"Active {RULE.periods.test_window_adjective} windows in the training days"),
    ("files_s1", "BIGINT", "Sum of log10(files + 1) over them, in ten-thousandths"),
    ("files_s2", "BIGINT", "Sum of squares of the same, in squared ten-thousandths"),
    ("files_min", "BIGINT", "Fewest files in an active window"),
    ("files_sum", "BIGINT", "Files in all active windows"),
    ("files_max", "BIGINT", "Most files in an active window"),
    ("bytes_windows", "BIGINT", "Active windows in which a size is known"),
    ("bytes_s1", "BIGINT", "Sum of log10(bytes + 1000) over them, in ten-thousandths"),
    ("bytes_s2", "BIGINT", "Sum of squares of the same, in squared ten-thousandths"),
    ("bytes_min", "BIGINT", "Fewest bytes in a window with a known size"),
    ("bytes_sum", "BIGINT", "Bytes in all of them"),
    ("bytes_max", "BIGINT", "Most bytes in one of them"),
)
_AMOUNT = (
    ("files", "BIGINT", "Files uploaded; each counts once per day and source, however often it was saved"),
    ("sized_files", "BIGINT", "Files among them where the size of every save is known"),
    ("bytes", "BIGINT", "Bytes of the largest known version of each file; NULL where no size is known"),
)
_SCALE = "week or month: all sources together over seven or thirty days"
_SCOPE = f"A provider, all for the providers together, or {_SCALE}"
_WINDOW_START = f"Start of the {RULE.periods.test_window}, UTC; of a long scale, of the last day that it adds up"
_PERIOD = (("period_start", "TIMESTAMP", "Start of what is added up, UTC: the window, but for a long scale"),)
_LARGEST = (
    ("largest_files", "BIGINT", "Files on the largest day that a long scale adds up, which is not compared; else NULL"),
    ("largest_bytes", "BIGINT", "The same by bytes"),
)
_CAUSE = ("cause", "VARCHAR", "Source and application with most of the user's files of the day")
_SAVES = ("saves", "BIGINT", "Saves of these files: upload events")
_ESTIMATE = (
    ("estimated_files", "BIGINT", "Files among them with a version removed before its size was known, and an estimate"),
    ("estimated_bytes", "BIGINT", "Sum of these estimates, not part of other figures; NULL where there is none"),
)

TABLES: Mapping[str, tuple[Column, ...]] = {
    "logged_uploads": _columns(
        *_UPLOAD,
        ("bytes", "BIGINT", "Size as logged; NULL means that it is not logged"),
        *_CLIENT,
        _CLIENT_ID,
        ("asker", "VARCHAR", "User on whose behalf the file's size may be asked; empty: the application; NULL: nobody"),
        ("site_id", "VARCHAR", "Office 365: GUID of the site"),
        ("list_id", "VARCHAR", "Office 365: GUID of the document library"),
        ("folder_id", "VARCHAR", "Box: id of the folder; Dropbox: its path"),
    ),
    "uploads": _columns(
        *_UPLOAD,
        ("bytes", "BIGINT", "Size of the version saved; NULL means unknown, never zero, and never an estimate"),
        ("size_source", "VARCHAR", "log, recovered, later_version, estimated, gone or unknown"),
        ("estimated_bytes", "BIGINT", "Usual size of such a file, where the version is gone or overwritten"),
        ("left_bytes", "BIGINT", "Size of the newest later version that a look-up found"),
        *_CLIENT,
        _CLIENT_ID,
    ),
    "activity": _columns(
        *_EVENT,
        ("time", "TIMESTAMP", "When it happened, UTC"),
        *_ACTOR,
        (
            "kind",
            "VARCHAR",
            "sign_in, sign_in_failed, mfa_disabled, password_reset, credentials_changed, provider_alert and so on",
        ),
        ("operation", "VARCHAR", "The provider's own name of the event"),
        ("file_id", "VARCHAR", "The file concerned, if any"),
        ("file_name", "VARCHAR", "Its name"),
        *_CLIENT,
        ("detail", "VARCHAR", "Short details for a reader"),
    ),
    "identities": _columns(
        ("provider", "VARCHAR", "box, dropbox, google_workspace or office365"),
        ("account", "VARCHAR", "Provider and its id of the account; provider and address where the log has no id"),
        ("address", "VARCHAR", "Lower-case e-mail that the account had; NULL where the events name none"),
        ("display_name", "VARCHAR", "Name that the account shows, which its user chooses; NULL where not logged"),
        ("second_account", "VARCHAR", "Another id that the provider gives the same account; NULL where it has none"),
        ("actor_class", "VARCHAR", "person, service, app or guest"),
        ("first_seen", "TIMESTAMP", "First event of the day under this address, UTC"),
        ("last_seen", "TIMESTAMP", "Last event of the day under this address, UTC"),
    ),
    "rejects": _columns(
        ("provider", "VARCHAR", "box, dropbox, google_workspace or office365"),
        ("day", "DATE", "Day of the partition"),
        ("reason", "VARCHAR", "Why the event could not be read"),
        ("event", "VARCHAR", "The event as received, cut to 4000 characters"),
        ("event_key", "VARCHAR", "Its identity, where it has one"),
    ),
    "ignored": _columns(
        ("reason", "VARCHAR", "Why these events are neither uploads nor activity"),
        ("events", "BIGINT", "How many"),
    ),
    "counts": _columns(
        (
            "kind",
            "VARCHAR",
            "uploads or activity by hour, operation, perhaps_upload (unknown operations named like an upload), field "
            "of a sample, or sample: the sample's size",
        ),
        ("name", "VARCHAR", "The hour (UTC), the operation, or the field's path with dots"),
        ("events", "BIGINT", "Number of events; by hour, number of users"),
        ("known", "BOOLEAN", "Whether the rules name the operation, or read the field"),
    ),
    "file_sizes": _columns(
        ("file_id", "VARCHAR", "The provider's id of the file"),
        ("asked_version", "VARCHAR", "The version asked about; empty where the log names none"),
        ("state", "VARCHAR", "found, gone, denied, or failed where the provider rejected the request"),
        ("bytes", "BIGINT", "Size when it was looked up"),
        ("version", "VARCHAR", "Version then"),
        ("modified_at", "TIMESTAMP", "When that version was made, UTC"),
        ("checked_at", "TIMESTAMP", "When it was looked up, UTC"),
    ),
    "measured_sizes": _columns(
        ("provider", "VARCHAR", "box, dropbox, google_workspace or office365"),
        ("extension", "VARCHAR", "Lower-case extension without the dot; empty where there is none"),
        ("bucket", "BIGINT", "Hundred times the common logarithm of bytes + 1, rounded down"),
        ("files", "BIGINT", "Files of that size"),
    ),
    "typical_sizes": _columns(
        ("scope", "VARCHAR", "A provider, or all for the providers together"),
        ("extension", "VARCHAR", "Lower-case extension without the dot; empty where there is none"),
        ("files", "BIGINT", f"Files measured in the {RULE.periods.training_days} days before"),
        ("bytes", "BIGINT", "Median of their sizes, to within 2 %"),
    ),
    "user_hours": _columns(
        ("provider", "VARCHAR", "box, dropbox, google_workspace or office365"),
        ("user", "VARCHAR", "Key of the person: provider and id of the account that was seen first"),
        ("actor_class", "VARCHAR", "person, service, app, guest, anonymous or system"),
        ("population", "VARCHAR", "people or services, each compared among themselves; NULL where not evaluated"),
        ("hour", "TIMESTAMP", "Start of the hour, UTC"),
        *_AMOUNT,
        _SAVES,
        *_ESTIMATE,
        (
            "again_files",
            "BIGINT[]",
            "Files saved in the hour and in an earlier one of the day; position k + 1: those not saved in the k hours "
            "before. NULL where there are none",
        ),
        ("again_sized_files", "BIGINT[]", "Those among them where the size of every save is known, likewise"),
        ("extensions", "MAP(VARCHAR, BIGINT)", "Files saved in the hour, by extension"),
        ("countries", "MAP(VARCHAR, BIGINT)", "The same by country"),
        ("apps", "MAP(VARCHAR, BIGINT)", "The same by client application; '' if none is logged"),
        (
            "app_ids",
            "MAP(VARCHAR, BIGINT)",
            "The same by the provider's id of the application; '' if none is logged",
        ),
    ),
    "day_sums": _columns(
        ("population", "VARCHAR", "people or services"),
        ("scope", "VARCHAR", "A provider, or all for the providers together"),
        ("user", "VARCHAR", "Key of the person"),
        ("day", "DATE", "The day, UTC"),
        *_BASELINE,
        ("day_files", "BIGINT", "Files of the day, each once in whichever windows it was saved"),
        ("day_sized_files", "BIGINT", "Files among them where the size of every save is known"),
    ),
    "recent_sums": _columns(
        ("population", "VARCHAR", "people or services"),
        ("scope", "VARCHAR", _SCALE),
        ("user", "VARCHAR", "Key of the person"),
        ("period_start", "TIMESTAMP", "Start of the days added up, UTC: after what an earlier alert reported"),
        ("files", "BIGINT", "Files on these days before the day, without those in alerts or on the allow-list"),
        ("largest_files", "BIGINT", "Files on the largest of them"),
        ("sized_files", "BIGINT", "Files among them where the size of every save is known"),
        ("bytes", "BIGINT", "Bytes of them; NULL where no size is known"),
        ("largest_bytes", "BIGINT", "Bytes on the largest day"),
        ("usual_files", "BIGINT", "Files on all days of the scale, whether an alert reported them or not"),
        ("largest_usual_files", "BIGINT", "Files on the largest of these"),
        ("usual_bytes", "BIGINT", "Bytes on all days of the scale"),
        ("largest_usual_bytes", "BIGINT", "Bytes on the largest of these"),
    ),
    "period_sums": _columns(
        ("population", "VARCHAR", "people or services"),
        ("scope", "VARCHAR", _SCALE),
        ("user", "VARCHAR", "Key of the person"),
        ("files", "BIGINT", "Files on the days up to this one, but the largest"),
        ("bytes", "BIGINT", "Bytes likewise; NULL where no size is known"),
        ("m_files", "BIGINT", "log10(files + 1), in ten-thousandths"),
        ("m_bytes", "BIGINT", "log10(bytes + 1000), in ten-thousandths"),
    ),
    "baselines": _columns(
        ("population", "VARCHAR", "people or services"),
        ("scope", "VARCHAR", _SCOPE),
        ("user", "VARCHAR", "Key of the person; NULL is the organisation's row"),
        ("users", "BIGINT", "Users in the row: those with uploads in the training days"),
        ("active_days", "BIGINT", "Days with uploads among them; NULL in the organisation's row"),
        ("history_days", "BIGINT", "Days since the first upload in the training days"),
        *_BASELINE,
        ("files_centre", "DOUBLE", "Expected log10(files + 1), shrunk towards the organisation's"),
        ("files_spread", "DOUBLE", "Its standard deviation, likewise"),
        ("files_newcomer_spread", "DOUBLE", "Spread for a user without history (organisation's row)"),
        ("files_max_centre", "DOUBLE", "Mean log10(files + 1) of the users' largest windows (organisation's row)"),
        ("bytes_centre", "DOUBLE", "Expected log10(bytes + 1000), shrunk towards the organisation's"),
        ("bytes_spread", "DOUBLE", "Its standard deviation, likewise"),
        ("bytes_newcomer_spread", "DOUBLE", "Spread for a user without history (organisation's row)"),
        ("bytes_max_centre", "DOUBLE", "Mean log10(bytes + 1000) of the users' largest windows (organisation's row)"),
    ),
    "scores": _columns(
        ("population", "VARCHAR", "people or services"),
        ("scope", "VARCHAR", "A provider, or all for the providers together"),
        ("user", "VARCHAR", "Key of the person"),
        ("window_start", "TIMESTAMP", _WINDOW_START),
        *_PERIOD,
        *_AMOUNT,
        *_LARGEST,
        ("baseline_windows", "BIGINT", "Active windows behind the user's baseline"),
        ("is_newcomer", "BOOLEAN", "Whether the user has uploaded on fewer than three of the training days"),
        (
            "files_score",
            "DOUBLE",
            "How unusual the number of files is; NULL under the floor or not above usual",
        ),
        (
            "bytes_score",
            "DOUBLE",
            "How unusual the bytes are; NULL under the floor, unsized or not above usual",
        ),
        _CAUSE,
        ("allowed_by", "VARCHAR", "Entry of the allow-list that allows the window; NULL where none does"),
    ),
    "thresholds": _columns(
        ("population", "VARCHAR", "people or services"),
        ("metric", "VARCHAR", "files or bytes in a test window; the same of a long scale, such as files_month"),
        ("threshold", "DOUBLE", "Score from which a window is a detection"),
        ("budget", "DOUBLE", "Budget: alerts per 1000 monitored users and day"),
        ("watched_users", "BIGINT", "Users watched on the day before: monitored, in a scope past its activation"),
        ("opened", "BIGINT", "Cases that opened on the day before; a group is one in seven days"),
        ("allowed", "DOUBLE", "Cases that the budget allowed for the day before"),
        ("balance", "DOUBLE", "Budget balance in cases; below zero where more opened than allowed"),
        ("asked", "DOUBLE", "Target: user-days of the calibration days on which the threshold should be reached"),
        ("user_days", "BIGINT", "Monitored user-days in the calibration days"),
        ("calibration_days", "BIGINT", "Days calibrated on"),
        ("scored_user_days", "BIGINT", "User-days among them with a window over the floor"),
        ("user_days_above", "BIGINT", "User-days among them at or above the threshold"),
        ("confidence", "VARCHAR", "low where too few user-days exist and the prior threshold stands in"),
    ),
    "detections": _columns(
        ("population", "VARCHAR", "people or services"),
        ("scope", "VARCHAR", "A provider, or all for the providers together"),
        ("user", "VARCHAR", "Key of the person"),
        ("window_start", "TIMESTAMP", _WINDOW_START),
        ("window_end", "TIMESTAMP", "Its end, exclusive, UTC"),
        *_PERIOD,
        *_AMOUNT,
        *_LARGEST,
        _CAUSE,
        ("metric", "VARCHAR", "The metric that is rarer: files or bytes"),
        ("score", "DOUBLE", "Its score"),
        ("threshold", "DOUBLE", "Its threshold"),
        ("one_in", "BIGINT", "Only one in this many monitored user-days is this unusual"),
        ("confidence", "VARCHAR", "Confidence of the threshold"),
        ("parameters", "VARCHAR", "All settings of the detector, JSON"),
        ("rules", "VARCHAR", "Digest of the queries that evaluated it"),
        ("files_score", "DOUBLE", "Score by files"),
        ("files_threshold", "DOUBLE", "Threshold by files"),
        ("bytes_score", "DOUBLE", "Score by bytes"),
        ("bytes_threshold", "DOUBLE", "Threshold by bytes"),
        *((f"baseline_{name}", type_, text) for name, type_, text in _BASELINE if not name.endswith(("s1", "s2"))),
        ("allowed_by", "VARCHAR", "Allow-list entry that suppresses it; NULL where none does"),
    ),
    "causes": _columns(
        ("population", "VARCHAR", "people or services"),
        ("cause", "VARCHAR", "Source and application with most of a user's files of the day"),
        ("users", "BIGINT", "Users with a detection of this cause"),
        ("week_users", "BIGINT", "The same, summed over seven days"),
        ("usual_users", "DOUBLE", "How many are usual on a day"),
        ("is_common", "BOOLEAN", "Whether they have a common cause, so that one alert stands for all"),
    ),
    "evaluations": _columns(
        ("scope", "VARCHAR", "A provider, or all for the providers together"),
        ("window_start", "TIMESTAMP", f"Start of the {RULE.periods.test_window}, UTC"),
        ("state", "VARCHAR", "evaluated, in activation, or not evaluated"),
        ("reason", "VARCHAR", "Why, where it was not"),
    ),
    "alerts": _columns(
        ("alert_id", "VARCHAR", "Hash of user, detector and opening window; for a group, of detector, cause and day"),
        ("name", "VARCHAR", "Name of the alert or of its variation"),
        ("severity", "VARCHAR", f"{RULE.severity}, or {RULE.variations.suspicious_user.severity} by a suspicious user"),
        *_ACTOR[1:],
        ("providers", "VARCHAR[]", "Providers uploaded to"),
        ("first_window_start", "TIMESTAMP", "Start of the opening window, UTC"),
        ("period_start", "TIMESTAMP", "Start of all that it adds up, UTC: before the opening if a long scale is in it"),
        ("last_window_end", "TIMESTAMP", "End of the last window that folded in, exclusive, UTC"),
        *_AMOUNT,
        _SAVES,
        *_ESTIMATE,
        ("population", "VARCHAR", "people, newcomers, watch_list or services, whose budget it counts for"),
        ("scope", "VARCHAR", "Scope of the rarest window"),
        ("metric", "VARCHAR", "Metric of the rarest window"),
        ("score", "DOUBLE", "Score of the rarest window"),
        ("threshold", "DOUBLE", "Its threshold"),
        ("one_in", "BIGINT", "Only one in this many user-days is this unusual"),
        ("confidence", "VARCHAR", "Confidence of the threshold"),
        ("parameters", "VARCHAR", "All settings of the detector, JSON"),
        ("rules", "VARCHAR", "Digest of the queries that evaluated it"),
        _CAUSE,
        ("peak_window_start", "TIMESTAMP", "Start of the rarest window, UTC; of a long scale, of its last day"),
        ("peak_window_end", "TIMESTAMP", "Its end, exclusive, UTC"),
        ("peak_period_start", "TIMESTAMP", "Start of what it adds up, UTC: its own, but for a long scale"),
        ("peak_largest_files", "BIGINT", "Files on the largest day that a long scale adds up; else NULL"),
        ("peak_largest_bytes", "BIGINT", "The same by bytes"),
        ("before_files", "BIGINT", "Files in as many days before those of a long scale; else NULL"),
        ("before_bytes", "BIGINT", "The same by bytes"),
        ("peak_files", "BIGINT", "Files in it"),
        ("peak_sized_files", "BIGINT", "Files in it where the size of every save is known"),
        ("peak_bytes", "BIGINT", "Bytes in it"),
        ("peak_saves", "BIGINT", "Saves in it"),
        ("peak_estimated_files", "BIGINT", "Files in it with a version removed before its size was known"),
        ("peak_estimated_bytes", "BIGINT", "Sum of these estimates, not part of the bytes in it"),
        *((f"baseline_{name}", type_, text) for name, type_, text in _BASELINE if not name.endswith(("s1", "s2"))),
        ("suppressed_count", "BIGINT", "Further windows that folded into the alert"),
        ("last_suppressed_at", "TIMESTAMP", "Start of the last of them, UTC"),
        (
            "reasons",
            "STRUCT(name VARCHAR, strength VARCHAR, evidence VARCHAR)[]",
            "Why the user looks suspicious",
        ),
        ("sentence", "VARCHAR", "The alert in one sentence"),
        ("users", "BIGINT", "Number of users that it is about: 1, or those of a group"),
        ("folded_into", "VARCHAR", "Id of the group's alert that is shown in its place; NULL where it is shown itself"),
        ("person", "VARCHAR", "Key of the person, the account that was seen first; `user` is the address"),
    ),
    "cases": _columns(
        ("case_id", "VARCHAR", "Hash of detector and published id of the opening alert; it stays"),
        ("user", "VARCHAR", "Address of the person, or a text for an alert about many users"),
        ("person", "VARCHAR", "Key of the person; NULL for an alert about many users"),
        ("population", "VARCHAR", "people or services, whose budget it counts for"),
        ("state", "VARCHAR", "open, reviewed, or reopened: reviewed before, but not all that it holds now"),
        ("name", "VARCHAR", "Name of its alert of the highest severity, the rarest of them"),
        ("severity", "VARCHAR", "Highest severity of its alerts"),
        ("opened_at", "TIMESTAMP", "Start of the opening window of its first alert, UTC"),
        (
            "closes_at",
            "TIMESTAMP",
            f"A later alert opens another case: its first review, or {RULE.periods.case_days} days, UTC",
        ),
        ("last_alert_at", "TIMESTAMP", "Start of the opening window of its last alert, UTC"),
        ("last_window_end", "TIMESTAMP", "End of the last window of its alerts, exclusive, UTC"),
        ("alerts", "BIGINT", "Number of its alerts"),
        ("alert_ids", "VARCHAR[]", "Published ids of its alerts, in order"),
        ("escalations", "BIGINT", "Alerts among them that exceed the opening one by far"),
        ("opening_distance", "DOUBLE", "Score of the opening alert above its threshold"),
        ("largest_distance", "DOUBLE", "Largest such distance of its alerts"),
        ("one_in", "BIGINT", "Only one in this many user-days is as unusual as its rarest alert"),
        ("providers", "VARCHAR[]", "Providers uploaded to"),
        ("files", "BIGINT", "Sum of the files of its alerts"),
        ("sized_files", "BIGINT", "Sum of those where the size of every save is known"),
        ("bytes", "BIGINT", "Sum of the bytes of its alerts; NULL where no size is known"),
        ("sentence", "VARCHAR", "Sentence of its alert of the highest severity, the rarest of them"),
        ("verdict", "VARCHAR", "benign, or confirmed if one of its alerts is; NULL unless all are reviewed"),
        ("reviewed_by", "VARCHAR", "Who reviewed it last"),
        ("reviewed_at", "TIMESTAMP", "When, UTC"),
    ),
    "reviews": _columns(
        ("review", "BIGINT", "Number of the review, from 1"),
        ("alert_id", "VARCHAR", "The published alert that it is about"),
        ("user", "VARCHAR", "The user"),
        ("first_window_start", "TIMESTAMP", "Start of the alert's opening window when it was reviewed, UTC"),
        ("last_window_end", "TIMESTAMP", "End of its last window when it was reviewed, exclusive, UTC"),
        ("verdict", "VARCHAR", "benign, confirmed, or withdrawn: the reviews before it do not count"),
        ("reviewed_by", "VARCHAR", "Who reviewed it"),
        ("note", "VARCHAR", "Why"),
        ("reviewed_at", "TIMESTAMP", "When, UTC"),
        ("person", "VARCHAR", "Key of the person"),
        ("revision", "BIGINT", "Revision of the alert that it was given on; NULL in reviews of earlier versions"),
    ),
    "revisions": _columns(
        ("alert_id", "VARCHAR", "The published alert"),
        ("revision", "BIGINT", "Number of the revision, from 1"),
        ("published_at", "TIMESTAMP", "When this revision was first shown, UTC"),
        ("state", "VARCHAR", "open, merged or withdrawn"),
        ("name", "VARCHAR", "Name of the alert or of its variation; NULL where closed"),
        ("severity", "VARCHAR", f"{RULE.severity}, or {RULE.variations.suspicious_user.severity} by a suspicious user"),
        ("user", "VARCHAR", "The user"),
        ("first_window_start", "TIMESTAMP", "Start of the opening window, UTC"),
        ("last_window_end", "TIMESTAMP", "End of the last window, exclusive, UTC"),
        *_AMOUNT,
        ("suppressed_count", "BIGINT", "Further windows that folded into it"),
        ("sentence", "VARCHAR", "What it said"),
    ),
    "dossiers": _columns(
        ("alert_id", "VARCHAR", "The published alert"),
        ("state", "VARCHAR", "open, folded into a group's alert, merged or withdrawn"),
        ("revision", "BIGINT", "Revision of the alert that the page was made from"),
        ("path", "VARCHAR", "File of the page, below the home"),
        ("sha256", "VARCHAR", "SHA-256 of that file"),
        ("found", "VARCHAR[]", "What was found by question, in the page's order: look, calm or unknown"),
        ("evidence", "VARCHAR", "Digest of what the page says; the page is made again when it changes"),
        ("made_at", "TIMESTAMP", "When the page was made, UTC"),
    ),
    "exports": _columns(
        ("subject", "VARCHAR", "What is in the file: uploads or alerts"),
        ("file", "VARCHAR", "Path of the file, below the directory of the exports"),
        ("made_from", "VARCHAR", "Digest of what the subject's files of the day were made from"),
        ("content", "VARCHAR", "Digest of the rows in the file, the mapping and the settings"),
        ("rows", "BIGINT", "How many rows"),
        ("sha256", "VARCHAR", "SHA-256 of the file"),
        ("size", "BIGINT", "Its size in bytes"),
        ("modified_ns", "BIGINT", "Its modification time in nanoseconds since 1970"),
        ("valid_by", "VARCHAR", "Version of the check that found every row valid; empty where none has"),
    ),
    "published": _columns(
        ("alert_id", "VARCHAR", "The id under which the alert was first published; it stays"),
        ("alert_key", "VARCHAR", "The id that the alert as folded now would have without the ledger; NULL if closed"),
        ("user", "VARCHAR", "The user"),
        ("first_window_start", "TIMESTAMP", "Start of the opening window as last published, UTC"),
        ("last_window_end", "TIMESTAMP", "End of the last window as last published, exclusive, UTC"),
        ("state", "VARCHAR", "open, folded into a group's alert, merged or withdrawn"),
        ("reason", "VARCHAR", "Why it is not open"),
        ("revision", "BIGINT", "How many revisions of it were published"),
        ("digest", "VARCHAR", "Digest of what it says, by which a new revision is known"),
        ("person", "VARCHAR", "Key of the person"),
    ),
}
"""Columns of every table by the last part of its name."""


def empty(table: str, *, dated: bool = False) -> str:
    """Return a query with the table's columns, and ``day`` if dated, and no rows."""
    types = {column.name: column.type for column in TABLES[table]} | ({"day": "DATE"} if dated else {})
    columns = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in types.items())
    return f"SELECT {columns} WHERE FALSE"


@cache
def arrow_schema(table: str, *columns: str) -> pa.Schema:
    """Return the table's columns as an Arrow schema, for rows that are made in Python.

    Args:
        table: Last part of the table's name.
        columns: The columns wanted, in this order; none for all.
    """
    with duckdb.connect() as con:
        whole = con.sql(empty(table)).to_arrow_table().schema
    return pa.schema([whole.field(name) for name in columns]) if columns else whole
