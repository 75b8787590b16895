"""Catalogue of the checks, one row each: asset, condition, function and remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from assets.checks.alerting import allow_list, budget_realised, configured, deduplicated, intact
from assets.checks.arrival import clock, fresh, gaps, volume
from assets.checks.findings import Outcome, Scene
from assets.checks.rows import read, rejects, rows_conserved, schema, size_coverage, unique_events
from detection.rule import RULE
from lake.days import REACH, TRAINING_DAYS

__all__ = ["CATALOGUE", "INTACT", "READ", "Check"]

READ = "read"
"""Name of the check whether every day of a source could be read."""

INTACT = "intact"
"""Name of the check that reads every file: it has a job of its own."""


class Check(NamedTuple):
    """A check.

    Attributes:
        name: Its name, and its section in the runbooks.
        table: Last part of the asset's key.
        per_provider: Whether each provider has the asset.
        description: The condition, and at which limits the check warns or fails.
        remedy: What to do if it does not hold, in a sentence.
        look: Runs the check; returns its findings and their severity.
        blocking: Whether an error stops the assets downstream.
    """

    name: str
    table: str
    per_provider: bool
    description: str
    remedy: str
    look: Callable[[Scene], Outcome]
    blocking: bool = False


CATALOGUE = (
    Check(
        "gaps",
        "audit_events",
        True,
        f"No hour of the last {REACH.days} days is missing, counted from the first hour that was pulled. A missing "
        "hour warns; 24 of them fail.",
        "Materialise the days that were not pulled; what the provider no longer gives stays a gap, and the "
        "evaluations name its windows",
        gaps,
    ),
    Check(
        "clock",
        "audit_events",
        True,
        "This host's clock agrees with the provider's. A difference of two minutes warns, ten minutes fail. Pulling "
        "goes by the provider's clock meanwhile.",
        "Set the host's clock: switch on time synchronisation (NTP)",
        clock,
    ),
    Check(
        "fresh",
        "uploads",
        True,
        "The source is not silent for longer than usual. A silence longer than usual by the lookback warns, by the "
        "allowed lateness fails.",
        "See whether `pulled` of audit_events passed, whether the provider's own console shows newer events, and "
        "whether its audit log is still switched on",
        fresh,
    ),
    Check(
        "volume",
        "uploads",
        True,
        "User-hours with uploads, and with activity, are as many as on the same weekday of the four weeks before. Less "
        "than a third or more than three times as many warns, less than a twentieth fails.",
        "Find out whether the day was a holiday or a data migration; if not, see what the provider's log still shows "
        "and whether a type of event was switched off",
        volume,
    ),
    Check(
        READ,
        "uploads",
        True,
        "Every day of the run could be read. A day that could not be read fails here and keeps its earlier tables; all "
        "other days and sources go on.",
        "Do what the message says",
        read,
    ),
    Check(
        "unique_events",
        "uploads",
        True,
        "No file of an audit event is counted twice. Twice on the same day fails, on two days warns.",
        "Materialise logged_uploads and uploads of these days again; if it lasts, check how events are deduplicated",
        unique_events,
        # Duplicate rows double the figures in alerts, and people are notified of alerts.
        blocking=True,
    ),
    Check(
        "rows_conserved",
        "uploads",
        True,
        "Raw events, counted when they landed, equal uploads + activity + ignored + quarantined. Any difference fails.",
        "Materialise logged_uploads and uploads of these days again; if it lasts, report the day with its raw file",
        rows_conserved,
    ),
    Check(
        "rejects",
        "uploads",
        True,
        "Almost all events can be read. More than one in a hundred quarantined warns, one in ten or more fails.",
        "Read a quarantined event and its reason in the table rejects, or with `uploadwatch classify`",
        rejects,
    ),
    Check(
        "schema",
        "uploads",
        True,
        "Operations and fields are those that the source had in the four weeks before (schema drift). A new one that "
        "no rule knows warns if it is in one event of a hundred or more (fields: one in twenty of a sample), and "
        "always if its name looks like an upload. One in ten fails; so does a missing field that the rules read.",
        "Look at such an event with `uploadwatch classify` and at the provider's announcements: a new operation "
        "needs a row in detection/data/operations, a renamed field a change of detection/sql/normalise",
        schema,
    ),
    Check(
        "size_coverage",
        "uploads",
        True,
        "If sizes are recovered, nine in ten uploads have a measured size, from the log or looked up. Fewer warns, "
        "less than half fails.",
        "See the metadata of file_sizes for the files without a size, and why",
        size_coverage,
    ),
    Check(
        "deduplicated",
        "alerts",
        False,
        f"No user has two alerts that open within the deduplication period of {RULE.periods.deduplication}.",
        "Materialise alerts from the first of these days to today",
        deduplicated,
        # The assets downstream notify people of each alert.
        blocking=True,
    ),
    Check(
        "budget_realised",
        "alerts",
        False,
        f"The actual cases of the last {TRAINING_DAYS} days are close to the target. More than 1.5 times the target, "
        "or less than a third of it, warns; more than three times fails. Differences below five alerts count as "
        "chance.",
        "See `uploadwatch status` for the days, and `uploadwatch backtest` for what another budget would have raised",
        budget_realised,
    ),
    Check(
        "allow_list",
        "alerts",
        False,
        f"No expired entry of the allow-list would still suppress detections of the last {REACH.days} days: one that "
        "would warns. A file that cannot be used fails.",
        "Renew the entry in the allow-list, or remove it",
        allow_list,
    ),
    Check(
        "configured",
        "alerts",
        False,
        "Every source with data in the lake is configured. A source that no longer is fails; its alerts and history "
        "are kept.",
        "Set the source's variables again, or remove it for good with `uploadwatch remove-source`",
        configured,
    ),
    Check(
        INTACT,
        "alerts",
        False,
        "Every file of the lake is what was written: raw events, tables, ledger, reviews, size answers, outbox. Runs "
        "once a day. What can be repaired warns, what was lost fails.",
        "Run `uploadwatch verify`, which says for each file what its damage means and how to repair it",
        intact,
    ),
)
"""All checks except ``pulled``; those of an asset are adjacent."""
