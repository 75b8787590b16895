"""The one seam where a source's fault is caught: it becomes that source's failing check, and the run goes on.

An error while one source is pulled, read or queried for sizes affects no other source. Its traceback goes to the run's
log without secrets, and its message to the check and to the source's health.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from assets.core.host_faults import sentence
from connectors import ConfigurationError, ConnectorError, RefusedError, StoppedError, UnavailableError
from lake.damage import DamagedError
from lake.health import Kind

__all__ = ["Fault", "fault_of", "worst_kind"]

_REPORT = "The run's log has the traceback. Every other source went on; report it if it lasts."


@dataclass(frozen=True)
class Fault:
    """Failure of a source.

    Attributes:
        kind: ``unavailable`` (passes by itself), ``refused`` (somebody has to grant or correct something), ``damaged``
            (a file), or ``fault`` (of the program, the machine, or an answer that nobody expected).
        problem: What happened, where, and what to do, without secrets.
        traceback: For the run's log, without secrets; empty where the problem says it all.
    """

    kind: Kind
    problem: str
    traceback: str = ""

    def log(self, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        """Write the fault to a run's log."""
        log.error("%s%s", self.problem, f"\n{self.traceback}" if self.traceback else "")


_KINDS: tuple[Kind, ...] = ("unavailable", "fault", "damaged", "refused")
"""Kinds of faults, the one that needs most work of a person last."""


def worst_kind(faults: Iterable[Fault]) -> Kind:
    """Return the kind of several faults together."""
    return max((fault.kind for fault in faults), key=_KINDS.index, default="unavailable")


def fault_of(error: Exception, source: str, doing: str, secrets: Iterable[str] = ()) -> Fault:
    """Turn whatever was raised into a source's fault.

    Args:
        error: What was raised.
        source: Name of the source.
        doing: What was being done, such as ``reading 2026-01-05``.
        secrets: Values that neither sentence nor traceback may hold.
    """
    if isinstance(error, StoppedError):
        return Fault("unavailable", f"{source}: {doing}: no answer within the time limit. The next run asks again.")
    if isinstance(error, UnavailableError):
        return Fault("unavailable", str(error))
    if isinstance(error, ConnectorError | ConfigurationError):
        kind: Kind = "refused" if isinstance(error, RefusedError | ConfigurationError) else "fault"
        return Fault(kind, str(error))
    if isinstance(error, DamagedError):
        return Fault("damaged", f"{source}: {doing}: {error}")
    known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def safe(text: str) -> str:
        for secret in known:
            text = text.replace(secret, "***")
        return text

    said = safe(" ".join(f"{type(error).__name__}: {error}".split())[:300])
    trace = safe("".join(traceback.format_exception(error)))
    # An OSError without a number comes from a library and concerns the program or the provider, not this machine.
    of_machine = not isinstance(error, OSError) or error.errno is not None
    if of_machine and (surroundings := sentence(error)):
        return Fault("fault", f"{source}: {doing}: {safe(surroundings)}", trace)
    return Fault("fault", f"{source}: {doing}: {said.rstrip('.')}. {_REPORT}", trace)
