"""Behaviour of the workload generator."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sandbox.workload.format import (
    PROVIDERS,
    SCHEMA,
    Label,
    write_labels,
    write_workload,
)
from sandbox.workload.making import FEWEST_DAYS, make_workload
from sandbox.workload.people import make_organisation
from sandbox.workload.stats import gini

START = pd.Timestamp("2026-01-05", tz="UTC")
FLOOR_FILES, FLOOR_BYTES = 50, 100_000_000


@pytest.fixture(scope="module")
def made() -> tuple[pa.Table, list[Label]]:
    return make_workload()


@pytest.fixture(scope="module")
def events(made: tuple[pa.Table, list[Label]]) -> pd.DataFrame:
    frame = made[0].to_pandas()
    frame["key"] = frame["user"].str.lower()
    return frame


@pytest.fixture(scope="module")
def labels(made: tuple[pa.Table, list[Label]]) -> list[Label]:
    return made[1]


@pytest.fixture(scope="module")
def uploads(events: pd.DataFrame) -> pd.DataFrame:
    """Return uploads and edits, each once, however often it was delivered."""
    carried = events[events.kind.isin(["upload", "edit"])]
    again = carried.event_id.notna() & carried.duplicated("event_id")
    return carried[~again]


def windows(uploads: pd.DataFrame) -> pd.DataFrame:
    """Return files and bytes of every user in three-hour windows that slide by an hour."""
    hours = uploads.assign(hour=uploads.time.dt.floor("h"))
    sums = hours.groupby(["key", "hour"]).bytes.agg(["size", "sum"]).reset_index()
    shifted = [sums.assign(window=sums.hour - pd.Timedelta(hours=back)) for back in range(3)]
    return pd.concat(shifted).groupby(["key", "window"])[["size", "sum"]].sum().reset_index()


def of_label(uploads: pd.DataFrame, label: Label) -> pd.DataFrame:
    inside = (uploads.time >= label.start) & (uploads.time < label.end + timedelta(seconds=1))
    return uploads[(uploads.key == label.users) & inside]


# --- the whole ------------------------------------------------------------------------------------------


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Prevents results that can't be compared because set order or the clock leaked into the workload."""
    for name in ("a", "b"):
        table, labels = make_workload(seed=3, days=FEWEST_DAYS, people=200)
        write_workload(table, tmp_path / f"{name}.parquet")
        write_labels(labels, tmp_path / f"{name}.csv")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_another_seed_gives_another_workload() -> None:
    """Prevents a seed that is not used."""
    one, _ = make_workload(seed=1, days=5, people=30, incidents=False)
    other, _ = make_workload(seed=2, days=5, people=30, incidents=False)
    assert not one.equals(other)


def test_a_large_organisation_has_no_namesakes() -> None:
    """Prevents two people behind one address, whose uploads would be one baseline."""
    organisation = make_organisation(np.random.default_rng(1), 2_000)
    assert len({person.email for person in organisation.people}) == 2_000


@pytest.mark.parametrize("seed", [1, 2, 11])
def test_other_seeds_find_a_cast_for_every_scene(seed: int) -> None:
    """Prevents a programme that only one lucky seed can play."""
    _, labels = make_workload(seed=seed)
    assert len(labels) >= 30


def test_size_of_the_default(events: pd.DataFrame, uploads: pd.DataFrame) -> None:
    """Prevents a demo that takes much longer, or shows much less, than it is meant to."""
    assert 100_000 <= len(events) <= 150_000
    assert 60_000 <= len(uploads) <= 100_000
    people = events[events.key.str.endswith("@example.com", na=False)].groupby("provider").key.nunique()
    assert set(people.index) == set(PROVIDERS)
    assert people.min() >= 60


def test_events_lie_in_the_days_asked_for(events: pd.DataFrame) -> None:
    """Prevents events outside of the partitions that a caller prepared, or in no order."""
    assert events.time.min() >= START
    assert events.time.max() < START + pd.Timedelta(days=60)
    assert events.time.is_monotonic_increasing


def test_another_first_day_moves_everything() -> None:
    """Prevents a start that is ignored."""
    table, _ = make_workload(seed=1, days=3, people=20, start=date(2025, 6, 2), incidents=False)
    times = table["time"].to_pandas()
    assert times.min() >= pd.Timestamp("2025-06-02", tz="UTC")
    assert times.max() < pd.Timestamp("2025-06-05", tz="UTC")


def test_too_short_for_the_incidents() -> None:
    """Prevents a workload that silently lacks the incidents it promises."""
    with pytest.raises(ValueError, match=f"at least {FEWEST_DAYS} days"):
        make_workload(days=20)
    with pytest.raises(ValueError, match="of 300 people or more"):
        make_workload(people=30)


# --- ordinary behaviour ---------------------------------------------------------------------------------


