"""Meaning of Office 365 records: codes of failed sign-ins, second factors, subjects, and non-human accounts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.office365_records import Event, outcomes_of, record

GUID = "00000000-0000-4000-8000-000000000005"


def failed(**changes: Any) -> Event:
    return record(Operation="UserLoginFailed", RecordType=15, ResultStatus="Success", **changes)


@pytest.mark.parametrize("code", ["50126", 50126, "50053", "50055", "50056", "50064", "50144", "500121"])
def test_wrong_locked_and_expired_passwords_are_failed_sign_ins(tmp_path: Path, code: Any) -> None:
    """These are what a guess at a password leaves."""
    [row] = outcomes_of(tmp_path, failed(ErrorNumber=code))
    assert (row["kind"], row["detail"][:5]) == ("sign_in_failed", str(code)[:5])


@pytest.mark.parametrize(
    "code",
    [
        *("65001", "50058", "50072", "50011", "1000000", "50089", "50132", "50133", "900941", "50140", "50074"),
        *("50076", "50079", "50097", "53003", "65004", "16000", "0"),
    ],
)
def test_interrupts_are_no_failed_sign_ins(tmp_path: Path, code: str) -> None:
    """Consent, a silent sign-on or a second factor to be enrolled are a third of all failures, and no guesses."""
    [row] = outcomes_of(tmp_path, failed(ErrorNumber=code))
    assert (row["kind"], row["detail"].split(":")[0]) == ("sign_in_interrupted", code)


@pytest.mark.parametrize(
    ("changes", "kind", "detail"),
    [
        ({"ErrorNumber": "987654"}, "sign_in_interrupted", "unknown code 987654: not counted as a failure"),
        ({"ErrorNumber": "x" * 99}, "sign_in_interrupted", f"unknown code {'x' * 40}: not counted as a failure"),
        ({"ErrorNumber": "", "ErrorCode": "50126"}, "sign_in_failed", "50126: wrong user name or password"),
        ({"LogonError": "InvalidUserNameOrPassword"}, "sign_in_failed", "50126: wrong user name or password"),
        ({"LogonError": "KmsiInterrupt"}, "sign_in_interrupted", "50140: asked whether to stay signed in"),
        *(
            (nothing, "sign_in_interrupted", "no code: not counted as a failure")
            for nothing in ({}, {"ErrorNumber": None}, {"ErrorNumber": "", "ErrorCode": " ", "LogonError": ""})
        ),
    ],
)
def test_the_code_stands_in_several_fields_or_nowhere(
    tmp_path: Path, changes: Event, kind: str, detail: str | None
) -> None:
    """Prevents a failure of which nothing says why from counting as a guess at a password."""
    [row] = outcomes_of(tmp_path, failed(**changes))
    assert (row["kind"], row["detail"]) == (kind, detail)


def changed(name: str, old: str | None, new: str | None) -> Event:
    return record(
        Operation="Update user.",
        RecordType=8,
        UserId="root@example.com",
        ObjectId="Ann@example.com",
        ModifiedProperties=[
            {"Name": "LastDirSyncTime", "OldValue": "", "NewValue": "x"},
            {"Name": name, "OldValue": old, "NewValue": new},
        ],
    )


ON = '[\r\n  {\r\n    "RelyingParty": "*",\r\n    "State": 1,\r\n    "RememberDevicesNotIssuedBefore": "x"\r\n  }\r\n]'
ENFORCED = ON.replace(": 1", ": 2")
OFF = '[{"RelyingParty":"*","State":0}]'
METHODS = '[{"MethodType":6,"Default":true},{"MethodType":7,"Default":false}]'
ENABLED_BY_NAME = '[{"RelyingParty":"*","State":"Enabled"}]'
ENFORCED_BY_NAME = '[ { "RelyingParty": "*", "State": "Enforced" } ]'
DISABLED_BY_NAME = '[{"RelyingParty":"*","State":"Disabled"}]'
REQUIREMENT, METHOD = "StrongAuthenticationRequirement", "StrongAuthenticationMethod"
BY_NAME = [
    (ENABLED_BY_NAME, DISABLED_BY_NAME),
    (ENFORCED_BY_NAME, DISABLED_BY_NAME),
    (ENFORCED_BY_NAME, "[]"),
    (ENFORCED_BY_NAME.replace('"', '\\"'), DISABLED_BY_NAME.replace('"', '\\"')),
    ("Enforced", "Disabled"),
    ('["Enabled"]', '["Disabled"]'),
    ("1", "0"),
]


@pytest.mark.parametrize(
    ("name", "old", "new", "kind"),
    [
        (REQUIREMENT, ON, OFF, "mfa_disabled"),
        (REQUIREMENT, ENFORCED, OFF, "mfa_disabled"),
        (REQUIREMENT, ON, "[]", "mfa_disabled"),
        (REQUIREMENT, ON, None, "mfa_disabled"),
        (REQUIREMENT, OFF, ON, "credentials_changed"),
        (REQUIREMENT, "[]", ENFORCED, "credentials_changed"),
        (REQUIREMENT, ON, ENFORCED, "credentials_changed"),
        (REQUIREMENT, OFF, OFF, None),
        *((REQUIREMENT, on, off, "mfa_disabled") for on, off in BY_NAME),
        *((REQUIREMENT, off, on, "credentials_changed") for on, off in BY_NAME),
        (REQUIREMENT, ENABLED_BY_NAME, ENFORCED_BY_NAME, "credentials_changed"),
        (REQUIREMENT, "Disabled", "Disabled", None),
        (REQUIREMENT.lower(), "Enforced", "Disabled", "mfa_disabled"),
        (METHOD, METHODS, "[]", "mfa_disabled"),
        (METHOD, METHODS, None, "mfa_disabled"),
        (METHOD, "[]", METHODS, "credentials_changed"),
        (METHOD, None, METHODS, "credentials_changed"),
        (METHOD, METHODS, '[{"MethodType":6,"Default":true}]', "credentials_changed"),
        ("StrongAuthenticationUserDetails", "[]", '[{"PhoneNumber":"+1"}]', "credentials_changed"),
        ("AccountEnabled", "[false]", "[true]", None),
    ],
)
def test_a_second_factor_is_switched_off_in_a_property(
    tmp_path: Path, name: str, old: str | None, new: str | None, kind: str | None
) -> None:
    """Prevents an update of the user, whose properties alone say what was done, from being ignored."""
    event = changed(name, old, new)
    properties = event["ModifiedProperties"]
    shapes = [properties, json.dumps(properties), [json.dumps(each) for each in properties]]
    rows = outcomes_of(
        tmp_path, *({**event, "Id": f"r{n}", "ModifiedProperties": each} for n, each in enumerate(shapes))
    )
    assert {(row["kind"], row["user"]) for row in rows} == {(kind, "ann@example.com" if kind else None)}


@pytest.mark.parametrize("target", [list, json.dumps])
def test_lists_are_read_out_of_texts(tmp_path: Path, target: Any) -> None:
    """Prevents the account that is meant, and the user agent, from being lost where lists are delivered as text."""
    line = record(
        Operation="Reset user password.",
        UserId=f"ServicePrincipal_{GUID}",
        Target=target([{"ID": GUID, "Type": 2}, {"ID": "Ann@example.com", "Type": 5}]),
    )
    [row] = outcomes_of(tmp_path, line)
    assert (row["kind"], row["user"]) == ("password_reset", "ann@example.com")
    properties = [{"Name": "UserAgent", "Value": "rclone/v1.65"}]
    [row] = outcomes_of(tmp_path, record(ExtendedProperties=target(properties)))
    assert row["app"] and row["app"].startswith("rclone")


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("Disable Strong Authentication.", "mfa_disabled"),
        ("Enable Strong Authentication.", "credentials_changed"),
        ("Enable Strong Authentication", "credentials_changed"),
        ("Reset user password.", "password_reset"),
        ("Reset password (self-service)", "password_reset"),
        ("Admin deleted security info", "credentials_changed"),
        ("Add registered owner to device.", "new_device"),
        ("Add registered users to device.", "new_device"),
        ("Register device.", "new_device"),
    ],
)
@pytest.mark.parametrize("pointing", [{"ObjectId": "Ann@example.com"}, {"ObjectId": GUID}])
def test_an_event_of_the_directory_is_about_its_target(
    tmp_path: Path, operation: str, kind: str, pointing: Event
) -> None:
    """A device that a service registers, or a password that an administrator resets, is the person's."""
    target = [{"ID": GUID, "Type": 2}, {"ID": "Ann", "Type": 1}, {"ID": "Ann@example.com", "Type": 5}]
    service = f"ServicePrincipal_{GUID}"
    line = record(Operation=operation, RecordType=8, UserId=service, UserKey="Not Available", UserType=4, Target=target)
    [row] = outcomes_of(tmp_path, {**line, **pointing})
    assert (row["kind"], row["user"], row["actor_class"]) == (kind, "ann@example.com", "person")


