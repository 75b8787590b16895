"""The whole pipeline: a workload through the sandbox's HTTP into alerts, in real Dagster runs."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from detection.persons import view_with_person
from detection.risk import Networks
from detection.sensitive import read_terms
from dossier.reading import read_alerts, read_evidence
from lake.home import dossier_path
from lake.ledger import publish
from lake.people import read_people
from lake.store import Lake
from orchestration.definitions import build_defs
from orchestration.schedules import JOB
from tests.support.command import say
from tests.support.drawn import read_svg
from tests.support.memory import connect
from tests.support.pipeline import Quick, burst, moment, watch, write

PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
DAYS = 8


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """All four providers, with a burst at each, one over midnight and one that came late."""
    events = [
        *(
            event
            for n, p in enumerate(PROVIDERS)
            for event in burst(p, f"at.{p}@example.com", moment(5, 9 + n), files=900, minutes=50)
        ),
        *burst("dropbox", "midnight@example.com", moment(5, 22.6), files=900, minutes=170),
        *burst("google_workspace", "late@example.com", moment(5, 20), files=500, minutes=30),
        *burst("google_workspace", "late@example.com", moment(5, 20.6), files=400, minutes=20, late=30),
        *burst("office365", "twice@example.com", moment(5, 8), files=800, minutes=30),
        *burst("office365", "twice@example.com", moment(5, 16), files=700, minutes=30),
        *(
            event | {"file_gone": n % 10 == 0}
            for n, event in enumerate(
                burst("office365", "gone@example.com", moment(6, 9), files=900, minutes=50, each=20_000_000)
            )
        ),
        # So that no provider is silent at the end.
        *(event for p in PROVIDERS for event in burst(p, "last@example.com", moment(7, 20), files=3, minutes=9)),
    ]
    folder = tmp_path_factory.mktemp("everything")
    workload = write(folder / "workload.parquet", events, days=DAYS)
    return watch(workload, folder / "home", days=DAYS, providers=PROVIDERS, kept=True, detector=Quick())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_burst_at_each_provider_is_one_alert(everything, provider):
    """Prevents a provider whose uploads get lost on the way, or counted twice."""
    [alert] = everything.of(f"at.{provider}@example.com")
    assert alert["providers"] == [provider]
    assert alert["files"] == 900
    assert alert["severity"] == "Informational"
    assert alert["name"] == "Massive upload to SaaS service"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_sizes_reach_the_alert(everything, provider):
    """Prevents bytes that are lost, doubled, or taken for zero where the audit log carries no size."""
    [alert] = everything.of(f"at.{provider}@example.com")
    assert alert["sized_files"] == 900
    assert alert["bytes"] == 900 * 2_000_000


def test_files_that_are_gone_are_estimated_apart(everything):
    """Prevents a guess in an alert's bytes, and silence about what was deleted after the upload."""
    [alert] = everything.of("gone@example.com")
    assert (alert["files"], alert["sized_files"], alert["bytes"]) == (900, 810, 810 * 20_000_000)
    assert alert["estimated_files"] == 90
    # As large as such files were on the days before.
    assert alert["estimated_bytes"] == pytest.approx(90 * 2_000_000, rel=0.03)
    assert "(16.2 GB in the 810 whose size is known) to Office 365, and about " in alert["sentence"]
    assert "MB more in 90 files that are gone; no upload by this user" in alert["sentence"]


def test_every_alert_has_a_page_of_its_own_files(everything):
    """Prevents a page that counts other files than its alert, and alerts that a replay made no page for."""
    lake = Lake(root=str(everything.home.path / "lake"))
    with connect() as con:
        publish(con, lake, moment(DAYS, 0))
        alerts = read_alerts(con)
        found = read_evidence(con, lake, alerts, now=moment(DAYS, 0), networks=Networks(), terms=read_terms())
    assert len(alerts) > 5
    for alert in alerts:
        assert sum(row.files for row in found[alert.alert_id].types) == alert.files
        assert f"revision {alert.revision}." in dossier_path(lake, alert.alert_id).read_text(encoding="utf-8")


