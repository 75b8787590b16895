"""The stand-ins' file APIs: what the providers' own SDKs make of them, and their refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from box_sdk_gen import BaseUrls, BoxAPIError, BoxCCGAuth, BoxClient, CCGConfig
from dropbox import files
from stone.backends.python_rsrc import stone_serializers

from tests.support.sandbox_server import serving, uploads

NOW = "2026-01-06T00:00:00Z"


def saved(provider: str) -> list[dict[str, Any]]:
    """Three files, of which the first was saved again, and the second put in the bin."""
    rows = uploads(provider, 3)
    again = rows[0] | {"kind": "edit", "time": "2026-01-05T08:00:00", "bytes": 77}
    return [*rows, again, rows[1] | {"kind": "delete", "time": "2026-01-05T09:00:00"}]


def test_box_sdk_reads_files_versions_and_folders_as_an_account(tmp_path: Path) -> None:
    """Prevents a stand-in whose files only our own client can read, or that anybody sees."""
    with serving(tmp_path, saved("box"), NOW) as client:
        e = client.environment
        config = CCGConfig(
            client_id=e["BOX_CLIENT_ID"], client_secret=e["BOX_CLIENT_SECRET"], enterprise_id=e["BOX_ENTERPRISE_ID"]
        )
        own = BoxClient(BoxCCGAuth(config)).with_custom_base_urls(
            BaseUrls(base_url=client.url, upload_url=client.url, oauth_2_url=f"{client.url}/oauth2")
        )
        listed = client.box().get(f"{client.url}/2.0/events", params={"stream_type": "admin_logs"}).json()["entries"]
        first, binned = listed[0], listed[1]
        box = own.with_as_user_header(first["created_by"]["id"])
        fields = ["id", "size", "modified_at", "file_version"]
        file = box.files.get_file_by_id(first["source"]["item_id"], fields=fields)
        version = first["additional_details"]["version_id"]
        old = box.file_versions.get_file_version_by_id(file.id, version, fields=["size"])
        items = box.folders.get_folder_items(first["source"]["parent"]["id"], fields=fields, limit=1000)
        refused = []
        for seer, file_id in ((box, binned["source"]["item_id"]), (own, file.id)):
            with pytest.raises(BoxAPIError) as error:
                seer.files.get_file_by_id(file_id)
            refused.append((error.value.response_info.status_code, error.value.response_info.code))
        stranger = own.with_as_user_header("12345")
        with pytest.raises(BoxAPIError) as error:
            stranger.files.get_file_by_id(file.id)
    assert (file.size, old.size) == (77, 1000)
    assert file.file_version is not None
    assert file.file_version.id != version
    assert sorted(item.size for item in items.entries or []) == [77, 1002]
    assert items.total_count == 2
    assert refused == [(404, "trashed"), (404, "not_found")]
    assert error.value.response_info.status_code == 403


def test_dropbox_sdk_takes_metadata_and_folders_for_its_own(tmp_path: Path) -> None:
    """Prevents a stand-in that the strict official SDK would refuse, and errors that Dropbox does not give."""
    with serving(tmp_path, saved("dropbox"), NOW) as client:
        session = client.dropbox()
        events = session.post(f"{client.url}/2/team_log/get_events", json={}).json()["events"]
        member = events[0]["actor"]["user"]["team_member_id"]
        ids = {event["timestamp"]: event["assets"][0]["file_id"] for event in events}
        session.headers["Dropbox-API-Select-User"] = member

        def post(route: str, **argument: Any) -> Any:
            return session.post(f"{client.url}/2/files/{route}", json=argument)

        found = post("get_metadata", path=ids["2026-01-05T00:00:00Z"]).json()
        page = post("list_folder", path="/Projects/North", limit=1).json()
        rest = post("list_folder/continue", cursor=page["cursor"]).json()
        gone = post("get_metadata", path=ids["2026-01-05T00:00:10Z"])
        nowhere = post("list_folder", path="/elsewhere")
        malformed = post("list_folder", path="elsewhere")
        session.headers["Dropbox-API-Select-User"] = "dbmid:nobody"
        stranger = post("get_metadata", path=ids["2026-01-05T00:00:00Z"])
        del session.headers["Dropbox-API-Select-User"]
        nobody = post("get_metadata", path=ids["2026-01-05T00:00:00Z"])
    metadata = stone_serializers.json_compat_obj_decode(files.Metadata_validator, found)
    assert (metadata.size, metadata.id) == (77, found["id"])
    for answer, size in ((page, 77), (rest, 1002)):
        listed = stone_serializers.json_compat_obj_decode(files.ListFolderResult_validator, answer)
        assert [entry.size for entry in listed.entries] == [size]
    assert (page["has_more"], rest["has_more"]) == (True, False)
    for answer in (gone, nowhere):
        assert (answer.status_code, answer.json()["error"]["path"][".tag"]) == (409, "not_found")
    assert (stranger.status_code, stranger.json()["error"][".tag"]) == (401, "invalid_select_user")
    assert [answer.status_code for answer in (malformed, nobody)] == [400, 400]
    assert nobody.headers["content-type"].startswith("text/plain")


def test_graph_tells_what_changed_in_a_drive_page_by_page(tmp_path: Path) -> None:
    """Prevents a stand-in that tells of unchanged files, or that keeps quiet about deleted ones."""
    with serving(tmp_path, saved("office365"), NOW) as client:
        feed = f"{client.url}/api/v1.0/{client.environment['OFFICE365_TENANT_ID']}/activity/feed"
        audit = client.office365()
        audit.post(f"{feed}/subscriptions/start", params={"contentType": "Audit.SharePoint"})
        window = {"startTime": "2026-01-05T00:00:00", "endTime": "2026-01-05T23:00:00"}
        [blob, *_] = audit.get(
            f"{feed}/subscriptions/content", params={"contentType": "Audit.SharePoint", **window}
        ).json()
        record = audit.get(blob["contentUri"]).json()[0]
        graph = client.office365("https://graph.microsoft.com")
        library = f"{client.url}/v1.0/sites/{record['Site']}/lists/{record['ListId']}/drive"
        drive = graph.get(library, params={"$select": "id"}).json()["id"]
        delta = f"{client.url}/v1.0/drives/{drive}/root/delta"
        select = {"$select": "id,size,sharepointIds,deleted", "$top": "1"}
        pages = [graph.get(delta, params={**select, "token": "2026-01-04T00:00:00Z"}).json()]
        while link := pages[-1].get("@odata.nextLink"):
            pages.append(graph.get(link, params=select).json())
        late = graph.get(delta, params={**select, "token": "2026-01-05T07:00:00Z"}).json()["value"]
        lost = graph.get(delta, params={"token": "nonsense"})
    told = [item for page in pages for item in page["value"]]
    assert len(told) == len(pages) == 3
    assert sorted(item["size"] for item in told if "deleted" not in item) == [77, 1002]
    assert [set(item) for item in told if "deleted" in item] == [{"id", "deleted"}]
    assert [(item["size"], item["sharepointIds"]["listItemUniqueId"]) for item in late] == [
        (77, record["ListItemUniqueId"])
    ]
    assert (lost.status_code, lost.json()["error"]["code"]) == (410, "resyncRequired")
