"""Log lines as JSON: of commands, and of runs."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from common.errors import ConfigurationError
from orchestration.definitions import build_defs
from orchestration.logs import CONSOLE, LOG_FORMAT, JsonFormatter, LogFormat, log_format, run_loggers
from orchestration.schedules import run_config
from tests.support.command import say

JSON = {LOG_FORMAT: "json"}
BOX = {"BOX_CLIENT_ID": "a", "BOX_CLIENT_SECRET": "hidden-secret", "BOX_ENTERPRISE_ID": "1"}


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def test_another_format_is_named_with_those_there_are() -> None:
    """Prevents a typing error from switching back to text without a word."""
    assert log_format({}) is LogFormat.TEXT
    assert log_format(JSON) is LogFormat.JSON
    with pytest.raises(ConfigurationError, match=r"'jsonl' is not a format\. Set it to text or json"):
        log_format({LOG_FORMAT: "jsonl"})


def test_a_record_is_one_line_whatever_it_says() -> None:
    """Prevents a file name with a line break from forging a log line, and a traceback from being torn into many."""
    forged = 'x\n{"level": "INFO"}\u2028\x1b[2J'
    try:
        raise ValueError(forged)
    except ValueError as error:
        caught = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("connectors.box", logging.WARNING, "", 0, "said %s", (forged,), caught)
    line = JsonFormatter().format(record)
    assert line.isascii()
    assert line.splitlines() == [line]
    found = json.loads(line)
    assert (found["level"], found["logger"], found["message"]) == ("WARNING", "connectors.box", f"said {forged}")
    assert found["time"].endswith("Z")
    assert "Traceback" in found["exception"]
    assert "run_id" not in found


def test_a_run_writes_a_line_with_run_and_provider(capfd: pytest.CaptureFixture[str]) -> None:
    """Prevents log lines that cannot be found by the run or the provider that they are about."""

    @dg.op(name="box__audit_events")
    def pull(context: dg.OpExecutionContext) -> None:
        context.log.warning("%d events\nlost", 3)
        logging.getLogger("connectors").warning("throttled")
        raise ValueError("down")

    @dg.job(logger_defs=run_loggers(JSON))
    def job() -> None:
        pull()

    overrides = {"python_logs": {"managed_python_loggers": ["connectors"], "python_log_level": "INFO"}}
    config = run_config([], late_data=False, loggers=run_loggers(JSON)).to_config_dict()
    with dg.instance_for_test(overrides=overrides) as instance:
        result = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    found = {line["message"]: line for line in lines(capfd.readouterr().err)}
    for message in ("3 events\nlost", "throttled"):
        line = found[message]
        assert (line["level"], line["run_id"], line["job"]) == ("WARNING", result.run_id, "job")
        assert (line["step"], line["provider"]) == ("box__audit_events", "box")
    # The run's own failure follows that of its step.
    failed = [line for line in found.values() if "ValueError: down" in line.get("exception", "")]
    assert {line["level"] for line in failed} == {"ERROR"}
    assert "box" in {line.get("provider") for line in failed}


@pytest.mark.parametrize(("values", "loggers"), [({}, []), (JSON, [CONSOLE])], ids=["text", "json"])
def test_scheduled_runs_use_it_where_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, str], loggers: list[str]
) -> None:
    """Prevents runs that cannot start, since their configuration names a logger that is not defined."""
    for name, value in {**BOX, "DAGSTER_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    own = {"UPLOADWATCH_HOME": str(tmp_path), "UPLOADWATCH_RETENTION": "uploads=400"}
    repository = build_defs({**BOX, **own, **values}).get_repository_def()
    with dg.DagsterInstance.get() as instance:
        for schedule in repository.schedule_defs:
            with dg.build_schedule_context(
                instance=instance, repository_def=repository, scheduled_execution_time=datetime.now(UTC)
            ) as context:
                [request] = schedule.evaluate_tick(context).run_requests or []
            assert sorted(request.run_config.get("loggers") or {}) == loggers, schedule.name
            assert dg.validate_run_config(repository.get_job(schedule.job_name), request.run_config)
            assert "hidden-secret" not in str(request)
    assert {"poll", "late_data", "verify", "remove_old_runs", "retention"} == {
        each.name for each in repository.schedule_defs
    }


def test_a_command_reports_errors_in_json(tmp_path: Path) -> None:
    """Prevents an error of a service from being the one line that the log shipper cannot read."""
    said = say("status", "--home", str(tmp_path / "none"), values=JSON)
    [line] = lines(said.err)
    assert (said.status, line["level"], line["logger"]) == (1, "ERROR", "uploadwatch")
    assert "holds no lake" in line["message"]
