"""Commands that other commands print for the person to run."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from cli.options import backfill_command

DAYS = (date(2026, 3, 1), date(2026, 3, 2))
PLAIN = "uploadwatch backfill --from 2026-03-01 --to 2026-03-02"


def test_a_backfill_is_printed_with_the_variables_that_it_lacks(tmp_path: Path) -> None:
    """Prevents a backfill, as printed, that runs in another home than the one that was named."""
    home = tmp_path / "a home"
    whole = f"UPLOADWATCH_HOME='{home}' DAGSTER_HOME='{home}/dagster' {PLAIN}"
    assert backfill_command(home, *DAYS, {}) == whole
    other = {"UPLOADWATCH_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "records")}
    assert backfill_command(home, *DAYS, other) == whole
    named = {"UPLOADWATCH_HOME": str(home)}
    assert backfill_command(home, *DAYS, named) == f"DAGSTER_HOME='{home}/dagster' {PLAIN}"
    assert backfill_command(home, *DAYS, named | {"DAGSTER_HOME": "/elsewhere"}) == PLAIN
