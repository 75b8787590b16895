"""Input and result of a check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

import dagster as dg
import duckdb

from assets.core.resources import Detector
from assets.core.runbooks import Runbooks
from assets.core.severities import ERROR
from lake.store import Lake

__all__ = ["Finding", "Outcome", "Scene", "Traits"]

_SAID = 5


class Traits(NamedTuple):
    """Traits of a provider that are known before any request.

    Attributes:
        lateness: The allowed lateness.
        overlap: Usual lateness of events: how far back a poll run pulls again.
        recovers_sizes: Whether sizes are looked up.
    """

    lateness: timedelta
    overlap: timedelta
    recovers_sizes: bool


@dataclass(frozen=True)
class Scene:
    """Input of a check.

    Attributes:
        lake: The tables.
        con: Connection to read them with.
        now: UTC without zone.
        days: Days of the run.
        detector: The detector's settings.
        provider: Name of the provider, for checks that exist per provider.
        traits: Traits of that provider.
    """

    lake: Lake
    con: duckdb.DuckDBPyConnection
    now: datetime
    days: Sequence[date]
    detector: Detector
    provider: str
    traits: Traits


class Finding(NamedTuple):
    """One fault that a check found."""

    severity: dg.AssetCheckSeverity
    text: str


@dataclass(frozen=True)
class Outcome:
    """Result of a check.

    Attributes:
        findings: Faults; empty if the check passes.
        well: Description of a check that passes.
        metadata: Figures behind the result.
        remedy: What to do, if the findings need more than the check's own remedy.
    """

    findings: Sequence[Finding]
    well: str
    metadata: Mapping[str, dg.MetadataValue] = field(default_factory=dict)
    remedy: str = ""

    def result(self, name: str, asset_key: dg.AssetKey, remedy: str, runbooks: Runbooks) -> dg.AssetCheckResult:
        """Return the result for Dagster: the worst severity, what is wrong, what to do and where to read more.

        Args:
            name: Name of the check.
            asset_key: The asset that was checked.
            remedy: The check's own remedy.
            runbooks: Where to read more.
        """
        # The worst comes first.
        ordered = sorted(self.findings, key=lambda finding: finding.severity != ERROR)
        said = "; ".join(finding.text for finding in ordered[:_SAID])
        more = f" and {len(ordered) - _SAID} more" if len(ordered) > _SAID else ""
        todo = (self.remedy or remedy).rstrip(".")
        text = f"{said}{more}. {todo}. {runbooks.sentence(name)}" if ordered else self.well
        return dg.AssetCheckResult(
            check_name=name,
            asset_key=asset_key,
            passed=not ordered,
            severity=ordered[0].severity if ordered else ERROR,
            description=text,
            metadata={**self.metadata, **(runbooks.metadata(name) if ordered else {})},
        )
