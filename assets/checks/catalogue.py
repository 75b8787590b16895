"""The checks, one row each: of which asset, what must hold, who looks, and what to do where it does not."""

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
"""Name of the check that every day of a source could be read."""

INTACT = "intact"
"""Name of the check that reads every file: it has a job of its own."""


class Check(NamedTuple):
    """A check.

    Attributes:
        name: Its name, and its section in the runbooks.
        table: Last part of the asset's key.
        per_provider: Whether each provider has the asset.
        description: What must hold, and from when it warns or fails.
        remedy: What to do where it does not, in a sentence.
        look: Runs the check; returns its findings and their severity.
        blocking: Whether what follows the asset is not made where it fails with an error.
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
        f"The provider gave every hour of the last {REACH.days} days since the first that was pulled. A missing hour "
        "warns, a day's worth of them fails.",
        "Materialise the days that were not pulled; what the provider no longer gives stays a gap, and the "
        "evaluations name its windows",
        gaps,
    ),
    Check(
        "clock",
        "audit_events",
        True,
        "This host's clock agrees with the provider's. Two minutes apart warns, ten fails. Windows are pulled by the "
        "provider's clock meanwhile.",
        "Set the host's clock: switch on time synchronisation (NTP)",
        clock,
    ),
    Check(
        "fresh",
        "uploads",
        True,
        "The source is not silent for longer than it usually is at its longest. Later than events usually come "
        "warns, later than the lateness horizon fails.",
        "See whether `pulled` of audit_events passed, whether the provider's own console shows newer events, and "
        "whether its audit log is still switched on",
        fresh,
    ),
    Check(
        "volume",
        "uploads",
        True,
        "User-hours with uploads, and with activity, are as many as on the same weekday of the four weeks before. Less "
        "than a third or more than three times warns, less than a twentieth fails.",
        "Ask whether the day was a holiday or a move of data; if not, see what the provider's log still tells and "
        "whether a type of event was switched off",
        volume,
    ),
    Check(
        READ,
        "uploads",
        True,
        "Every day of the run could be read. A day that could not keeps what it had before, and fails here; all other "
        "days and sources go on.",
        "Do what the message says",
        read,
    ),
    Check(
        "unique_events",
        "uploads",
        True,
        "No file of an audit event is counted twice. Twice on a day fails, on two days warns.",
        "Materialise logged_uploads and uploads of these days again; if it stays, the identity of events needs a look",
        unique_events,
        # Doubled rows are doubled figures in alerts, and alerts are sent to people.
        blocking=True,
    ),
    Check(
        "rows_conserved",
        "uploads",
        True,
        "Raw events as counted when they landed = uploads + activity + ignored + rejects. Any difference fails.",
        "Materialise logged_uploads and uploads of these days again; if it stays, report the day with its raw file",
        rows_conserved,
    ),
    Check(
        "rejects",
        "uploads",
        True,
        "Almost all events can be read. More than one in a hundred rejected warns, one in ten or more fails.",
        "Read a rejected event and its reason in the table rejects, or with `uploadwatch classify`",
        rejects,
    ),
    Check(
        "schema",
        "uploads",
        True,
        "Operations and fields are those that the source had in the four weeks before. A new one that no rule knows "
        "warns from one event in a hundred on (fields: one in twenty of a sample), and at once where its name looks "
        "like an upload's; one in ten, or a field that the rules read and that is gone, fails.",
        "Look at such an event with `uploadwatch classify` and at the provider's announcements: a new operation "
        "needs a row in detection/data/operations, a renamed field a change of detection/sql/normalise",
        schema,
    ),
    Check(
        "size_coverage",
        "uploads",
        True,
        "Where sizes are recovered, nine in ten uploads have a measured size, in the log or looked up. Fewer warns, "
        "less than half fails.",
        "See the metadata of file_sizes for what is left and why",
        size_coverage,
    ),
    Check(
        "deduplicated",
        "alerts",
        False,
        f"No user has two alerts that open within the deduplication period of {RULE.periods.deduplication}.",
        "Materialise alerts from the first of these days on",
        deduplicated,
        # What follows tells people of each alert.
        blocking=True,
    ),
    Check(
        "budget_realised",
        "alerts",
        False,
        f"The alerts of the last {TRAINING_DAYS} days keep to the budget. Half as many again, or less than a third, "
        "warns; three times as many fails; a difference below five alerts counts as chance.",
        "See `uploadwatch status` for the days, and `uploadwatch backtest` for what another budget would have raised",
        budget_realised,
    ),
    Check(
        "allow_list",
        "alerts",
        False,
        f"No detection of the last {REACH.days} days is one that an entry allowed before it expired: that warns. A "
        "file that cannot be used fails.",
        "Renew the entry in the allow-list, or remove it",
        allow_list,
    ),
    Check(
        "configured",
        "alerts",
        False,
        "Every source that the lake holds data of is configured. One that no longer is fails; its alerts and history "
        "stay.",
        "Set the source's variables again, or remove it for good with `uploadwatch remove-source`",
        configured,
    ),
    Check(
        INTACT,
        "alerts",
        False,
        "Every file of the lake is what was written: raw events, tables, ledger, reviews, size answers, outbox. Looked "
        "at once a day. What can be repaired warns, what was lost fails.",
        "Run `uploadwatch verify`, which says for each file what it means and what mends it",
        intact,
    ),
)
"""All checks but ``pulled``; those of an asset stand together."""
