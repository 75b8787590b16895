"""Scores and the sentence, on tables made here."""

from __future__ import annotations

from datetime import timedelta

from detection.wording import Window, sentence, size
from tests.support.scored import DAY, scored


def test_a_source_in_activation_raises_nothing_through_the_scope_of_all():
    """Prevents the first day of a new source from alerting because another source is active."""
    hour = DAY + timedelta(hours=9)
    rows = [
        ("box", "new@example.com", hour, 1, 10),
        ("dropbox", "new@example.com", hour, 1, 10),
        ("google_workspace", "new@example.com", hour, 5_000, 10),
    ]
    assert scored(["box", "dropbox"], rows) == [("google_workspace", "new@example.com", 5_000)]
    assert ("all", "new@example.com", 5_002) in scored(["box", "dropbox", "google_workspace"], rows)


def test_halves_at_two_providers_add_up_and_an_idle_user_changes_nothing():
    """Prevents a burst that is split over providers from staying below every floor."""
    hour = DAY + timedelta(hours=9)
    rows = [("box", "two@example.com", hour, 40, 10), ("dropbox", "two@example.com", hour, 40, 10)]
    assert scored(["box", "dropbox"], rows) == [("all", "two@example.com", 80)]


def test_the_sentence_says_what_is_not_known():
    """Prevents unknown sizes from reading as nothing, and a newcomer's missing history as an average of zero."""
    usual = (0, None, None)
    newcomer = Window("ann\n@example.com", ("box",), DAY, 60, 0, None, 0, None, *usual, *usual, 900, "people", 30)
    said = sentence(newcomer)
    assert "60 files (sizes unknown) to Box" in said
    assert "no upload by this user is on record in the 30 days before" in said
    assert "\n" not in said
    partly = newcomer._replace(sized_files=50, bytes=5_000_000, files_windows=1, files_sum=1, files_max=1)
    assert "60 files (5.0 MB in the 50 whose size is known)" in sentence(partly)
    assert "gone" not in sentence(partly)
    one_gone = partly._replace(estimated_files=1, estimated_bytes=2_000_000)
    assert "whose size is known) to Box, and about 2.0 MB more in 1 file that is gone; in the 30 days" in sentence(
        one_gone
    )
    assert "about 2.0 MB more in 9 files that are gone" in sentence(one_gone._replace(estimated_files=9))
    assert "1 active three-hour window held 1 file on average and 1 file at most" in sentence(partly)
    assert "1 in 900 user-days in the organisation" in said
    # Service accounts are compared among themselves.
    assert "1 in 900 days of the organisation's service accounts" in sentence(newcomer._replace(population="services"))
    alone = sentence(newcomer._replace(population="services", one_in=1))
    assert "too few days of the organisation's service accounts are on record to say how rare that is." in alone


def test_the_sentence_tells_saves_from_files_and_what_is_known_from_what_is_not():
    """Prevents 300 saves of one deck from reading as 300 files, and a lost version from reading as nothing."""
    usual = (0, None, None)
    deck = Window("ann@example.com", ("box",), DAY, 1, 1, 40_000_000, 0, None, *usual, *usual, 900, "people", 30, 300)
    assert "uploaded 1 file (40.0 MB, saved 300 times) to Box;" in sentence(deck)
    lost = deck._replace(files=24, sized_files=0, bytes=24, saves=48, estimated_files=24, estimated_bytes=10**9)
    assert "24 files (at least 24 bytes, 24 of unknown size, saved 48 times) to Box" in sentence(lost)
    assert "about 1.0 GB more in 24 files deleted or overwritten before their size was known;" in sentence(lost)
    assert "24 files (sizes unknown, saved 48 times)" in sentence(lost._replace(bytes=None))


def test_sizes_are_said_in_decimal_units():
    """Prevents figures that round over a unit, such as 1000 kB."""
    assert [size(n) for n in (0, 999, 999_600, 1_500_000, 3_100_000_000)] == [
        "0 bytes",
        "999 bytes",
        "1.0 MB",
        "1.5 MB",
        "3.1 GB",
    ]
