"""Erasure from text files: deletes the person's own lines and records, and replaces their address elsewhere."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

from lake.store import replacing
from privacy.erasure.person import Person

__all__ = ["forget_csv", "forget_lines", "forget_text", "packing"]

_USERS = (("user",), ("actor", "user", "name"), ("actor", "user", "email_addr"), ("unmapped", "user"))
"""Fields of an exported line that name its user."""
_ZSTD, _GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
_CLOSED = {
    b"PK\x03\x04": "a zip archive or Office document",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
}
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def packing(head: bytes) -> str:
    """Return the kind of a file that cannot be searched, by its first bytes; empty for any other file."""
    return next((name for sign, name in _CLOSED.items() if head.startswith(sign)), "")


def forget_csv(path: Path, person: Person, *, write: bool) -> tuple[int, int]:
    """Remove the person's own records from a CSV with a column ``user``, and replace their address in the others.

    Everything else stays byte-identical.

    Args:
        path: The file.
        person: The person to remove.
        write: Whether to change the file, rather than only count the records.

    Returns:
        Removed records, and records of others in which the address was replaced.
    """
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        header = next(_records(file), "")
    names = next(csv.reader([header.removeprefix("\ufeff")]), []) if header else []
    column = names.index("user") if "user" in names else None

    def becomes(record: str) -> str:
        if column is not None and record != header:
            cells = next(csv.reader([record]), [])
            # A spreadsheet interprets some first signs, so exports put an apostrophe before them.
            if len(cells) > column and person.is_account(cells[column].removeprefix("'")):
                return ""
        return person.redacted(record)

    return _change(path, person, _records, becomes, write=write)


def forget_lines(path: Path, person: Person, *, write: bool) -> tuple[int, int]:
    """Remove the person's own lines from a file of JSON lines; otherwise like :func:`forget_csv`."""

    def becomes(line: str) -> str:
        return "" if _is_own(line, person) else person.redacted(line)

    return _change(path, person, iter, becomes, write=write)


def forget_text(path: Path, person: Person, *, write: bool) -> tuple[int, int]:
    """Replace the person's name in any file, plain or packed; otherwise like :func:`forget_csv`.

    Raises:
        ValueError: The file is packed and cannot be unpacked.
    """
    content = path.read_bytes()
    unpack, pack = _packer(content)
    try:
        plain = unpack(content)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise ValueError(f"cannot be unpacked: {error}") from error
    encoding = _MARKS.get(plain[:2], "utf-8")
    text = plain.decode(encoding, "surrogateescape" if encoding == "utf-8" else "surrogatepass")
    if not person.named_in(text):
        return 0, 0
    if write:
        errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
        with replacing(path) as temporary:
            temporary.write_bytes(pack(person.redacted(text).encode(encoding, errors)))
    return 0, 1


def _packer(content: bytes) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    if content.startswith(_GZIP):
        return gzip.decompress, gzip.compress
    if content.startswith(_ZSTD):
        return _from_zstd, zstandard.compress
    return bytes, bytes


def _from_zstd(content: bytes) -> bytes:
    unpacked = bytearray()
    while content:
        frame = zstandard.ZstdDecompressor().decompressobj()
        unpacked += frame.decompress(content)
        if not frame.eof:
            raise zstandard.ZstdError("it is cut off")
        content = frame.unused_data
    return bytes(unpacked)


def _records(file: Iterator[str]) -> Iterator[str]:
    """Yield the records of a CSV unchanged; one with line breaks is one record."""
    held = io.StringIO()
    quotes = 0
    for line in file:
        held.write(line)
        quotes += line.count('"')
        if quotes % 2 == 0:
            yield held.getvalue()
            held, quotes = io.StringIO(), 0
    if held.tell():
        yield held.getvalue()


def _change(
    path: Path,
    person: Person,
    split: Callable[[Iterator[str]], Iterator[str]],
    becomes: Callable[[str], str],
    *,
    write: bool,
) -> tuple[int, int]:
    removed = redacted = 0
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        for part in split(file):
            if person.named_in(part) and (after := becomes(part)) != part:
                removed, redacted = removed + (not after), redacted + bool(after)
    if write and (removed or redacted):
        with (
            path.open(encoding="utf-8", errors="surrogateescape", newline="") as file,
            replacing(path) as temporary,
            temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out,
        ):
            out.writelines(becomes(part) if person.named_in(part) else part for part in split(file))
    return removed, redacted


def _is_own(line: str, person: Person) -> bool:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return False
    for path in _USERS:
        held = event
        for key in path:
            held = held.get(key) if isinstance(held, dict) else None
        if person.is_account(held):
            return True
    return False
