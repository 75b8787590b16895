"""The ledger of published alerts, over a real lake of alert partitions."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from detection.tables import TABLES
from lake.ledger import publish
from lake.store import Lake
from tests.support.memory import connect

NOON = datetime(2026, 3, 1, 12)
HOUR = timedelta(hours=1)


class Deployment:
    """A lake whose alerts a test rewrites, as late data would."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root=str(root))

    def publish(self, *alerts: tuple[str, datetime, datetime]) -> dict[str, tuple[str, str, int]]:
        """Write these alerts (key, opening, end), publish, and return id -> (key, state, revision)."""
        with connect() as con:
            for day in {*self.lake.days("alerts"), *(opening.date() for _, opening, _ in alerts)}:
                rows = [alert for alert in alerts if alert[1].date() == day]
                con.execute("DROP TABLE IF EXISTS made")
                columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES["alerts"])
                con.execute(f"CREATE TABLE made ({columns})")
                for key, opening, end in rows:
                    con.execute(
                        'INSERT INTO made (alert_id, "user", first_window_start, last_window_end, sentence, files) '
                        "VALUES (?, 'ann@example.com', ?, ?, ?, 1)",
                        [key, opening, end, f"until {end}"],
                    )
                self.lake.write(con, "made", "alerts", day, "")
            publish(con, self.lake, NOON + 48 * HOUR)
            ledger = con.execute("SELECT alert_id, alert_key, state, revision FROM ledger").fetchall()
        return {alert_id: (key, state, revision) for alert_id, key, state, revision in ledger}


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path)


def test_an_id_stays_when_late_data_moves_the_opening(deployment):
    """Prevents a late event from turning a published alert into a second one with another id."""
    deployment.publish(("a", NOON, NOON + 3 * HOUR))
    assert deployment.publish(("b", NOON - HOUR, NOON + 3 * HOUR)) == {"a": ("b", "open", 2)}


def test_publishing_twice_is_the_same_revision(deployment):
    """Prevents a new revision, and so a notification, for an alert that says what it said."""
    first = deployment.publish(("a", NOON, NOON + 3 * HOUR))
    assert deployment.publish(("a", NOON, NOON + 3 * HOUR)) == first == {"a": ("a", "open", 1)}


def test_joined_alerts_keep_the_earlier_id_and_close_the_other(deployment):
    """Prevents a published alert from vanishing in silence when late data joins it with an earlier one."""
    deployment.publish(("a", NOON, NOON + 3 * HOUR), ("b", NOON + 25 * HOUR, NOON + 28 * HOUR))
    joined = deployment.publish(("c", NOON + 2 * HOUR, NOON + 28 * HOUR))
    assert joined == {"a": ("c", "open", 2), "b": (None, "merged", 2)}


def test_an_alert_without_detections_is_withdrawn_and_can_come_back(deployment):
    """Prevents a withdrawn alert from being lost from the ledger, or from returning under a second id."""
    deployment.publish(("a", NOON, NOON + 3 * HOUR))
    assert deployment.publish() == {"a": (None, "withdrawn", 2)}
    assert deployment.publish() == {"a": (None, "withdrawn", 2)}
    assert deployment.publish(("a", NOON, NOON + 3 * HOUR)) == {"a": ("a", "open", 3)}


def test_two_alerts_never_share_a_published_id(deployment):
    """Prevents an earlier alert that overlaps a published one from taking its id while the other lives on."""
    deployment.publish(("a", NOON + 24 * HOUR, NOON + 27 * HOUR))
    both = (("b", NOON, NOON + 26 * HOUR), ("a", NOON + 24 * HOUR, NOON + 27 * HOUR))
    for _ in range(3):
        assert {key: state for _, (key, state, _) in deployment.publish(*both).items()} == {"a": "open", "b": "open"}


def test_what_was_published_can_be_read_again(deployment):
    """Prevents an alert that changed from hiding what a person read of it before."""
    deployment.publish(("a", NOON, NOON + 3 * HOUR))
    deployment.publish(("a", NOON, NOON + 5 * HOUR))
    deployment.publish()
    with connect() as con:
        kept = con.execute(
            "SELECT alert_id, revision, state, sentence FROM read_parquet(?) ORDER BY revision",
            [f"{deployment.lake.root}/revisions.parquet"],
        ).fetchall()
    assert kept == [
        ("a", 1, "open", f"until {NOON + 3 * HOUR}"),
        ("a", 2, "open", f"until {NOON + 5 * HOUR}"),
        ("a", 3, "withdrawn", None),
    ]
