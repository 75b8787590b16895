"""Severities of failing checks."""

import dagster as dg

__all__ = ["ERROR", "WARN"]

WARN = dg.AssetCheckSeverity.WARN
ERROR = dg.AssetCheckSeverity.ERROR