def test_services_are_told_apart_by_their_ids(tmp_path: Path) -> None:
    """The text *Not Available* as an id would make one user of all services, and of the people that it hides."""
    lines = [
        record(Operation="Register device.", UserId=f"ServicePrincipal_{n}", UserKey=key, UserType=4, ObjectId="device")
        for n, key in (("1-a", "Not Available"), ("1-b", ""), ("1-c", "1-c"), ("1-d", "not available"))
    ]
    assert [(row["user"], row["actor_class"]) for row in outcomes_of(tmp_path, *lines)] == [
        (f"office365:1-{name}", "service") for name in "abcd"
    ]


@pytest.mark.parametrize(
    ("operations", "uploads"),
    [
        ("FileUploaded FileModified FileModifiedExtended", 1),
        ("FileModified FileModifiedExtended", 1),
        ("FileSyncUploadedPartial FileModified", 1),
        ("FileSyncUploadedFull FileModifiedExtended FileModifiedExtended", 1),
        ("FileModifiedExtended FileModifiedExtended", 2),
        ("FileUploaded FileUploaded", 2),
    ],
)
def test_one_upload_told_by_several_records_is_one(tmp_path: Path, operations: str, uploads: int) -> None:
    """A saved document would be two or three uploads of as many times its size."""
    lines = [
        record(Id=f"r{n}", CreationTime=f"2026-03-04T12:00:{20 * n:02}", Operation=name, FileSizeBytes=1000 + n)
        for n, name in enumerate(operations.split())
    ]
    found = [row for row in outcomes_of(tmp_path, *lines) if row["outcome"] == "upload"]
    assert len(found) == uploads
    assert uploads > 1 or found[0]["bytes"] == 1000 + len(lines) - 1


