"""Output of `uploadwatch backtest` for a person: the table, recall and precision against labels, the picture."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from detection.backtest import play
from detection.parameters import Parameters
from detection.tables import empty
from lake.kept import write_kept
from tests.support.burst_home import BURST, burst_home
from tests.support.command import say
from tests.support.made_lake import DAY, TODAY

pytestmark = pytest.mark.sampled

LABELS = """scenario,malicious,expected,users,providers,start,end
bulk_copy,true,alert,u0@example.com,box,{day}T10:00:00+00:00,{day}T11:00:00+00:00
slow_drip,true,alert,u5@example.com,box,{day}T10:00:00+00:00,{day}T11:00:00+00:00
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return burst_home(tmp_path_factory.mktemp("home"))


def test_a_person_sees_budgets_beside_each_other_with_what_labels_tell(home: Path, tmp_path: Path) -> None:
    """Prevents a table whose columns do not hold what their titles say, and an incident that is not named."""
    labels, picture = tmp_path / "labels.csv", tmp_path / "recall.svg"
    labels.write_text(LABELS.format(day=BURST.isoformat()), encoding="utf-8")
    span = ("--from", (TODAY - 3 * DAY).isoformat(), "--to", TODAY.isoformat(), "--home", str(home))
    said = say(
        "backtest",
        *span,
        "--budget",
        "2,1/week",
        "--labels",
        str(labels),
        "--plot",
        str(picture),
        values={"COLUMNS": "200"},
    )
    assert said.status == 0, said.err
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.out.splitlines() if "│" in line]
    assert [row[0] for row in rows] == ["2", "1/week"]
    for _, _, cases, alerts, by_services, come, go, recall, precision in rows:
        assert (cases, alerts, by_services, come, go, recall, precision) == ("1", "1", "0", "+1", "-0", "0.50", "1.00")
    assert rows[1][1] == "1.8/week", "in the unit of the budget: one case in four days"
    assert "most alerts: u0@example.com (1)" in said.out
    assert "bulk copy: 1 of 1" in said.out
    assert "slow drip: 0 of 1" in said.out
    assert picture.read_text(encoding="utf-8").startswith("<svg")


def test_a_changed_rule_runs_beside_the_present_one(home: Path, tmp_path: Path) -> None:
    """Prevents a rule from being changed without anybody knowing whom it finds no more, and whom it finds."""
    span = ("--from", (TODAY - 3 * DAY).isoformat(), "--to", TODAY.isoformat(), "--home", str(home))
    same = say("backtest", *span, "--against", "current", "--format", "json")
    assert same.status == 0, same.err
    [found] = json.loads(same.out)["budgets"]
    assert (found["come"], found["go"]) == ([], [])

    floors = ("--set", "floor_files=1000", "--set", "floor_bytes=1000000000000")
    higher = say("backtest", *span, "--against", "current", *floors)
    assert "Would go: u0@example.com" in " ".join(higher.out.split())

    text = files("detection").joinpath("sql", "detections.sql").read_text(encoding="utf-8")
    (tmp_path / "detections.sql").write_text(text.replace("WHERE files_above OR bytes_above", "WHERE FALSE"))
    none = say("backtest", *span, "--against", "current", "--rules", str(tmp_path), "--format", "json")
    [found] = json.loads(none.out)["budgets"]
    assert [case["user"] for case in found["go"]] == ["u0@example.com"]

    (tmp_path / "detection.sql").write_text("SELECT 1")
    refused = say("backtest", *span, "--rules", str(tmp_path))
    assert refused.status == 1
    assert "there is no detection/sql/detection.sql" in " ".join(refused.err.split())


def test_the_present_settings_are_those_of_the_deployment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a replay of the present from running with the default of a budget that the deployment sets."""
    played: list[Parameters] = []

    def noted(con: object, first: date, last: date, parameters: Parameters, **_rest: object) -> None:
        played.append(parameters)
        play(con, first, last, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr("orchestration.backtesting.play", noted)
    span = ("--from", (TODAY - DAY).isoformat(), "--to", TODAY.isoformat(), "--home", str(home))
    values = {"UPLOADWATCH_SERVICE_BUDGET": "3", "UPLOADWATCH_BUDGET": "4/week"}
    done = say("backtest", *span, "--against", "current", "--budget", "5", values=values)
    assert done.status == 0, done.err
    assert [(each.service_budget, each.budget, each.weekly_budget) for each in played] == [(3, 2, 4), (3, 5, None)]


def reviewed(home: Path, *verdicts: tuple[str, str]) -> None:
    """Write reviews of alerts of the burst's time, by user and verdict."""
    opened = f"TIMESTAMP '{BURST.isoformat()} 10:00:00'"
    said = f"""
    SELECT {{n}} AS review, {{n}} || 'a' AS alert_id, '{{user}}@example.com' AS "user", '{{verdict}}' AS verdict,
      'bea' AS reviewed_by, '' AS note, TIMESTAMP '{TODAY.isoformat()} 09:00:00' AS reviewed_at,
      {opened} AS first_window_start, {opened} + INTERVAL 3 HOUR AS last_window_end
    """
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE reviews AS {empty('reviews')}")
        for n, (user, verdict) in enumerate(verdicts, 1):
            con.execute(f"INSERT INTO reviews BY NAME {said.format(n=n, user=user, verdict=verdict)}")
        write_kept(home / "lake" / "reviews.parquet", lambda path: con.table("reviews").write_parquet(str(path)))


