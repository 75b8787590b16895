"""The two investigation steps about the uploaded files: whether they are sensitive, and their types."""

from __future__ import annotations

from detection.wording import size
from dossier.evidence import Evidence, Type
from dossier.known_limits import limits
from dossier.layout import (
    Outside,
    Section,
    Table,
    Text,
    count,
    names,
    provider,
    sentence_case,
    share,
    text,
)
from dossier.queries import USUAL
from dossier.reading import Alert

__all__ = ["sensitive", "types"]

_SHOWN = 4
_SHOWN_TYPES = 12


def sensitive(alert: Alert, evidence: Evidence) -> Section:
    """Describe whether the files may hold sensitive data, by their names and extensions."""
    hits = [hit for hit in evidence.sensitive if hit.files]
    total, usual = _totals(evidence)
    rows = [
        (
            text(hit.category),
            text(f"{hit.files:,}"),
            text(size(hit.bytes) if hit.bytes is not None else "unknown"),
            text(share(hit.files, total)),
            text(share(hit.usual_files, usual)),
            names(hit.terms[:8]),
            names(hit.examples),
        )
        for hit in hits
    ]
    found: list[str] = []
    if evidence.labels:
        found.append("Labelled by the provider: ")
        for n, label in enumerate(evidence.labels[:_SHOWN]):
            found += ["; "] * bool(n) + [Outside(label.label), f" ({count(label.files, 'file')})"]
        found.append(". ")
    if hits:
        shown = "; ".join(f"{hit.category} ({count(hit.files, 'file')})" for hit in hits[:_SHOWN])
        more = len(hits) - _SHOWN
        found.append(f"By name or type: {shown}")
        found.append(f"; and {count(more, 'further category', 'further categories')}." if more > 0 else ".")
    unusual = any(
        _grown(hit.files, hit.usual_files, total, usual) and (10 * hit.files >= total or not hit.usual_files)
        for hit in hits
    )
    columns = ("Category", "# files", "# size", "# share", f"# share of the {USUAL} days before", "by", "such as")
    return Section(
        "sensitive",
        "look" if unusual or evidence.labels else "calm",
        tuple(found) or text("No name, folder or type of a file is in the dictionary, and no label is logged."),
        [text("Names, folders and extensions were compared with the dictionary; no content was read.")],
        [
            table
            for table in (_labels(evidence), Table("Files that the dictionary has an entry for", columns, rows))
            if table.rows
        ],
        ["A file's name does not show its content.", *limits("sensitive", alert.providers)],
    )


def _labels(evidence: Evidence) -> Table:
    rows = [
        (
            text(Outside(label.label)),
            text(provider(label.provider)),
            text(f"{label.files:,}"),
            text(size(label.bytes) if label.bytes is not None else "unknown"),
            names(label.examples),
        )
        for label in evidence.labels
    ]
    return Table("Labels of the provider's own", ("Label", "Provider", "# files", "# size", "such as"), rows)


def types(alert: Alert, evidence: Evidence) -> Section:
    """Describe the types of the files, beside the user's usual types."""
    total, usual = _totals(evidence)
    now = [row for row in evidence.types if row.files]
    unusual = [row for row in now if 10 * row.files >= total and _grown(row.files, row.usual_files, total, usual)]
    answer: list[str] = []
    if now:
        first = now[0]
        answer += [*_kind(first), f": {share(first.files, total)} of the files"]
        answer.append(
            f", and {share(first.usual_files, usual)} of the user's in the {USUAL} days before"
            if usual
            else ", with nothing to compare to"
        )
    if len(now) > 1:
        answer.append(f"; {count(len(now), 'type')} in all")
    rows = [
        (
            tuple(_kind(row)),
            text(f"{row.files:,}"),
            text(share(row.files, total)),
            text(size(row.bytes) if row.bytes is not None else "unknown" if row.files else "–"),
            text(share(row.usual_files, usual)),
        )
        for row in evidence.types[:_SHOWN_TYPES]
    ]
    left_out = len(evidence.types) - len(rows)
    return Section(
        "types",
        "look" if unusual and usual else "calm" if usual else "unknown",
        sentence_case(tuple(answer)) if answer else text("No file on record."),
        [text(f"The {count(alert.files, 'file')} were saved {alert.saves:,} times in all; each counts once a day.")]
        if alert.saves and alert.saves > alert.files
        else [],
        [
            Table(
                "Types by extension",
                ("Type", "# files", "# share", "# size", f"# share of the {USUAL} days before"),
                rows,
                f"{count(left_out, 'further type')} left out." if left_out else "",
            )
        ],
        [
            "An extension is what the name says, not what the file is.",
            *(
                []
                if usual
                else [f"No upload of the user is on record in the {USUAL} days before, so there is no usual mix."]
            ),
            *_unsized(alert),
        ],
    )


def _totals(evidence: Evidence) -> tuple[int, int]:
    """Count the files of the alert, and of the usual days before."""
    return sum(row.files for row in evidence.types), sum(row.usual_files for row in evidence.types)


def _grown(files: int, usual_files: int, total: int, usual: int) -> bool:
    """Check whether a share is more than twice the usual one, or there is no usual one."""
    return files > 0 and (not usual or files * usual > 2 * usual_files * total)


def _kind(row: Type) -> Text:
    return text(Outside(row.extension)) if row.extension else text("without extension")


def _unsized(alert: Alert) -> list[str]:
    missing = alert.files - alert.sized_files
    if not missing:
        return []
    gone = (
        f"; {alert.estimated_files:,} of them had a version that was deleted or overwritten before"
        if alert.estimated_files
        else ""
    )
    return [f"Not every version of {count(missing, 'file')} has a known size{gone}: bytes are those that are known."]