def test_every_alert_is_in_a_case_of_the_day_on_which_it_opened(everything):
    """Prevents a case that the UI and the warehouse lack, or that stands there otherwise than on the command line."""
    lake = Lake(root=str(everything.home.path / "lake"))
    with connect() as con:
        publish(con, lake, moment(DAYS, 0))
        lake.view(con, "stored", ["cases"], lake.days("cases"), dated=True)
        assert con.execute("SELECT * EXCLUDE (day) FROM stored ORDER BY case_id").fetchall() == (
            con.execute("FROM cases ORDER BY case_id").fetchall()
        )
        assert con.execute("SELECT bool_and(CAST(opened_at AS DATE) = day) FROM stored").fetchone() == (True,)
        alerts = {alert_id for (alert_id,) in con.execute("SELECT unnest(alert_ids) FROM stored").fetchall()}
    assert alerts == {alert["alert_id"] for alert in everything.alerts}


def test_a_burst_over_midnight_is_one_alert(everything):
    """Prevents daily partitions from cutting a burst in two alerts, or in two halves too small to see."""
    [alert] = everything.of("midnight@example.com")
    assert alert["files"] == 900
    assert alert["first_window_start"][:10] == "2026-01-10"
    assert alert["last_window_end"][:10] == "2026-01-11"


def test_what_follows_within_a_day_folds_in_and_is_counted(everything):
    """Prevents a second alert for the same activity within the deduplication period."""
    [alert] = everything.of("twice@example.com")
    assert alert["files"] == 1500
    assert alert["suppressed_count"] > 0
    assert alert["last_suppressed_at"] >= moment(5, 13).isoformat()[:19]


def test_late_events_are_part_of_the_alert(everything):
    """Prevents events that a provider published a day later from being missed or doubled."""
    [alert] = everything.of("late@example.com")
    assert alert["files"] == 900


def test_events_are_conserved(everything):
    """Prevents an audit event that is neither counted, nor set aside with a reason."""
    for provider in PROVIDERS:
        [(doubled,)] = everything.query(
            f"SELECT count(*) - count(DISTINCT (event_key, asset)) FROM '{{lake}}/{provider}/uploads/*/part.parquet'"
        )
        assert doubled == 0


def test_every_check_passed(everything):
    """Prevents a pipeline that looks well while its own checks say otherwise."""
    with everything.home.instance() as instance:
        evaluations = [
            entry.dagster_event.event_specific_data
            for run in instance.get_runs()
            for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        ]
        assert {run.job_name for run in instance.get_runs()} == {JOB}
        assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
    assert {evaluation.check_name for evaluation in evaluations} == {
        "fresh",
        "read",
        "clock",
        "configured",
        "gaps",
        "pulled",
        "unique_events",
        "rows_conserved",
        "rejects",
        "schema",
        "volume",
        "size_coverage",
        "deduplicated",
        "budget_realised",
        "allow_list",
    }
    failed = [(e.asset_key, e.check_name, e.description) for e in evaluations if not e.passed]
    # Ten bursts among forty people are more than any budget of theirs, and the check is right to say so.
    assert [each for each in failed if each[1] != "budget_realised"] == []


def test_the_sentence_can_be_checked_by_hand(everything):
    """Prevents an explanation whose figures are not those of the stored alert."""
    for alert in everything.alerts:
        assert f"1 in {alert['one_in']:,} user-days" in alert["sentence"]
        if alert["baseline"]["files"]["windows"]:
            assert f"{alert['baseline']['files']['max']:,} file" in alert["sentence"]


