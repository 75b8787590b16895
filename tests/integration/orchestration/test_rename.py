"""A person whose address changes in the middle of the stretch, through the providers' wire formats and Dagster."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.normalised import read_again
from lake.store import Lake
from privacy.erasure import forget, identify
from tests.integration.orchestration.test_order import DAYS, END, deployed
from tests.support.pipeline import burst, moment, write

pytestmark = pytest.mark.sampled("module")

OLD, NEW = "ann@example.com", "ann.smith@new.example"


def _workload(path: Path) -> Path:
    """Ann uploads a little every day at two providers, a burst on day 3 and one on day 4.

    Box shows her new address from day 4 on, and none at all in half of her events; Dropbox never hears of it.
    """
    events = [
        event
        for day in range(DAYS)
        for provider in ("box", "dropbox")
        for event in burst(provider, OLD, moment(day, 8), files=3, minutes=20)
    ]
    events += burst("box", OLD, moment(3, 10), files=700, minutes=50)
    events += burst("dropbox", OLD, moment(4, 11), files=400, minutes=50)
    events += burst("box", OLD, moment(4, 12.5), files=400, minutes=50)
    for n, event in enumerate(events):
        if event["provider"] == "box" and event["time"] >= moment(4, 0):
            event["address"] = "-" if n % 2 else NEW
    return write(path / "workload.parquet", events, days=DAYS, people=25, seed=8)


def test_a_rename_leaves_history_alert_and_revision(tmp_path):
    """Prevents a rename from making a user without history, a second alert, or a revision that is told again."""
    with deployed(_workload(tmp_path), tmp_path / "home") as home:
        home.run(0, 3, moment(4, 0))
        [before] = home.of(OLD)
        home.run(3, DAYS - 1, END)
        assert home.of(OLD) == []
        first, second = home.of(NEW)
        assert (first["alert_id"], first["revision"]) == (before["alert_id"], 1)
        assert first["sentence"] == before["sentence"].replace(OLD, NEW)
        assert second["providers"] == ["box", "dropbox"]
        assert second["files"] == 800
        assert "no upload by this user" not in second["sentence"]
        keys = home.query(
            "SELECT DISTINCT person FROM read_parquet('{lake}/persons.parquet') "
            f"WHERE kind = 'person_names' AND address IN ('{OLD}', '{NEW}')"
        )
        assert len(keys) == 1
        [(key,)] = keys
        assert home.query(
            f"SELECT sum(files) FROM read_parquet('{{lake}}/user_hours/*/part.parquet') WHERE \"user\" = '{key}'"
        ) == [(3 * 2 * DAYS + 1500,)]
        lake = Lake(root=str(home.home.path / "lake"))
        person = identify(lake, NEW, None, keep=False)
        assert set(person.addresses) == {OLD, NEW}
        assert len([name for name in person.names if ":" in name]) >= 2
        forget(lake, person, organisation_domains=[], read_again=read_again, write=True, progress=lambda _: None)
        assert home.of(NEW) == home.of(OLD) == []
        for table in ("box/uploads", "dropbox/uploads", "box/identities", "user_hours", "alerts"):
            rows = home.query(f"SELECT CAST(t AS VARCHAR) FROM read_parquet('{{lake}}/{table}/*/part.parquet') t")
            assert not [row for (row,) in rows if OLD in row or NEW in row or key in row]
