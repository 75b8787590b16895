"""Formats that an export can have."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ExportFormat"]


class ExportFormat(StrEnum):
    """Formats that an export can have."""

    OCSF_JSON = "ocsf-json"
    OCSF_PARQUET = "ocsf-parquet"
    CSV = "csv"
