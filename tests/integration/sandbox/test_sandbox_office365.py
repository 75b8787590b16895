"""The Office 365 stand-in over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests

from detection.user_agents import app_of
from tests.support.sandbox_server import Client, serving, uploads


def feed(client: Client) -> str:
    return f"{client.url}/api/v1.0/{client.environment['OFFICE365_TENANT_ID']}/activity/feed"


def records(client: Client, content_type: str, start: str, end: str) -> list[dict[str, Any]]:
    """The records of all blobs published in a window."""
    session = client.office365()
    session.post(f"{feed(client)}/subscriptions/start", params={"contentType": content_type})
    query = {"contentType": content_type, "startTime": start, "endTime": end}
    answer = session.get(f"{feed(client)}/subscriptions/content", params=query)
    answer.raise_for_status()
    blobs = answer.json()
    while "NextPageUri" in answer.headers:
        answer = session.get(answer.headers["NextPageUri"])
        answer.raise_for_status()
        blobs += answer.json()
    return [record for blob in blobs for record in session.get(blob["contentUri"]).json()]


def test_content_is_listed_by_publication_over_several_pages(tmp_path: Path) -> None:
    """Prevents a client that selects by the time of events, or reads one page, from seeming complete."""
    rows = uploads("office365", 96, app="sync")
    for number, row in enumerate(rows):
        row["time"] = f"2026-01-05T{number // 4:02}:{number % 4 * 15 + 1:02}:00"
    late = uploads("office365", 1, published_at="2026-01-06T05:00:00", file_name="late", app="sync")
    with serving(tmp_path, rows + late, "2026-01-07T00:00:00Z") as client:
        first = records(client, "Audit.SharePoint", "2026-01-05T00:00:00", "2026-01-06T00:00:00")
        second = records(client, "Audit.SharePoint", "2026-01-06T00:00:00", "2026-01-07T00:00:00")
    assert len({record["Id"] for record in first}) == len(first) == len(rows)
    assert [record["SourceFileName"] for record in second] == ["late"]
    assert second[0]["CreationTime"] == "2026-01-05T00:00:00"


def test_errors_name_the_codes_that_a_client_must_know(tmp_path: Path) -> None:
    """Prevents a client from being tried without the refusals that a day's work meets."""
    with serving(tmp_path, uploads("office365", 1), "2026-01-13T00:00:00Z") as client:
        session, root = client.office365(), feed(client)
        kind = {"contentType": "Audit.SharePoint"}

        def code(answer: requests.Response) -> str:
            assert answer.status_code >= 400
            return str(answer.json()["error"]["code"])

        assert code(session.get(f"{root}/subscriptions/content", params=kind)) == "AF20022"
        assert session.post(f"{root}/subscriptions/start", params=kind).json()["status"] == "enabled"
        assert code(session.post(f"{root}/subscriptions/start", params=kind)) == "AF20024"
        for start, end in (
            ("2026-01-05T00:00:00", "2026-01-05T01:00:00"),
            ("2026-01-10T00:00:00", "2026-01-12T00:00:00"),
            ("2026-01-12T00:00:00", "2026-01-11T00:00:00"),
            ("2026-01-12T00:00:00", ""),
        ):
            query = {**kind, "startTime": start, "endTime": end}
            assert code(session.get(f"{root}/subscriptions/content", params=query)) == "AF20055"
        assert code(session.get(f"{root}/audit/none$none$none$none$04")) == "AF20050"
        assert code(session.get(f"{root}/subscriptions/content", params={"contentType": "X"})) == "AF20020"
        graph = client.office365("https://graph.microsoft.com")
        assert code(graph.get(f"{root}/subscriptions/list")) == "AF10001"
        assert client.plain.get(f"{root}/subscriptions/list").status_code == 401


def test_some_uploads_are_saved_again_by_sharepoint_within_two_seconds(tmp_path: Path) -> None:
    """Prevents one upload in a browser from being counted twice without anyone noticing."""
    with serving(tmp_path, uploads("office365", 60), "2026-01-06T00:00:00Z") as client:
        found = records(client, "Audit.SharePoint", "2026-01-05T00:00:00", "2026-01-06T00:00:00")
    uploaded = {r["ListItemUniqueId"]: r for r in found if r["Operation"] == "FileUploaded"}
    saved = [r for r in found if r["Operation"] == "FileModified"]
    assert len(uploaded) == 60
    assert 0 < len(saved) < 60
    for record in saved:
        upload = uploaded[record["ListItemUniqueId"]]
        assert record["UserKey"] == upload["UserKey"]
        assert record["Id"] != upload["Id"]
        assert int(record["CreationTime"][-2:]) - int(upload["CreationTime"][-2:]) in (1, 2)
    assert not any("Size" in name or "Bytes" in name for record in found for name in record)


