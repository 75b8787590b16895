"""Text of a file: unpacked and decoded piece by piece, by its content, whatever its name says."""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard

__all__ = ["TextFile", "UnreadableError", "text_files"]

_PIECE = 1 << 20
_PACKED_PIECE = 1 << 10
"""Packed bytes at a time: a frame may hold a million times as many, and all of them come at once."""
_MOST_LAYERS = 4
_UNPACKED_AT_MOST = 200
"""Times the packed size; audit logs shrink to a tenth or a fiftieth."""
_UNPACKED_AT_LEAST = 256 << 20
"""Up to this size, bytes, a file may hold whatever it shrank from."""
_ZIP = b"PK\x03\x04"
_OTHER_FORMATS = {
    _ZIP: "a zip archive inside another archive",
    b"PK\x05\x06": "an empty zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"PAR1": "a Parquet file",
    b"Obj\x01": "an Avro file",
    b"%PDF": "a PDF",
}
_TAR = (257, b"ustar")
_LETTERS = 8
"""Bytes by whose zeros UTF-16 without a mark is known."""
_MARKS = {  # The longer ones first: UTF-32 begins as UTF-16 does.
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


_PACKINGS: dict[bytes, Callable[[], _Unpacker]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"\x28\xb5\x2f\xfd": lambda: zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lambda: lzma.LZMADecompressor(memlimit=1 << 28),
}
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile)
# An encrypted member is a RuntimeError, an unknown way of packing a NotImplementedError.
_DAMAGED_MEMBER = (*_DAMAGED, RuntimeError, NotImplementedError)


class UnreadableError(ValueError):
    """A file, or the rest of it, holds no text that can be read; the message continues "it"."""


class TextFile:
    """A file of text, or one in an archive.

    Attributes:
        path: The file's path, with that inside the archive after a slash.
        damage: Why the rest cannot be read; None before it was met, and where there is none.
    """

    def __init__(self, path: str, file: BinaryIO, packed_bytes: int) -> None:
        self.path = path
        self.damage: str | None = None
        self._file = file
        self._size = packed_bytes if isinstance(file, io.BufferedReader) else 0
        self._read = 0
        self._most = max(_UNPACKED_AT_LEAST, _UNPACKED_AT_MOST * packed_bytes)

    def pieces(self) -> Iterator[str]:
        """Yield the text a piece at a time, with every line break as a line feed."""
        try:
            yield from _decoded(self._limited(_unpacked(self._pieces_of_file())))
        except UnreadableError as error:
            self.damage = str(error)
        except _DAMAGED_MEMBER as error:
            self.damage = f"it cannot be read or unpacked further: {error}"

    @property
    def share(self) -> float:
        """Share of the file that is read, from 0 to 1; 0 in an archive."""
        return min(1.0, self._read / self._size) if self._size else 0.0

    def _pieces_of_file(self) -> Iterator[bytes]:
        while piece := self._file.read(_PIECE):
            self._read += len(piece)
            yield piece

    def _limited(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        read = 0
        for piece in pieces:
            read += len(piece)
            if read > self._most:
                raise UnreadableError(
                    f"it unpacks to more than {self._most:,} bytes, {_UNPACKED_AT_MOST} times its size or more: an "
                    "audit log does not. If you trust it, unpack it yourself"
                )
            yield piece


def text_files(source: Path) -> Iterator[TextFile]:
    """Yield the files of text that a file holds: itself, or those of a zip archive; each is to be read before the next.

    Raises:
        OSError: It cannot be opened.
    """
    size = source.stat().st_size
    with source.open("rb") as file:
        packed = file.read(len(_ZIP)) == _ZIP
        file.seek(0)
        if not packed:
            yield TextFile(str(source), file, size)
            return
        try:
            with zipfile.ZipFile(file) as archive:
                yield from _members(source, archive, size)
        except _DAMAGED as error:
            yield _damaged(str(source), f"it is a zip archive that is cut off or damaged: {error}")


def _members(source: Path, archive: zipfile.ZipFile, packed_bytes: int) -> Iterator[TextFile]:
    if "[Content_Types].xml" in archive.NameToInfo:
        yield _damaged(str(source), "it is an Excel workbook. Save it as CSV UTF-8, or better export it again")
        return
    for member in archive.infolist():
        if member.is_dir() or member.filename.startswith("__MACOSX/"):
            continue
        path = f"{source}/{member.filename}"
        try:
            opened = archive.open(member)
        except _DAMAGED_MEMBER as error:
            yield _damaged(path, f"it cannot be unpacked: {error}")
            continue
        with opened:
            yield TextFile(path, opened, packed_bytes)  # type: ignore[arg-type]  # it is read from only


def _damaged(path: str, why: str) -> TextFile:
    file = TextFile(path, io.BytesIO(), 0)
    file.damage = why
    return file


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for _ in range(_MOST_LAYERS):
        head = next(pieces, b"")
        while len(head) < _TAR[0] + len(_TAR[1]) and (piece := next(pieces, b"")):
            head += piece
        for sign, name in _OTHER_FORMATS.items():
            if head.startswith(sign):
                raise UnreadableError(f"it is {name}. Unpack it or save it as text, and name the CSV or JSON files")
        if head[_TAR[0] :].startswith(_TAR[1]):
            raise UnreadableError("it is a tar archive. Unpack it, and name the CSV or JSON files")
        pieces = chain([head], pieces)
        packing = next((made for sign, made in _PACKINGS.items() if head.startswith(sign)), None)
        if not packing:
            return pieces
        pieces = _frames(pieces, packing)
    raise UnreadableError(f"it is packed more than {_MOST_LAYERS} times over")


def _frames(pieces: Iterator[bytes], packing: Callable[[], _Unpacker]) -> Iterator[bytes]:
    unpacker = None
    for piece in pieces:
        for begin in range(0, len(piece), _PACKED_PIECE):
            chunk = piece[begin : begin + _PACKED_PIECE]
            while chunk:
                if unpacker is None:
                    # Between and after frames some writers pad with zeros.
                    chunk = chunk.lstrip(b"\0")
                    if not chunk:
                        break
                    unpacker = packing()
                yield unpacker.decompress(chunk)
                chunk = unpacker.unused_data if unpacker.eof else b""
                unpacker = None if unpacker.eof else unpacker
    if unpacker is not None:
        raise EOFError("it is cut off")


def _decoded(pieces: Iterator[bytes]) -> Iterator[str]:
    head = b""
    while len(head) < _LETTERS and (piece := next(pieces, b"")):
        head += piece
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(_encoding(head))(errors="replace"), translate=True
    )
    gathered, size = [], 0
    try:
        for piece in chain([head], pieces):
            gathered.append(decoder.decode(piece))
            size += len(piece)
            if size >= _PIECE:
                yield "".join(gathered)
                gathered, size = [], 0
    except (*_DAMAGED_MEMBER, UnreadableError):
        # What was unpacked before is good.
        yield "".join(gathered)
        raise
    yield "".join([*gathered, decoder.decode(b"", final=True)])


def _encoding(head: bytes) -> str:
    """Return the encoding of a text, by its mark or by the zeros of its first letters."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    even, odd = head[0:_LETTERS:2], head[1:_LETTERS:2]
    if len(head) >= 4 and all(even) and not any(odd):
        return "utf-16-le"
    return "utf-16-be" if len(head) >= 4 and all(odd) and not any(even) else "utf-8-sig"
