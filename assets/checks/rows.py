"""Checks of normalised events: none lost, no duplicates, few quarantined, sizes known, no schema drift."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from assets.checks.findings import Finding, Outcome, Scene
from assets.checks.passed import once_per_content
from assets.core.preview import cell
from assets.core.severities import ERROR, WARN
from assets.sizes import coverage
from lake.days import days_between
from lake.health import read_health
from lake.raw_days import raw_events

__all__ = ["read", "rejects", "rows_conserved", "schema", "size_coverage", "unique_events"]

_READ_STEPS = ("logged_uploads", "uploads")
_MEASURED = ("log", "recovered")
_REJECTS_WARN, _REJECTS_FAIL = 0.01, 0.1
_SIZED_WARN, _SIZED_FAIL = 0.9, 0.5
_FEW = 10
"""Least number of events for an error, so that a quiet day with a few bad events does not fail."""
_BEFORE = timedelta(days=28)
_LEAST_DAYS = 7
_NEW_OPERATION, _NEW_FIELD, _OTHER_FORMAT = 0.01, 0.05, 0.1


def _view(scene: Scene, *tables: str) -> None:
    for table in tables:
        scene.lake.view(scene.con, table, [f"{scene.provider}/{table}"], scene.days)


def read(scene: Scene) -> Outcome:
    """Check that every day of the run could be read."""
    troubles = read_health(scene.lake, [scene.provider])[scene.provider].troubles
    return Outcome(
        [Finding(ERROR, troubles[step].problem) for step in _READ_STEPS if step in troubles], "every day was read"
    )


@once_per_content("uploads")
def unique_events(scene: Scene) -> Outcome:
    """Check that each file of an event is stored only once."""
    _view(scene, "uploads")
    doubled = scene.con.execute(
        """
        SELECT event_key, count(*), count(DISTINCT CAST(time AS DATE))
        FROM uploads
        GROUP BY event_key, asset
        HAVING count(*) > 1
        ORDER BY event_key
        """
    ).fetchall()
    return Outcome(
        [
            Finding(ERROR, f"event {cell(key)} is there {count} times")
            if count > days
            else Finding(WARN, f"event {cell(key)} is there on {days} days")
            for key, count, days in doubled
        ],
        "every event is there once",
    )


def _landed(scene: Scene) -> list[int]:
    return [raw_events(scene.lake, scene.provider, day) for day in scene.days]


@once_per_content("uploads", "activity", "rejects", "ignored", also=lambda scene: str(_landed(scene)))
def rows_conserved(scene: Scene) -> Outcome:
    """Check that each landed event is accounted for."""
    for table in ("uploads", "activity", "ignored"):
        scene.lake.view(scene.con, table, [f"{scene.provider}/{table}"], scene.days, dated=True)
    # The table rejects has its own column ``day`` with the same value.
    _view(scene, "rejects")
    accounted = dict(
        scene.con.execute(
            """
            SELECT day, CAST(sum(events) AS BIGINT)
            FROM (
                SELECT day, count(DISTINCT event_key) AS events FROM uploads GROUP BY day
                UNION ALL
                SELECT day, count(DISTINCT event_key) AS events FROM activity GROUP BY day
                UNION ALL
                SELECT day, count(*) AS events FROM rejects GROUP BY day
                UNION ALL
                SELECT day, sum(events) AS events FROM ignored GROUP BY day
            )
            GROUP BY day
            """
        ).fetchall()
    )
    findings = []
    total = 0
    for day, landed in zip(scene.days, _landed(scene), strict=True):
        read = accounted.get(day, 0)
        total += landed
        if landed != read:
            findings.append(Finding(ERROR, f"{day}: {landed} events landed, {read} accounted for"))
    return Outcome(findings, f"all {total:,} events are accounted for", {"events": dg.MetadataValue.int(total)})


def rejects(scene: Scene) -> Outcome:
    """Check that few events were unreadable."""
    _view(scene, "uploads", "activity", "rejects", "ignored")
    [(read,)] = scene.con.execute(
        "SELECT (SELECT count(*) FROM uploads) + (SELECT count(*) FROM activity)"
        " + (SELECT coalesce(sum(events), 0) FROM ignored WHERE reason <> 'another day')"
    ).fetchall()
    reasons = dict(
        scene.con.execute("SELECT reason, count(*) FROM rejects GROUP BY reason ORDER BY count(*) DESC").fetchall()
    )
    rejected = sum(reasons.values())
    share = rejected / (rejected + int(read)) if rejected else 0.0
    summary = f"{rejected:,} of {rejected + int(read):,} events could not be read ({share:.1%})"
    findings = []
    if share > _REJECTS_WARN:
        severity = ERROR if share >= _REJECTS_FAIL and rejected >= _FEW else WARN
        findings.append(Finding(severity, f"{summary}, most because: {next(iter(reasons))}"))
    return Outcome(findings, summary, {"rejected": dg.MetadataValue.json(reasons)})


def schema(scene: Scene) -> Outcome:
    """Check that operations and fields are the same as in the weeks before."""
    first = scene.days[0]
    table = [f"{scene.provider}/counts"]
    before = days_between(first - _BEFORE, first - timedelta(days=1))
    known_days = len(scene.lake.parts(table[0], before))
    scene.lake.view(scene.con, "counts", table, scene.days)
    scene.lake.view(scene.con, "past_counts", table, before)
    rows = scene.con.execute(
        """
        WITH here AS (
            SELECT kind, name, sum(events) AS events, bool_and(known) AS known FROM counts GROUP BY kind, name
        ),
        past AS (
            SELECT kind, name, sum(events) AS events, bool_and(known) AS known FROM past_counts GROUP BY kind, name
        )
        SELECT kind, name, coalesce(here.events, 0), coalesce(past.events, 0), coalesce(here.known, past.known)
        FROM here
        FULL JOIN past USING (kind, name)
        WHERE kind IN ('operation', 'perhaps_upload', 'field', 'sample')
        ORDER BY 3 DESC, name
        """
    ).fetchall()
    operations = [row[1:] for row in rows if row[0] == "operation"]
    fields = [row[1:] for row in rows if row[0] == "field"]
    sampled, past_sampled = next((row[2:4] for row in rows if row[0] == "sample"), (0, 0))
    total = sum(here for _, here, _, _ in operations)
    perhaps = {name: int(here) for kind, name, here, _, _ in rows if kind == "perhaps_upload" and here}
    unknown = perhaps | {name: int(here) for name, here, _, known in operations if here and not known}
    metadata = {"operations that no rule names": dg.MetadataValue.json(dict(list(unknown.items())[:20]))}
    said = f"{len(unknown)} operations, {sum(unknown.values()):,} of {total:,} events, are named by no rule"
    names = f": {_named(unknown)}" if unknown else ""
    findings = []
    if perhaps:
        findings.append(Finding(WARN, f"unknown operations may be uploads, and count as nothing: {_named(perhaps)}"))
    if known_days < _LEAST_DAYS:
        compared = f"there are {known_days} days before to compare with, {_LEAST_DAYS} are needed"
        return Outcome(findings, f"{said}; {compared}{names}", metadata)
    new = {name: int(here) for name, here, past, known in operations if here and not past and not known}
    if sum(new.values()) >= _OTHER_FORMAT * total and sum(new.values()) >= _FEW:
        findings.append(Finding(ERROR, f"{sum(new.values()):,} of {total:,} events are new: {_named(new)}"))
    elif frequent := {name: events for name, events in new.items() if events >= _NEW_OPERATION * total}:
        findings.append(Finding(WARN, f"operations that no rule knows are new: {_named(frequent)}"))
    gone = [
        name
        for name, here, past, known in fields
        if known and not here and sampled >= 10 * _FEW and past >= past_sampled / 2
    ]
    if gone:
        findings.append(Finding(ERROR, f"fields that the rules read are gone: {', '.join(map(cell, gone[:10]))}"))
    fresh_fields = {
        name: int(here)
        for name, here, past, known in fields
        if not past and not known and here >= max(_FEW, _NEW_FIELD * sampled)
    }
    if fresh_fields:
        findings.append(
            Finding(WARN, f"of a sample of {int(sampled):,} events, fields are new: {_named(fresh_fields)}")
        )
    return Outcome(findings, f"{said}, none of them newly{names}", metadata)


def _named(counts: dict[str, int]) -> str:
    """Format names with their counts, the most frequent first."""
    more = f" and {len(counts) - 10} more" if len(counts) > 10 else ""
    return ", ".join(f"{cell(name)} ({events:,})" for name, events in list(counts.items())[:10]) + more


@once_per_content("uploads", also=lambda scene: str(scene.traits.recovers_sizes))
def size_coverage(scene: Scene) -> Outcome:
    """Check that enough uploads have a measured size."""
    _view(scene, "uploads")
    found = coverage(scene.con)
    uploads = sum(source["files"] for source in found.values())
    measured = sum(found[source]["files"] for source in _MEASURED)
    said = f"{measured:,.0f} of {uploads:,.0f} uploads have a measured size"
    metadata = {"size coverage": dg.MetadataValue.json(found)}
    if not scene.traits.recovers_sizes:
        hint = (
            ". Sizes are not recovered here: the others are detected by the number of files alone. To look sizes up, "
            "see the variable that ends in _RECOVER_SIZES in docs/configuration.md"
        )
        return Outcome([], f"{said}{hint if measured < uploads else ''}.", metadata)
    if measured >= _SIZED_WARN * uploads:
        return Outcome([], f"{said}.", metadata)
    severity = ERROR if measured < _SIZED_FAIL * uploads and uploads >= _FEW else WARN
    gone = sum(found[source]["files"] for source in ("later_version", "estimated", "gone"))
    unknown = found["unknown"]["files"]
    return Outcome([Finding(severity, said)], "", metadata, _size_remedy(scene.provider, unknown, gone))


def _size_remedy(provider: str, unknown: float, gone: float) -> str:
    """Return the remedy for the most frequent reason for missing sizes."""
    if gone > unknown:
        return (
            f"{gone:,.0f} files are gone or overwritten: see who does it after the upload; if it is usual, let the "
            "schedule `poll` run more often"
        )
    return (
        f"{unknown:,.0f} are unknown: the metadata of {provider}/file_sizes show how many are left and why. If files "
        "were refused, check the permission in docs/configuration.md. If they are open, raise UPLOADWATCH_SIZE_MINUTES "
        "or the provider's requests per minute. If no user can be asked for them, their sizes stay unknown"
    )
