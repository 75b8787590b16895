"""What uploadwatch makes of every event of a file, for a person to check by eye.

The events are cut out of whatever they were saved in, and handed to the normalisation of the product.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import zstandard
from rich import box
from rich.markup import escape
from rich.table import Table

from assets.history_files import LIST_OF_EVENTS
from connectors.verbatim import decode, lines
from detection.normalise import outcomes
from detection.sql import ENGINE

__all__ = ["classify", "outcome_table"]

_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class _Event:
    """One event as it would have landed, and where it was found."""

    source: Path
    line: int
    text: bytes


def classify(provider: str, sources: Sequence[Path], *, organisation_domains: Sequence[str]) -> list[dict[str, Any]]:
    """Reads events from files and tells what becomes of each, on its own or beside the others.

    Args:
        provider: Whose events they are.
        sources: Each an answer of the provider's API, a JSON array, an object with nothing but such an array, one
            event, or newline-delimited JSON of events or answers; compressed with zstd or not.
        organisation_domains: The organisation's mail domains.

    Returns:
        One dictionary an event, in the order of the files: source, line (in an answer or an array: the event's
        number), outcome (upload, activity, ignored or rejected), kind, operation, time (ISO 8601, UTC), user,
        actor_class, file, files (how many an upload counts as), bytes (of all of them; None is unknown), reason
        (why ignored or rejected) and detail (of activity).

    Raises:
        RuntimeError: A file looks compressed and cannot be unpacked.
    """
    events = [event for source in sources for event in _events(provider, source)]
    with tempfile.TemporaryDirectory() as directory, duckdb.connect(config=dict(ENGINE)) as con:
        landed = _land(Path(directory), events)
        found = outcomes(con, provider, raw_files=list(landed), organisation_domains=organisation_domains).to_pylist()
    rows = {}
    for row in found:
        event = landed[row["file"]].pop(0)
        time = row["time"].replace(tzinfo=UTC).isoformat().replace("+00:00", "Z") if row["time"] else None
        rows[id(event)] = {
            "source": str(event.source),
            "line": event.line,
            "outcome": row["outcome"],
            "kind": row["kind"],
            "operation": row["operation"],
            "time": time,
            "user": row["user"],
            "actor_class": row["actor_class"],
            "file": row["file_name"],
            "files": row["files"],
            "bytes": row["bytes"],
            "reason": row["reason"],
            "detail": row["detail"],
        }
    return [rows[id(event)] for event in events]


def _land(directory: Path, events: Sequence[_Event]) -> dict[str, list[_Event]]:
    """Writes each event to a file of its own, by which it is known again.

    Events of one source that are alike to the byte share a file: whether a repetition counts depends on that.
    """
    alike: dict[tuple[Path, bytes], list[_Event]] = {}
    for event in events:
        alike.setdefault((event.source, event.text), []).append(event)
    landed = {}
    for number, ((_, text), group) in enumerate(alike.items()):
        path = directory / f"{number:09}.ndjson"
        path.write_bytes((text + b"\n") * len(group))
        landed[str(path)] = group
    return landed


def _events(provider: str, source: Path) -> Iterator[_Event]:
    content = source.read_bytes()
    if content.startswith(_ZSTD):
        try:
            content = b"".join(_frames(content))
        except zstandard.ZstdError as error:
            raise RuntimeError(f"{source} cannot be unpacked: {error}. Copy the file anew.") from error
    whole = _unwrapped(provider, content)
    if whole is not None:
        for number, text in enumerate(whole, 1):
            yield _Event(source, number, text)
        return
    texts = [(number, text) for number, text in enumerate(content.split(b"\n"), 1) if text.strip()]
    parts = [(number, text, _unwrapped(provider, text)) for number, text in texts]
    if texts and all(part is None for _, _, part in parts):
        # Not one line is JSON: a page that was cut off, rather than many broken events.
        yield _Event(source, 1, content.replace(b"\r", b" ").replace(b"\n", b" "))
        return
    for number, text, part in parts:
        for event in [text] if part is None else part:
            yield _Event(source, number, event)


def _frames(content: bytes) -> Iterator[bytes]:
    while content:
        frame = zstandard.ZstdDecompressor().decompressobj()
        yield frame.decompress(content)
        if not frame.eof:
            raise zstandard.ZstdError("the file is cut off")
        content = frame.unused_data


def _unwrapped(provider: str, text: bytes) -> list[bytes] | None:
    """The events in a JSON text, none with a line break; None if it is not JSON."""
    try:
        whole = decode(text, msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    try:
        held = msgspec.json.decode(whole, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
        listed = held if isinstance(held, list) else msgspec.json.decode(_page(provider, held), type=list[msgspec.Raw])
    except (KeyError, msgspec.ValidationError):
        listed = [whole]
    return lines(listed).splitlines()


def _page(provider: str, answer: dict[str, msgspec.Raw]) -> msgspec.Raw:
    """The list of events in an answer; what saved it may have kept the list alone, under a name of its own.

    Raises:
        KeyError: There is none.
    """
    return next(iter(answer.values())) if len(answer) == 1 else answer[LIST_OF_EVENTS[provider]]


def outcome_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Outcomes as a table for the terminal; names from outside are shown as text, whatever they carry."""
    several = len({row["source"] for row in rows}) > 1
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("Line", justify="right", overflow="fold")
    for title in ("Outcome\nkind", "Operation\ntime (UTC)", "User\nactor class", "File\nbytes", "Reason"):
        table.add_column(title, overflow="fold", min_width=19 if "time" in title else None)
    for row in rows:
        place = f"{Path(row['source']).name}:{row['line']}" if several else str(row["line"])
        more = f" and {row['files'] - 1} more" if (row["files"] or 0) > 1 else ""
        size = f"{row['bytes']:,}" if row["bytes"] is not None else "unknown" if row["files"] else ""
        time = (row["time"] or "")[:19].replace("T", " ")
        table.add_row(
            place,
            _shown(row["outcome"], row["kind"]),
            _shown(row["operation"], time),
            _shown(row["user"], row["actor_class"]),
            _shown(f"{row['file'] or ''}{more}", size),
            _shown(row["reason"] or row["detail"]),
        )
    return table


def _shown(*texts: str | None) -> str:
    """The texts on a line each, whatever they hold."""
    clean = ("".join(character if character.isprintable() else "\ufffd" for character in text or "") for text in texts)
    return escape("\n".join(clean).rstrip("\n"))
