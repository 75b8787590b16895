"""Erasure of a person from a home, file by file: raw events, tables of the lake, exports, and Dagster's own records.

What belongs here: finding and rewriting data that names the person. What does not: the command (``cli``).
"""

from privacy.erasure.everywhere import forget
from privacy.erasure.findings import Findings, Removed
from privacy.erasure.person import Person, identify

__all__ = ["Findings", "Person", "Removed", "forget", "identify"]
