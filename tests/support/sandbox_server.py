"""Real sandbox on a workload from the test, and sign-in to it with plain HTTP."""

from __future__ import annotations

import csv
import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from dotenv import dotenv_values
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from sandbox.__main__ import main
from tests.support.waiting import wait_until

# Importing the sandbox takes longer than serving a test, so each server is forked from a process that has imported it,
# and also pandas, which pyarrow imports when it reads a workload.
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["sandbox.__main__", "pandas"])
ROOT = Path(__file__).parents[2]
SCOPES = {
    "reports": "https://www.googleapis.com/auth/admin.reports.audit.readonly",
    "drive": "https://www.googleapis.com/auth/drive.metadata.readonly",
}


@dataclass
class Client:
    """The environment that the sandbox wrote, and sessions that are signed in."""

    environment: Mapping[str, str]
    plain: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return self.environment["UPLOADWATCH_SANDBOX_URL"]

    def set_clock(self, now: str) -> None:
        self.plain.put(f"{self.url}/_sandbox/clock", json={"now": now}).raise_for_status()

    def box(self) -> requests.Session:
        e = self.environment
        form = {
            "grant_type": "client_credentials",
            "client_id": e["BOX_CLIENT_ID"],
            "client_secret": e["BOX_CLIENT_SECRET"],
            "box_subject_type": "enterprise",
            "box_subject_id": e["BOX_ENTERPRISE_ID"],
        }
        return self._signed_in(f"{self.url}/oauth2/token", form)

    def dropbox(self) -> requests.Session:
        e = self.environment
        form = {
            "grant_type": "refresh_token",
            "refresh_token": e["DROPBOX_REFRESH_TOKEN"],
            "client_id": e["DROPBOX_APP_KEY"],
            "client_secret": e["DROPBOX_APP_SECRET"],
        }
        return self._signed_in(f"{self.url}/oauth2/token", form)

    def google(self, scope: str, subject: str = "") -> requests.Session:
        credentials = service_account.Credentials.from_service_account_file(
            self.environment["GOOGLE_SERVICE_ACCOUNT_FILE"],
            scopes=[SCOPES[scope]],
            subject=subject or self.environment["GOOGLE_ADMIN_EMAIL"],
        )
        credentials.refresh(Request())
        return self._bearing(credentials.token)

    def office365(self, audience: str = "https://manage.office.com") -> requests.Session:
        e = self.environment
        form = {
            "grant_type": "client_credentials",
            "client_id": e["OFFICE365_CLIENT_ID"],
            "client_secret": e["OFFICE365_CLIENT_SECRET"],
            "scope": f"{audience}/.default",
        }
        return self._signed_in(f"{self.url}/{e['OFFICE365_TENANT_ID']}/oauth2/v2.0/token", form)

    def _signed_in(self, url: str, form: dict[str, str]) -> requests.Session:
        answer = self.plain.post(url, data=form)
        answer.raise_for_status()
        return self._bearing(answer.json()["access_token"])

    def _bearing(self, token: str) -> requests.Session:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {token}"
        return session


@contextmanager
def serving(folder: Path, rows: Sequence[Mapping[str, Any]], now: str, options: Sequence[str] = ()) -> Iterator[Client]:
    """Serve `rows` (the columns of a workload; `user` and `time` are given) with the clock at `now`."""
    folder.mkdir(parents=True, exist_ok=True)
    workload, state = folder / "workload.csv", folder / "state"
    columns = list(dict.fromkeys(name for row in rows for name in ("provider", "kind", "time", "user", *row)))
    with workload.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    with forked(workload, state, now, options) as environment:
        yield Client(environment)


@contextmanager
def forked(workload: Path, state: Path, now: str, options: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    """Serve a workload file, and yield the variables that point the connectors at the sandbox."""
    ready = state / "sandbox.env"
    ready.unlink(missing_ok=True)
    command = ["serve", "--workload", str(workload), "--state", str(state), "--now", now, *options]
    server = _FORKED.Process(target=_serve, args=(command,), daemon=True)
    server.start()
    try:
        wait_until(ready.exists, "the sandbox serves", ended=lambda: not server.is_alive(), pause_seconds=0.01)
        yield {name: value or "" for name, value in dotenv_values(ready).items()}
    finally:
        server.kill()
        server.join(10)


def _serve(command: list[str]) -> None:
    """Run `python -m sandbox` with these arguments, without output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.argv = ["sandbox", *command]
    main()


def uploads(provider: str, count: int, **more: Any) -> list[dict[str, Any]]:
    """Return a number of uploads by one user, one every ten seconds from midnight of 5 January 2026."""
    rows = []
    for number in range(count):
        hours, seconds = divmod(number * 10, 3600)
        stamp = f"2026-01-05T{hours:02}:{seconds // 60:02}:{seconds % 60:02}"
        row = {"provider": provider, "kind": "upload", "time": stamp, "user": "ann.lee@example.com"}
        rows.append(
            row | {"file_name": f"report {number}.pdf", "folder": "Projects/North", "bytes": 1000 + number} | more
        )
    return rows