def recomputed(detection: dict[str, Any], metric: str, user: dict[str, Any] | None, everybody: dict[str, Any]):
    """A detection's score by one metric, by the formula of docs/detection.md; None where there is none."""
    parameters = json.loads(detection["parameters"])
    observed, offset = detection[metric], {"files": 1, "bytes": 1000}[metric]
    if observed is None or observed < parameters[f"floor_{metric}"]:
        return None
    m = round(10_000 * math.log10(observed + offset)) / 10_000
    centre, spread = everybody[f"{metric}_centre"], everybody[f"{metric}_newcomer_spread"]
    beyond, n = 0.0, 0
    if user:
        centre, spread, n = user[f"{metric}_centre"], user[f"{metric}_spread"], user[f"{metric}_windows"]
        largest = math.log10(user[f"{metric}_max"] + offset)
        beyond = max(m - largest, 0)
        usual = largest + parameters["least_spread"] if n >= parameters["prior_windows"] else centre
    else:
        usual = centre
    known = n / (n + parameters["prior_windows"])
    beyond_others = max(m - everybody[f"{metric}_max_centre"], 0)
    total = (m - centre) / spread + parameters["beyond_weight"] * beyond * known
    total += parameters["newcomer_weight"] * beyond_others * (1 - known)
    return pytest.approx(total, abs=2e-6) if m > usual else None


def test_every_detection_can_be_recomputed_from_the_lake(everything):
    """Prevents an alert whose figures nobody can check, from its events to its score and its threshold."""
    lake = everything.home.path / "lake"
    with connect() as con:

        def rows(table: str) -> list[dict[str, Any]]:
            return con.sql(f"FROM read_parquet('{lake}/{table}/*/part.parquet')").to_arrow_table().to_pylist()

        baselines = {(row["day"], row["population"], row["scope"], row["user"]): row for row in rows("baselines")}
        thresholds = {(row["day"], row["population"], row["metric"]): row["threshold"] for row in rows("thresholds")}
        found = rows("detections")
        assert len(found) > 10
        con.execute(f"CREATE VIEW uploads AS FROM read_parquet('{lake}/*/uploads/*/part.parquet')")
        read_people(Lake(root=str(lake))).load_into(con)
        view_with_person(con, "person_uploads", "uploads")
        for each in found:
            # Newcomers have thresholds of their own, and are compared with all people.
            of = (each["day"], "services" if each["population"] == "services" else "people")
            # Each file once a day, sized where every save is; bytes are what each save grows beyond those before it.
            volume = con.execute(
                """
                WITH saved AS (
                    SELECT *, (provider, CAST(time AS DATE), file_id) AS file,
                        max(bytes) OVER (
                            PARTITION BY provider, CAST(time AS DATE), file_id ORDER BY time, event_key, asset
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                        ) AS before,
                        count(*) OVER w = count(bytes) OVER w AS sized
                    FROM person_uploads
                    WHERE person = $user
                    WINDOW w AS (PARTITION BY provider, CAST(time AS DATE), file_id)
                )
                SELECT count(DISTINCT file), count(DISTINCT file) FILTER (sized),
                    sum(CASE WHEN bytes > coalesce(before, 0) THEN bytes - coalesce(before, 0) END)
                FROM saved
                WHERE time >= $window_start AND time < $window_end AND $scope IN (provider, 'all')
                """,
                {name: each[name] for name in ("user", "window_start", "window_end", "scope")},
            ).fetchone()
            assert volume == (each["files"], each["sized_files"], each["bytes"])
            for metric in ("files", "bytes"):
                user, everybody = (baselines.get((*of, each["scope"], name)) for name in (each["user"], None))
                assert each[f"{metric}_score"] == recomputed(each, metric, user, everybody)
                assert each[f"{metric}_threshold"] == thresholds[each["day"], each["population"], metric]


def test_the_command_prints_the_alerts_as_documented(everything):
    """Prevents a field that is documented but missing, or printed but not documented."""
    found = json.loads(command(everything, everything.home.path, "alerts", "--format", "json"))
    assert sorted(found, key=lambda each: each["alert_id"]) == sorted(
        everything.alerts, key=lambda each: each["alert_id"]
    )
    table = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text().split("## Risk indicators")[0]
    documented = {
        name for line in table.splitlines() if line.startswith("| `") for name in line.split("|")[1].split("`")[1::2]
    }
    assert set(found[0]) == documented


