"""Severities of failing checks, and the path of the runbooks."""

import dagster as dg

__all__ = ["ERROR", "RUNBOOKS", "WARN"]

WARN = dg.AssetCheckSeverity.WARN
ERROR = dg.AssetCheckSeverity.ERROR
RUNBOOKS = "docs/runbooks.md"
