"""Digests of texts."""

import hashlib

__all__ = ["text_digest"]


def text_digest(*texts: str) -> str:
    """Return the SHA-256 of texts, in hexadecimal; where one ends and the next begins counts, too."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
