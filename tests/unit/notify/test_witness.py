"""What the witness beside the outbox says of the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from notify.witness import Published, witness_of


def test_a_witness_keeps_the_latest_revision_of_each_alert(tmp_path: Path) -> None:
    """Prevents a restored ledger that comes to the same number of revisions from passing for the one of before."""
    path = tmp_path / "outbox.db"
    path.touch()
    with witness_of(path) as witness:
        witness.renew(1)
        witness.advance(2, ahead=False, revisions={"a": Published(2, "open 1f")})
    with witness_of(path) as witness:
        assert (witness.latest, witness.ahead, witness.revisions) == (2, False, {"a": Published(2, "open 1f")})
        witness.advance(3, ahead=True, revisions=None)
    with witness_of(path) as witness:
        assert (witness.ahead, witness.revisions) == (True, {"a": Published(2, "open 1f")})


@pytest.mark.parametrize(
    ("text", "ahead"), [("", False), ("ahead", True), ('{"ahead"', True), ("[]", True), ("3", True)]
)
def test_a_witness_that_says_nothing_says_the_worst(tmp_path: Path, text: str, ahead: bool) -> None:
    """Prevents a crash within a write, or a file of an earlier version, from hiding that numbers come again."""
    path = tmp_path / "outbox.db"
    path.touch()
    path.with_name("outbox.db.at-5-12-0123abcd").write_text(text, encoding="utf-8")
    with witness_of(path) as witness:
        assert (witness.latest, witness.ahead, witness.revisions) == (5, ahead, None)
