"""Text of a file, unpacked and decoded piece by piece; the content decides the format, not the name."""

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
"""Packed bytes per step: a frame may unpack to a million times as many, all at once."""
_MOST_LAYERS = 4
_UNPACKED_AT_MOST = 200
"""Largest ratio of unpacked to packed size; audit logs shrink to a tenth or a fiftieth."""
_UNPACKED_AT_LEAST = 256 << 20
"""Unpacked bytes up to which the ratio is not checked."""
_ZIP = b"PK\x03\x04"
_UNPACK = "Unpack it, and name the CSV or JSON files"
_CONVERT = "Convert it to JSON, one event a line, or export JSON or CSV"
_WORKBOOK = (
    "it is an Office document. Export CSV or JSON again: Excel cuts cells after 32,767 characters. If that cannot be "
    "had, save the sheet as CSV UTF-8"
)
_OTHER_FORMATS = {
    _ZIP: f"it is a zip archive inside another archive. {_UNPACK}",
    b"PK\x05\x06": "it is a zip archive without files. Export again",
    b"7z\xbc\xaf\x27\x1c": f"it is a 7z archive. {_UNPACK}",
    b"Rar!": f"it is a rar archive. {_UNPACK}",
    b"\x04\x22\x4d\x18": f"it is packed with lz4. {_UNPACK}",
    b"\xff\x06\x00\x00sNaPpY": f"it is packed with Snappy. {_UNPACK}",
    b"\xd0\xcf\x11\xe0": _WORKBOOK,
    b"PAR1": f"it is a Parquet file. {_CONVERT}",
    b"ARROW1\0": f"it is an Arrow file. {_CONVERT}",
    b"Obj\x01": f"it is an Avro file. {_CONVERT}",
    b"SQLite format 3\0": f"it is a SQLite database. {_CONVERT}",
    b"%PDF": "it is a PDF, made to be looked at. Export CSV or JSON in its place",
}
_OFFICE_MEMBERS = (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis.")
"""Beginning of a zip archive that is an Office document, behind :data:`_MEMBER_HEADER` bytes."""
_MEMBER_HEADER = 30
_TAR = (257, b"ustar")
_NOISE = ("__MACOSX/", ".DS_Store")
"""Prefix of a member's path, and name of a member, that macOS adds."""
_LETTERS = 8
"""Bytes that are searched for zeros to recognise UTF-16 without a byte order mark."""
_MARKS = {  # Longer marks first: UTF-32 begins like UTF-16.
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
# An encrypted member raises RuntimeError, an unknown compression NotImplementedError.
_DAMAGED_MEMBER = (*_DAMAGED, RuntimeError, NotImplementedError)


class UnreadableError(ValueError):
    """Error of a file, or the rest of one, without readable text; the message starts with "it"."""


class TextFile:
    """File of text, or one in an archive.

    Attributes:
        path: The file's path, followed by a slash and the path inside the archive, if any.
        damage: Why the rest cannot be read; None if it can, or if not known yet.
    """

    def __init__(self, path: str, file: BinaryIO, packed_bytes: int) -> None:
        self.path = path
        self.damage: str | None = None
        self._file = file
        self._size = packed_bytes if isinstance(file, io.BufferedReader) else 0
        self._read = 0
        self._most = max(_UNPACKED_AT_LEAST, _UNPACKED_AT_MOST * packed_bytes)

    def pieces(self) -> Iterator[str]:
        """Yield the text in pieces, with every line break as a line feed."""
        try:
            yield from _decoded(self._limited(_unpacked(self._pieces_of_file())))
        except UnreadableError as error:
            self.damage = str(error)
        except _DAMAGED_MEMBER as error:
            self.damage = f"it cannot be read or unpacked further: {error}"

    @property
    def share(self) -> float:
        """Return the share of the file that is read, from 0 to 1; 0 in an archive."""
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
    """Yield the text files in a file: itself, or those of a zip archive; read each before the next.

    Raises:
        OSError: It cannot be opened.
    """
    size = source.stat().st_size
    with source.open("rb") as file:
        head = file.read(_MEMBER_HEADER + max(map(len, _OFFICE_MEMBERS)))
        packed = head.startswith(_ZIP) and not _is_office(head)
        file.seek(0)
        if not packed:
            yield TextFile(str(source), file, size)
            return
        try:
            with zipfile.ZipFile(file) as archive:
                yield from _members(source, archive, size)
        except _DAMAGED as error:
            yield _damaged(
                str(source), f"it is a zip archive that is cut off or damaged ({error}). Download or copy it again"
            )


def _members(source: Path, archive: zipfile.ZipFile, packed_bytes: int) -> Iterator[TextFile]:
    if _OFFICE_MEMBERS[0].decode() in archive.NameToInfo:
        yield _damaged(str(source), _WORKBOOK)
        return
    members = [member for member in archive.infolist() if not _is_noise(member)]
    if not members:
        yield _damaged(str(source), "it is a zip archive without files. Export again")
    for member in members:
        path = f"{source}/{member.filename}"
        if member.flag_bits & 1:
            yield _damaged(path, "it is encrypted. Unpack it with its password, and name the files")
            continue
        try:
            opened = archive.open(member)
        except _DAMAGED_MEMBER as error:
            yield _damaged(path, f"it cannot be unpacked: {error}")
            continue
        with opened:
            yield TextFile(path, opened, packed_bytes)  # type: ignore[arg-type]  # it is read from only


def _is_noise(member: zipfile.ZipInfo) -> bool:
    folder, name = _NOISE
    return member.is_dir() or member.filename.startswith(folder) or member.filename.split("/")[-1] == name


def _is_office(head: bytes) -> bool:
    return head.startswith(_ZIP) and head[_MEMBER_HEADER:].startswith(_OFFICE_MEMBERS)


def _damaged(path: str, why: str) -> TextFile:
    file = TextFile(path, io.BytesIO(), 0)
    file.damage = why
    return file


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for _ in range(_MOST_LAYERS):
        head = next(pieces, b"")
        while len(head) < _TAR[0] + len(_TAR[1]) and (piece := next(pieces, b"")):
            head += piece
        if _is_office(head):
            raise UnreadableError(_WORKBOOK)
        for sign, said in _OTHER_FORMATS.items():
            if head.startswith(sign):
                raise UnreadableError(said)
        if head[_TAR[0] :].startswith(_TAR[1]):
            raise UnreadableError(f"it is a tar archive. {_UNPACK}")
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
        # Text that was unpacked before is valid.
        yield "".join(gathered)
        raise
    yield "".join([*gathered, decoder.decode(b"", final=True)])


def _encoding(head: bytes) -> str:
    """Return the encoding of a text, from its byte order mark or the zeros of its first letters."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    even, odd = head[0:_LETTERS:2], head[1:_LETTERS:2]
    if len(head) >= 4 and all(even) and not any(odd):
        return "utf-16-le"
    return "utf-16-be" if len(head) >= 4 and all(odd) and not any(even) else "utf-8-sig"