def test_sizes_come_from_the_log_only_where_the_workload_says_so(tmp_path: Path) -> None:
    """Prevents the two fields that may carry a size from being mixed up: one is a number, the other text."""
    web = uploads("office365", 1, size_in_log=True)
    synced = uploads("office365", 1, size_in_log=True, app="OneDrive sync", file_name="b")
    with serving(tmp_path, web + synced, "2026-01-06T00:00:00Z") as client:
        found = records(client, "Audit.SharePoint", "2026-01-05T00:00:00", "2026-01-06T00:00:00")
    by_operation = {record["Operation"]: record for record in found}
    assert by_operation["FileUploaded"]["FileSizeBytes"] == 1000
    assert by_operation["FileSyncUploadedFull"]["FileSyncBytesCommitted"] == "1000"


def test_most_uploads_tell_a_user_agent_and_no_application(tmp_path: Path) -> None:
    """Prevents a product from looking complete that knows applications by a name the real log does not give."""
    clients = ("OneDrive SyncEngine", "SharePoint Online Web", "Microsoft Teams", "Microsoft Office", "rclone")
    rows = [
        row | {"app": app, "file_name": f"{app} {row['file_name']}", "user": f"user{number % 20}@example.com"}
        for app in clients
        for number, row in enumerate(uploads("office365", 100))
    ]
    machine = uploads("office365", 10, user="app@sharepoint", app="Records Sync")
    with serving(tmp_path, [*rows, *machine], "2026-01-06T00:00:00Z") as client:
        found = records(client, "Audit.SharePoint", "2026-01-05T00:00:00", "2026-01-06T00:00:00")
    uploaded = [record for record in found if record["Operation"].endswith(("Uploaded", "UploadedFull"))]
    by_people = [record for record in uploaded if record["UserType"] == 0]
    named = [record for record in by_people if "ApplicationDisplayName" in record]
    assert len(by_people) == 500
    assert 0 < len(named) < 50
    assert all("ApplicationId" in record for record in named)
    known = ("OneDrive sync", "Edge", "Chrome", "Firefox", "Teams", "Office", "rclone")
    assert {app_of(record["UserAgent"]) for record in by_people} == {f"{name} (by user agent)" for name in known}
    assert [r["ApplicationDisplayName"] for r in uploaded if r not in by_people] == ["Records Sync"] * 10


def test_graph_answers_a_batch_in_its_own_order_each_with_a_status(tmp_path: Path) -> None:
    """Prevents a client that pairs answers by place, or fails whole for one missing file, from passing."""
    rows = uploads("office365", 21)
    rows[3]["file_gone"] = True
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        found = records(client, "Audit.SharePoint", "2026-01-05T00:00:00", "2026-01-06T00:00:00")
        files = {r["SourceFileName"]: r for r in found if r["Operation"] == "FileUploaded"}
        steps = [
            {
                "id": name,
                "method": "GET",
                "url": f"/sites/{r['Site']}/lists/{r['ListId']}/items/{r['ListItemUniqueId']}/driveItem"
                "?$select=id,size,lastModifiedDateTime,cTag",
            }
            for name, r in files.items()
        ]
        graph = client.office365("https://graph.microsoft.com")
        batch = f"{client.url}/v1.0/$batch"
        assert graph.post(batch, json={"requests": steps}).status_code == 400
        answers = graph.post(batch, json={"requests": steps[:20]}).json()["responses"]
    assert [answer["id"] for answer in answers] != [step["id"] for step in steps[:20]]
    status = {answer["id"]: answer["status"] for answer in answers}
    assert [name for name, told in status.items() if told != 200] == ["report 3.pdf"]
    sizes = {answer["id"]: answer["body"]["size"] for answer in answers if answer["status"] == 200}
    assert sizes["report 7.pdf"] == 1007


def test_signals_of_compromise_name_the_account_concerned(tmp_path: Path) -> None:
    """Prevents an alert, or an administrator's change, from being laid at the wrong account."""
    kinds = ("provider_alert", "mfa_disabled", "sign_in_failed")
    rows = [uploads("office365", 1, kind=kind, file_name="")[0] for kind in kinds]
    window = ("2026-01-05T00:00:00", "2026-01-06T00:00:00")
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        (alert,) = records(client, "Audit.General", *window)
        changed, failed = sorted(records(client, "Audit.AzureActiveDirectory", *window), key=lambda r: r["RecordType"])
    assert json.loads(alert["Data"])["f3u"] == "ann.lee@example.com"
    assert alert["UserId"] == "SecurityComplianceAlerts"
    assert (changed["Operation"], changed["ObjectId"]) == ("Disable Strong Authentication.", "ann.lee@example.com")
    assert failed["Operation"] == "UserLoginFailed"
