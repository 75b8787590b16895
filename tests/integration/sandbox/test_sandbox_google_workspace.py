"""The Google Workspace stand-in over real HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.auth.exceptions import RefreshError

from tests.support.sandbox_server import Client, serving, uploads


def activities(client: Client, application: str, **query: Any) -> list[dict[str, Any]]:
    """All activities of an application, page after page."""
    session = client.google("reports")
    url = f"{client.url}/admin/reports/v1/activity/users/all/applications/{application}"
    items: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        answer = session.get(url, params={"maxResults": 9, **query, **token})
        answer.raise_for_status()
        page = answer.json()
        assert page.get("items") != []
        items += page.get("items", [])
        if not page.get("nextPageToken"):
            return items
        token = {"pageToken": page["nextPageToken"]}


def test_activities_come_newest_first_and_an_upload_is_one_activity(tmp_path: Path) -> None:
    """Prevents each of the several events of one upload from being counted as an upload."""
    with serving(tmp_path, uploads("google_workspace", 50), "2026-01-06T00:00:00Z") as client:
        span = {"startTime": "2026-01-05T00:00:00Z", "endTime": "2026-01-05T00:08:10Z"}
        items = activities(client, "drive", **span)
    times = [item["id"]["time"] for item in items]
    assert len(items) == 49
    assert times == sorted(times, reverse=True)
    for item in items:
        values = [{p["name"]: p for p in event["parameters"]} for event in item["events"]]
        primary = [event["name"] for event, told in zip(item["events"], values, strict=True)
                   if told["primary_event"]["boolValue"]]  # fmt: skip
        assert primary == ["upload"]
        assert len(item["events"]) >= 4
        assert len({told["doc_id"]["value"] for told in values}) == 1
        assert not any("size" in name for told in values for name in told)


def test_late_activity_lands_in_a_window_read_before(tmp_path: Path) -> None:
    """Prevents a client that never looks back from seeming complete."""
    late = uploads("google_workspace", 1, published_at="2026-01-05T09:00:00", file_name="late.pdf")
    rows = [*uploads("google_workspace", 5), *late]
    with serving(tmp_path, rows, "2026-01-05T08:00:00Z") as client:
        before = activities(client, "drive", endTime="2026-01-05T01:00:00Z")
        client.set_clock("2026-01-05T10:00:00Z")
        after = activities(client, "drive", endTime="2026-01-05T01:00:00Z")
    assert (len(before), len(after)) == (5, 6)


def test_drive_shows_an_account_its_own_files_as_they_are_now(tmp_path: Path) -> None:
    """Prevents sizes from being recovered that Drive would not give, or gives no longer."""
    rows = uploads("google_workspace", 3)
    rows[1]["file_gone"] = True
    rows.append(rows[0] | {"kind": "edit", "time": "2026-01-05T09:00:00", "bytes": 77})
    rows.append(rows[2] | {"kind": "delete", "time": "2026-01-05T09:00:00"})
    rows += uploads("google_workspace", 1, user="bo.chen@example.com")
    with serving(tmp_path, rows, "2026-01-05T08:00:00Z") as client:
        files = f"{client.url}/drive/v3/files"
        query = {"q": "modifiedTime > '2026-01-04T00:00:00'", "corpora": "user", "pageSize": "1"}
        fields = "nextPageToken,files(id,size,headRevisionId,modifiedTime,trashed)"
        ann, bo = client.google("drive", "ann.lee@example.com"), client.google("drive", "bo.chen@example.com")
        first = ann.get(files, params={**query, "fields": fields}).json()
        then = {**query, "fields": fields, "pageToken": first["nextPageToken"]}
        listed = first["files"] + ann.get(files, params=then).json()["files"]
        assert sorted(file["size"] for file in listed) == ["1000", "1002"]
        edited = next(file for file in listed if file["size"] == "1000")
        one = {"fields": "size,headRevisionId"}
        assert bo.get(f"{files}/{edited['id']}").json()["error"]["errors"][0]["reason"] == "notFound"
        client.set_clock("2026-01-05T10:00:00Z")
        now = ann.get(f"{files}/{edited['id']}", params=one).json()
        assert now["size"] == "77"
        assert now["headRevisionId"] != edited["headRevisionId"]
        later = ann.get(files, params={**query, "pageSize": "10", "fields": fields}).json()["files"]
    assert {file["size"]: file["trashed"] for file in later} == {"77": False, "1002": True}


def test_a_renamed_account_keeps_its_files_under_every_address_it_has(tmp_path: Path) -> None:
    """Prevents a rename in the played time from hiding files that the real Drive still shows.

    Google makes the old address of a renamed account an alias, until somebody else is given it.
    """
    old, new = "ann.lee@example.com", "ann.smith@new.example"
    rows = uploads("google_workspace", 4)
    for row in rows[2:]:
        row |= {"time": row["time"].replace("T00", "T12"), "address": new}
    rows[3]["address"] = "-"
    bo = uploads("google_workspace", 1, user="bo.chen@example.com", time="2026-01-06T00:00:00", address=old)
    with serving(tmp_path, [*rows, *bo], "2026-01-05T08:00:00Z") as client:
        files = f"{client.url}/drive/v3/files"

        def listed(subject: str) -> tuple[list[str], set[str]]:
            answer = client.google("drive", subject).get(files, params={"fields": "files(id,size,owners)"}).json()
            owners = {owner["emailAddress"] for file in answer["files"] for owner in file["owners"]}
            return sorted(file["size"] for file in answer["files"]), owners

        assert listed(old) == (["1000", "1001"], {old})
        with pytest.raises(RefreshError):
            client.google("drive", new)
        client.set_clock("2026-01-05T13:00:00Z")
        whole = (["1000", "1001", "1002", "1003"], {new})
        assert listed(new) == listed(old) == whole
        first = client.google("drive", old).get(files, params={"fields": "files(id)"}).json()["files"][0]["id"]
        assert client.google("drive", new).get(f"{files}/{first}").ok
        assert client.google("drive", new).get(f"{files}/{first}/revisions").ok
        owners = {
            parameter["value"]
            for item in activities(client, "drive")
            for event in item["events"]
            for parameter in event["parameters"]
            if parameter["name"] == "owner"
        }
        assert owners == {old, new}
        client.set_clock("2026-01-06T08:00:00Z")
        assert listed(new) == whole
        assert listed(old) == (["1000"], {old})


def test_only_members_can_be_acted_for_and_only_with_the_scope(tmp_path: Path) -> None:
    """Prevents a client from being tried where impersonating anyone works."""
    users = ("ann.lee@example.com", "bo.chen@example.com", "guest@other.example.net")
    rows = [uploads("google_workspace", 1, user=user)[0] for user in users]
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        with pytest.raises(RefreshError, match="unauthorized_client"):
            client.google("drive", "guest@other.example.net")
        with pytest.raises(RefreshError, match="invalid_grant"):
            client.google("drive", "nobody@example.com")
        denied = client.google("reports").get(f"{client.url}/drive/v3/files")
        assert (denied.status_code, denied.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
        url = f"{client.url}/admin/reports/v1/activity/users/all/applications/drive"
        assert client.plain.get(url).status_code == 401
        reader = client.google("reports")
        assert reader.get(url, params={"startTime": "2026-01-07T00:00:00Z"}).status_code == 400
        assert reader.get(url, params={"maxResults": 1001}).status_code == 400
        assert reader.get(url, params={"pageToken": "nonsense"}).status_code == 400
