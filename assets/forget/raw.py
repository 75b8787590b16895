"""Raw audit events without a person: their own events go, their address in the events of others is replaced."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import msgspec
import zstandard

from assets.forget.person import Person
from assets.landing import compressing
from assets.manifest import Late, Manifest, Slice
from detection.normalise import outcomes
from detection.sql import ENGINE

__all__ = ["forget_day"]

_CHUNK = 1 << 24
_ACTORS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "box": (("created_by", "login"),),
    "dropbox": (("actor", "user", "email"), ("actor", "admin", "email")),
    "google_workspace": (("actor", "email"),),
    "office365": (("UserId",),),
}
"""Where most events name who acted; of the others, the rules of normalisation are asked, line by line."""


def forget_day(
    manifest: Manifest, provider: str, person: Person, *, organisation_domains: Sequence[str], write: bool
) -> tuple[int, int, int]:
    """Removes a person from one day of a provider's raw events, and keeps the manifest true to the files.

    A file is replaced before the manifest tells of it. Where a run was killed in between, the next one sees it by the
    file's digest and sets it right.

    Args:
        manifest: The day.
        provider: Whose events they are.
        person: Whom to remove.
        organisation_domains: The organisation's mail domains, by which events are read.
        write: Whether files are changed, or only counted.

    Returns:
        Events removed, events of others in which the address was replaced, and files changed.
    """
    removed = redacted = files = 0
    for piece in manifest.pieces:
        path = manifest.directory / piece.file
        if not path.exists():
            continue
        marked = list(_marked(path, person, provider))
        verdicts = _judged(provider, marked, person, organisation_domains)
        digest, events = _digest(_chunks(path))
        if not verdicts and (digest, events) == (piece.sha256, piece.events):
            continue
        removed += sum(verdicts.get(line, line) is None for line in marked)
        redacted += sum(verdicts.get(line) is not None for line in marked)
        files += 1
        if write:
            _rewrite(manifest, piece, path, verdicts)
    kept = {piece.file for piece in manifest.pieces}
    for path in manifest.directory.glob("*.ndjson.zst"):
        # Late events under the name that they had before a run was killed.
        if path.name not in kept and write:
            path.unlink()
    return removed, redacted, files


def _chunks(path: Path) -> Iterator[bytes]:
    """The lines of a file, many at once."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as lines:
        rest = b""
        while chunk := lines.read(_CHUNK):
            whole, line_break, after = chunk.rpartition(b"\n")
            if line_break:
                yield rest + whole + line_break
                rest = after
            else:
                rest += chunk
        if rest:
            yield rest


def _marked(path: Path, person: Person, provider: str) -> Iterator[bytes]:
    """Lines that may be the person's, or name the person."""
    ids = [id_.encode().lower() for id_ in person.ids(provider)]
    needles = [*(needle.encode() for needle in person.needles), *ids]
    for chunk in _chunks(path):
        low = chunk.lower()
        if any(needle in low for needle in needles):
            for line in io.BytesIO(chunk):
                low = line.lower()
                if any(id_ in low for id_ in ids) or person.named_in(line.decode("utf-8", "replace")):
                    yield line


def _judged(
    provider: str, lines: Sequence[bytes], person: Person, organisation_domains: Sequence[str]
) -> dict[bytes, bytes | None]:
    """By line what it becomes, None where it is the person's own; lines that are not about the person are left out."""
    verdicts: dict[bytes, bytes | None] = {}
    asked = []
    for line in dict.fromkeys(lines):
        if _acted(provider, line) == person.user:
            verdicts[line] = None
        else:
            asked.append(line)
    if not asked:
        return verdicts
    with tempfile.TemporaryDirectory() as directory, duckdb.connect(config=dict(ENGINE)) as con:
        files = {}
        for number, line in enumerate(asked):
            path = Path(directory) / f"{number:09}.ndjson"
            path.write_bytes(line)
            files[str(path)] = line
        told = outcomes(con, provider, raw_files=list(files), organisation_domains=organisation_domains).to_pylist()
    for row in told:
        line = files[row["file"]]
        # What is ignored or rejected is in no table by user, and nobody misses it.
        theirs = row["user"] in person.names or row["outcome"] in ("ignored", "rejected")
        becomes = None if theirs else _replaced(line, person)
        if becomes != line:
            verdicts[line] = becomes
    return verdicts


def _acted(provider: str, line: bytes) -> str | None:
    try:
        event = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    for path in _ACTORS[provider]:
        found = event
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, str):
            return found.lower()
    return None


def _replaced(line: bytes, person: Person) -> bytes:
    return person.redacted(line.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _rewrite(manifest: Manifest, piece: Slice | Late, path: Path, verdicts: Mapping[bytes, bytes | None]) -> None:
    sha, events = _digest(_kept(path, verdicts))
    # The name of late events is made of what they are.
    after = replace(piece, sha256=sha, events=events)
    with compressing(manifest.directory / after.file) as out:
        for chunk in _kept(path, verdicts):
            out.write(chunk)
    manifest.replace(piece, after)
    if after.file != piece.file:
        path.unlink()


def _digest(chunks: Iterator[bytes]) -> tuple[str, int]:
    sha, events = hashlib.sha256(), 0
    for chunk in chunks:
        sha.update(chunk)
        events += chunk.count(b"\n")
    return sha.hexdigest(), events


def _kept(path: Path, verdicts: Mapping[bytes, bytes | None]) -> Iterator[bytes]:
    """What a file holds once its lines have become what they are to."""
    for chunk in _chunks(path):
        yield b"".join(verdicts.get(line, line) or b"" for line in io.BytesIO(chunk)) if verdicts else chunk
