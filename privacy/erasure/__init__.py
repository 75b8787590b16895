"""Removes a person from a home, file by file: raw events, the tables of the lake, exports, and Dagster's own records.

What belongs here: finding and rewriting what names the person. What does not: the command (``orchestration``).
"""

from assets.forget.everywhere import forget
from assets.forget.findings import Findings, Removed
from assets.forget.person import Person, identify

__all__ = ["Findings", "Person", "Removed", "forget", "identify"]
