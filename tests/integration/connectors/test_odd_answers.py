"""Odd answers of a provider over real HTTP: each becomes the connectors' own error, without a secret."""

from __future__ import annotations

import gzip
import json
import random
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors import (
    Connector,
    ConnectorError,
    FileQuestion,
    Gap,
    Limits,
    Recovering,
    StoppedError,
    Timekeeping,
    build,
)
from connectors.core.rate_limits import Limiter
from tests.support.scripted_server import Answer, Asked, Scripted, environment, scripted

pytestmark = pytest.mark.sampled

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(hours=1)
NOW = START + timedelta(hours=2)
PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
KINDS = ("Audit.SharePoint", "Audit.AzureActiveDirectory", "Audit.General")
OWN = {
    "box": ("hidden-box-secret",),
    "dropbox": ("hidden-dropbox-secret", "hidden-dropbox-refresh"),
    "google_workspace": (),
    "office365": ("hidden-office-secret",),
}
SECRETS = tuple(secret for secrets in OWN.values() for secret in secrets)
TOKEN = "planted-access-token"
SEEDS = 25

STATUSES = (
    200,
    200,
    200,
    200,
    200,
    201,
    204,
    206,
    301,
    307,
    400,
    401,
    403,
    404,
    407,
    409,
    410,
    418,
    429,
    500,
    503,
    599,
)
WORDS: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**53, 2**63, -(2**63), 2**70, 10**300, "", "soon", "NaN", "inf", "-5", "1e999",
    "9" * 30, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-05T00:10:00", "a$1", "a\nb", "\u0000",
    "ä" * 9, [], {}, [[]], [{}], {"a": {"b": []}}, "http://[bad", "https://x/?nextPage=", "x" * 5000,
    f"{TOKEN} {' '.join(SECRETS)}",
]  # fmt: skip
KEYS = (
    "entries", "events", "items", "next_stream_position", "nextPageToken", "cursor", "has_more", "values", "error",
    "code", "message", ".tag", "error_summary", "error_description", "retry_after", "errors", "reason", "contentId",
    "contentType", "contentCreated", "contentExpiration", "status", "id", "size", "modified_at", "file_version",
    "headRevisionId", "trashed", "modifiedTime", "server_modified", "rev", "responses", "headers", "body", "value",
    "@odata.nextLink", "deleted", "files", "sharepointIds", "listItemUniqueId", "total_count", "type", "created_at",
    "has_team_file_events", "access_token", "expires_in", "created_by", "cTag", "lastModifiedDateTime",
)  # fmt: skip
HEADERS: dict[str, tuple[str, ...]] = {
    "Retry-After": ("0", "soon", "-1", "1e999", "nan", "9" * 40, "Fri, 31 Dec 9999 23:59:59 -1400", "\xff\xfe"),
    "Date": (
        "never",
        "Thu, 01 Jan 0001 00:00:00 +1400",
        "Mon, 05 Jan 2026 02:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -0000",
    ),
    "Content-Type": ("text/html; charset=undefined", "application/json; charset=idna", "x/y; charset=utf-7", ""),
    "Content-Encoding": ("gzip", "br", "deflate", "zstd", "nonsense"),
    "NextPageUri": ("http://[bad", "https://x/?nextPage=1", "\xe4", "https://x/", "https://x/?nextPage=1&nextPage=2"),
    "Transfer-Encoding": ("chunked", "gzip", "identity"),
    "Content-Length": ("-1", "soon", "1, 2", "5"),
    "Location": ("http://[bad",),
    "Age": ("0", "soon"),
}


