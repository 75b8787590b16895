"""A provider that misbehaves on purpose: a real HTTP server with answers from the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(frozen=True)
class Asked:
    """A received request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def signs_in(self) -> bool:
        return self.path.endswith("/token")


@dataclass(frozen=True)
class Answer:
    """Answer to a request; a body that is not bytes is sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Scripted:
    """The server's address and its requests."""

    url: str
    asked: list[Asked] = field(default_factory=list)

    def of(self, part: str) -> list[Asked]:
        """Return the requests with this text in their path."""
        return [request for request in self.asked if part in request.path]


@contextmanager
def scripted(
    answer: Callable[[Asked], Answer],
    *,
    life: float = 3600,
    sign_in: Callable[[Asked], Answer] | None = None,
    meet: Callable[[Asked], object] = lambda _asked: None,
) -> Iterator[Scripted]:
    """Serve the answers that `answer` returns.

    Requests for a token get the answer of `sign_in`, or `token-1`, `token-2` ... that are valid for `life` seconds.
    `meet` is called for each request, in its own thread, before it is answered: it may wait for others.
    """
    served = Scripted("")
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Asked(self.command, url.path, dict(parse_qsl(url.query)), headers, body)
            meet(request)
            with lock:
                served.asked.append(request)
                if request.signs_in and sign_in:
                    reply = sign_in(request)
                elif request.signs_in:
                    count = sum(other.signs_in for other in served.asked)
                    reply = Answer({"access_token": f"token-{count}", "expires_in": life})
                else:
                    reply = answer(request)
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815 -- the names that the base class calls

        def log_message(self, *_arguments: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@cache
def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def environment(url: str, folder: Path) -> dict[str, str]:
    """Return the variables that point all connectors at `url`, and write the key file into `folder`."""
    file = folder / "key.json"
    account = {"type": "service_account", "client_email": "watch@project.iam.gserviceaccount.com"}
    file.write_text(json.dumps({**account, "private_key": _private_key(), "token_uri": f"{url}/token"}))
    return {
        "BOX_CLIENT_ID": "id",
        "BOX_CLIENT_SECRET": "hidden-box-secret",
        "BOX_ENTERPRISE_ID": "123",
        "BOX_API_URL": url,
        "DROPBOX_APP_KEY": "key",
        "DROPBOX_APP_SECRET": "hidden-dropbox-secret",
        "DROPBOX_REFRESH_TOKEN": "hidden-dropbox-refresh",
        "DROPBOX_API_URL": url,
        "GOOGLE_SERVICE_ACCOUNT_FILE": str(file),
        "GOOGLE_ADMIN_EMAIL": "admin@example.com",
        "GOOGLE_API_URL": url,
        "GOOGLE_DRIVE_URL": url,
        "OFFICE365_TENANT_ID": "11111111-2222-3333-4444-555555555555",
        "OFFICE365_CLIENT_ID": "id",
        "OFFICE365_CLIENT_SECRET": "hidden-office-secret",
        "OFFICE365_API_URL": url,
        "OFFICE365_LOGIN_URL": url,
        "OFFICE365_GRAPH_URL": url,
    }