def asked(now: str, **settings: str) -> dict[str, tuple[str, str] | None]:
    """Days that each schedule asks for, or None where it skips."""
    defs = build_defs({**os.environ, "UPLOADWATCH_NOW": now, **settings})
    found: dict[str, tuple[str, str] | None] = {}
    with dg.instance_for_test() as instance:
        for name in ("poll", "late_data"):
            request = defs.resolve_schedule_def(name)(dg.build_schedule_context(instance=instance))
            found[name] = None
            if isinstance(request, dg.RunRequest):
                first, last = (request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end"))
                found[name] = first, last
    return found


def test_both_schedules_request_the_last_days(everything):
    """Prevents schedules whose range misses yesterday, the days of late events, or names days that don't exist."""
    now = "2026-01-12T10:00:00+00:00"
    assert asked(now) == {"poll": ("2026-01-11", "2026-01-12"), "late_data": ("2026-01-09", "2026-01-12")}
    first_day = asked(now, UPLOADWATCH_START_DATE="2026-01-12", UPLOADWATCH_END_DATE="")
    assert first_day == dict.fromkeys(("poll", "late_data"), ("2026-01-12", "2026-01-12"))
    assert asked("2026-03-01T00:00:00+00:00") == {"poll": None, "late_data": None}


def command(everything, home: Path, *arguments: str) -> str:
    """Return the command's output."""
    said = say(*arguments, "--home", str(home), values={"UPLOADWATCH_NOW": "2026-01-13T00:00:00+00:00"})
    return said.out if said.status == 0 else f"{said.status}: {said.err}"


def test_status_tells_the_load_and_what_was_not_watched(everything, tmp_path):
    """Prevents a budget whose use nobody sees, and silence that looks like quiet."""
    picture = tmp_path / "load.svg"
    told = command(everything, everything.home.path, "status", "--format", "json", "--plot", str(picture))
    shown = json.loads(told)
    people = [row for row in shown["load"] if row["population"] in ("people", "newcomers")]
    assert sum(row["raised"] for row in people) == len(everything.alerts)
    last = [row for row in people if row["day"] == people[-1]["day"]]
    assert sum(row["allowed"] for row in last) == pytest.approx(20 * people[-1]["watched_users"] / 1000)
    states = {row["state"] for row in shown["windows"]}
    assert {"evaluated", "in activation"} <= states
    drawn = read_svg(picture.read_text(encoding="utf-8"))
    assert any(text.startswith("people: ") for text in drawn.texts)
    assert any(shape.dashed for shape in drawn.shapes)
    assert "actual" in command(everything, everything.home.path, "status")


def test_a_review_is_kept_and_names_its_alert(everything, tmp_path):
    """Prevents feedback that is lost, or goes to another alert than the one meant."""
    home = tmp_path / "home"
    shutil.copytree(everything.home.path / "lake", home / "lake")
    alert = everything.alerts[0]["alert_id"]
    said = ("--by", "ann", "--note", "[b]as agreed[/b]")
    reviewed = command(everything, home, "review", alert[:12], "--benign", *said)
    assert f"Alert {alert[:8]} of {everything.alerts[0]['user']} is benign, says ann: [b]as agreed[/b]" in reviewed
    assert "confirmed" in command(everything, home, "review", alert, "--confirmed", *said)
    assert "No alert or case has an id" in command(everything, home, "review", "nonesuch", "--benign", *said)
    with connect() as con:
        rows = con.execute(
            "SELECT review, alert_id, verdict, reviewed_by FROM read_parquet(?) ORDER BY review",
            [str(home / "lake" / "reviews.parquet")],
        ).fetchall()
    assert rows == [(1, alert, "benign", "ann"), (2, alert, "confirmed", "ann")]
