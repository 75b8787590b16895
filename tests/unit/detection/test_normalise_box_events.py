"""Normalisation of Box events as Box documents them: which count, of whom they tell, and where the fields are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from detection.normalise.reading import LONGEST_LINE
from tests.unit.detection.test_normalise_box import event, land, rows, run

NOON = datetime(2026, 3, 4, 12)
UNKNOWN = {"type": "user", "id": "2", "name": "Unknown User", "login": ""}
ADA = {"type": "user", "id": 71, "name": "Ada", "login": "Ada@example.com"}

KINDS = {
    "upload": "UPLOAD ITEM_UPLOAD ITEM_CREATE",
    "edit": "EDIT",
    "download": "DOWNLOAD ITEM_DOWNLOAD FILE_WATERMARKED_DOWNLOAD",
    "delete": "DELETE ITEM_TRASH",
    "sign_in": "LOGIN",
    "sign_in_failed": "FAILED_LOGIN",
    "admin_impersonation": "ADMIN_LOGIN",
    "new_device": "ADD_LOGIN_ACTIVITY_DEVICE ADD_DEVICE_ASSOCIATION",
    "mfa_disabled": "DISABLE_MULTI_FACTOR_AUTH",
    "credentials_changed": "ENABLE_MULTI_FACTOR_AUTH ENABLE_TWO_FACTOR_AUTH EMAIL_ALIAS_CONFIRM EMAIL_ALIAS_REMOVE "
    "EMAIL_ALIAS_PRIMARY",
    "password_reset": "EDIT_USER",
    "provider_alert": "SHIELD_ALERT FILE_MARKED_MALICIOUS DEVICE_TRUST_CHECK_FAILED "
    "CONTENT_WORKFLOW_UPLOAD_POLICY_VIOLATION CONTENT_WORKFLOW_SHARING_POLICY_VIOLATION "
    "CONTENT_WORKFLOW_ABNORMAL_DOWNLOAD_ACTIVITY",
    "share_external": "SHARE ITEM_SHARED ITEM_SHARED_CREATE ITEM_SHARED_UPDATE SHARED_LINK_SEND",
    "copy on the server: no new bytes": "COPY ITEM_COPY UNDELETE FILE_VERSION_RESTORE MOVE ITEM_MOVE "
    "ITEM_MAKE_CURRENT_VERSION",
    "not an upload or activity": "ITEM_SYNC ITEM_MODIFY ITEM_OPEN CONTENT_ACCESS PREVIEW RENAME LOCK "
    "REMOVE_LOGIN_ACTIVITY_DEVICE CHANGE_ADMIN_ROLE OAUTH2_ACCESS_TOKEN_REVOKE APPLICATION_CREATED "
    "SHIELD_DOWNLOAD_BLOCKED SHIELD_JUSTIFICATION_APPROVAL EDR_CROWDSTRIKE_ACCESS_REVOKED CHANGE_FOLDER_PERMISSION",
}


def test_types_of_events(tmp_path: Path) -> None:
    """Box has 200 types, many alike in name: one taken for another is an upload or a sign lost or made up."""
    wanted = {name: kind for kind, names in KINDS.items() for name in names.split()}
    con = run(land(tmp_path, [event(event_id=name, event_type=name) for name in wanted]))
    found = {row["operation"]: row["kind"] for row in rows(con, "uploads") + rows(con, "activity")}
    assert found == {name: kind for name, kind in wanted.items() if " " not in kind}
    ignored = {row["reason"]: row["events"] for row in rows(con, "ignored")}
    assert ignored == {reason: len(names.split()) for reason, names in KINDS.items() if " " in reason}


@pytest.mark.parametrize(
    "when",
    [
        "2026-03-04T12:00:00Z",
        "2026-03-04T12:00:00-00:00",
        "2026-03-04T04:00:00-08:00",
        "2026-03-04T05:00:00.000-07:00",
        "2026-03-04T03:58:00-08:02",
        "2026-03-04T12:00:00",
    ],
)
def test_times_with_any_offset_are_utc(tmp_path: Path, when: str) -> None:
    """Box writes the time of its own coast, with milliseconds now and then, and once with an offset of odd minutes."""
    assert [row["time"] for row in rows(run(land(tmp_path, [event(created_at=when)])), "uploads")] == [NOON]


@pytest.mark.parametrize("id_", ["0a1b2c3d-0000-4000-8000-00000000000e", "0" * 39 + "e", 77])
def test_ids_of_events_come_in_three_forms(tmp_path: Path, id_: Any) -> None:
    """A number for an id must not make an event a stranger to its own second delivery."""
    found = rows(run(land(tmp_path, [event(event_id=id_), event(event_id=id_)])), "uploads")
    assert [row["event_key"] for row in found] == [str(id_)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"item_type": "file", "item_id": 501, "item_name": "a.pdf"}, ("501", "a.pdf", None, None)),
        ({"type": "file", "id": "501", "name": "a.pdf", "parent": None}, ("501", "a.pdf", None, None)),
        ({"type": "file", "file_id": "501", "file_name": "a.pdf", "owned_by": None}, ("501", "a.pdf", None, None)),
        (
            {
                "item_type": "file",
                "item_id": "501",
                "item_name": "a.pdf",
                "parent": {"id": "0", "name": "All Files"},
                "owned_by": {"login": "x@else.net"},
                "classification": {"name": "Secret"},
            },
            ("501", "a.pdf", "All Files", "x@else.net"),
        ),
    ],
)
def test_the_file_is_told_in_several_forms(tmp_path: Path, source: Any, expected: tuple[Any, ...]) -> None:
    """A file without its id can't be asked for a size; one without its owner or folder is still a file."""
    (row,) = rows(run(land(tmp_path, [event(source=source)])), "uploads")
    assert (row["file_id"], row["file_name"], row["folder"], row["owner"]) == expected