class Draw:
    """Answers drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        # Else hardly any seed would come further than the sign-in.
        self.signs_in_oddly = seed % 5 == 0

    def value(self, depth: int = 3) -> Any:
        roll = self.random.random()
        if depth and roll < 0.35:
            keys = self.random.sample(KEYS, self.random.randint(0, 6))
            return {key: self.value(depth - 1) for key in keys}
        if depth and roll < 0.55:
            return [self.value(depth - 1) for _ in range(self.random.randint(0, 3))]
        return self.random.choice(WORDS)

    def body(self) -> bytes:
        roll = self.random.random()
        if roll < 0.1:
            return self.random.randbytes(self.random.randint(0, 300))
        if roll < 0.15:
            return b"[" * 100_000
        if roll < 0.2:
            return b'{"a":' * 50_000 + b"1" + b"}" * 50_000
        if roll < 0.25:
            return b"<!DOCTYPE html><html><body>Sign in</body></html>"
        if roll < 0.3:
            return gzip.compress(b"[" + b"0" * 10_000_000)
        text = json.dumps(self.value()).encode()
        return text[: self.random.randint(0, len(text))] if roll < 0.35 else text

    def mutated(self, told: Any) -> Any:
        """A good answer of which one part is odd."""
        if isinstance(told, dict) and told and self.random.random() < 0.8:
            key = self.random.choice(list(told))
            return {**told, key: self.mutated(told[key])}
        if isinstance(told, list) and told and self.random.random() < 0.8:
            place = self.random.randrange(len(told))
            return [*told[:place], self.mutated(told[place]), *told[place + 1 :]]
        return self.value()

    def answer(self, good: Answer) -> Answer:
        roll = self.random.random()
        if roll < 0.55:
            return good
        if roll < 0.8:
            return Answer(self.mutated(good.body), good.status, {**good.headers, **self.headers(0.1)})
        return Answer(self.body(), self.random.choice(STATUSES), self.headers(0.5))

    def headers(self, share: float) -> dict[str, str]:
        if self.random.random() > share:
            return {}
        names = self.random.sample(list(HEADERS), self.random.randint(1, 3))
        return {"Connection": "close", **{name: self.random.choice(HEADERS[name]) for name in names}}


def good(asked: Asked) -> Answer:  # noqa: PLR0911 -- one for each address
    """Return each API's answer when all is well, in several pages."""
    path, query = asked.path, asked.query
    if asked.signs_in:
        return Answer({"access_token": TOKEN, "expires_in": 3600})
    if path == "/2.0/events":
        page = int(query["stream_position"]) if query.get("stream_position", "x").isdecimal() else 0
        entries = [{"created_at": "2026-01-05T00:10:00Z", "n": page}] if page < 2 else []
        return Answer({"entries": entries, "next_stream_position": page + 1})
    if path.endswith("get_values"):
        return Answer({"values": [{".tag": "has_team_file_events", "has_team_file_events": {"enabled": True}}]})
    if "/team_log/" in path:
        more = not path.endswith("continue")
        return Answer({"events": [{"timestamp": "2026-01-05T00:10:00Z"}], "cursor": "c", "has_more": more})
    if path.endswith("/list"):
        return Answer([{"contentType": kind, "status": "enabled"} for kind in KINDS])
    if path.endswith("/content"):
        link = {} if "nextPage" in query else {"NextPageUri": "https://manage.office.com/x?nextPage=2"}
        name = f"{query.get('contentType', '')}${len(query)}"
        return Answer([{"contentId": name, "contentCreated": "2026-01-05T00:10:00Z"}], headers=link)
    if "/audit/" in path:
        return Answer([{"Id": 1}])
    if "/activity/users" in path:
        following = {} if "pageToken" in query else {"nextPageToken": "2"}
        return Answer({"items": [{"id": {"time": "2026-01-05T00:10:00Z"}}], **following})
    return files(asked)


def files(asked: Asked) -> Answer:  # noqa: PLR0911 -- one for each address
    """Return the file APIs' answers when all is well."""
    path = asked.path
    box = {"id": "7", "type": "file", "size": 5, "modified_at": "2026-01-05T00:10:00Z", "file_version": {"id": "1"}}
    dropbox = {".tag": "file", "id": "id:7", "size": 5, "rev": "r", "server_modified": "2026-01-05T00:10:00Z"}
    google = {"id": "7", "size": "5", "headRevisionId": "r", "modifiedTime": "2026-01-05T00:10:00Z", "trashed": False}
    graph = {
        "size": 5,
        "lastModifiedDateTime": "2026-01-05T00:10:00Z",
        "cTag": "c",
        "sharepointIds": {"listItemUniqueId": "7"},
    }
    if path.startswith("/2.0/"):
        return Answer({"entries": [box], "total_count": 2000} if path.endswith("/items") else box)
    if path.startswith("/2/files/list_folder"):
        return Answer({"entries": [dropbox], "cursor": "c", "has_more": not path.endswith("continue")})
    if path.startswith("/2/files/"):
        return Answer(dropbox)
    if path == "/drive/v3/files":
        return Answer({"files": [google], "nextPageToken": "2"})
    if path.startswith("/drive/"):
        return Answer(google)
    if path.endswith("/drive"):
        return Answer({"id": "b!1"})
    if path.endswith("/delta"):
        return Answer({"value": [graph], "@odata.nextLink": "https://x/?token=2"})
    if not path.endswith("$batch"):
        return Answer({"error": {"code": "itemNotFound"}}, 404)
    steps = json.loads(asked.body)["requests"]
    return Answer({"responses": [{"id": step["id"], "status": 200, "headers": {}, "body": graph} for step in steps]})


