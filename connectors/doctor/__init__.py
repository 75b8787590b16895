"""Diagnosis of a set-up: asks each provider what a deployment needs of it, and tells what to do in its console.

What belongs here: one module a provider with its checks and its remedies, what all providers are asked alike, and
the running of checks, none of which can hang or stop another. What does not: printing (``orchestration``).
"""

from connectors.doctor.findings import Finding, State
from connectors.doctor.running import examine

__all__ = ["Finding", "State", "examine"]