def test_what_goes_on_with_a_save_belongs_to_its_upload(tmp_path: Path) -> None:
    """A chain over more than five minutes would be an upload and a save."""
    times = {"FileUploaded": "12:00:00", "FileModified": "12:04:00", "FileModifiedExtended": "12:08:00"}
    lines = [
        record(Id=name, CreationTime=f"2026-03-04T{time}", Operation=name, FileSizeBytes=n)
        for n, (name, time) in enumerate(times.items())
    ]
    assert [
        (row["operation"], row["bytes"]) for row in outcomes_of(tmp_path, *lines) if row["outcome"] == "upload"
    ] == [("FileUploaded", 2)]


@pytest.mark.parametrize(
    ("changes", "actor_class"),
    [
        ({"UserId": "anonymous"}, "anonymous"),
        ({"UserId": "S-1-0-0"}, "anonymous"),
        ({"UserId": "urn:forms:anonymous#1@forms.office.com"}, "anonymous"),
        ({"UserId": "urn:forms:external#1@forms.office.com"}, "guest"),
        ({"UserId": "NT SERVICE\\Sync"}, "system"),
        ({"UserId": "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)"}, "system"),
        ({"UserId": "S-1-5-18"}, "system"),
        ({"UserId": "S-1-5-21-1-2-3-1001"}, "person"),
        ({"UserId": "bot@example.com", "UserType": "Application"}, "app"),
        ({"UserId": "eve@else.example", "UserType": "Guest"}, "guest"),
        ({"UserId": "ann@example.com", "UserType": "Regular"}, "person"),
        ({"UserId": "ann@example.com", "UserType": "something new"}, "person"),
        # A prefix within an address makes nobody a service, nor a name a system.
        ({"UserId": "ServicePrincipal_x@example.com"}, "person"),
        ({"UserId": "anonymous@example.com"}, "person"),
        ({"UserId": "s-1-5-80-1@example.com"}, "person"),
        ({"UserId": "urn:spo:guest#urn:spo:anon#eve@else.example"}, "guest"),
        ({"UserId": "urn:spo:tenantanon#1"}, "anonymous"),
        ({"UserId": "system@example.com"}, "person"),
    ],
)
def test_who_is_no_person_is_said_by_ids_and_closed_lists(tmp_path: Path, changes: Event, actor_class: str) -> None:
    """Who counts as a system is not watched: nothing that somebody chose may say so."""
    [row] = outcomes_of(tmp_path, record(**changes))
    assert row["actor_class"] == actor_class


