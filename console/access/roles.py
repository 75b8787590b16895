"""Roles of the people who use the console, and what each role may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import wraps
from typing import Concatenate, ParamSpec

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

__all__ = ["Role", "Viewer", "requires", "viewer_of"]


P = ParamSpec("P")


class Role(IntEnum):
    """Role of a signed-in person; a higher role may do what a lower one may."""

    VIEWER = 1
    """Reads cases, people and health."""
    ANALYST = 2
    """Takes, comments and reviews cases, and reads Dagster's UI."""
    OPERATOR = 3
    """Changes the allow-list, reads the audit log, ends sessions of others, and acts in Dagster's UI."""


@dataclass(frozen=True)
class Viewer:
    """Signed-in person.

    Attributes:
        name: Name that is recorded with every act: the verified address, or what else names the person.
        role: The person's role.
        csrf: Token that every form of the person's session carries.
    """

    name: str
    role: Role
    csrf: str

    def may(self, role: Role) -> bool:
        """Check whether the person has at least a role."""
        return self.role >= role


def viewer_of(connection: HTTPConnection) -> Viewer:
    """Return the signed-in person of a request that passed the access checks."""
    viewer: Viewer = connection.state.viewer
    return viewer


def requires(
    role: Role,
) -> Callable[[Callable[Concatenate[Request, P], Response]], Callable[Concatenate[Request, P], Response]]:
    """Refuse an endpoint, which is a plain function, to people without a role.

    Args:
        role: Least role that may use it.

    Raises:
        HTTPException: The signed-in person has less; status 403.
    """

    def guarded(endpoint: Callable[Concatenate[Request, P], Response]) -> Callable[Concatenate[Request, P], Response]:
        @wraps(endpoint)
        def checked(request: Request, /, *args: P.args, **options: P.kwargs) -> Response:
            if not viewer_of(request).may(role):
                raise HTTPException(403, f"This needs the role {role.name.lower()}: ask whoever assigns the groups.")
            return endpoint(request, *args, **options)

        # For whoever lists which role each page needs.
        checked.__dict__["least_role"] = role
        return checked

    return guarded
