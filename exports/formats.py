"""Formats that an export can have, and what it can hold."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ExportFormat", "Subject"]


class ExportFormat(StrEnum):
    """Formats that an export can have."""

    OCSF_JSON = "ocsf-json"
    OCSF_PARQUET = "ocsf-parquet"
    CSV = "csv"


class Subject(StrEnum):
    """Kinds of rows that an export can hold; each has files of its own."""

    UPLOADS = "uploads"
    ALERTS = "alerts"
