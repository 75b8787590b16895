"""Asset checks: what must hold of the tables, with a sentence of what to do where it does not.

What belongs here: looking at the lake and judging what is there. Every check is a row of :data:`CATALOGUE` and made
by one factory. What does not: how tables are made, and what a provider's answer means; the check ``pulled`` is told
by the asset that asks, in :mod:`assets.core.pull_checks`.
"""

from assets.checks.catalogue import CATALOGUE, INTACT, READ, Check
from assets.checks.factory import asset_checks
from assets.checks.findings import Traits

__all__ = ["CATALOGUE", "INTACT", "READ", "Check", "Traits", "asset_checks"]
