"""Pseudonyms: tokens instead of names, equal for equal names, which the holder of the key can turn back.

AES-SIV (RFC 5297) without a nonce: deterministic, so that the rows of one person can still be grouped, and
authenticated, so that a changed token or a token of another key is refused rather than decrypted wrongly.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

import duckdb
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from duckdb.sqltypes import VARCHAR

from common.errors import MendableError
from detection.wording import printable

__all__ = ["COLUMNS", "PREFIX", "TOKEN", "KeyFormatError", "Pseudonyms", "TokenError"]

PREFIX = "pn_"
"""Prefix of every token. Tokens contain no ``@``, quote, line break or sign that a spreadsheet interprets."""

TOKEN = re.compile(PREFIX + "[A-Za-z0-9_-]+")
"""Pattern of a token."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "uploads": ("user", "user_id", "file_name", "folder", "owner", "ip"),
    "shown": ("user", "person", "sentence", "reasons", "reviewed_by", "review_note", "outgrown_by", "outgrown_note"),
    "largest_members": ("user",),
    "revisions": ("user", "sentence"),
    "ledger": ("user", "person", "reason"),
    "reviews": ("user", "person", "reviewed_by", "note"),
}
"""Columns of each table that name a person, or hold free text."""

_GROUP = "(many users of "
"""Prefix of the user of a group's alert; its sentence names nobody."""
_ALLOWED = "allowed by"
_KEPT = 100_000
_SIZES = (32, 48, 64)
_PURPOSE = [b"uploadwatch pseudonym 1"]


class KeyFormatError(MendableError, ValueError):
    """Error of a key that cannot be used; the message does not contain the key."""


class TokenError(ValueError):
    """Error of a token that was not made with this key."""


class Pseudonyms:
    """Tokens of one key.

    Args:
        key: 32, 48 or 64 bytes in Base64; half is for encryption and half for authentication.

    Raises:
        KeyFormatError: The key has another form.
    """

    def __init__(self, key: str) -> None:
        try:
            raw = base64.b64decode(key.strip().replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) not in _SIZES:
            raise KeyFormatError("it is not 32, 48 or 64 bytes in Base64. Make one with: openssl rand -base64 64")
        self._cipher = AESSIV(raw)
        self._token = lru_cache(_KEPT)(self._encrypt)

    def _encrypt(self, text: str) -> str:
        sealed = self._cipher.encrypt(b"=" + text.encode("utf-8", "surrogatepass"), _PURPOSE)
        return PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def of(self, text: str) -> str:
        """Return the token of a text; equal for the same text and key."""
        return self._token(text)

    def reveal(self, token: str) -> str:
        """Return the text of a token, also if a chat replaced its signs by look-alikes.

        Raises:
            TokenError: It is not a token of this key.
        """
        body = unicodedata.normalize("NFKC", token).strip().removeprefix(PREFIX)
        try:
            sealed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            text = self._cipher.decrypt(sealed, _PURPOSE).decode("utf-8", "surrogatepass")
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise TokenError(
                "this is not a token of this key: copy all of it, and use the key that it was made with"
            ) from error
        return text.removeprefix("=")

    def register(self, con: duckdb.DuckDBPyConnection) -> None:
        """Register functions ``pseudonym(text)``, ``pseudonymous(sentence, user)`` and ``pseudonymous_end(reason)``.

        NULL stays NULL.
        """
        con.create_function("pseudonym", self.of, [VARCHAR], VARCHAR)
        con.create_function("pseudonymous", self.sentence, [VARCHAR, VARCHAR], VARCHAR)
        con.create_function("pseudonymous_end", self.end, [VARCHAR], VARCHAR)

    def sentence(self, sentence: str, user: str) -> str:
        """Return an alert's sentence with its figures, and the token in place of the user."""
        named = printable(user)
        if named in sentence:
            return sentence.replace(named, self.of(user))
        return sentence if user.startswith(_GROUP) else self.of(sentence)

    def end(self, reason: str) -> str:
        """Return why an alert is no longer shown; an allow-list entry names people, so it is pseudonymized."""
        return self.of(reason) if reason.startswith(_ALLOWED) else reason

    def cover(self, con: duckdb.DuckDBPyConnection, table: str, source: str) -> None:
        """Make a temporary table with tokens in the :data:`COLUMNS`; call :meth:`register` first.

        Args:
            con: Connection.
            table: Name of the new table, one of :data:`COLUMNS`; may equal the source.
            source: Table or view with its columns.
        """
        covered = ", ".join(f'{_covered(column)} AS "{column}"' for column in COLUMNS[table])
        con.execute(f'CREATE OR REPLACE TEMP TABLE "{table}" AS SELECT * REPLACE ({covered}) FROM "{source}"')  # noqa: S608 -- our own names


def _covered(column: str) -> str:
    if column == "reasons":
        return (
            "list_transform(reasons, lambda r: struct_pack("
            "name := r.name, strength := r.strength, evidence := pseudonym(r.evidence)))"
        )
    if column == "reason":
        return "pseudonymous_end(reason)"
    if column == "sentence":
        return 'pseudonymous(sentence, "user")'
    return f'pseudonym("{column}")'
