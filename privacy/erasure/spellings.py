"""Spellings of an e-mail address: by the providers, in JSON, in URLs, and in HTML.

Derive every spelling here and nowhere else. A *certain* spelling names one account. The name of a OneDrive site is
*ambiguous*: ``ann_lee_example_com`` is the site of ann.lee@example.com, and of ann_lee@example.com. An ambiguous
spelling is replaced in texts, but never decides whose a row is.

Microsoft derives the name of a site from the account's name: the at sign, dots and most other signs become
underscores, while a hyphen or an apostrophe may stay. A number at the end distinguishes a site from an older one of the
same name. A guest of a tenant is ``ann_example.com#EXT#@tenant.onmicrosoft.com``; SharePoint also writes
``i:0#.f|membership|ann@example.com``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial

__all__ = ["KEPT", "Spellings", "canonical"]

_PYTHON, _RE2 = r"\w", r"\pL\pN_"
"""Letters, digits and the underscore in the syntax of each of the two engines, for use in brackets."""
_NAMED = {"@": "commat", ".": "period", "_": "lowbar", "#": "num", "'": "apos", '"': "quot", "&": "amp", "+": "plus"}
"""Entities of HTML by the character."""
_QUOTES = "'\""
_NOTHING = r"[^\s\S]"
_AFTER = 4
"""Groups of a pattern for the text after the spelling; one of them matches."""
KEPT = "\\1{}" + "".join(f"\\{group}" for group in range(2, 2 + _AFTER))
"""Replacement for a pattern that keeps the text before and after the spelling."""
_SIGNS = r"[.%+'-]|%(?:25)*2[57bde]|\\u002[57bde]"
"""Signs that may occur within an address: one of them ends another address only if no letter precedes it."""
_ENDS = r"2[0-4689acf]|3[a-f]|5[b-e]|60|7[b-f]"
"""Codes of the other ASCII signs except the at sign."""
_ESCAPED = (
    rf"%(?:25)*(?:[01][0-9a-f]|40|{_ENDS})"
    r"|\\[nrtbf]"
    rf"|\\u00(?:[01][0-9a-f]|40|{_ENDS}|[89][0-9a-f]|a[0-9bcdef]|b[01246789bcdef])"
    r"|\\u(?:20[0-6]|30[01])[0-9a-f]"
)
"""Signs that end an address, escaped as in URLs or in JSON."""
_WITHIN = (
    *(r"\w&#x27;", r"\w&#39;", r"\w&apos;"),
    r"&#(?:37|4[35689]|5[0-7]|6[5-9]|[78][0-9]|90|95|9[789]);",
    r"&#1(?:[01][0-9]|2[012]);",
    r"&#x(?:2[5bde]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a]);",
)
"""Parts of an address that end with a semicolon in HTML: an apostrophe after a letter, and escaped letters."""
_ESCAPED_LETTER = re.compile(
    r"%(?:25)*(?:3[0-9]|[46][1-9a-f]|[57][0-9a])|\\u00(?:3[0-9]|[46][1-9a-f]|[57][0-9a])|&#(?:x?[0-9a-f]{2,3});"
)
"""Needless escapes of letters and digits, in lower case, which hide the plain address."""
_CLAIM = "i:0#.f|membership|"
_GUEST = re.compile(r"(.+)_([^_]+)#ext#@.+")


def canonical(address: str) -> str:
    """Return an address in lower case, as the lake names its user: a guest by the home address.

    Args:
        address: Address as typed by a person, or written by a provider.
    """
    text = unicodedata.normalize("NFC", address.strip()).lower().removeprefix("mailto:").removeprefix(_CLAIM)
    text = text.replace("%23ext%23", "#ext#").replace("%40", "@")
    guest = _GUEST.fullmatch(text)
    return f"{guest[1]}@{guest[2]}" if guest else text


@dataclass(frozen=True)
class Spellings:
    """Spellings of all of a person's addresses.

    Attributes:
        address: The address, see :func:`canonical`; empty for none.
        strict: Whether somebody else's address begins with one of these.
        tokens: Pseudonyms of the account.
        others: Further present or former addresses of the person.
    """

    address: str
    strict: bool = False
    tokens: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    _made: dict[tuple[bool, bool], re.Pattern[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def accounts(self) -> list[str]:
        """Return the provider's values for the account: the addresses with each spelling of their domains."""
        found = []
        for local, domain in self._addresses:
            domains = dict.fromkeys([domain, *_domains(domain)])
            found += [f"{claim}{local}@{each}" for claim in ("", _CLAIM) for each in domains]
        return found

    @cached_property
    def _addresses(self) -> list[tuple[str, str]]:
        """Return local part and domain of each address."""
        split = (each.rpartition("@") for each in dict.fromkeys([self.address, *self.others]))
        return [(local, domain) for local, at, domain in split if at]

    def found_in(self, text: str) -> bool:
        """Check whether a text holds a spelling."""
        low = text.lower()
        return self.perhaps_in(low) and any(each.search(text) for each in self._patterns(low, sites=True))

    def replaced(self, text: str, by: str, *, certain: bool = False) -> str:
        """Replace every spelling in a text by another text.

        Args:
            text: The text.
            by: The replacement.
            certain: Whether to keep ambiguous spellings.
        """
        for each in self._patterns(text.lower(), sites=not certain):
            # Spellings with one sign between them share it, so the first round skips every other one.
            for _ in range(2):
                text = each.sub(KEPT.format(by), text)
        return text

    def re2(self, *, certain: bool = False) -> str:
        """Return DuckDB's regular expression for all spellings, with the groups that :data:`KEPT` keeps.

        Args:
            certain: Whether to omit ambiguous spellings.
        """
        return self._pattern(_RE2, sites=not certain, letters=True)

    def _patterns(self, low: str, *, sites: bool) -> Iterator[re.Pattern[str]]:
        """Yield the expressions to search a text with; the one for needless escapes only if there are any."""
        yield self._compiled(sites=sites, letters=False)
        if _ESCAPED_LETTER.search(low):
            yield self._compiled(sites=sites, letters=True)

    def _compiled(self, *, sites: bool, letters: bool) -> re.Pattern[str]:
        key = sites, letters
        if key not in self._made:
            self._made[key] = re.compile(self._pattern(_PYTHON, sites=sites, letters=letters))
        return self._made[key]

    @cached_property
    def runs(self) -> list[str]:
        """Return lower-case texts, one of which occurs in every spelling without needless escapes."""
        locals_ = [local for local, _ in self._addresses] or [""]
        return [max(re.findall(r"[a-z0-9]*", local), key=len) for local in locals_]

    def perhaps_in(self, low: str) -> bool:
        """Check quickly whether a text in lower case may hold a spelling."""
        return (
            any(run in low for run in self.runs)
            or any(token.lower() in low for token in self.tokens)
            or _ESCAPED_LETTER.search(low) is not None
        )

    def _pattern(self, word: str, *, sites: bool, letters: bool) -> str:
        text, part = partial(_text, letters=letters), partial(_site, letters=letters)
        other = f"[^{word}]"
        before = rf"(?:^|[^{word}.%+'-]|{_ESCAPED})(?:{_SIGNS})*"
        if word == _PYTHON:
            # RE2 has no look-behind, and is not used for HTML.
            before += "".join(f"(?<!{part_of_it})" for part_of_it in _WITHIN)
        after = rf"$|[^{word}.-]|_|[.-](?:$|{other})" if self.strict else rf"$|{other}|_"
        plain, guests, places = [], [], []
        for local, domain in self._addresses:
            names, domains = _forms([local]), _forms([domain, *_domains(domain)])
            who, where = _any(map(text, names)), _any(map(text, domains))
            plain.append(f"{who}{_written('@')}{where}")
            guests.append(f"{who}{_written('_')}{where}{text('#ext#')}")
            places.append(f"{_any(map(part, names))}_{_any(map(part, domains))}")
        found = []
        if plain:
            # A guest's address continues with the tenant's.
            found = [f"{_any(plain)}({after})", f"{_any(guests)}()"]
            # A name before another at sign belongs to another account.
            ended = rf"$|[^{word}@%]|%(?:25)*(?:[01][0-9a-f]|{_ENDS})"
            found += [f"{_any(places)}[0-9]*({ended})"] if sites else []
        if self.tokens:
            found.append(f"{_any(map(re.escape, self.tokens))}({after})")
        return f"(?i)({before}){_any(found or [_NOTHING])}" + "()" * (_AFTER - len(found))


