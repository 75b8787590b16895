"""Events inside other JSON: answers of an API, results of a SIEM, records of an audit search.

There is no list of all wrappers: an object that is not an event is searched for events. Names are only needed where a
wrapper holds the event twice, as the received text and parsed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.core.raw_json import decode
from providers import PROVIDERS

__all__ = ["Unwrapper", "mended"]

_ANYBODYS_LISTS = ("value", "records", "Records", "results", "hits", "activities")
"""Keys of lists of events in other formats: Microsoft Graph, Azure, AWS, SIEMs."""
_ORIGINALS = ("event.original", "_raw", "auditdata", "_source", "message")
"""Keys, in lower case, of the raw event in Elastic, Splunk, Microsoft's audit searches and Logstash."""
_ACTIONS = {"create", "delete", "index", "update"}
"""Actions of Elastic's bulk format, each on a line before its document."""
_END_OF_RESULTS = {"init_offset", "lastrow", "offset", "preview"}
"""Keys of Splunk's line after the last result."""
_NO_NUMBERS = re.compile(rb'"(?:[^"\\]|\\.)*+"|(-?Infinity\b|NaN\b)', re.DOTALL)
"""Numbers that are not JSON but that Python and Splunk write; strings are matched so that they are skipped."""
_DEEPEST = 12
_OBJECT, _LIST, _TEXT = b'{["'
_Raw = msgspec.Raw | bytes


class Unwrapper:
    """Finder of a provider's events in JSON.

    Attributes:
        lists: Keys whose lists contain events, whatever their elements are.
    """

    def __init__(self, provider: str) -> None:
        self.lists = frozenset((PROVIDERS[provider].list_of_events, *_ANYBODYS_LISTS))
        self._event_keys = PROVIDERS[provider].event_keys
        fields: list[Any] = [(key, msgspec.Raw) for key in sorted(self._event_keys)]
        # A value there makes the decoding fail, so that the text is examined more closely.
        fields += [(f"held_{n}", None, msgspec.field(default=None, name=key)) for n, key in enumerate(_HOLDERS)]
        self._events = msgspec.json.Decoder(list[msgspec.defstruct("Plain", fields)])  # type: ignore[misc]
        self._either = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw])

    def plain(self, texts: Sequence[str]) -> bool:
        """Return whether every text is an event, so that nothing else must be done; False may also mean unknown."""
        try:
            return len(self._events.decode(f"[{','.join(texts)}]")) == len(texts)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return False

    def events(self, text: str, *, row: bool = False) -> list[str] | None:
        """Return the events in a JSON text, each unchanged; None if the text is not JSON.

        A text without an event is returned unchanged, so that it is rejected with the reason.

        Args:
            text: The text.
            row: Whether a list is a row of a table.
        """
        whole = _whole(text)
        if whole is None:
            # Lines of syslog have a header.
            begin = text.find("{", 1)
            rest = _whole(text[begin:]) if begin > 0 else None
            found = self._found(rest, 0) if rest is not None else None
            return [bytes(each).decode() for each in found] if found else None
        found = self._found(whole, 0, listed=not row, row=row)
        return [bytes(each).decode() for each in ([whole] if found is None else found)]

    def inside(self, text: str, *, row: bool = False) -> list[str]:
        """Return the events in a JSON text, which may be a row of a table; empty if it holds none."""
        whole = _whole(text)
        found = self._found(whole, 0, row=row) if whole is not None else None
        return [bytes(each).decode() for each in found or ()]

    def _found(self, value: _Raw, depth: int, *, listed: bool = False, row: bool = False) -> list[_Raw] | None:
        """Return the events in a value; None if it does not look like a container of events.

        Args:
            value: A valid JSON text.
            depth: Number of values around it.
            listed: Whether the elements of a list are events, whatever they are.
            row: Whether a list may be a row of a table, with an event in one of its columns.
        """
        kind = memoryview(value)[0]
        if depth > _DEEPEST or kind not in (_TEXT, _OBJECT, _LIST):
            return None
        if kind == _TEXT:
            return self._in_text(value, depth)
        held = self._either.decode(value)
        if isinstance(held, list):
            return self._in_list(held, depth, listed=listed, row=row)
        for original in _originals(held):
            if found := self._found(original, depth + 1):
                return found
        if self._event_keys <= held.keys():
            return [value]
        found = self._in_object(held, depth)
        return [] if found is None and _is_frame(held) else found

    def _in_list(self, held: list[msgspec.Raw], depth: int, *, listed: bool, row: bool) -> list[_Raw] | None:
        parts = [self._found(each, depth + 1, row=True) for each in held]
        in_texts = [part for each, part in zip(held, parts, strict=True) if part and memoryview(each)[0] == _TEXT]
        if row and len(in_texts) == 1 == sum(map(bool, parts)):
            return in_texts[0]
        if all(part is None for part in parts) and not (listed and (not held or _has_object(held))):
            return None
        # If one is an event, all must be.
        return [one for each, part in zip(held, parts, strict=True) for one in ([each] if part is None else part)]

    def _in_object(self, held: dict[str, msgspec.Raw], depth: int) -> list[_Raw] | None:
        all_found: list[_Raw] | None = None
        for key, inner in held.items():
            listed = key in self.lists and bytes(memoryview(inner)[1:64]).lstrip()[:1] in (b"{", b"]", b"[")
            found = self._found(inner, depth + 1, listed=listed)
            if found is not None:
                all_found = [*(all_found or ()), *found]
        return all_found

    def _in_text(self, value: _Raw, depth: int) -> list[_Raw] | None:
        if b"{" not in bytes(value):
            return None
        text: str = decode(bytes(value), str)
        begin = text.find("{")
        first = text.find("[", 0, begin)
        whole = _whole(text[first if first >= 0 and not text[:first].strip() else begin :])
        return self._found(whole, depth + 1) if whole is not None else None


_HOLDERS = ("_raw", "AuditData", "auditData", "message", "event.original")


def _is_frame(held: dict[str, msgspec.Raw]) -> bool:
    """Check whether an object holds no event and is only a separator."""
    if len(held) == 1 and held.keys() <= _ACTIONS:
        (about,) = held.values()
        inner = msgspec.json.decode(about) if memoryview(about)[0] == _OBJECT else None
        return isinstance(inner, dict) and not any(isinstance(value, dict | list) for value in inner.values())
    return "preview" in held and held.keys() <= _END_OF_RESULTS


def _has_object(held: list[msgspec.Raw]) -> bool:
    return any(memoryview(each)[0] == _OBJECT for each in held)


def _originals(held: dict[str, msgspec.Raw]) -> list[msgspec.Raw]:
    named = {key.lower(): inner for key, inner in held.items()}
    event = named.get("event")
    if event is not None and memoryview(event)[0] == _OBJECT:
        inner = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
        if "original" in inner:
            named["event.original"] = inner["original"]
    return [named[key] for key in _ORIGINALS if key in named]


def _whole(text: str) -> bytes | None:
    """Return a JSON text with invalid characters replaced, and null for invalid numbers; None if it is not JSON."""
    content = text.encode(errors="replace")
    try:
        return bytes(decode(content, msgspec.Raw)).strip()
    except (msgspec.DecodeError, RecursionError):
        numbered = _NO_NUMBERS.sub(lambda match: b"null" if match[1] else match[0], content)
        return _whole(numbered.decode()) if numbered != content else None


def mended(text: str) -> str:
    """Return a JSON text with half characters and control characters replaced; empty if it is still not JSON."""
    return (_whole(text) or b"").decode()
