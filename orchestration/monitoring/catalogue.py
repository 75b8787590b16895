"""Catalogue of the metrics: name, labels and meaning of each."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["METRICS", "Metric", "Sample"]


class Metric(NamedTuple):
    """A metric.

    Attributes:
        help: Its meaning.
        labels: Names of its labels; none has values that a user can choose.
        counter: Whether it only grows, for as long as the process lives.
    """

    help: str
    labels: tuple[str, ...] = ()
    counter: bool = False


class Sample(NamedTuple):
    """A value of a metric.

    Attributes:
        name: Name of the metric.
        value: The value.
        labels: Values of its labels, in the order of the catalogue.
    """

    name: str
    value: float
    labels: tuple[str, ...] = ()


_SOURCE = ("provider",)
_RUN = ("job", "schedule")
_PART = ("part", "provider")

METRICS = {
    "uploadwatch_build_info": Metric("Version of uploadwatch; the value is 1.", ("version",)),
    "uploadwatch_source_state": Metric(
        "1 for the present state of the source: well, failing, overdue or not configured. 0 for the others.",
        ("provider", "state"),
    ),
    "uploadwatch_source_newest_event_age_seconds": Metric(
        "Time since the end of the newest hour with events of the source.", _SOURCE
    ),
    "uploadwatch_source_silence_limit_seconds": Metric(
        "Silence after which the check `fresh` warns: what is usual for the source at this time, plus its lookback.",
        _SOURCE,
    ),
    "uploadwatch_source_missing_seconds": Metric(
        "Time whose audit events are missing, on the days and by the count of the check `gaps`.", _SOURCE
    ),
    "uploadwatch_source_quarantined_events": Metric("Events in quarantine: they could not be read.", _SOURCE),
    "uploadwatch_open_cases": Metric("Cases that are open or reopened, as of the last run.", ("severity",)),
    "uploadwatch_budget_target_cases": Metric(
        "Cases that the budget allowed in the last 30 evaluated days.", ("population",)
    ),
    "uploadwatch_budget_actual_cases": Metric("Cases that opened in the last 30 evaluated days.", ("population",)),
    "uploadwatch_budget_balance_cases": Metric(
        "Budget balance; below zero where more cases opened than allowed.", ("population",)
    ),
    "uploadwatch_outbox_messages": Metric(
        "Messages that the channel has not accepted: pending, or parked after too many attempts.", ("channel", "state")
    ),
    "uploadwatch_outbox_oldest_pending_age_seconds": Metric(
        "Least time that the oldest pending message has waited; 0 if none is pending.", ("channel",)
    ),
    "uploadwatch_last_run_age_seconds": Metric(
        "Time since the end of the last finished run; with an empty schedule, of any run of the job.", _RUN
    ),
    "uploadwatch_last_run_success": Metric("1 if that run succeeded, else 0.", _RUN),
    "uploadwatch_last_successful_run_age_seconds": Metric("Time since the end of the last run that succeeded.", _RUN),
    "uploadwatch_newest_day_age_seconds": Metric(
        "Time since the start (UTC) of the newest day of a table that all sources share.", ("table",)
    ),
    "uploadwatch_table_size_bytes": Metric(
        "Size of a table of the lake on disk; `other` stands for files in no table.", ("table",)
    ),
    "uploadwatch_filesystem_free_bytes": Metric("Free space of the file system of the home."),
    "uploadwatch_filesystem_size_bytes": Metric("Size of the file system of the home."),
    "uploadwatch_scrape_part_success": Metric(
        "1 if this part of the scrape could be read, else 0: its metrics are missing then.", _PART
    ),
    "uploadwatch_scrape_part_duration_seconds": Metric("Time that this part of the scrape took.", _PART),
    "uploadwatch_scrape_part_failures_total": Metric(
        "Scrapes in which this part could not be read, since the exporter started.", _PART, counter=True
    ),
}