@pytest.mark.parametrize("code", ["50126.0", " 50126 ", "0050126", "AADSTS50126", "aadsts50126", 50126.0])
@pytest.mark.parametrize("operation", ["UserLoginFailed", "userloginfailed", "UserLoginFailed "])
def test_a_code_counts_however_it_is_written(tmp_path: Path, operation: str, code: Any) -> None:
    """Prevents a guessed password from counting for nothing by the spelling of its code."""
    [row] = outcomes_of(tmp_path, {**failed(ErrorNumber=code), "Operation": operation})
    assert row["kind"] == "sign_in_failed"


@pytest.mark.parametrize("type_", ["File", "file", "FILE", "File ", "", None, 1, "1", "Document", "Invalid", 0, "New"])
def test_a_type_that_is_not_known_hides_no_upload(tmp_path: Path, type_: Any) -> None:
    """Prevents uploads from being dropped as folders, by a spelling or by a type that is new."""
    [row] = outcomes_of(tmp_path, record(ItemType=type_))
    assert (row["outcome"], row["kind"]) == ("upload", "upload")


@pytest.mark.parametrize("type_", ["Folder", "folder", 5, "Web", "Page", "DocumentLibrary"])
def test_what_is_no_file_is_no_upload(tmp_path: Path, type_: Any) -> None:
    """Prevents a new folder from counting as a file."""
    [row] = outcomes_of(tmp_path, record(ItemType=type_))
    assert (row["outcome"], row["reason"]) == ("ignored", "not a file")


@pytest.mark.parametrize("status", ["Failure", "failed", "False"])
@pytest.mark.parametrize(
    "operation", ["Disable Strong Authentication.", "Reset user password.", "Add registered owner to device."]
)
def test_an_attempt_that_failed_is_no_sign(tmp_path: Path, operation: str, status: str) -> None:
    """Prevents a second factor that stayed on from being told as switched off."""
    changes = {"Operation": operation, "RecordType": 8, "ObjectId": "ann@example.com"}
    [row] = outcomes_of(tmp_path, record(**changes, ResultStatus=status))
    assert (row["outcome"], row["reason"]) == ("ignored", "an attempt that failed")
    [row] = outcomes_of(tmp_path, record(**changes, ResultStatus="Success"))
    assert row["outcome"] == "activity"


@pytest.mark.parametrize(
    ("user", "shown", "actor_class"),
    [
        (" ann@example.com ", "ann@example.com", "person"),
        ("ann@example.com\u200b", "ann@example.com", "person"),
        ("i:0#.f|membership|Ann@example.com", "ann@example.com", "person"),
        ("live.com#ben@gmail.com", "ben@gmail.com", "guest"),
        ("S-1-5-7", "office365:anonymous", "anonymous"),
        ("Everyone", "office365:anonymous", "anonymous"),
        ("IIS APPPOOL\\site", "office365:system", "system"),
    ],
)
def test_an_account_is_known_in_whatever_dress(tmp_path: Path, user: str, shown: str, actor_class: str) -> None:
    """Prevents a blank or a claim around an address from making another user of somebody."""
    [row] = outcomes_of(tmp_path, record(UserId=user, UserKey=""))
    assert (row["user"], row["actor_class"]) == (shown, actor_class)


def test_files_are_told_apart_by_ids_that_are_ids(tmp_path: Path) -> None:
    """Prevents many files of an id that says nothing from counting as one, and one file of two spellings as two."""
    nil = "00000000-0000-0000-0000-000000000000"
    rows = outcomes_of(
        tmp_path, *(record(Id=f"n{n}", ListItemUniqueId=nil, SourceFileName=f"{n}.zip") for n in range(3))
    )
    assert [row["outcome"] for row in rows] == ["upload"] * 3
    guid = "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b"
    rows = outcomes_of(
        tmp_path,
        record(Id="a", ListItemUniqueId=guid),
        record(Id="b", Operation="FileModified", ListItemUniqueId=f"{{{guid.upper()}}}"),
    )
    assert [row["reason"] for row in rows] == [None, "part of another upload"]
