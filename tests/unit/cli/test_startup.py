"""Modules that commands load before they answer, and commands that are imported only to be run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import commands
from cli.app import app
from tests.support.small_lake import ALERT_ID, OPENS, ordinary

HEAVY = ("dagster", "pandas", "pyarrow.lib", "requests.api", "google.auth", "apprise.apprise")
SCRIPT = f"""
import sys
from cli.app import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one alert."""
    home = tmp_path_factory.mktemp("home")
    small = ordinary(home)
    small.upload(OPENS, "x.zip")
    small.write()
    return home


@pytest.mark.parametrize(
    "command",
    [
        *(["--help"], ["--version"], ["doctor", "--help"], ["alerts", "--help"], ["classify", "--help"]),
        *(["alerts"], ["alert", ALERT_ID], ["status"], ["outbox"]),
        ["review", ALERT_ID, "--benign", "--by", "ann", "--note", "ours"],
    ],
    ids=lambda command: " ".join(command[:2])[:15],
)
def test_a_command_that_reads_loads_nothing_large(command: list[str], home: Path) -> None:
    """Prevents seconds of imports before an answer that takes a tenth of one."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *command],
        env={
            "PYTHONPATH": ":".join(sys.path),
            "PATH": "/usr/bin",
            "UPLOADWATCH_HOME": str(home),
            "UPLOADWATCH_NOW": "2026-02-21T09:00:00Z",
        },
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    loaded = {*run.stderr.splitlines()[-1].split()}
    # The evidence of an alert is handed to its queries as Arrow; DuckDB looks whether it is Pandas', where that is.
    assert loaded <= ({"pyarrow.lib", "pandas"} if command[0] == "alert" else set())


def test_every_command_is_where_the_list_says() -> None:
    """Prevents a command that is listed in the help and cannot be run."""
    for name in commands._COMMANDS:
        result = CliRunner().invoke(app, [name, "--help"])
        assert result.exit_code == 0, (name, result.output, result.exception)


def test_the_help_says_what_a_command_does() -> None:
    """Prevents a list of commands without a word on each."""
    shown = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert "Print the cases of a home" in shown
    assert "Check what each configured provider needs" in shown
