"""Files of exported history: what each is by its content, whatever its name says, unpacked and in UTF-8."""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import stat
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO

import msgspec
import zstandard

__all__ = ["LIST_OF_EVENTS", "Export", "ExportError", "Kind", "open_export"]

LIST_OF_EVENTS = {"box": "entries", "dropbox": "events", "google_workspace": "items", "office365": "value"}
"""Key under which an answer holds its events. Office 365's own API answers with an array, Microsoft Graph so."""

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_UNKNOWN_PACKING = {b"PK\x03\x04": "zip archive or Excel workbook", b"BZh": "bzip2 file", b"\xfd7zXZ": "xz file"}
_HEAD = 1 << 20
_CHUNK = 1 << 20
_ZSTD_CHUNK = 1 << 10
"""So many packed bytes at a time: a frame of zstd may hold a million times as many, and all of them come at once."""
_LONGEST_WINDOW = 1 << 27
_UNPACKED_AT_MOST = 200
"""Times the packed size; audit logs shrink to a tenth or a fiftieth."""
_UNPACKED_AT_LEAST = 256 << 20
"""Up to this size, bytes, a file may hold whatever it shrank from."""
_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_DELIMITERS = ",;\t"
_EVENT_COLUMN = "auditdata"


class ExportError(RuntimeError):
    """A file can't be imported; says which, why and what to do."""


class Kind(Enum):
    """What a file holds."""

    CSV = auto()
    LINES = auto()
    ARRAY = auto()
    ANSWERS = auto()
    ANSWER = auto()


@dataclass(frozen=True)
class Export:
    """A file of exported history.

    Attributes:
        source: The file as it was named.
        path: The same, unpacked, in UTF-8, with or without a byte order mark.
        kind: CSV with an event in one column; an event a line; one array of events; answers of an API, each with a
            list of events, one a line; or one such answer.
        columns: Columns of a CSV.
        event_column: Position of the column that holds the events.
        delimiter: Between columns.
        header_lines: Lines up to the header and with it.
    """

    source: Path
    path: Path
    kind: Kind
    columns: int = 0
    event_column: int = 0
    delimiter: str = ""
    header_lines: int = 0


def open_export(provider: str, source: Path, scratch: Path) -> Export:
    """Finds out what a file is.

    Args:
        provider: Whose events it should hold.
        source: The file.
        scratch: Directory for what is unpacked.

    Raises:
        ExportError: It can't be read, or is nothing that can be imported.
    """
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise ExportError(f"{source} is not a file. Name the exported files themselves.")
        path = _in_utf8(_unpacked(source, scratch), scratch)
        with path.open("rb") as file:
            head = file.read(_HEAD)
            whole = not file.read(1)
    except OSError as error:
        raise ExportError(
            f"{source} cannot be read: {error.strerror or error}. See that it is there, that it is whole, and that "
            "you may read it."
        ) from error
    text = head.decode("utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    if not text:
        raise ExportError(f"{source} is empty. Export it anew.")
    if text[0] in "[{":
        return Export(source, path, _kind_of_json(provider, text, whole=whole))
    return _csv(provider, source, path, head.decode("utf-8", errors="replace").removeprefix("\ufeff"))


def _unpacked(source: Path, scratch: Path) -> Path:
    with source.open("rb") as file:
        head = file.read(8)
        file.seek(0)
        for sign, name in _UNKNOWN_PACKING.items():
            if head.startswith(sign):
                raise ExportError(f"{source} is a {name}. Unpack it first, and name the CSV or JSON files.")
        if head.startswith(_GZIP):
            pieces = _from_gzip(file)
        elif head.startswith(_ZSTD):
            pieces = _from_zstd(file)
        else:
            return source
        most = max(_UNPACKED_AT_LEAST, _UNPACKED_AT_MOST * source.stat().st_size)
        unpacked = 0
        try:
            with tempfile.NamedTemporaryFile(dir=scratch, delete=False) as out:
                for piece in pieces:
                    unpacked += len(piece)
                    if unpacked > most:
                        raise ExportError(
                            f"{source} unpacks to more than {most:,} bytes, {_UNPACKED_AT_MOST} times "
                            "its size or more: an audit log does not. If you trust it, unpack it yourself and "
                            "import the result."
                        )
                    out.write(piece)
        except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
            raise ExportError(f"{source} cannot be unpacked: {error}. Copy or export the file anew.") from error
        return Path(out.name)


def _from_gzip(file: BinaryIO) -> Iterator[bytes]:
    with gzip.open(file) as packed:
        while piece := packed.read(_CHUNK):
            yield piece


def _from_zstd(file: BinaryIO) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_LONGEST_WINDOW)
    frame = None
    while chunk := file.read(_ZSTD_CHUNK):
        while chunk:
            frame = frame or unpacker.decompressobj()
            yield frame.decompress(chunk)
            chunk = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame:
        raise zstandard.ZstdError("it is cut off")


