"""Reasons that compare with a user's habits: sign-ins, applications, hours, downloads, what becomes of the files."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.support.made_alert import (
    ARCHIVES,
    DAY,
    EARLY,
    HISTORY,
    HOUR,
    MINUTE,
    OPENS,
    event,
    found,
    many,
    saved_over,
    unsized,
)


@pytest.mark.parametrize(
    ("burst", "reason", "part"),
    [
        ([*unsized("later_version"), *saved_over(1)], "overwritten_after_upload", "of 24 the size before is not known"),
        (
            [*unsized("later_version", estimated_bytes=10**8), *saved_over(10**6)],
            "overwritten_after_upload",
            "24 of 24",
        ),
        ([{**row, "left_bytes": 1} for row in ARCHIVES], "overwritten_after_upload", "480.0 GB became 0.0 GB"),
        (unsized("gone"), "deleted_after_upload", "24 of them before every size was known"),
        (unsized("estimated", estimated_bytes=9), "deleted_after_upload", "24 of 24 files"),
    ],
)
def test_a_version_that_is_removed_before_its_size_is_known_is_told(burst, reason, part):
    """Prevents traces that are swept away in time from leaving no sign of it."""
    deletions = [{**row, "kind": "delete", "time": row["time"] + HOUR} for row in burst]
    assert part in found(deletions if reason == "deleted_after_upload" else [], burst=burst)[reason]


@pytest.mark.parametrize(
    "burst",
    [
        # Autosave: versions in between are lost, and the file is as large as such files are.
        [*unsized("later_version", estimated_bytes=10**6), *saved_over(10**6)],
        [*ARCHIVES, *saved_over(21 * 10**9)],
        unsized("unknown"),
        # A look-up that finds no file may have asked in the wrong name.
        unsized("gone"),
        [*ARCHIVES, *({**row, "time": row["time"] + 3 * DAY} for row in saved_over(1))],
    ],
)
def test_what_autosave_and_unknown_sizes_leave_is_no_removal(burst):
    """Prevents everybody who saves a document every minute from looking like a thief."""
    assert not {"overwritten_after_upload", "deleted_after_upload"} & set(found(burst=burst))


@pytest.mark.parametrize(("days", "dormant"), [(14.9, False), (15.1, True)])
def test_an_account_is_dormant_after_fourteen_days(days, dormant):
    """Prevents a holiday of two weeks from being a reason, and the day of the signs from counting as activity."""
    last = event("sign_in", OPENS - timedelta(days=days))
    assert ("dormant_account" in found(last, history=EARLY)) is dormant


def test_only_what_uploads_the_files_of_the_alert_is_a_new_application():
    """Prevents a browser that was opened the evening before from being a reason."""
    assert "first_app" not in found(event("upload", OPENS - 5 * HOUR, app="Web"), event("sign_in", OPENS, app="Web"))


def test_the_applications_of_another_provider_are_no_history():
    """Prevents the first files at a second provider from being uploaded with a new application by necessity."""
    assert "first_app" not in found(burst=many(3, "upload", OPENS, MINUTE, app="desktop", provider="dropbox"))


def test_a_log_that_begins_to_name_applications_brings_no_new_ones():
    """Prevents everybody from having a new application on the day on which a provider fills a field that was empty."""
    derived = [row | {"app": "OneDrive sync (by user agent)"} for row in HISTORY]
    assert "first_app" not in found(history=derived)
    other = found(history=derived, burst=many(3, "upload", OPENS, MINUTE, app="rclone (by user agent)"))
    assert "uploaded with rclone (by user agent) (box)" in other["first_app"]
    assert other["first_app"].endswith("only OneDrive sync (by user agent)")


def test_hours_of_few_active_days_say_nothing():
    """Prevents somebody who is rarely seen from always being at work at an odd hour."""
    burst = many(5, "upload", OPENS + 2 * HOUR, 10 * MINUTE)
    seldom = [row for row in HISTORY if row["time"] > OPENS - 11 * DAY]
    assert "off_hours" not in found(history=seldom, burst=burst)
    assert "off_hours" in found(event("sign_in", OPENS - 20 * DAY), history=seldom, burst=burst)


SUCCESS = OPENS - HOUR


@pytest.mark.parametrize(
    ("failures", "successes", "expected"),
    [
        ([OPENS - 65 * MINUTE], [SUCCESS] * 5, None),
        ([OPENS - 65 * MINUTE] * 6, [SUCCESS], None),
        ([OPENS - n * MINUTE for n in (64, 63, 62, 61)] * 2, [SUCCESS] * 3, None),
        (
            [OPENS - n * MINUTE for n in (65, 64, 63, 62, 61)] * 3,
            [SUCCESS] * 5,
            "5 failed sign-ins from 2026-03-20 07:55",
        ),
    ],
)
def test_a_sign_in_told_by_several_records_is_one(
    failures: list[datetime], successes: list[datetime], expected: str | None
) -> None:
    """Office 365 writes several records of one sign-in in one second: joined, one failure would be five."""
    records = [event("sign_in_failed", time, provider="office365") for time in failures]
    records += [event("sign_in", time, provider="office365") for time in successes]
    told = found(records).get("failed_sign_ins_then_success")
    assert (told is None) is (expected is None)
    assert expected is None or (told is not None and told.startswith(expected))


def test_interrupts_are_no_guesses_at_a_password():
    """Five silent sign-ons or requests for consent, then a success, are an ordinary morning."""
    assert "failed_sign_ins_then_success" not in found(
        many(9, "sign_in_interrupted", OPENS - HOUR, MINUTE), event("sign_in", OPENS - 30 * MINUTE)
    )


def test_a_few_downloads_are_no_mass():
    """Prevents a user who never downloads from being suspicious for a handful of files."""
    assert "mass_download_before" not in found(many(99, "download", OPENS - 5 * HOUR, MINUTE))