def questions(provider: str) -> list[FileQuestion]:
    user = {"box": "77", "dropbox": "dbmid:1", "google_workspace": "ann@example.com"}.get(provider, "")
    return [FileQuestion(user, f"{n}", START, "site", "list", "f", "2") for n in range(12)]


def gaps(provider: str) -> list[Gap]:
    units = {"google_workspace": ["drive", "login"], "office365": [f"{KINDS[0]}/a$1", KINDS[2], ""]}.get(provider, [""])
    return [Gap(START, END, "bad before", final=False, unit=unit) for unit in units]


def again(connector: Connector, gap: Gap) -> list[object]:
    assert isinstance(connector, Recovering)
    return list(connector.again(gap))


def asks(connector: Connector, provider: str) -> dict[str, Callable[[], object]]:
    """All that a connector may be asked, each to its end."""
    assert isinstance(connector, Timekeeping)
    found: dict[str, Callable[[], object]] = {
        "pages": lambda: list(connector.pages(START, END)),
        "present": connector.present,
        "file_sizes": lambda: list(connector.file_sizes(questions(provider))),
    }
    for gap in gaps(provider):
        found[f"again {gap.unit}"] = partial(again, connector, gap)
    return found


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Scripted, dict[str, Draw]]]:
    """A server that answers as the seed of the moment has it."""
    current: dict[str, Draw] = {}
    with scripted(
        lambda asked: current["draw"].answer(good(asked)), sign_in=lambda asked: signed(asked, current)
    ) as server:
        yield server, current


def signed(asked: Asked, current: dict[str, Draw]) -> Answer:
    draw = current["draw"]
    return draw.answer(good(asked)) if draw.signs_in_oddly else good(asked)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits: what is looked at is what comes out, not when."""
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)
    monkeypatch.setattr("connectors.core.http.TIMEOUTS", (5.0, 1.0))
    monkeypatch.setattr("connectors.office365.files.backoff", lambda _: 0.0)
    monkeypatch.setattr(Limiter, "rest", lambda _self, _seconds: None)
    monkeypatch.setattr(Limiter, "pause", lambda _self, _seconds: None)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nothing_but_the_connectors_own_errors_comes_out(
    provider: str,
    served: tuple[Scripted, dict[str, Draw]],
    unhurried: None,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Prevents one odd answer from ending the run of all providers, and a token from standing in its traceback."""
    server, current = served
    values = environment(server.url, tmp_path)
    key = json.loads((tmp_path / "key.json").read_text())["private_key"]
    for seed in range(SEEDS):
        for name in asks(build(provider, values, now=lambda: NOW), provider):
            current["draw"] = Draw(seed)
            connector = build(provider, values, now=lambda: NOW, limits=Limits(None))
            caplog.clear()
            told = ""
            try:
                asks(connector, provider)[name]()
            except (ConnectorError, StoppedError) as error:
                told = "".join(traceback.format_exception(error))
                assert str(error).startswith(f"{provider}: "), (seed, name)
            except Exception as error:
                raise AssertionError(f"seed {seed}, {name}: {type(error).__name__} came out") from error
            # A token that the sign-in did not give is no secret.
            token = () if current["draw"].signs_in_oddly else (TOKEN,)
            for secret in (*token, key.splitlines()[1], *OWN[provider]):
                assert secret not in told + caplog.text, (seed, name)
