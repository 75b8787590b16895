"""Looking sizes up at file APIs that throttle, refuse, lose their place or send odd answers, over real HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import AccessError, FileQuestion, build
from tests.support.scripted_server import Answer, Asked, environment, scripted

START = datetime(2026, 1, 5, tzinfo=UTC)
NOW = START + timedelta(hours=2)


def test_graph_asks_again_for_what_was_throttled_in_a_batch(tmp_path: Path) -> None:
    """Prevents files from going without a size because their neighbours were answered, or have an odd id."""
    throttled: set[str] = set()

    def answer(asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer({"error": {"code": "itemNotFound"}}, 404)
        steps = json.loads(asked.body)["requests"]
        assert len(steps) <= 20
        responses = []
        for step in reversed(steps):
            if step["url"] not in throttled:
                throttled.add(step["url"])
                responses.append({"id": step["id"], "status": 429, "headers": {"Retry-After": "1"}, "body": {}})
            elif "/items/gone/" in step["url"]:
                responses.append({"id": step["id"], "status": 404, "body": {"error": {"code": "itemNotFound"}}})
            elif "/items/closed/" in step["url"]:
                responses.append({"id": step["id"], "status": 403, "body": {"error": {"code": "accessDenied"}}})
            elif "/items/..%2F%24odd/" in step["url"]:
                responses.append({"id": step["id"], "status": 400, "body": {"error": {"code": "BadRequest"}}})
            else:
                responses.append({"id": step["id"], "status": 200, "body": {"size": 5, "cTag": "c"}})
        return Answer({"responses": responses})

    files = ["gone", "closed", *(f"file {number}" for number in range(25))]
    with scripted(answer) as server:
        connector = build("office365", environment(server.url, tmp_path), now=lambda: NOW)
        questions = [FileQuestion("", file, START, "site", "list") for file in [*files, "../$odd"]]
        answers = list(connector.file_sizes([*questions, FileQuestion("", "placeless", START)]))
    assert len(answers) == len(files) + 1
    states = {answer.file_id: (answer.state, answer.bytes) for answer in answers}
    assert states.pop("gone") == ("gone", None)
    assert states.pop("../$odd") == ("failed", None)
    assert states.pop("closed") == ("denied", None)
    assert set(states.values()) == {("found", 5)}


@pytest.mark.parametrize("link", ["{root}?token=more", "{root}(token='more')", "{root}?$skiptoken=more&other=1"])
def test_graph_changes_go_on_where_a_link_says_and_never_to_its_host(link: str, tmp_path: Path) -> None:
    """Prevents a token from going to a host that a server names, and the first of two tellings from standing."""
    root = "https://elsewhere.example.org/v1.0/drives/b!1/root/delta"

    def item(number: int, size: int) -> dict[str, object]:
        return {"size": size, "cTag": "c", "sharepointIds": {"listItemUniqueId": f"FILE-{number}"}}

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/drive"):
            return Answer({"id": "b!1"})
        assert asked.path == "/v1.0/drives/b!1/root/delta"
        if "more" in asked.query.values():
            return Answer({"value": [item(0, 99), {"id": "x", "deleted": {}}, *(item(n, n) for n in range(6, 12))]})
        assert asked.query["token"] == "2026-01-04T23:55:00Z"
        return Answer({"value": [item(n, n) for n in range(6)], "@odata.nextLink": link.format(root=root)})

    with scripted(answer) as server:
        connector = build("office365", environment(server.url, tmp_path), now=lambda: NOW)
        questions = [FileQuestion("", f"file-{number}", START, "site", "list") for number in range(12)]
        found = {answer.file_id: answer.bytes for answer in connector.file_sizes(questions)}
        assert len(server.of("/v1.0/")) == 3
    assert found == {**{f"file-{n}": n for n in range(12)}, "file-0": 99}


def test_drive_list_ends_once_all_files_were_met_and_files_outside_it_are_asked_alone(tmp_path: Path) -> None:
    """Prevents a call per file for a mass upload, and a whole drive being listed for a handful of files."""

    def answer(asked: Asked) -> Answer:
        if asked.path == "/drive/v3/files":
            page = int(asked.query.get("pageToken", 0))
            file = {"id": f"f{page}", "size": str(page), "headRevisionId": "r", "modifiedTime": "2026-01-05T00:00:00Z"}
            return Answer({"files": [file, {"id": "unasked"}], "nextPageToken": str(page + 1)})
        name = asked.path.rpartition("/")[2]
        if name == "binned":
            return Answer({"id": name, "size": "9", "trashed": True})
        return Answer({"error": {"code": 404, "errors": [{"reason": "notFound"}]}}, 404)

    with scripted(answer) as server:
        connector = build("google_workspace", environment(server.url, tmp_path), now=lambda: NOW)
        questions = [FileQuestion("ann@example.com", f"f{number}", START) for number in range(4)]
        answers = list(connector.file_sizes(questions))
        assert {(answer.file_id, answer.bytes) for answer in answers} == {(f"f{n}", n) for n in range(4)}
        assert len(server.of("/drive/v3/files")) == 4
        assert "modifiedTime > '2026-01-04T23:00:00Z'" in server.of("/drive/v3/files")[0].query["q"]
        alone = list(connector.file_sizes([FileQuestion("ann@example.com", name, START) for name in ("binned", "no")]))
        assert [(answer.state, answer.bytes) for answer in alone] == [("found", 9), ("gone", None)]
        assert len([asked for asked in server.asked if asked.signs_in]) == 1


def test_drive_switched_off_in_the_project_is_an_error_and_not_denied_file_by_file(tmp_path: Path) -> None:
    """Prevents a set-up without Drive's API from looking like files that nobody may see."""
    off = Answer({"error": {"code": 403, "message": "off", "errors": [{"reason": "accessNotConfigured"}]}}, 403)
    with scripted(lambda _: off) as server, pytest.raises(AccessError):
        connector = build("google_workspace", environment(server.url, tmp_path), now=lambda: NOW)
        list(connector.file_sizes([FileQuestion("ann@example.com", "f", START)]))


