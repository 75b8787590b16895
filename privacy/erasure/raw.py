"""Erasure from raw audit events: deletes the person's own events, and replaces their address in others' events."""

from __future__ import annotations

import io
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import msgspec

from detection.normalise import outcomes
from detection.sql import ENGINE
from lake.durable import file_digest, move_durably, replace_text
from lake.landing import compressing
from lake.manifest import Manifest
from lake.manifest_entries import Imported, Late, Piece, Slice
from lake.raw_lines import RawFileError, line_chunks, lines_digest
from lake.scratch import scratch
from privacy.erasure.findings import Findings, Removed
from privacy.erasure.person import Person
from providers import PROVIDERS, Named

__all__ = ["forget_day", "is_temporary"]

_CHUNK = 1 << 24
_AT_ONCE = 2_000
"""Lines per query for the users that the rules find."""
_JOURNAL = ".forgetting"
"""File in a day's directory that records which file replaces which."""
_STAGED = re.compile(r"\.[0-9a-f]{32}|\.\.[0-9a-f]{32}\.[a-z0-9_]{8}")
"""Temporary name of :func:`lake.landing.land_import` before a file's content is known."""
_REPLACING = re.compile(r"\.(.+)\.[a-z0-9_]{8}")
"""Name that :func:`lake.store.replacing` gives an unfinished file."""
_LANDED = re.compile(
    r"(?:(?:import-)?\d{4}-\d{4}(?:-[0-9a-f]{16})?|late-[0-9a-f]{16})\.ndjson\.zst|manifest(?:\.copy)?\.json"
)
_DAMAGED = (
    "is not what its manifest says: damaged, or changed by hand. Put back the file that landed, or have the provider "
    "send its events again"
)


def is_temporary(name: str) -> bool:
    """Check whether a file in a day's directory is an unfinished one of landing or forgetting."""
    replacing = _REPLACING.fullmatch(name)
    return _STAGED.fullmatch(name) is not None or (
        replacing is not None and (_LANDED.fullmatch(replacing[1]) is not None or replacing[1] == _JOURNAL)
    )


def forget_day(
    manifest: Manifest,
    provider: str,
    person: Person,
    found: Findings,
    *,
    root: Path,
    organisation_domains: Sequence[str],
    write: bool,
) -> bool:
    """Remove a person from one day of a provider's raw events, and update the manifest.

    All files that the manifest lists are treated alike, whatever their origin. Each replacement is recorded first, so
    that a run killed at any point can be resumed. A damaged file is not changed: a rewrite would make it look intact.
    Files that no manifest lists stay, without the person.

    Args:
        manifest: The day.
        provider: Provider of the events.
        person: The person to remove.
        found: Receives what was removed, and what could not be.
        root: Directory of the lake.
        organisation_domains: The organisation's mail domains, by which events are read.
        write: Whether to change files, rather than only count them.

    Returns:
        Whether a file was, or would be, changed.
    """
    table = f"{provider}/audit_events"
    begun = _begun(manifest)
    changed = begun is not None
    if begun and write:
        _take_up(manifest, *begun)
        begun = None
    for piece in manifest.pieces:
        path = manifest.directory / piece.file
        if path.is_symlink() or not path.is_file():
            continue
        try:
            expected = [piece, begun[1]] if begun and begun[1].file == piece.file else [piece]
            if lines_digest(path) not in [(each.sha256, each.events) for each in expected]:
                found.unsearched[path] = _DAMAGED
                continue
            verdicts, removed = _forgotten(path, provider, person, root, organisation_domains)
        except (OSError, RawFileError, duckdb.Error) as error:
            found.unsearched[path] = str(error)
            continue
        if verdicts:
            found.removed[table].merge(removed)
            changed = True
            if write:
                _rewrite(manifest, piece, path, verdicts)
    known = {piece.file for piece in manifest.pieces} | {"manifest.json", _JOURNAL}
    for path in sorted(manifest.directory.glob("*.ndjson.zst")):
        if path.name in known or path.is_symlink() or not path.is_file():
            continue
        found.unlisted.append(path)
        try:
            verdicts, removed = _forgotten(path, provider, person, root, organisation_domains)
            if verdicts:
                found.removed[table].merge(removed)
                if write:
                    _write(path, path, verdicts)
        except (OSError, RawFileError, duckdb.Error) as error:
            found.unsearched[path] = str(error)
    return changed


def _forgotten(
    path: Path, provider: str, person: Person, root: Path, organisation_domains: Sequence[str]
) -> tuple[dict[bytes, bytes | None], Removed]:
    """Return the replacement of each line of a file, as :func:`_judged`, and the number of lines that change."""
    marked = list(_marked(path, person, provider))
    verdicts = _judged(provider, marked, person, root, organisation_domains)
    changed = [verdicts[line] for line in marked if line in verdicts]
    removed = sum(becomes is None for becomes in changed)
    return verdicts, Removed(removed, len(changed) - removed, bool(changed))


