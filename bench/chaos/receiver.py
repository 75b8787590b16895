"""Receiver of signed webhooks, such as a chat or ticket system that honours idempotency keys."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Receiver", "receiver"]

_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # noqa: S105 -- of a receiver that ends with the bench


@dataclass
class Receiver:
    """Messages that a receiver accepted.

    Attributes:
        url: Its address.
        taken: Key and body of each message, in order; a repeated key is ignored.
        meet: Called with each request, before it is answered.
    """

    url: str = ""
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    meet: Callable[[], object] = lambda: None

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables of the channel that leads to it."""
        return {"UPLOADWATCH_NOTIFY_SOC_URL": self.url, "UPLOADWATCH_NOTIFY_SOC_SECRET": _SECRET}


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Serve a receiver."""
    found = Receiver()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Accept a message."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                found.taken.setdefault(self.headers["webhook-id"], json.loads(body))
                found.meet()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
