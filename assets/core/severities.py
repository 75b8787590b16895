"""Severities of failing checks, and where the runbooks stand."""

import dagster as dg

__all__ = ["ERROR", "RUNBOOKS", "WARN"]

WARN = dg.AssetCheckSeverity.WARN
ERROR = dg.AssetCheckSeverity.ERROR
RUNBOOKS = "docs/runbooks.md"
