"""Identity provider: OpenID Connect by discovery, with the code flow and PKCE."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from common.clock import Clock
from common.errors import MendableError
from console.access.pending import Pending
from console.access.people import Person
from orchestration.access_settings import AccessSettings, is_loopback

__all__ = ["CALLBACK", "IdentityError", "IdentityProvider"]

CALLBACK = "/sign-in/callback"
"""Path to which the provider leads people back."""
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures by a private key: a token that the client secret or nothing signs is refused."""
_SCOPES = ("openid", "profile", "email")
_LEEWAY_SECONDS = 60
_TIMEOUT_SECONDS = 10
_LONGEST_BYTES = 1 << 20
_LONGEST_NAME = 320
_KEPT = timedelta(hours=1)
_PAUSE = timedelta(minutes=1)
"""Time between two readings of the keys for the sake of tokens whose key is unknown."""


class IdentityError(MendableError):
    """Sign-in that the identity provider did not vouch for."""


class _Metadata(BaseModel):
    """Discovery document."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    scopes_supported: list[str] = []
    authorization_response_iss_parameter_supported: bool = False

    @field_validator("authorization_endpoint", "token_endpoint", "jwks_uri")
    @classmethod
    def _safe(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise ValueError("it is no https address")
        return value


class IdentityProvider:
    """Client of an identity provider.

    Args:
        settings: Settings of access.
        address: Public address of the console.
        clock: Real time.
    """

    def __init__(self, settings: AccessSettings, address: str, clock: Clock) -> None:
        self._settings, self._redirect, self._clock = settings, address + CALLBACK, clock
        self._lock = Lock()
        self._metadata: tuple[datetime, _Metadata] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    def authorization_url(self, pending: Pending) -> str:
        """Return the address at the provider that begins a sign-in.

        Raises:
            IdentityError: The provider does not answer, or its discovery document cannot be used.
        """
        metadata = self._discovered()
        claim = self._settings.oidc_groups_claim
        scope = " ".join([*_SCOPES, *(each for each in metadata.scopes_supported if each == claim)])
        with self._client(metadata, scope) as client:
            url, _ = client.create_authorization_url(
                metadata.authorization_endpoint,
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        return str(url)

    def person(self, answer: Mapping[str, str], pending: Pending) -> Person:
        """Exchange the provider's answer for an ID token, and verify it.

        Args:
            answer: Parameters of the callback.
            pending: The sign-in that it answers.

        Raises:
            IdentityError: The provider refused, or its answer cannot be trusted.
        """
        if "error" in answer:
            raise IdentityError(f"The identity provider refused the sign-in: {answer['error'][:100]!r}.")
        metadata = self._discovered()
        named = answer.get("iss")
        if named != metadata.issuer and (named or metadata.authorization_response_iss_parameter_supported):
            raise IdentityError("The answer is not of the configured identity provider.")
        try:
            with self._client(metadata, "") as client:
                token = client.fetch_token(
                    metadata.token_endpoint,
                    grant_type="authorization_code",
                    code=answer.get("code", ""),
                    code_verifier=pending.verifier,
                    timeout=_TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
        except (AuthlibBaseError, requests.RequestException, ValueError) as error:
            # The text of an error of requests may hold the address, and so the code.
            raise IdentityError(f"The identity provider gave no token: {_reason(error)}.") from error
        return self._described(self._verified(str(token.get("id_token", "")), pending.nonce))

    def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token whose signature, issuer, audience, times and nonce are right."""
        try:
            try:
                decoded = jwt.decode(token, self._key_set(), algorithms=_ALGORITHMS)
            except InvalidKeyIdError:
                decoded = jwt.decode(token, self._key_set(is_unknown=True), algorithms=_ALGORITHMS)
            claims = decoded.claims
            jwt.JWTClaimsRegistry(
                now=int(self._clock.now().timestamp()),
                leeway=_LEEWAY_SECONDS,
                iss={"essential": True, "value": self._settings.oidc_issuer},
                aud={"essential": True, "value": self._settings.oidc_client_id},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError) as error:
            raise IdentityError(f"The ID token cannot be trusted: {_reason(error)}.") from error
        audience, party = claims["aud"], claims.get("azp")
        if party not in (None, self._settings.oidc_client_id) or (
            party is None and isinstance(audience, list) and len(audience) > 1
        ):
            raise IdentityError("The ID token cannot be trusted: it was made for another client.")
        return claims

    def _described(self, claims: Mapping[str, Any]) -> Person:
        subject = claims["sub"]
        groups = claims.get(self._settings.oidc_groups_claim, [])
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        address = _name(claims.get("email")).lower() if claims.get("email_verified") is True else ""
        # Entra ID never says whether an address is verified, and lets no person choose the user name.
        stated = "email_verified" in claims
        name = address or ("" if stated else _name(claims.get("preferred_username")) or _name(claims.get("email")))
        return Person(
            json.dumps([self._settings.oidc_issuer, subject]),
            name or subject[:_LONGEST_NAME],
            frozenset(each for each in listed if isinstance(each, str)),
            address,
        )

    def _client(self, metadata: _Metadata, scope: str) -> OAuth2Session:
        # In the body where that is possible: providers differ in how they encode a secret in the header.
        method = "client_secret_post"
        if method not in metadata.token_endpoint_auth_methods_supported:
            method = "client_secret_basic"
        return OAuth2Session(
            self._settings.oidc_client_id,
            self._settings.oidc_client_secret,
            token_endpoint_auth_method=method,
            scope=scope,
            redirect_uri=self._redirect,
            code_challenge_method="S256",
        )

    def _discovered(self) -> _Metadata:
        now, issuer = self._clock.now(), self._settings.oidc_issuer
        with self._lock:
            if self._metadata is None or now - self._metadata[0] >= _KEPT:
                try:
                    found = _Metadata.model_validate(_read(issuer.rstrip("/") + "/.well-known/openid-configuration"))
                except ValidationError as error:
                    raise IdentityError("The identity provider's discovery document cannot be used.") from error
                if found.issuer != issuer:
                    raise IdentityError(
                        f"The identity provider calls itself {found.issuer[:200]!r}. UPLOADWATCH_OIDC_ISSUER has to be "
                        "the same, to the letter."
                    )
                self._metadata = (now, found)
            return self._metadata[1]

    def _key_set(self, *, is_unknown: bool = False) -> KeySet:
        """Return the provider's keys; read them again when old, or when a token names an unknown one."""
        address, now = self._discovered().jwks_uri, self._clock.now()
        with self._lock:
            age = now - self._keys[0] if self._keys else _KEPT
            if self._keys is None or age >= _KEPT or (is_unknown and age >= _PAUSE):
                try:
                    self._keys = (now, KeySet.import_key_set(_read(address)))
                except (JoseError, KeyError, TypeError, ValueError) as error:
                    raise IdentityError("The identity provider's keys cannot be used.") from error
            return self._keys[1]


def _read(address: str) -> Any:
    """Return the JSON at an address of the provider."""
    try:
        with requests.get(address, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True) as answer:
            answer.raise_for_status()
            content = answer.raw.read(_LONGEST_BYTES + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise IdentityError(f"The identity provider does not answer at {address}: {type(error).__name__}.") from error
    try:
        return json.loads(content[:_LONGEST_BYTES])
    except ValueError as error:
        raise IdentityError(f"The identity provider's answer at {address} is no JSON.") from error


def _name(value: object) -> str:
    """Return a name that a page and a log can show; an empty text for any other value."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= _LONGEST_NAME else ""


def _reason(error: Exception) -> str:
    return str(getattr(error, "error", "") or type(error).__name__)[:100]