def _begun(manifest: Manifest) -> tuple[Piece, Piece] | None:
    """Return the replacements of a killed run."""
    journal = manifest.directory / _JOURNAL
    try:
        before, after = (_entry(each) for each in json.loads(journal.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        # It is written whole before anything else, so an unreadable one means that nothing was done.
        return None
    return before, after


def _take_up(manifest: Manifest, before: Piece, after: Piece) -> None:
    """Finish a killed run's replacement of one file."""
    pieces = {piece.file: piece for piece in manifest.pieces}
    place = manifest.directory / after.file
    if pieces.get(before.file) == before and place.is_file() and lines_digest(place) == (after.sha256, after.events):
        manifest.replace(before, after)
    _end(manifest, before, after)


def _entry(held: Mapping[str, object]) -> Piece:
    kind = {"Slice": Slice, "Late": Late, "Imported": Imported}[str(held["kind"])]
    return msgspec.convert(held["piece"], kind)


def _end(manifest: Manifest, before: Piece, after: Piece) -> None:
    """Remove the rest of a replaced file, if the manifest no longer lists it."""
    names = {piece.file for piece in manifest.pieces}
    for piece in (before, after):
        if piece.file not in names:
            (manifest.directory / piece.file).unlink(missing_ok=True)
    (manifest.directory / _JOURNAL).unlink(missing_ok=True)


def _marked(path: Path, person: Person, provider: str) -> Iterator[bytes]:
    """Yield lines that may be the person's, or name the person."""
    ids = [id_.encode().lower() for id_ in person.ids(provider)]
    for chunk in line_chunks(path):
        low = chunk.lower()
        if not any(id_ in low for id_ in ids) and not person.perhaps_in(low.decode("utf-8", "replace")):
            continue
        for line in io.BytesIO(chunk):
            low = line.lower()
            if any(id_ in low for id_ in ids) or person.named_in(line.decode("utf-8", "replace")):
                yield line


def _judged(
    provider: str, lines: Sequence[bytes], person: Person, root: Path, organisation_domains: Sequence[str]
) -> dict[bytes, bytes | None]:
    """Return the replacement of each line, None for the person's own; omit lines that are not about the person."""
    verdicts: dict[bytes, bytes | None] = {}
    asked = []
    for line in dict.fromkeys(lines):
        if _is_plainly_own(provider, line, person):
            verdicts[line] = None
        else:
            asked.append(line)
    for first in range(0, len(asked), _AT_ONCE):
        together = asked[first : first + _AT_ONCE]
        with scratch(root, "forget") as directory, duckdb.connect(config=dict(ENGINE)) as con:
            files = {}
            for number, line in enumerate(together):
                path = directory / f"{number:09}.ndjson"
                path.write_bytes(line)
                files[str(path)] = line
            outcome_rows = outcomes(con, provider, raw_files=list(files), organisation_domains=organisation_domains)
            users = {files[row["file"]]: row for row in outcome_rows.to_pylist()}
        for line in together:
            row = users.get(line, {"outcome": "rejected"})
            if row["outcome"] in ("ignored", "rejected"):
                # No table has these by user, so the provider's own fields decide whose they are.
                own = _acted(provider, line, person)
            else:
                # An alert about several users stays for the others.
                own = person.is_account(row["user"]) and not row["other_users"]
            becomes = None if own else _replaced(provider, line, person)
            if becomes != line:
                verdicts[line] = becomes
    return verdicts


def _is_plainly_own(provider: str, line: bytes, person: Person) -> bool:
    """Check whether the person acted and the event names nobody else, so that the rules are not needed."""
    rest = person.redacted(line.decode("utf-8", "replace"))
    if "@" in rest or "%40" in rest or not _acted(provider, line, person):
        return False
    event = msgspec.json.decode(line)
    return not any(_names_another(event, place) for place in PROVIDERS[provider].others)


def _names_another(event: object, place: Named) -> bool:
    """Check whether an event names another account than the actor at a place."""
    held = _at(event, place.path)
    if held is None or any(held == _at(event, path) for path in place.unless):
        return False
    return place.value is None or held == place.value


def _acted(provider: str, line: bytes, person: Person) -> bool:
    ids = person.ids(provider)
    return any(person.is_account(value) or value in ids for value in _actor(provider, line))


def _actor(provider: str, line: bytes) -> list[str]:
    """Return the names of the actor in the event."""
    try:
        event = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return []
    held = (_at(event, path) for path in PROVIDERS[provider].actors)
    return [value for value in held if isinstance(value, str)]


def _at(event: object, path: Sequence[str]) -> object:
    for key in path:
        event = event.get(key) if isinstance(event, dict) else None
    return event


def _replaced(provider: str, line: bytes, person: Person) -> bytes:
    """Return somebody else's line without the person; ambiguous spellings stay if they name the actor."""
    text = line.decode("utf-8", "surrogateescape")
    becomes = person.redacted(text).encode("utf-8", "surrogateescape")
    if _actor(provider, becomes) != _actor(provider, line):
        return person.redacted(text, certain=True).encode("utf-8", "surrogateescape")
    return becomes


def _rewrite(manifest: Manifest, piece: Piece, path: Path, verdicts: Mapping[bytes, bytes | None]) -> None:
    staged = manifest.directory / f".{uuid.uuid4().hex}"
    _write(path, staged, verdicts)
    # A file's name depends on its content.
    after = piece.holding(*lines_digest(staged), file_digest(staged))
    held = [{"kind": type(each).__name__, "piece": msgspec.to_builtins(each)} for each in (piece, after)]
    replace_text(manifest.directory / _JOURNAL, json.dumps(held))
    move_durably(staged, manifest.directory / after.file)
    manifest.replace(piece, after)
    _end(manifest, piece, after)


def _write(path: Path, place: Path, verdicts: Mapping[bytes, bytes | None]) -> None:
    with compressing(place) as out:
        for chunk in _kept(path, verdicts):
            out.write(chunk)


def _kept(path: Path, verdicts: Mapping[bytes, bytes | None]) -> Iterator[bytes]:
    """Yield the content of a file with its lines replaced or removed."""
    for chunk in line_chunks(path):
        yield b"".join(verdicts.get(line, line) or b"" for line in io.BytesIO(chunk)) if verdicts else chunk