def _in_utf8(path: Path, scratch: Path) -> Path:
    with path.open("rb") as file:
        encoding = _utf16(file.read(4))
        if not encoding:
            return path
        file.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        with tempfile.NamedTemporaryFile(dir=scratch, delete=False) as out:
            while piece := file.read(_CHUNK):
                out.write(decoder.decode(piece).encode())
            out.write(decoder.decode(b"", final=True).encode())
    return Path(out.name)


def _utf16(head: bytes) -> str:
    """Encoding of a text in UTF-16, by its mark or by the zeros of its first letter; empty for any other."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[1:2] == b"\0" and head[:1] != b"\0":
        return "utf-16-le"
    return "utf-16-be" if head[:1] == b"\0" and head[1:2] not in (b"", b"\0") else ""


def _kind_of_json(provider: str, text: str, *, whole: bool) -> Kind:
    """What JSON holds: most lines are JSON in themselves, or it is one text over all lines."""
    complete = [line for line in _LINE_BREAK.split(text)[: None if whole else -1] if line.strip()]
    held = [keys for line in complete if (keys := _decoded(line)) is not None]
    if not held or 2 * len(held) < len(complete) or (len(complete) == 1 and text[0] == "["):
        return Kind.ARRAY if text[0] == "[" else Kind.ANSWER
    key = LIST_OF_EVENTS[provider]
    lists = [keys for keys in held if isinstance(keys, list) or bytes(keys.get(key, b"")).startswith(b"[")]
    return Kind.ANSWERS if 2 * len(lists) > len(held) else Kind.LINES


def _decoded(line: str) -> list[msgspec.Raw] | dict[str, msgspec.Raw] | None:
    try:
        return msgspec.json.decode(line, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return None


def _csv(provider: str, source: Path, path: Path, text: str) -> Export:
    for number, line in enumerate(_LINE_BREAK.split(text), 1):
        # PowerShell's Export-Csv puts the type of its rows before the header.
        if not line.strip() or line.startswith("#TYPE"):
            continue
        for delimiter in _DELIMITERS:
            try:
                (names,) = csv.reader([line], delimiter=delimiter)
            except (csv.Error, ValueError):
                continue
            plain = [name.strip().lower() for name in names]
            if _EVENT_COLUMN not in plain:
                continue
            if provider != "office365":
                raise ExportError(
                    f"{source} is a search of Purview's audit log, whose events are of Office 365: "
                    "give --provider office365."
                )
            return Export(source, path, Kind.CSV, len(names), plain.index(_EVENT_COLUMN), delimiter, number)
        raise ExportError(
            f"{source} is neither JSON nor a CSV with a column AuditData; it begins with {line[:120]!r}. "
            "docs/import.md says what each provider's events are exported with."
        )
    raise ExportError(f"{source} is empty. Export it anew.")