def test_ordinary_windows_are_as_measured() -> None:
    """Prevents a demo that is easy because people upload too evenly."""
    table, _ = make_workload(incidents=False)
    frame = table.to_pandas()
    frame = frame[frame.kind.isin(["upload", "edit"]) & frame.user.notna()]
    frame["window"] = frame.time.dt.floor("3h")
    found = frame.groupby(["user", "window"]).bytes.agg(["size", "sum"])
    files, sizes = found["size"], found["sum"]
    assert 2 <= files.quantile(0.5) <= 5
    assert 10 <= files.quantile(0.9) <= 25
    assert 90 <= files.quantile(0.99) <= 300
    assert 1e6 <= sizes.quantile(0.5) <= 6e6
    assert 20e6 <= sizes.quantile(0.9) <= 100e6
    assert 0.85 <= gini(frame.groupby("user").bytes.sum().to_numpy()) <= 0.98
    weekend = frame.time.dt.day_of_week >= 5
    assert 0.02 <= weekend.mean() <= 0.1


def test_edits_are_of_files_uploaded_before() -> None:
    """Prevents edits of files that never were, whose size could then not be recovered."""
    table, _ = make_workload(incidents=False)
    frame = table.to_pandas()
    file = ["provider", "user", "folder", "file_name"]
    first = frame[frame.kind == "upload"].groupby(file).time.min().rename("first")
    edits = frame[frame.kind == "edit"].join(first, on=file)
    # those whose upload lies before the first day are cut off with it
    assert (edits["first"] <= edits.time).mean() > 0.99
    share = len(edits) / frame.kind.isin(["upload", "edit"]).sum()
    assert 0.08 <= share <= 0.12


# --- delivery -------------------------------------------------------------------------------------------


def test_lateness_by_provider(events: pd.DataFrame) -> None:
    """Prevents lateness that a provider does not have, for which a connector would be tuned in vain."""
    once = events[~events.event_id.notna()]
    late = (once.published_at - once.time).dt.total_seconds() / 3600
    by = late.groupby(once.provider)
    assert late.min() >= 0
    assert by.max()["box"] <= 0.4
    assert 1 <= by.max()["google_workspace"] <= 3.1
    assert 5 <= by.max()["dropbox"] <= 24.1
    assert by.max()["office365"] == pytest.approx(30, abs=0.01)
    assert 1 <= by.median()["office365"] <= 1.5
    assert by.median()["google_workspace"] <= 0.25


def test_second_deliveries_repeat_the_event(events: pd.DataFrame) -> None:
    """Prevents duplicates that differ from the first delivery, which no deduplication could find."""
    repeated = events[events.event_id.notna()]
    assert repeated.event_id.nunique() < len(repeated)
    assert "dropbox" not in set(repeated.provider)  # its log has no event id to repeat
    same = [name for name in SCHEMA.names if name != "published_at"]
    assert len(repeated[same].drop_duplicates()) == repeated.event_id.nunique()


def test_a_file_is_gone_for_all_its_events(uploads: pd.DataFrame) -> None:
    """Prevents a file that the file API knows for one version and not for another."""
    states = uploads.groupby(["provider", "key", "folder", "file_name"]).file_gone.nunique()
    assert states.max() == 1


def test_sizes_in_the_log(uploads: pd.DataFrame) -> None:
    """Prevents a workload in which unknown sizes are so rare, or so common, that they don't matter."""
    known = uploads.size_in_log.groupby(uploads.provider)
    assert 0.003 <= (~known.get_group("box").dropna().astype(bool)).sum() / (uploads.provider == "box").sum() <= 0.02
    told = known.get_group("office365").fillna(value=False).astype(bool).mean()
    assert 0.15 <= told <= 0.45
    assert known.get_group("google_workspace").isna().all()
    assert 0.01 <= uploads.file_gone.mean() <= 0.03


# --- labels ---------------------------------------------------------------------------------------------


def test_labels_are_backed_by_uploads(uploads: pd.DataFrame, labels: list[Label]) -> None:
    """Prevents labels of incidents that are not in the file."""
    assert len({label.incident_id for label in labels}) == len(labels)
    for label in labels:
        found = of_label(uploads, label)
        assert len(found) > 0, label.incident_id
        assert set(label.providers.split("+")) <= set(found.provider), label.incident_id


def test_every_kind_of_expectation_at_every_provider(labels: list[Label]) -> None:
    """Prevents a provider at which nothing can be measured."""
    bulk = [label.providers for label in labels if label.scenario == "bulk_archives"]
    assert {provider: bulk.count(provider) for provider in PROVIDERS} == dict.fromkeys(PROVIDERS, 1)
    assert {label.expected for label in labels} == {"alert", "suspicious", "miss", "quiet"}
    assert {label.malicious for label in labels} == {True, False}


def test_one_user_has_one_scene(labels: list[Label]) -> None:
    """Prevents one incident from spoiling the baseline or the deduplication of another."""
    scenes = {(label.users, label.scenario) for label in labels}
    assert len({user for user, _ in scenes}) == len(scenes)


