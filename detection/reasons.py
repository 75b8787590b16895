"""What makes the user of an alert suspicious: the reasons, their strength, and the rule over them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

__all__ = ["STRENGTH", "Strength", "is_suspicious"]

Strength = Literal["strong", "weak"]

STRENGTH: Mapping[str, Strength] = {
    "failed_sign_ins_then_success": "strong",
    "provider_alert": "strong",
    "mfa_disabled": "strong",
    "first_country": "weak",
    "dormant_account": "weak",
}
"""Strength of each reason that ``detection/sql/reasons.sql`` finds."""


def is_suspicious(names: Collection[str]) -> bool:
    """Whether these reasons turn the alert into the variation: one strong, or two weak.

    Args:
        names: Names of reasons, each a key of :data:`STRENGTH`.
    """
    strengths = [STRENGTH[name] for name in set(names)]
    return "strong" in strengths or len(strengths) > 1
