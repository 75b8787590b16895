"""The asset ``dossiers``: which pages it makes, what they say, and when it leaves them alone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from detection.tables import TABLES
from lake.home import dossier_path, dossier_url
from lake.ledger import publish
from lake.reviews import ReadAlert, add_reviews
from tests.support.memory import connect
from tests.support.older_lake import write_as_before
from tests.support.small_lake import ACTIVE, ALERT_ID, DAY, OPENS, SmallLake, ordinary

pytestmark = pytest.mark.sampled

NOW = datetime(2026, 2, 21, 9)


@pytest.fixture
def small(tmp_path: Path) -> SmallLake:
    return ordinary(tmp_path)


def rows(small: SmallLake) -> list[tuple]:
    with connect() as con:
        return con.execute(
            "FROM read_parquet(?, hive_partitioning = false)", [str(small.lake.part("dossiers", DAY))]
        ).fetchall()


def review(small: SmallLake, now: datetime) -> None:
    with connect() as con:
        publish(con, small.lake, now)
        add_reviews(
            con, small.lake, [ReadAlert(ALERT_ID)], verdict="benign", by="Bea", note="moved her archive", now=now
        )


def test_a_page_answers_the_five_questions_and_is_found(small):
    """Prevents a page that counts other files than its alert, rows of other pages, and pages that nothing leads to."""
    assert small.run(NOW) == 1
    html = small.page()
    assert html.index("Signs of compromise") < html.index("Sensitive content") < html.index("Afterwards")
    assert "zip: 100 % of the files, and 0 % of the user's in the 30 days before" in small.words()
    assert "archives (60 files)" in small.words()
    assert "Only to places used before." in small.words()
    [row] = rows(small)
    assert len(row) == len(TABLES["dossiers"])
    assert row[0] == ALERT_ID
    assert (small.pages.parent / row[3]).read_text(encoding="utf-8") == html
    assert f'href="{ALERT_ID}.html"' in (small.pages / "index.html").read_text(encoding="utf-8")
    events = [event for event in small.result.all_events if event.event_type_value == "ASSET_OBSERVATION"]
    [observation] = [event.event_specific_data.asset_observation for event in events]
    assert observation.asset_key.path == ["alerts"]
    assert f"(https://alerts.example.com/pages/{ALERT_ID}.html)" in observation.metadata["pages"].value


def test_the_index_begins_with_what_is_to_be_read(small):
    """Prevents a severe case that nobody looked at from standing below what is reviewed, or what only came later."""
    people = {"a": "2026-02-20 16:00", "b": "2026-02-20 17:00", "c": "2026-02-20 11:00", "d": "2026-02-20 12:00"}
    for key, opens in people.items():
        start = datetime.fromisoformat(opens)
        low = {"severity": "Low", "name": "Massive upload to SaaS service by suspicious user"} if key == "d" else {}
        row = {"alert_id": key * 64, "user": f"{key}@example.com", "one_in": 5000 if key == "c" else 10, **low}
        small.alert(files=70, **row, first_window_start=start, last_window_end=start + timedelta(hours=3))
    small.run(NOW)
    review(small, NOW + timedelta(hours=1))
    small.run(NOW + timedelta(hours=2))
    index = (small.pages / "index.html").read_text(encoding="utf-8")
    order = re.findall(r'href="([0-9a-f]{64})[.]html"', index)
    assert order == ["d" * 64, "c" * 64, "b" * 64, "a" * 64, ALERT_ID]
    assert "5 cases with 5 alerts; 4 not reviewed." in index


def test_a_page_says_that_its_alert_has_grown_since_the_review(small):
    """Prevents a page that goes on to say benign of what was uploaded after the verdict."""
    small.run(NOW)
    review(small, NOW + timedelta(hours=1))
    small.clear("alerts", DAY)
    small.alert(files=4000, last_window_end=OPENS + timedelta(hours=9))
    assert small.run(NOW + timedelta(hours=2)) == 1
    assert "Not reviewed: reviewed as benign at revision 1; has grown since. So said Bea: moved her archive" in (
        small.words()
    )
    assert "reviewed: benign" not in small.words()
    assert ", reopened: alert 1 of 1, since 2026-02-20 10:00 UTC." in small.words()
    assert "--revision 2 --benign" in small.page()


def test_nothing_is_made_anew_where_nothing_changed(small):
    """Prevents ticks that render every page again, and pages that differ by the time they were made at alone."""
    small.run(NOW)
    made = small.page()
    assert small.run(NOW + timedelta(hours=1)) == 0
    # Somebody else's upload changes the partitions that the page was made from, not what it says.
    small.upload(NOW + timedelta(minutes=5), "x.txt", user="else@example.com", owner="else@example.com")
    assert small.run(NOW + timedelta(hours=2)) == 0
    assert small.page() == made


def test_what_follows_comes_onto_the_page_until_it_is_reviewed(small):
    """Prevents an open alert whose page keeps silent about the shares that followed, and reviewed ones that go on."""
    small.run(NOW)
    assert "1 share to the outside" not in small.words()
    small.act("share_external", NOW + timedelta(minutes=10), detail="shared with x@other.example", file_id="f-e31-20")
    assert small.run(NOW + timedelta(hours=1), first=NOW.date(), last=NOW.date()) == 1
    assert "1 share to the outside" in small.page()
    review(small, NOW + timedelta(hours=2))
    assert small.run(NOW + timedelta(hours=3), first=NOW.date(), last=NOW.date()) == 1
    assert "moved her archive" in small.page()
    small.act("delete", NOW + timedelta(hours=4))
    assert small.run(NOW + timedelta(hours=5), first=NOW.date(), last=NOW.date()) == 0


def test_an_alert_that_nobody_reviews_is_watched_for_thirty_days(small):
    """Prevents pages of years that every tick computes again."""
    small.run(NOW)
    late = OPENS + timedelta(days=32)
    assert small.run(late, first=late.date(), last=late.date()) == 1
    assert "30 days had passed" in small.page()
    small.act("delete", late + timedelta(hours=1))
    assert small.run(late + timedelta(hours=2), first=late.date(), last=late.date()) == 0


def test_a_withdrawn_alert_says_so(small):
    """Prevents a page that goes on to accuse somebody after the alert is gone."""
    small.run(NOW)
    small.clear("detections", DAY)
    small.clear("alerts", DAY)
    assert small.run(NOW + timedelta(hours=1)) == 1
    html = small.page()
    assert "This alert was withdrawn" in html
    assert "later data left it without a detection" in html
    assert [row[1] for row in rows(small)] == ["withdrawn"]
    assert "No alert so far." in (small.pages / "index.html").read_text(encoding="utf-8")


def test_a_deleted_page_is_made_again(small):
    """Prevents a page that is gone for good once somebody tidied the directory."""
    small.run(NOW)
    dossier_path(small.lake, ALERT_ID).unlink()
    assert small.run(NOW + timedelta(hours=1)) == 1


def test_partitions_from_before_a_column_are_read(small):
    """Prevents an update of the product that can't read the months before it."""
    small.write()
    day = (OPENS - timedelta(days=7)).date()
    with connect() as con:
        old = f"(SELECT * EXCLUDE (label, visibility) FROM read_parquet('{small.lake.part('box/uploads', day)}'))"
        con.execute(f"CREATE TABLE rows AS FROM {old}")
        write_as_before(con, small.lake, "rows", "box/uploads", day)
        small.lake.view(con, "uploads", ["box/uploads"], [day, DAY])
        assert con.execute("SELECT count(*), count(label) FROM uploads").fetchall() == [(61, 0)]
    assert small.run(NOW) == 1


def test_a_path_is_made_of_ids_alone(small):
    """Prevents a page outside of its directory through an id with slashes."""
    with pytest.raises(ValueError, match="not an alert_id"):
        dossier_path(small.lake, "../../etc/passwd")
    assert dossier_url(small.lake, ALERT_ID, "https://x.example/") == f"https://x.example/pages/{ALERT_ID}.html"
    assert dossier_url(small.lake, None, "").startswith("file:///")


def test_what_the_logs_cannot_tell_is_said(small):
    """Prevents silence that reads as innocence: feeds that were not read, and logs without sign-ins."""
    for n in ACTIVE:
        small.clear("box/activity", (OPENS - timedelta(days=n)).date())
    gap = {"scope": "box", "window_start": OPENS - timedelta(days=2), "state": "not evaluated", "reason": "no feed"}
    small.add("evaluations", gap["window_start"].date(), gap)
    small.run(NOW)
    html = small.page()
    assert "Box gave no sign-in of anybody in these weeks" in html
    assert "2026-02-18 10:00 and 2026-02-18 13:00 UTC not evaluated (no feed)" in html
