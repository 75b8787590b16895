"""Removes a person from a home, file by file: raw events, the tables of the lake, exports, and Dagster's own records.

What belongs here: finding and rewriting what names the person. What does not: the command (``orchestration``).
"""

from assets.forget.everywhere import Removed, forget
from assets.forget.person import Person, identify

__all__ = ["Person", "Removed", "forget", "identify"]
