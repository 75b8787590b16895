"""Asset checks: conditions that the tables must meet, each with a remedy.

Belongs here: reading the lake and evaluating its content. Every check is a row of :data:`CATALOGUE`, and one factory
makes them all. Does not belong here: how tables are made, and what a provider's answer means. The asset that sends the
requests reports the check ``pulled``, see :mod:`assets.core.pull_checks`.
"""

from assets.checks.catalogue import CATALOGUE, INTACT, READ, Check
from assets.checks.factory import asset_checks
from assets.checks.findings import Traits

__all__ = ["CATALOGUE", "INTACT", "READ", "Check", "Traits", "asset_checks"]
