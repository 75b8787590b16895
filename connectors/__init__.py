"""Clients of the providers' audit APIs: sign-in, paging, retries, and look-ups of sizes that a log does not carry.

What belongs here: HTTP, the providers' rules (limits, retention, ends of paging, error codes) and their settings.
What does not: storage, the meaning of an event (``detection``), Dagster (``assets``, ``orchestration``).

Nothing here reads the process's environment or the clock: both are handed in.
"""

from connectors.core.errors import (
    AccessError,
    AnswerError,
    ConfigurationError,
    ConnectorError,
    NetworkError,
    RefusedError,
    SignInError,
    StoppedError,
    UnavailableError,
)
from connectors.core.rate_limits import Limiter, Limits
from connectors.core.time_ranges import SLICE, slice_start
from connectors.core.types import Connector, FileQuestion, FileSize, Gap, Page, Recovering, Streaming, Timekeeping
from connectors.registry import build, configured, horizons, misconfigured, recovers_sizes, setting_fields, variables

__all__ = [
    "SLICE",
    "AccessError",
    "AnswerError",
    "ConfigurationError",
    "Connector",
    "ConnectorError",
    "FileQuestion",
    "FileSize",
    "Gap",
    "Limiter",
    "Limits",
    "NetworkError",
    "Page",
    "Recovering",
    "RefusedError",
    "SignInError",
    "StoppedError",
    "Streaming",
    "Timekeeping",
    "UnavailableError",
    "build",
    "configured",
    "horizons",
    "misconfigured",
    "recovers_sizes",
    "setting_fields",
    "slice_start",
    "variables",
]