def _domains(domain: str) -> list[str]:
    """Return the domain in Unicode and in ASCII, as far as each form exists."""
    found = []
    conversions: tuple[Callable[[], str], ...] = (
        lambda: domain.encode("idna").decode(),
        lambda: domain.encode().decode("idna"),
    )
    for convert in conversions:
        try:
            found.append(convert().lower())
        except (UnicodeError, ValueError):
            continue
    return found


def _forms(texts: Iterable[str]) -> list[str]:
    """Return the texts with accented letters as one character, and as several."""
    return list(dict.fromkeys(unicodedata.normalize(form, text) for text in texts for form in ("NFC", "NFD")))


def _any(patterns: Iterable[str]) -> str:
    each = list(patterns)
    return each[0] if len(each) == 1 else f"(?:{'|'.join(each)})"


def _written(sign: str) -> str:
    """Return a pattern for a character, plain or escaped in the usual ways, once or repeatedly."""
    ways = [rf"\\*{sign}{{1,2}}" if sign in _QUOTES else re.escape(sign)]
    for each in dict.fromkeys([sign, sign.upper() if len(sign.upper()) == 1 else sign]):
        octets = each.encode("utf-8", "surrogatepass")
        units = each.encode("utf-16-be", "surrogatepass")
        ways.append("".join(f"%(?:25)*{octet:02x}" for octet in octets))
        ways.append("".join(rf"\\+u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)))
        ways.append(f"&(?:amp;)*#(?:0*{ord(each)}|x0*{ord(each):x});")
    if sign in _NAMED:
        ways.append(f"&(?:amp;)*{_NAMED[sign]};")
    return _any(ways)


def _text(text: str, *, letters: bool) -> str:
    """Return a pattern for a text; without ``letters``, its letters and digits are never escaped."""
    return "".join(sign if _is_plain(sign) and not letters else _written(sign) for sign in text)


def _site(text: str, *, letters: bool) -> str:
    """Return a pattern for a part of an address as in a OneDrive site's name."""
    return "".join(
        _text(sign, letters=letters) if _is_plain(sign) else "_" if sign in "._" else f"(?:{_written(sign)}|_)"
        for sign in text
    )


def _is_plain(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()
