"""Reasons that make the user of an alert suspicious, their strength, and the rule over them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

__all__ = ["REASONS", "Reason", "Strength", "Subject", "is_suspicious", "known"]

Strength = Literal["strong", "weak"]
Subject = Literal["alerts", "account", "credentials", "place", "client", "time", "downloads", "shares", "files"]


class Reason(NamedTuple):
    """One reason.

    Attributes:
        strength: A strong one suffices for the variation.
        about: What it tells of. Weak reasons about one subject are mostly one fact seen twice, such as a new country
            and the new network in it, so they count once.
        when: When it holds, for a reader.
        includes: Reasons that are the same fact seen again, and beside this one do not count.
    """

    strength: Strength
    about: Subject
    when: str
    includes: tuple[str, ...] = ()


REASONS: Mapping[str, Reason] = {
    "failed_sign_ins_then_success": Reason("strong", "credentials", "five failed sign-ins, then a success"),
    "provider_alert": Reason("strong", "alerts", "the provider raised an alert about the account"),
    "mfa_disabled": Reason("strong", "credentials", "a second factor was switched off"),
    "other_alert": Reason(
        "strong", "alerts", "an alert of the seven days before was confirmed, or stood beside one of the provider's"
    ),
    "risk_list": Reason("strong", "account", "the user is on the operator's risk list"),
    "tor_network": Reason("strong", "place", "at work from an address of the Tor network"),
    "impossible_travel": Reason("strong", "place", "seen in two countries too far apart for the time between"),
    "hosting_network": Reason("weak", "place", "at work from an address of a hosting provider"),
    "first_country": Reason("weak", "place", "a country new for the user in 30 days"),
    "first_network": Reason("weak", "place", "a network new for the user in 30 days"),
    "first_app": Reason("weak", "client", "uploads by an application new for the user in 30 days"),
    "new_device": Reason("weak", "client", "a device was added to the account"),
    "dormant_account": Reason("weak", "account", "nothing for more than 14 days, but before"),
    "new_account": Reason(
        "weak",
        "account",
        "first seen less than 14 days before",
        # Whoever is new is given a device, a password and a second factor.
        includes=("new_device", "password_reset", "credentials_changed"),
    ),
    "guest_account": Reason("weak", "account", "the user is a guest of the organisation"),
    "password_reset": Reason("weak", "credentials", "the password was changed or reset"),
    "credentials_changed": Reason("weak", "credentials", "recovery data, keys or the like of the account were changed"),
    "admin_impersonation": Reason("weak", "credentials", "an administrator signed in as the user"),
    "off_hours": Reason("weak", "time", "uploads only at hours at which the user is hardly ever active"),
    "mass_download_before": Reason("weak", "downloads", "far more downloads than on any day of the 30 before"),
    "external_share_before": Reason("weak", "shares", "shared to the outside, which the user rarely does"),
    # Weak: a sync client that cleans up, or a mistaken upload taken back, does the same.
    "overwritten_after_upload": Reason("weak", "files", "files overwritten within a day by far smaller versions"),
    "deleted_after_upload": Reason("weak", "files", "files deleted within a day of their upload"),
}
"""Every reason by the name under which ``detection/sql/reasons`` finds it."""


def known(names: Collection[str]) -> list[str]:
    """The names, sorted, each once.

    Raises:
        ValueError: A name is none of a reason; names it, and those that are.
    """
    if unknown := sorted(set(names) - set(REASONS)):
        raise ValueError(f"no reason is called {', '.join(unknown)}; the reasons are {', '.join(sorted(REASONS))}")
    return sorted(set(names))


def is_suspicious(names: Collection[str]) -> bool:
    """Check whether these reasons make the alert suspicious: one strong, or weak ones about two subjects.

    Args:
        names: Names of reasons, each a key of :data:`REASONS`.
    """
    same = {other for name in names for other in REASONS[name].includes}
    found = [REASONS[name] for name in set(names) - same]
    return any(reason.strength == "strong" for reason in found) or len({reason.about for reason in found}) > 1