def test_incidents_keep_to_the_activation(labels: list[Label]) -> None:
    """Prevents incidents that no detector may report, apart from the one that is there for that."""
    for label in labels:
        day = (label.start - START.to_pydatetime()).days
        if label.scenario == "before_activation":
            assert label.expected == "quiet"
            assert label.end < START + pd.Timedelta(days=14)
        elif label.malicious:
            assert day >= 16, label.incident_id


def test_found_incidents_pass_a_floor_and_drips_do_not(uploads: pd.DataFrame, labels: list[Label]) -> None:
    """Prevents incidents too small to be found, and a 'known miss' that is found after all."""
    by_user = dict(iter(windows(uploads).groupby("key")))
    for label in labels:
        mine = by_user[label.users]
        near = mine[(mine.window >= label.start - timedelta(hours=3)) & (mine.window <= label.end + timedelta(hours=1))]
        large = (near["size"] >= FLOOR_FILES) | (near["sum"] >= FLOOR_BYTES)
        if label.expected in ("alert", "suspicious"):
            assert large.any(), label.incident_id
        if label.expected == "miss":
            assert not large.any(), label.incident_id


def test_signs_come_within_a_day_before_the_end(events: pd.DataFrame, labels: list[Label]) -> None:
    """Prevents 'suspicious' incidents without a reason that a detector could see."""
    needed = {
        "guessed_password": {"sign_in_failed", "sign_in"},
        "mfa_switched_off": {"mfa_disabled"},
        "provider_warned": {"provider_alert"},
        "dormant_returns": {"sign_in"},
    }
    suspicious = [label for label in labels if label.expected == "suspicious"]
    assert {label.scenario for label in suspicious} == set(needed)
    for label in suspicious:
        recent = events[
            (events.key == label.users)
            & (events.provider == label.providers)
            & (events.time <= label.end)
            & (events.time >= label.end - timedelta(hours=24))
        ]
        assert needed[label.scenario] <= set(recent.kind), label.incident_id


def test_dormant_accounts_are_silent_before(events: pd.DataFrame, labels: list[Label]) -> None:
    """Prevents a 'dormant' account that was active the week before."""
    dormant = [label for label in labels if label.scenario == "dormant_returns"]
    assert dormant
    for label in dormant:
        mine = events[events.key == label.users]
        before = mine[mine.time < label.start - timedelta(hours=1)]
        assert len(before) > 0
        assert before.time.max() <= label.start - timedelta(days=19, hours=23)


def test_new_joiners_have_no_history(events: pd.DataFrame, labels: list[Label]) -> None:
    """Prevents a 'new joiner' with a baseline."""
    (label,) = [label for label in labels if label.scenario == "new_joiner"]
    first = events[events.key == label.users].time.min()
    assert timedelta(days=2) < label.start - first < timedelta(days=7)
    assert first > START + pd.Timedelta(days=14)


def test_repeated_bursts(labels: list[Label]) -> None:
    """Prevents a wrong distance of repeated bursts, on which it depends whether they fold into one alert."""
    (once,) = [label for label in labels if label.scenario == "again_within_a_day"]
    assert timedelta(hours=5) < once.end - once.start < timedelta(hours=9)
    first, second = [label for label in labels if label.scenario == "again_after_a_day"]
    assert first.users == second.users
    assert timedelta(hours=28) < second.start - first.start < timedelta(hours=32)


def test_bursts_cross_the_edges_they_are_meant_to(uploads: pd.DataFrame, labels: list[Label]) -> None:
    """Prevents split bursts of which one side holds nearly everything."""
    for label in labels:
        found = of_label(uploads, label)
        if label.scenario == "over_midnight":
            share = (found.time.dt.date == label.start.date()).mean()
        elif label.scenario == "split_over_windows":
            share = (found.time.dt.floor("3h") == found.time.min().floor("3h")).mean()
        else:
            continue
        assert 0.35 <= share <= 0.65, label.incident_id


def test_replays_are_deliveries_only(events: pd.DataFrame, labels: list[Label]) -> None:
    """Prevents a replay that uploads anew, which would rightly raise an alert."""
    (label,) = [label for label in labels if label.scenario == "feed_replay"]
    delivered = of_label(events[events.kind == "upload"], label)
    assert delivered.event_id.nunique() == 45
    assert len(delivered) == 7 * 45
    assert np.ptp(delivered.published_at.astype("int64")) > 0


def test_autosave_and_a_sync_client_save_few_files_often(events: pd.DataFrame, labels: list[Label]) -> None:
    """Prevents a demo in which no file is ever saved often, so that nobody sees that saves are no files."""
    for scenario, files_a_day in (("autosave", 1), ("sync_client", 14)):
        users = {label.users for label in labels if label.scenario == scenario}
        saved = events[events.key.isin(users) & events.file_name.str.match(r"(plan|scene)-", na=False)]
        by_day = saved.groupby([saved.key, saved.time.dt.date]).file_name.agg(["size", "nunique"])
        assert (by_day["nunique"] <= files_a_day).all()
        assert by_day["size"].median() >= 60
