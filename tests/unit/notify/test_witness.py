"""Witness beside the outbox: what it keeps of the ledger, through crashes and from earlier versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from notify.published import Published, as_text, is_whole
from notify.witness import witness_of

REVISIONS = as_text({"a": Published(2, "open 1f")})


def test_a_witness_keeps_the_latest_revision_of_each_alert(tmp_path: Path) -> None:
    """Prevents a deleted outbox from taking with it what the ledger had published, or that it was ahead of that."""
    path = tmp_path / "outbox.db"
    path.touch()
    with witness_of(path) as witness:
        witness.renew(1)
        witness.advance(2, ahead=False, published=REVISIONS)
    with witness_of(path) as witness:
        assert (witness.latest, witness.ahead, witness.published) == (2, False, REVISIONS)
        witness.advance(3, ahead=True, published=None)
    with witness_of(path) as witness:
        witness.renew(4)
    with witness_of(path) as witness:
        assert (witness.latest, witness.ahead, witness.published) == (4, True, REVISIONS)


@pytest.mark.parametrize(("content", "ahead"), [("", False), ("ahead", True), ("\n{", False), ("ah\n{", True)])
def test_a_witness_of_an_earlier_version_or_a_crash_vouches_for_no_ledger(
    tmp_path: Path, content: str, ahead: bool
) -> None:
    """Prevents a witness without revisions, or with half of them, from hiding that numbers are used again."""
    path = tmp_path / "outbox.db"
    path.touch()
    path.with_name("outbox.db.at-5-12-0123abcd").write_text(content, encoding="utf-8")
    with witness_of(path) as witness:
        assert (witness.latest, witness.ahead) == (5, ahead)
        assert not is_whole({"a": Published(9, "open 1f")}, witness.published)


@pytest.mark.parametrize(
    ("present", "whole"),
    [
        ({"a": Published(2, "open 1f")}, True),
        ({"a": Published(3, "open 2e"), "b": Published(1, "open 3d")}, True),
        ({"a": Published(1, "open 1f")}, False),
        ({"a": Published(2, "open 2e")}, False),
        ({"b": Published(2, "open 1f")}, False),
        ({}, False),
    ],
)
def test_a_ledger_is_whole_if_it_has_each_revision_as_it_was(present: dict[str, Published], whole: bool) -> None:
    """Prevents a restored ledger that comes to the same number of revisions from passing for the one of before."""
    assert is_whole(present, REVISIONS) == whole
