"""Identity provider for tests: real HTTP on loopback, real signed tokens, PKCE checked, and faults on request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "console", "a secret with: % and +"
Sign = Callable[["IdentityProvider", dict[str, Any]], str]


def made_key(kid: str) -> RSAKey:
    """Return a new key of this id."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@dataclass
class IdentityProvider:
    """A provider; what a test sets holds for the next sign-ins.

    Attributes:
        url: Issuer.
        person: Claims of the person who signs in.
        changed: Claims of the ID token in place of the right ones; None removes one.
        sign: Way to sign the ID token.
        published: Keys of the key set.
        key: Key that signs.
        answer: Parameters of the redirect back in place of the right ones; None removes one.
        metadata: Entries of the discovery document in place of the right ones.
        asked: Paths that were asked for.
        grants: Requests by their code.
    """

    url: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    sign: Sign | None = None
    published: list[RSAKey] = field(default_factory=list)
    key: RSAKey = field(default_factory=lambda: made_key(secrets.token_hex(4)))
    answer: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    grants: dict[str, dict[str, str]] = field(default_factory=dict)

    def rotate(self) -> None:
        """Sign with a new key, and publish it alone."""
        self.key = made_key(secrets.token_hex(4))
        self.published = [self.key]

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": ["openid", "profile", "email", "groups"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def authorized(self, query: dict[str, str]) -> str:
        """Return the address that leads back to the client."""
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "groups" in query["scope"].split()
        code = secrets.token_urlsafe()
        self.grants[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.url, **self.answer}
        return f"{query['redirect_uri']}?{urlencode({k: v for k, v in answer.items() if v is not None})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Return the answer to a code; None if client, code, redirect or verifier is wrong."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        is_client = authorization == f"Basic {basic}" or (form.get("client_id"), form.get("client_secret")) == (
            CLIENT,
            SECRET,
        )
        grant = self.grants.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            not is_client
            or grant is None
            or form.get("redirect_uri") != grant["redirect_uri"]
            or challenge != grant["code_challenge"]
        ):
            return None
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": grant["nonce"]}
        claims = {k: v for k, v in {**claims, **self.person, **self.changed}.items() if v is not None}
        signed = self.sign(self, claims) if self.sign else signed_by(self.key)(self, claims)
        return {"access_token": "unused", "token_type": "Bearer", "expires_in": 300, "id_token": signed}


def signed_by(key: RSAKey, algorithm: str = "RS256", **header: Any) -> Sign:
    """Return a way to sign with a key."""
    return lambda _provider, claims: jwt.encode(
        {"alg": algorithm, "kid": key.kid, **header}, claims, key, algorithms=[algorithm]
    )


def unsigned(_provider: IdentityProvider, claims: dict[str, Any]) -> str:
    """Return a token with the algorithm `none`."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in parts), ""]
    )


def signed_with_public_key(provider: IdentityProvider, claims: dict[str, Any]) -> str:
    """Return a token whose HMAC has the public key as its secret."""
    return _by_hmac(provider, claims, provider.key.as_pem(private=False))


def signed_with_client_secret(provider: IdentityProvider, claims: dict[str, Any]) -> str:
    """Return a token whose HMAC has the client's secret."""
    return _by_hmac(provider, claims, SECRET.encode())


def _by_hmac(provider: IdentityProvider, claims: dict[str, Any], secret: bytes) -> str:
    header = _encoded(json.dumps({"alg": "HS256", "kid": provider.key.kid}).encode())
    signed = f"{header}.{_encoded(json.dumps(claims).encode())}"
    return f"{signed}.{_encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """Serve a provider."""
    provider = IdentityProvider()
    provider.published = [provider.key]

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            if parts.path == "/.well-known/openid-configuration":
                self._json(provider.discovery())
            elif parts.path == "/keys":
                self._json({"keys": [key.as_dict(private=False) for key in provider.published]})
            elif parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorized(dict(parse_qsl(parts.query))))
                self.end_headers()
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            answer = provider.token(form, self.headers.get("Authorization", ""))
            self._json(answer or {"error": "invalid_grant"}, 200 if answer else 400)

        def _json(self, content: object, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
