"""Diagnosis of a set-up: checks what a deployment needs from each provider, and says what to do in its console.

What belongs here: one module per provider with its checks and remedies, the checks that all providers share, and the
running of checks, none of which can hang or stop another. What does not: printing (``orchestration``).
"""

from connectors.doctor.findings import Finding, State
from connectors.doctor.running import examine

__all__ = ["Finding", "State", "examine"]
