"""Common behaviour of all sandbox APIs: the client's file, the clock, the rate limit, and sameness from run to run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.sandbox_server import ROOT, serving, uploads


def test_same_workload_gives_the_same_bytes_in_every_run(tmp_path: Path) -> None:
    """Prevents ids drawn at random, with which no two runs of a demo could be compared."""
    rows = uploads("box", 5) + uploads("google_workspace", 5)
    answers = []
    for run in ("first", "second"):
        with serving(tmp_path / run, rows, "2026-01-06T00:00:00Z") as client:
            box = client.box().get(f"{client.url}/2.0/events", params={"stream_type": "admin_logs"})
            url = f"{client.url}/admin/reports/v1/activity/users/all/applications/drive"
            answers.append((box.content, client.google("reports").get(url).content))
    assert answers[0] == answers[1]


def test_environment_names_only_the_providers_of_the_workload(tmp_path: Path) -> None:
    """Prevents providers without events from looking configured."""
    with serving(tmp_path, uploads("dropbox", 1), "2026-01-06T00:00:00Z") as client:
        names = set(client.environment)
        assert client.plain.get(f"{client.url}/_sandbox/health").status_code == 200
        assert client.plain.get(f"{client.url}/2.0/events").status_code == 404
        wrong = client.plain.put(f"{client.url}/_sandbox/clock", json={"now": "noon"})
        assert wrong.status_code == 400
        client.set_clock("2026-02-01T10:00:00Z")
        assert client.plain.get(f"{client.url}/_sandbox/clock").json() == {"now": "2026-02-01T10:00:00Z"}
    assert {name.partition("_")[0] for name in names} == {"UPLOADWATCH", "DROPBOX"}


def test_limit_of_requests_is_answered_in_each_provider_shape(tmp_path: Path) -> None:
    """Prevents a client from being tried against a limit that no provider words so."""
    rows = [row for p in ("box", "dropbox", "google_workspace", "office365") for row in uploads(p, 1)]
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z", ["--requests-per-minute", "1"]) as client:
        tenant = client.environment["OFFICE365_TENANT_ID"]
        paths = {
            "box": "/2.0/events",
            "dropbox": "/2/team_log/get_events",
            "reports": "/admin/reports/v1/activity/users/all/applications/drive",
            "feed": f"/api/v1.0/{tenant}/activity/feed/subscriptions/list",
            "graph": "/v1.0/sites/a/lists/b/items/c/driveItem",
        }
        # Three calls, so that two of them fall into one minute.
        answers = {name: [client.plain.get(client.url + path) for _ in range(3)] for name, path in paths.items()}
    limited = {name: next(a for a in told if a.status_code in (403, 429)) for name, told in answers.items()}
    assert limited["box"].json()["code"] == "rate_limit_exceeded"
    assert int(limited["box"].headers["retry-after"]) > 0
    assert limited["dropbox"].json()["error"]["reason"] == {".tag": "too_many_requests"}
    assert limited["reports"].json()["error"]["errors"][0]["reason"] == "rateLimitExceeded"
    assert (limited["feed"].status_code, limited["feed"].json()["error"]["code"]) == (403, "AF429")
    assert limited["graph"].status_code == 429


def test_workload_that_cannot_be_served_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Prevents a misspelt provider from being left out in silence."""
    workload = tmp_path / "workload.csv"
    workload.write_text("provider,kind,time,user\nbocks,upload,2026-01-05T00:00:00Z,ann@example.com\n")
    command = [sys.executable, "-m", "sandbox", "serve", "--workload", str(workload), "--state", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "bocks" in run.stderr
    assert not (tmp_path / "sandbox.env").exists()