def test_reviews_are_labels(home: Path) -> None:
    """Prevents an operator from having to write by hand, as labels, what the reviews of the home say already."""
    reviewed(home, ("u0", "confirmed"), ("u5", "confirmed"), ("u6", "benign"))
    span = ("--from", (TODAY - 3 * DAY).isoformat(), "--to", TODAY.isoformat(), "--home", str(home))
    [found] = json.loads(say("backtest", *span, "--reviews", "--format", "json").out)["budgets"]
    assert (found["recall"], found["precision"], found["labelled_alerts"]) == (0.5, 1.0, 1)
    assert found["scenarios"]["reviewed as confirmed"]["wanted"] == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--set", "floor_flies=3"), "there is no setting 'floor_flies' (did you mean floor_files?)"),
        (("--set", "floor_files"), "NAME=VALUE"),
        (("--budget", "0"), "above 0"),
        (("--plot", "recall.svg"), "needs labels"),
        (("--plot", "recall.png"), ".svg"),
        (("--to", "2026-01-01"), "is after"),
    ],
)
def test_what_can_not_be_played_is_refused(home: Path, given: tuple[str, ...], said: str) -> None:
    """Prevents a replay of minutes that ends in an error."""
    span = ("--from", TODAY.isoformat(), "--to", TODAY.isoformat(), "--home", str(home))
    refused = say("backtest", *span, *given)
    assert refused.status == 2
    assert said in " ".join(refused.err.replace("│", " ").split())


def test_alerts_that_nobody_read_are_not_false(home: Path) -> None:
    """Prevents a precision that falls with every alert that waits for its review."""
    span = ("--from", (TODAY - 3 * DAY).isoformat(), "--to", TODAY.isoformat(), "--home", str(home))
    reviewed(home, ("u5", "confirmed"))
    [found] = json.loads(say("backtest", *span, "--reviews", "--format", "json").out)["budgets"]
    assert (found["alerts"], found["labelled_alerts"], found["precision"]) == (1, 0, None)
    assert "is of the 0 of 1 alerts that were reviewed" in " ".join(say("backtest", *span, "--reviews").out.split())


def test_days_that_were_not_evaluated_are_named_with_the_reason(home: Path) -> None:
    """Prevents a table of zeros over days of which nothing is known."""
    span = ("--from", (TODAY - 40 * DAY).isoformat(), "--to", (TODAY + 5 * DAY).isoformat(), "--home", str(home))
    said = " ".join(say("backtest", *span).out.split())
    began = TODAY - 40 * DAY
    assert f"{began} to {began + 13 * DAY}, box: in activation: history since {began}" in said
    assert f"{TODAY + DAY} to {TODAY + 5 * DAY}, box: not evaluated: audit events not pulled" in said


def test_days_that_were_not_evaluated_do_not_thin_the_load(home: Path) -> None:
    """Prevents a budget that looks kept because days of which nothing is known were counted."""
    loads = []
    for days in (0, 5, 60):
        span = ("--from", (TODAY - 3 * DAY).isoformat(), "--to", (TODAY + days * DAY).isoformat(), "--home", str(home))
        [found] = json.loads(say("backtest", *span, "--budget", "10/week", "--format", "json").out)["budgets"]
        loads.append((found["cases"], found["realised_per_week"], found["watched_user_days"]))
        assert found["realised_per_week"] == pytest.approx(7 * found["cases"] / 4, abs=0.001)
    assert loads[0] == loads[1] == loads[2]


def test_labels_beside_reviews_say_nothing_of_alerts_that_nobody_read(home: Path, tmp_path: Path) -> None:
    """Prevents alerts that wait for their review from counting as false where there are labels, too."""
    span = ("--from", (TODAY - 3 * DAY).isoformat(), "--to", TODAY.isoformat(), "--home", str(home))
    reviewed(home, ("u5", "confirmed"))
    labels = tmp_path / "labels.csv"
    labels.write_text("scenario,malicious,expected,users,providers,start,end\n")
    given = ("--labels", str(labels), "--format", "json")
    [alone] = json.loads(say("backtest", *span, *given).out)["budgets"]
    [beside] = json.loads(say("backtest", *span, *given, "--reviews").out)["budgets"]
    assert beside["labelled_alerts"] == 0
    assert beside["precision"] is None
    assert "precision" not in alone