def test_sizes_of_the_stream_of_one_user_stand_in_the_source(tmp_path: Path) -> None:
    """Events named ITEM_ keep the size elsewhere; that of an admin event's source is the file's, not the upload's."""
    source = {"type": "file", "id": "501", "name": "a.pdf", "size": 26891788}
    lines = [event(event_type="ITEM_UPLOAD", source=source, additional_details=None)]
    lines.append(event(event_id="e2", source=source, additional_details=None))
    found = {row["operation"]: row["bytes"] for row in rows(run(land(tmp_path, [*lines])), "uploads")}
    assert found == {"ITEM_UPLOAD": 26891788, "UPLOAD": None}


@pytest.mark.parametrize(
    ("operation", "actor", "source"),
    [
        ("LOGIN", ADA, ADA),
        ("FAILED_LOGIN", ADA, ADA),
        ("FAILED_LOGIN", UNKNOWN, ADA),
        ("FAILED_LOGIN", ADA, None),
        ("ADMIN_LOGIN", {"id": "1", "login": "root@example.com"}, ADA),
        ("EDIT_USER", {"id": "1", "login": "root@example.com"}, ADA),
        ("DISABLE_MULTI_FACTOR_AUTH", {"id": "1", "login": "root@example.com"}, ADA),
        ("DISABLE_MULTI_FACTOR_AUTH", ADA, None),
    ],
)
def test_signs_belong_to_the_account_concerned(tmp_path: Path, operation: str, actor: Any, source: Any) -> None:
    """Who fails to sign in has not signed in, and an administrator's act is a sign of the account it is done to."""
    (row,) = rows(
        run(land(tmp_path, [event(event_type=operation, created_by=actor, source=source)]), domains=("example.com",)),
        "activity",
    )
    assert (row["user"], row["user_id"], row["actor_class"]) == ("ada@example.com", "71", "person")


def test_a_failed_sign_in_of_nobody_known_is_nobodys(tmp_path: Path) -> None:
    """Guesses at accounts that are not there must not fall on one user named Unknown."""
    line = event(event_type="FAILED_LOGIN", created_by=UNKNOWN, source=None, additional_details=None)
    (row,) = rows(run(land(tmp_path, [line])), "activity")
    assert (row["user"], row["actor_class"]) == ("box:anonymous", "anonymous")


SHIELD = {
    "locations": {"alert_summary": {"alert_activities": [{"ip_info": {"ip": "Unknown IP", "latitude": "37.5"}}]}},
    "sessions": {"alert_summary": {"sessions": [{"activities": [{"ip_info": {"country_code": "US"}}]}]}},
    "download": {"alert_summary": {"download_delta_size": "25 Mb", "download_delta_percent": 9200}},
    "malicious, as documented": {"alert_summary": {"upload_activity": {}}, "malware_info": {"file_name": "x"}},
    "malicious, as met": {"alert_summary": {"upload_activity": {}, "malware_info": {"file_name": "x"}}},
}


@pytest.mark.parametrize("alert", SHIELD.values(), ids=SHIELD)
def test_every_shield_alert_is_read(tmp_path: Path, alert: dict[str, Any]) -> None:
    """What an alert tells besides rule and subject differs by its category, and from Box's own description."""
    told = {"rule_name": "A rule", "rule_id": 123, "risk_score": 77, "user": {"id": 71, "email": "ada@example.com"}}
    line = event(
        event_type="SHIELD_ALERT",
        source=None,
        created_by=UNKNOWN,
        ip_address="Unknown IP",
        additional_details={"shield_alert": {**told, **alert}},
    )
    (row,) = rows(run(land(tmp_path, [line])), "activity")
    assert (row["user"], row["user_id"], row["ip"]) == ("ada@example.com", "71", None)
    assert row["detail"] == "Box Shield: A rule"


def test_actors_without_an_account_and_applications_are_no_people(tmp_path: Path) -> None:
    """All strangers as one user, or an application's nightly run as a person, would raise alerts without end."""
    actors: dict[str, Sequence[Mapping[str, object] | None]] = {
        "anonymous": [UNKNOWN, {"id": "2"}, {}, None],
        "service": [{"id": "8", "login": f"{kind}_1_a@boxdevedition.com"} for kind in ("AppUser", "AutomationUser")],
        "guest": [{"id": "5", "login": "eve@else.net"}],
        "person": [ADA, {"id": "6", "login": ""}, {"id": "9", "name": "Anonymous User"}],
    }
    for wanted, found in actors.items():
        for actor in found:
            (row,) = rows(run(land(tmp_path, [event(created_by=actor)]), domains=("example.com",)), "uploads")
            assert row["actor_class"] == wanted, actor


def test_a_line_longer_than_the_buffers_costs_no_other_line(tmp_path: Path) -> None:
    """Prevents an absurdly large event from ending the reading of its file, or from being lost itself."""
    absurd = event(event_id="absurd", session_id="x" * (2 * LONGEST_LINE))
    beside = land(tmp_path, [event(event_id="beside"), b"{"], "1200-1300")
    con = run(land(tmp_path, [event(event_id="before"), absurd, b"[", event(event_id="after")], "1100-1200"), beside)
    assert [row["event_key"] for row in rows(con, "uploads")] == ["absurd", "after", "before", "beside"]
    assert {row["event"] for row in rows(con, "rejects")} == {"{", "["}
