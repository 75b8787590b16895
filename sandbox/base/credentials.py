"""Credentials created at start, the tokens issued for them, and the files for clients."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import shlex
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.base.people import admin_email, digest, guid, organisation

# Ids in events are the same in every run, so that a workload always gives the same payloads.
BOX_ENTERPRISE_ID = "815162342"
GOOGLE_CUSTOMER_ID = "C03sandbx"
GOOGLE_SERVICE_ACCOUNT = "uploadwatch@sandbox-project.iam.gserviceaccount.com"
OFFICE365_TENANT_ID = guid(digest("tenant"))
KEY_FILE = "google_service_account.json"
ENVIRONMENT_FILE = "sandbox.env"
_UNLIMITED = "1000000"


@dataclass(frozen=True)
class Credentials:
    """Secrets of one run of the sandbox, and the key with which a Google client must sign."""

    box_client_id: str = field(default_factory=lambda: secrets.token_hex(16))
    box_client_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    dropbox_app_key: str = field(default_factory=lambda: secrets.token_hex(8))
    dropbox_app_secret: str = field(default_factory=lambda: secrets.token_hex(8))
    dropbox_refresh_token: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    office365_client_id: str = field(default_factory=lambda: guid(secrets.token_hex(16)))
    office365_client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    google_key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )

    @property
    def google_public_key(self) -> bytes:
        """Return the PEM text that verifies the signature of a Google assertion."""
        return self.google_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


@dataclass(frozen=True)
class Grant:
    """Rights of a token: its audience, the account that it acts as and its scopes."""

    audience: str
    subject: str
    scopes: frozenset[str]
    expires: float


class Tokens:
    """Issued tokens that have not expired. They expire by the wall clock, not by the sandbox's.

    Attributes:
        given: All tokens ever issued, so that a test can check whether any leaked.
    """

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self.given: list[str] = []

    def issue(self, audience: str, life: int, subject: str = "", scopes: Collection[str] = ()) -> str:
        """Issue a new token that is valid for `life` seconds."""
        token = secrets.token_urlsafe(32)
        self.given.append(token)
        self._grants[token] = Grant(audience, subject, frozenset(scopes), time.monotonic() + life)
        return token

    def grant(self, authorization: str) -> Grant | None:
        """Return the grant behind an `Authorization: Bearer ...` header; None if unknown or expired."""
        scheme, _, token = authorization.partition(" ")
        grant = self._grants.get(token.strip()) if scheme.lower() == "bearer" else None
        return grant if grant and grant.expires > time.monotonic() else None

    def revoke(self, authorization: str) -> None:
        """Revoke the token in an `Authorization: Bearer ...` header."""
        self._grants.pop(authorization.partition(" ")[2].strip(), None)


def same(sent: str, known: str) -> bool:
    """Check whether a client sent the right secret."""
    return hmac.compare_digest(sent.encode(), known.encode())


def _write(path: Path, text: str) -> None:
    """Replace a file of secrets atomically: a reader sees the old one or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.touch(mode=0o600)
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def write_client_files(
    state: Path, url: str, credentials: Credentials, providers: Collection[str], without_sizes: Collection[str]
) -> None:
    """Write `sandbox.env` (and Google's key file) into `state`: all that a client of `providers` needs.

    Box and Dropbox log sizes, so a client looks sizes up only if the workload says otherwise. The client's own quotas
    are set so high that they never apply: this API's throttling shows its limits.
    """
    state.mkdir(parents=True, exist_ok=True)
    lines = {"UPLOADWATCH_SANDBOX_URL": url, "UPLOADWATCH_ORGANISATION_DOMAINS": ",".join(organisation())}
    if "box" in providers:
        lines |= {
            "BOX_CLIENT_ID": credentials.box_client_id,
            "BOX_CLIENT_SECRET": credentials.box_client_secret,
            "BOX_ENTERPRISE_ID": BOX_ENTERPRISE_ID,
            "BOX_API_URL": url,
            "BOX_REQUESTS_PER_MINUTE": _UNLIMITED,
        }
        if "box" in without_sizes:
            lines["BOX_RECOVER_SIZES"] = "true"
    if "dropbox" in providers:
        lines |= {
            "DROPBOX_APP_KEY": credentials.dropbox_app_key,
            "DROPBOX_APP_SECRET": credentials.dropbox_app_secret,
            "DROPBOX_REFRESH_TOKEN": credentials.dropbox_refresh_token,
            "DROPBOX_API_URL": url,
            "DROPBOX_REQUESTS_PER_MINUTE": _UNLIMITED,
        }
        if "dropbox" in without_sizes:
            lines["DROPBOX_RECOVER_SIZES"] = "true"
    if "google_workspace" in providers:
        key_file = (state / KEY_FILE).resolve()
        _write(key_file, _service_account(url, credentials))
        lines |= {
            "GOOGLE_SERVICE_ACCOUNT_FILE": str(key_file),
            "GOOGLE_ADMIN_EMAIL": admin_email(),
            "GOOGLE_API_URL": url,
            "GOOGLE_DRIVE_URL": url,
            "GOOGLE_TOKEN_URL": f"{url}/token",
            "GOOGLE_RECOVER_SIZES": "true",
            "GOOGLE_REQUESTS_PER_MINUTE": _UNLIMITED,
            "GOOGLE_DRIVE_REQUESTS_PER_MINUTE": _UNLIMITED,
        }
    if "office365" in providers:
        lines |= {
            "OFFICE365_TENANT_ID": OFFICE365_TENANT_ID,
            "OFFICE365_CLIENT_ID": credentials.office365_client_id,
            "OFFICE365_CLIENT_SECRET": credentials.office365_client_secret,
            "OFFICE365_API_URL": url,
            "OFFICE365_LOGIN_URL": url,
            "OFFICE365_GRAPH_URL": url,
            "OFFICE365_RECOVER_SIZES": "true",
            "OFFICE365_REQUESTS_PER_MINUTE": _UNLIMITED,
            "OFFICE365_GRAPH_REQUESTS_PER_MINUTE": _UNLIMITED,
        }
    _write(state / ENVIRONMENT_FILE, "".join(f"{name}={shlex.quote(value)}\n" for name, value in lines.items()))


def _service_account(url: str, credentials: Credentials) -> str:
    private_key = credentials.google_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "sandbox-project",
            "private_key_id": digest("google key")[:20],
            "private_key": private_key.decode(),
            "client_email": GOOGLE_SERVICE_ACCOUNT,
            "client_id": "104815162342104815162",
            "token_uri": f"{url}/token",
        },
        indent=2,
    )
