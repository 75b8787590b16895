"""Actors of a workload: the class of an account, and ids that are the same in every run."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

_organisation: list[str] = ["example.com"]
_SERVICE_DOMAINS = ("boxdevedition.com", "gserviceaccount.com")


@dataclass(frozen=True)
class Person:
    """An actor. `kind` is person, service, app, guest or anonymous; `digest` is 32 hexadecimal digits."""

    email: str
    kind: str
    name: str
    digest: str

    @property
    def number(self) -> int:
        """Return a stable number of ten or eleven digits."""
        return 10_000_000_000 + int(self.digest[:8], 16)

    @property
    def local(self) -> str:
        """Return the part of the address before the `@`."""
        return self.email.partition("@")[0]


def organisation_domains(users: Iterable[str]) -> list[str]:
    """Return the mail domains of the organisation that these users belong to, the largest first.

    These are the domain with most users and those with more than a third of the users; users of others are guests.
    """
    domains = Counter(user.lower().rpartition("@")[2] for user in set(users) if "@" in user)
    counted = [(domain, count) for domain, count in domains.most_common() if "." in domain and not _of_services(domain)]
    least = sum(count for _, count in counted) / 3
    return [domain for place, (domain, count) in enumerate(counted) if not place or count > least]


def settle(domains: Sequence[str]) -> None:
    """Set the organisation of the sandbox before it serves: one process, one organisation."""
    if domains:
        _organisation[:] = domains
        person.cache_clear()
        known_as.cache_clear()


def admin_email() -> str:
    """Return the administrator in whose name the audit logs are read."""
    return f"admin@{_organisation[0]}"


def organisation() -> list[str]:
    """Return the organisation's mail domains, the largest first."""
    return list(_organisation)


def _of_services(domain: str) -> bool:
    return domain.endswith(_SERVICE_DOMAINS)


def digest(*parts: str) -> str:
    """Return 32 hexadecimal digits that depend on the parts only."""
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def guid(hexadecimal: str) -> str:
    """Format 32 hexadecimal digits as a GUID."""
    h = hexadecimal
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def _kind(email: str) -> str:
    lower = email.lower()
    local, _, domain = lower.partition("@")
    if not lower or lower.startswith("urn:spo:anon#"):
        return "anonymous"
    if lower == "app@sharepoint" or (local.startswith("appuser_") and domain == "boxdevedition.com"):
        return "app"
    if local.startswith(("svc-", "serviceprincipal_")) or _of_services(domain):
        return "service"
    abroad = domain and not any(domain == own or domain.endswith(f".{own}") for own in _organisation)
    marked = "#ext#" in lower or lower.startswith("urn:spo:guest#")
    return "guest" if abroad or marked else "person"


@cache
def person(user: str) -> Person:
    """Return the actor behind a workload's `user` (an address, or empty for anonymous)."""
    local = user.partition("@")[0]
    name = " ".join(word.capitalize() for word in local.replace("_", ".").split(".")) or "Unknown User"
    return Person(email=user, kind=_kind(user), name=name, digest=digest("person", user.lower()))


@cache
def known_as(user: str, address: str) -> Person:
    """Return the actor behind a workload's `user` under another address: `-` for none, empty for their own."""
    return replace(person(user), email="" if address == "-" else address) if address else person(user)


def responsible(actor: Person) -> Person:
    """Return the owner of the actor's uploads: the actor, or an administrator if the actor can't own files."""
    return actor if actor.kind == "person" else person(admin_email())
