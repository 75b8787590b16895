"""People as the authority that signs them in describes them, and the role that their groups give."""

from __future__ import annotations

from dataclasses import dataclass

from console.access.roles import Role
from orchestration.access_settings import AccessSettings

__all__ = ["Person", "role_of"]


@dataclass(frozen=True)
class Person:
    """Person whom an authority vouches for.

    Attributes:
        id: Issuer and subject, which never change.
        name: Name that is shown and recorded.
        groups: Groups.
        address: Mail address that the authority has verified, lower case; empty for none.
    """

    id: str
    name: str
    groups: frozenset[str] = frozenset()
    address: str = ""


def role_of(person: Person, settings: AccessSettings) -> Role | None:
    """Return the highest role of a person; None if no group or address of theirs has one."""
    roles = {Role.OPERATOR: settings.operators, Role.ANALYST: settings.analysts, Role.VIEWER: settings.viewers}
    for role, entries in roles.items():
        for entry in entries:
            if entry in person.groups or (person.address and entry.lower() == person.address):
                return role
    return None
