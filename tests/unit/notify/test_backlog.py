"""The backlog of the outbox, read beside those who write it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.chaos.damages import emptied, garbage, halved
from notify.backlog import Backlog, read_backlog
from notify.messages import trial_message
from notify.outbox import ATTEMPTS, Outbox, OutboxError

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Soc:
    """The channel."""

    name, severity = "soc", "Informational"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An outbox with one message, entered now."""
    path = tmp_path / "outbox.db"
    Outbox(path).add([trial_message(NOW)], [Soc()], NOW)
    return path


def test_a_message_ages_from_its_entry_however_often_it_was_tried(path: Path) -> None:
    """Prevents a channel that has been down all night from looking as if it were down since the last attempt."""
    assert read_backlog(path) == {"soc": Backlog(1, 0, NOW)}
    box = Outbox(path)
    at = NOW
    for _ in range(ATTEMPTS - 1):
        letter = box.next("soc", at)
        assert letter
        box.failed(letter, "down", at)
        assert read_backlog(path) == {"soc": Backlog(1, 0, NOW, "down")}
        at = datetime.fromisoformat(box.waiting()[0].due)
    letter = box.next("soc", at)
    assert letter
    assert box.failed(letter, "down", at)
    assert read_backlog(path) == {"soc": Backlog(0, 1, None, "down")}
    box.retry(at)
    assert read_backlog(path) == {"soc": Backlog(1, 0, at, "down")}


def test_a_channel_without_a_backlog_stays_listed(path: Path) -> None:
    """Prevents a series that ends when all is delivered, so that an alert on it cannot end."""
    box = Outbox(path)
    letter = box.next("soc", NOW + timedelta(seconds=1))
    assert letter
    box.sent(letter)
    assert read_backlog(path) == {"soc": Backlog()}


def test_a_lost_outbox_is_no_empty_one(path: Path, tmp_path: Path) -> None:
    """Prevents a deleted outbox from looking as if everything were delivered, and one that never was from alarming."""
    assert read_backlog(tmp_path / "none" / "outbox.db") == {}
    assert not (tmp_path / "none").exists()
    path.unlink()
    with pytest.raises(OutboxError, match="is missing"):
        read_backlog(path)
    assert not path.exists()


@pytest.mark.parametrize("damage", [emptied, garbage, halved])
def test_a_damaged_outbox_is_an_error(path: Path, damage) -> None:
    """Prevents damage from being read as nothing to deliver, and reading from making tables."""
    damage(path)
    before = path.read_bytes()
    with pytest.raises(OutboxError, match="cannot be read"):
        read_backlog(path)
    assert path.read_bytes() == before


def test_it_waits_for_nobody_who_writes(path: Path) -> None:
    """Prevents a scrape that hangs for as long as a delivery round is at work."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert read_backlog(path)["soc"].pending == 1
