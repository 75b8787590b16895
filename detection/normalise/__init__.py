"""Normalisation of a provider's raw audit events into uploads, activity, rejects and counts of ignored events.

What belongs here: reading landed events into columns, and running the queries of ``detection/sql/normalise``.
What does not: which events count, which field means what, and how a user is named: the queries decide that.
"""

from detection.normalise.identity import has_ids, identities_of_files, identities_of_lines
from detection.normalise.pipeline import normalise, normalise_parsed, outcomes, outcomes_of_lines, parse

__all__ = [
    "has_ids",
    "identities_of_files",
    "identities_of_lines",
    "normalise",
    "normalise_parsed",
    "outcomes",
    "outcomes_of_lines",
    "parse",
]
