"""Raw events as received: one line of valid Unicode each, otherwise byte for byte."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

__all__ = ["decode", "decoder", "lines"]

T = TypeVar("T")

_decoders: dict[object, msgspec.json.Decoder[Any]] = {}
_deciding = threading.Lock()

_BOM = b"\xef\xbb\xbf"
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_CONTROL = bytes(0x20 if byte < 0x20 else byte for byte in range(256))
_OBJECT = ord("{")
_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


def decode(body: bytes, kind: type[T]) -> T:
    """Decode an answer; ``msgspec.Raw`` fields keep their bytes.

    One invalid file name must not make a whole page unreadable. So bytes that are not UTF-8 and escapes of unpaired
    surrogates (Windows allows them in names) are replaced by U+FFFD, control characters by a space.

    Raises:
        msgspec.ValidationError: JSON of another shape.
        msgspec.DecodeError: Not JSON.
    """
    body = body.removeprefix(_BOM)
    try:
        body.decode()
    except UnicodeDecodeError:
        body = body.decode(errors="replace").encode()
    try:
        return decoder(kind).decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = _ESCAPES.sub(_whole, body.translate(_CONTROL))
        return decoder(kind).decode(mended)


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Return the decoder of a type, created once.

    The library inspects a type on first use; several threads doing so at once crash the process.
    """
    with _deciding:
        if kind not in _decoders:
            _decoders[kind] = msgspec.json.Decoder(kind)
        return _decoders[kind]


def _whole(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]


def lines(events: Sequence[msgspec.Raw]) -> bytes:
    """Return the events, each on one line.

    A value that is not an object is wrapped in one, so that it can be quarantined with a reason and nothing is lost.
    """
    # Nearly all pages are compact JSON of objects: checking the whole and each first byte is faster than each event.
    text = b"\n".join((*events, b""))
    if (
        b"\r" not in text
        and text.count(b"\n") == len(events)
        and all(memoryview(each)[0] == _OBJECT for each in events)
    ):
        return text
    return b"".join(_line(bytes(event)) for event in events)


def _line(event: bytes) -> bytes:
    # JSON strings contain no line breaks, so all line breaks are between tokens.
    line = event.translate(_LINE_BREAKS).strip()
    return line + b"\n" if line.startswith(b"{") else b'{"uploadwatch_not_an_object": ' + line + b"}\n"