@pytest.mark.parametrize(
    ("provider", "refusal"),
    [
        ("box", Answer({"code": "insufficient_scope", "message": "scope"}, 403)),
        ("dropbox", Answer({"error_summary": "missing_scope/..", "error": {".tag": "missing_scope"}}, 401)),
    ],
)
def test_a_scope_that_is_missing_is_an_error_and_not_denied_file_by_file(
    provider: str, refusal: Answer, tmp_path: Path
) -> None:
    """Prevents a set-up without its scope from looking like files that nobody may see."""
    with scripted(lambda _: refusal) as server, pytest.raises(AccessError) as refused:
        connector = build(provider, environment(server.url, tmp_path), now=lambda: NOW)
        list(connector.file_sizes([FileQuestion("71", f"id:{n}", START, folder_id="/f") for n in range(5)]))
    assert "Give the application the scope" in refused.value.remedy


def test_a_dropbox_cursor_that_is_lost_leaves_each_file_its_id(tmp_path: Path) -> None:
    """Prevents a folder that changed meanwhile from costing all its files their sizes."""

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/continue"):
            return Answer({"error_summary": "reset/...", "error": {".tag": "reset"}}, 409)
        if asked.path.endswith("/list_folder"):
            return Answer({"entries": [{".tag": "file", "id": "id:0", "size": 7}], "cursor": "c", "has_more": True})
        return Answer({".tag": "file", "id": json.loads(asked.body)["path"], "size": 9, "rev": "r"})

    with scripted(answer) as server:
        connector = build("dropbox", environment(server.url, tmp_path), now=lambda: NOW)
        questions = [FileQuestion("dbmid:1", f"id:{n}", START, folder_id="/f") for n in range(4)]
        found = {answer.file_id: answer.bytes for answer in connector.file_sizes(questions)}
        assert {asked.headers["dropbox-api-select-user"] for asked in server.of("/2/files/")} == {"dbmid:1"}
    assert found == {"id:0": 7, "id:1": 9, "id:2": 9, "id:3": 9}
