"""Gate of the console: the way to sign in, its sessions, and the record of who came and went."""

from __future__ import annotations

import json
import logging
import os
import pwd
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from common.clock import Clock
from common.digests import text_digest
from console.access.addresses import peer_of
from console.access.database import SESSIONS
from console.access.identity_provider import IdentityProvider
from console.access.pending import PendingSignIns
from console.access.people import Person, role_of
from console.access.rate_limit import SignInLimit
from console.access.roles import Role
from console.access.sessions import Session, Sessions
from console.context import Deployment
from lake.audit_log import record
from lake.store import Lake
from orchestration.access_settings import AccessMode, AccessSettings

__all__ = ["Gate", "gate_of", "operating_user"]

_COOKIE = "uploadwatch"
logger = logging.getLogger("uploadwatch.console")


@dataclass(frozen=True)
class Gate:
    """Gate of the console.

    Attributes:
        settings: Settings of access.
        address: Public address; empty in local mode.
        token: Token that the command prints, in local mode.
        lake: Lake beside which the audit log lies.
        clock: Real time, even where the deployment replays history.
        sessions: Sessions.
        pending: Sign-ins under way at the identity provider.
        limit: Rate limit of sign-ins.
        provider: Identity provider; None for another mode.
    """

    settings: AccessSettings
    address: str
    token: str
    lake: Lake
    clock: Clock
    sessions: Sessions
    pending: PendingSignIns
    limit: SignInLimit
    provider: IdentityProvider | None

    @classmethod
    def open(cls, deployment: Deployment, token: str, clock: Clock | None = None) -> Gate:
        """Return the gate of a deployment.

        Args:
            deployment: The deployment.
            token: Token of local mode.
            clock: Real time; None for the machine's.

        Raises:
            ConfigurationError: A variable cannot be used.
        """
        settings, clock = AccessSettings.checked(deployment.values), clock or Clock()
        is_local = settings.mode is AccessMode.LOCAL
        address = "" if is_local else deployment.settings.console_url
        # Whoever changes who vouches for people, or their roles, ends the sessions of before.
        authority = text_digest(settings.mode, settings.model_dump_json(exclude={"oidc_client_secret"}))
        path = deployment.home / SESSIONS
        sessions = Sessions(
            path,
            authority,
            clock,
            idle=timedelta(minutes=settings.console_idle_minutes),
            absolute=timedelta(hours=settings.console_session_hours),
        )
        provider = IdentityProvider(settings, address, clock) if settings.mode is AccessMode.OIDC else None
        return cls(
            settings,
            address,
            token if is_local else "",
            deployment.lake,
            clock,
            sessions,
            PendingSignIns(path, clock),
            SignInLimit(clock),
            provider,
        )

    @property
    def https(self) -> bool:
        """Whether people use the console by https."""
        return urlsplit(self.address).scheme == "https"

    def peer(self, connection: HTTPConnection) -> str:
        """Return the address that a connection comes from."""
        return peer_of(connection, self.settings.networks)

    def hosts(self, connection: HTTPConnection) -> set[str]:
        """Return the hosts by which this console may be called."""
        if self.address:
            return {urlsplit(self.address).netloc.lower()}
        port = _port(connection)
        names = ("127.0.0.1", "localhost", "[::1]")
        return {f"{name}:{port}" for name in names} | (set(names) if port == 80 else set())

    def session_id(self, connection: HTTPConnection) -> str:
        """Return the session's id in the browser's cookie; an empty text if there is none."""
        return connection.cookies.get(self._cookie(connection, _COOKIE), "")

    def browser(self, connection: HTTPConnection) -> str:
        """Return the secret of a browser with a sign-in under way; an empty text if there is none."""
        return connection.cookies.get(self._cookie(connection, f"{_COOKIE}-sign-in"), "")

    def give_browser(self, connection: HTTPConnection, answer: Response, secret: str) -> None:
        """Set the cookie of a sign-in under way."""
        self._set(connection, answer, f"{_COOKIE}-sign-in", secret)

    def forget(self, connection: HTTPConnection, answer: Response) -> None:
        """Remove the session's cookie."""
        answer.delete_cookie(self._cookie(connection, _COOKIE), secure=self.https, httponly=True, samesite="lax")

    def count(self, connection: HTTPConnection) -> None:
        """Count a sign-in.

        Raises:
            HTTPException: There were too many; status 429.
        """
        peer = self.peer(connection)
        if seconds := self.limit.wait_seconds(peer):
            logger.warning("sign-ins from %s are over the rate limit", json.dumps(peer))
            raise HTTPException(
                429, f"There were too many sign-ins. Try again in {seconds} seconds.", {"Retry-After": str(seconds)}
            )

    def admit(self, connection: HTTPConnection, person: Person) -> tuple[str, Session]:
        """Sign a person in: record it, and begin a session with a new id.

        Raises:
            HTTPException: The person has no role; status 403.
            AuditLogError: It cannot be recorded, so nobody is signed in.
        """
        role = Role.OPERATOR if self.settings.mode is AccessMode.LOCAL else role_of(person, self.settings)
        if role is None:
            self.record(connection, person.name, "sign_in_refused", "none of the groups has a role")
            raise HTTPException(
                403,
                f"You are signed in as {person.name}, but no group of yours may use this console. {self.expected()}",
            )
        name = self.sessions.shown_name(person.id, person.name)
        self.record(connection, name, "sign_in", f"role {role.name.lower()}, {person.id}")
        self.sessions.end(self.session_id(connection))
        return self.sessions.begin(person.id, name, role)

    def give_session(self, connection: HTTPConnection, answer: Response, session_id: str) -> None:
        """Set the session's cookie."""
        self._set(connection, answer, _COOKIE, session_id)

    def expected(self) -> str:
        """Return a sentence that names the groups with a role."""
        settings = self.settings
        lists = {"operators": settings.operators, "analysts": settings.analysts, "viewers": settings.viewers}
        named = "; ".join(f"{role}: {', '.join(entries)}" for role, entries in lists.items() if entries)
        return (
            f"Expected is one of these groups or addresses ({named}). Ask whoever assigns groups in your organisation."
        )

    def record(self, connection: HTTPConnection, by: str, act: str, text: str) -> None:
        """Record an act of access in the audit log, with the address that it came from."""
        record(self.lake, at=self.clock.now(), by=by, act=act, text=f"{text}, from {self.peer(connection)}")

    def _cookie(self, connection: HTTPConnection, name: str) -> str:
        # Browsers do not tell the ports of a host apart: two consoles on one machine have two names.
        return f"__Host-{name}" if self.https else f"{name}-{_port(connection)}"

    def _set(self, connection: HTTPConnection, answer: Response, name: str, value: str) -> None:
        # Not strict: a link to a case in a chat or a mail would find nobody signed in. Unsafe requests carry a token.
        answer.set_cookie(
            self._cookie(connection, name), value, secure=self.https, httponly=True, samesite="lax", path="/"
        )


def gate_of(connection: HTTPConnection) -> Gate:
    """Return the gate that a request passed."""
    gate: Gate = connection.app.state.gate
    return gate


def operating_user() -> str:
    """Return the name of the operating system's user who runs this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def _port(connection: HTTPConnection) -> int:
    server: tuple[str, int | None] | None = connection.scope.get("server")
    return (server[1] if server else None) or 80
