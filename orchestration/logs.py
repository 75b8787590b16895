"""Format of log lines: text, or one JSON object a line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from common.errors import ConfigurationError
from providers import PROVIDERS

__all__ = ["CONSOLE", "LOG_FORMAT", "JsonFormatter", "LogFormat", "log_format", "logger_config", "run_loggers"]

LOG_FORMAT = "UPLOADWATCH_LOG_FORMAT"
CONSOLE = "console"
"""Name of the logger of runs that writes to standard error; Dagster's own has the same."""


class LogFormat(StrEnum):
    """Format of log lines."""

    TEXT = "text"
    JSON = "json"


def log_format(values: Mapping[str, str]) -> LogFormat:
    """Return the format that ``UPLOADWATCH_LOG_FORMAT`` names.

    Raises:
        ConfigurationError: It names another one.
    """
    named = values.get(LOG_FORMAT, "").strip() or LogFormat.TEXT
    try:
        return LogFormat(named)
    except ValueError:
        raise ConfigurationError(
            f"{LOG_FORMAT} cannot be used: {named!r} is not a format. Set it to {' or '.join(LogFormat)}."
        ) from None


class JsonFormatter(logging.Formatter):
    """Formatter of one JSON object a line, in ASCII: no text from outside can break a line or control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON: time, level, logger and message; run, job, step and provider where known."""
        # Set by Dagster on everything that a run logs.
        run: Mapping[str, Any] = getattr(record, "dagster_meta", None) or {}
        provider = (run.get("step_key") or "").partition("__")[0]
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": run.get("orig_message") or record.getMessage(),
            "run_id": run.get("run_id"),
            "job": run.get("job_name"),
            "step": run.get("step_key"),
            "provider": provider if provider in PROVIDERS else None,
            "exception": self._exception(record, run),
        }
        return json.dumps({name: value for name, value in entry.items() if value})

    def _exception(self, record: logging.LogRecord, run: Mapping[str, Any]) -> str:
        error = getattr(getattr(run.get("dagster_event"), "event_specific_data", None), "error", None)
        if error:
            return str(error.to_string())
        return self.formatException(record.exc_info) if record.exc_info else ""


def run_loggers(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the loggers of runs by name; empty where Dagster's own, which write text, are used."""
    if log_format(values) is LogFormat.TEXT:
        return {}
    import dagster as dg  # noqa: PLC0415 -- commands use this module, too

    def _json(context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger(context.logger_config["name"], context.logger_config["log_level"].upper())
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        return logger

    said = "Logger that writes one JSON object a line to standard error."
    return {CONSOLE: dg.LoggerDefinition(_json, dg.colored_console_logger.config_schema, said)}


def logger_config(loggers: Iterable[str]) -> dict[str, Any]:
    """Return the part of a run's configuration that names its loggers: Dagster uses no others than those."""
    named: dict[str, dict[str, Any]] = {name: {} for name in loggers}
    return {"loggers": named} if named else {}
