"""No credential leaves its host: not by redirects or foreign addresses, nor into anything that a run writes."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard

from tests.support.faulty import DAY, NOW, PROVIDERS, rows, token_of
from tests.support.memory import connect
from tests.support.sandbox_server import ROOT, Client, serving
from tests.support.scripted_server import Answer, Scripted, scripted

pytestmark = pytest.mark.sampled("module")

SECRETS = (
    "BOX_CLIENT_SECRET",
    "DROPBOX_APP_SECRET",
    "DROPBOX_REFRESH_TOKEN",
    "OFFICE365_CLIENT_SECRET",
)
ECHO = "you sent {authorization} and {body}"
ASSERTION = re.compile(rb"eyJ[\w-]{20,}\.eyJ[\w-]{20,}")


RUNS = """
import json, os, sys
import dagster as dg
import requests
from orchestration.definitions import build_defs

for number, plan in enumerate(json.loads(sys.argv[1])):
    faults = os.environ["UPLOADWATCH_SANDBOX_URL"] + "/_sandbox/faults"
    requests.put(faults, json=plan, timeout=30).raise_for_status()
    home = os.path.join(os.environ["HOMES"], str(number))
    asking = dg.AssetSelection.key_prefixes("box", "dropbox", "google_workspace", "office365")
    job = dg.define_asset_job("ask", selection=asking, executor_def=dg.in_process_executor)
    defs = dg.Definitions.merge(build_defs({**os.environ, "UPLOADWATCH_HOME": home}), dg.Definitions(jobs=[job]))
    with dg.DagsterInstance.get() as instance:
        defs.resolve_job_def("ask").execute_in_process(
            instance=instance, partition_key=os.environ["UPLOADWATCH_START_DATE"], raise_on_error=False
        )
    fates = requests.get(faults, timeout=30).json()
    assert all(fate["played"] for fate in fates), [(fate["api"], fate["kind"], fate["played"]) for fate in fates]
print("all were played")
"""


def run(client: Client, home: Path, plans: list[list[dict[str, object]]]) -> bytes:
    """Run everything that calls a provider, once under each plan, in its own process, and return the output."""
    storage = home / "dagster"
    storage.mkdir(parents=True)
    shutil.copyfile(ROOT / "dagster.yaml", storage / "dagster.yaml")
    variables = {
        "HOMES": str(home),
        "UPLOADWATCH_START_DATE": DAY,
        "UPLOADWATCH_NOW": NOW,
        "DAGSTER_HOME": str(storage),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-c", RUNS, json.dumps(plans)],
        cwd=home,
        env={**os.environ, **client.environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    ).stdout


def written(home: Path) -> Iterator[tuple[str, bytes]]:
    """All that stands in a home, by name: files as they are, and what packed ones hold."""
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        yield name, name.encode()
        if not path.is_file():
            continue
        yield name, path.read_bytes()
        if path.suffix == ".zst":
            with path.open("rb") as file:
                yield name, zstandard.ZstdDecompressor().stream_reader(file).read()
        elif path.suffix == ".parquet":
            with connect() as con:
                yield name, str(con.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()).encode()
        elif path.suffix == ".db":
            # Long texts lie in pieces within the file.
            with closing(sqlite3.connect(path)) as database:
                yield name, "\n".join(database.iterdump()).encode()


def shapes(secret: str) -> set[bytes]:
    """The ways in which a secret may have been written."""
    plain = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    return {text.encode() for text in plain} | {base64.b64encode(secret.encode())}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, bytes], dict[str, str], Scripted]]:
    """All that two runs under faults wrote, the secrets by name, and a stranger that listened meanwhile."""
    folder = tmp_path_factory.mktemp("credentials")
    day = [row for provider in PROVIDERS for row in rows(provider, 12)]
    home = folder / "home"
    with scripted(lambda _: Answer({})) as stranger, serving(folder / "served", day, NOW) as client:
        astray = {"to": stranger.url, "times": "always"}
        echo = {"kind": "answer", "times": "always"}
        plans: list[list[dict[str, object]]] = [
            [
                {"api": "box", "kind": "redirect", **astray},
                {"api": "dropbox", **echo, "status": 409, "body": {"error_summary": ECHO, "error": {".tag": ECHO}}},
                {"api": "office365", "kind": "foreign_links", **astray},
                {"api": "google_drive", "kind": "redirect", "status": 302, **astray},
                {"api": "graph", **echo, "status": 400, "body": {"error": {"code": ECHO, "message": ECHO}}},
            ],
            [
                {"api": token_of(name), **echo, "status": status, "body": {"error": ECHO, "error_description": ECHO}}
                for name, status in zip(PROVIDERS, (400, 401, 400, 401), strict=True)
            ],
            [
                {"api": "box", **echo, "status": 403, "body": {"code": ECHO, "message": ECHO}},
                {"api": "dropbox_token", "kind": "redirect", **astray},
                {"api": "google_workspace", **echo, "status": 403, "body": {"error": {"message": ECHO, "errors": []}}},
                {"api": "office365", **echo, "status": 401, "body": f"{{'error':{{'code':'AF1','message':'{ECHO}'}}}}"},
            ],
        ]
        said = run(client, home, plans)
        assert b"all were played" in said, said[-1000:].decode()
        secrets = {name: client.environment[name] for name in SECRETS}
        for number, token in enumerate(client.plain.get(f"{client.url}/_sandbox/tokens").json()):
            secrets[f"access token {number}"] = token
        key = json.loads(Path(client.environment["GOOGLE_SERVICE_ACCOUNT_FILE"]).read_text())["private_key"]
        for number, line in enumerate(key.splitlines()[1:-1]):
            secrets[f"private key, line {number}"] = line
        found: dict[str, bytes] = {"what it printed": said}
        for name, content in written(home):
            found[name] = found.get(name, b"") + content
        yield found, secrets, stranger


def test_a_foreign_host_gets_no_request(played: tuple[dict[str, bytes], dict[str, str], Scripted]) -> None:
    """Prevents a token, or a form with a secret, from being sent to wherever an answer points."""
    _, _, stranger = played
    assert stranger.asked == []


def test_no_secret_is_in_anything_that_a_run_writes(played: tuple[dict[str, bytes], dict[str, str], Scripted]) -> None:
    """Prevents secrets in lake, event log, compute logs and output, where many more people read than may know them."""
    found, secrets, _ = played
    assert len(secrets) > 20
    leaks = [
        f"{name} in {place}"
        for place, content in found.items()
        for name, secret in secrets.items()
        if any(shape in content for shape in shapes(secret))
    ]
    assert leaks == []
    assert [place for place, content in found.items() if ASSERTION.search(content)] == []


def test_what_was_looked_through_tells_of_the_faults(
    played: tuple[dict[str, bytes], dict[str, str], Scripted],
) -> None:
    """Prevents the search from passing because nothing was written, or nothing of it was looked at."""
    found, _, _ = played
    everything = b"\n".join(found.values())
    assert b"redirects are not followed" in everything
    assert everything.count(b"you sent ***") + everything.count(b"you sent Bearer ***") > 3
    assert any(name.endswith(".db") for name in found)
    assert any("storage" in name and name.endswith((".out", ".err")) for name in found)
    assert any(name.endswith(".ndjson.zst") for name in found)
