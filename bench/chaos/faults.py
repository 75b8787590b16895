"""The faults: what each does to a deployment, and what the product must report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.chaos import faults_answers, faults_files, faults_machine, faults_processes
from bench.chaos.scene import Scene

__all__ = ["FAULTS", "Fault"]

_ANY = (1, 2, 3)
_BESIDE = ("late", "import")


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        name: Its name in the report.
        strike: Performs the affected poll run, with the fault before, in or after it.
        runs: Poll runs that it may strike, from 0.
        must_say: Pattern of what the product must report; empty if it may recover silently.
    """

    name: str
    strike: Callable[[Scene], None]
    runs: tuple[int, ...] = _ANY
    must_say: str = ""


def _damaged(kind: str, *patterns: str, runs: tuple[int, ...] = _ANY) -> Fault:
    return Fault(f"damaged {kind}", faults_files.damaging(*patterns), runs)


FAULTS = (
    Fault("kill of a run", faults_processes.kill_run),
    Fault("kill of import", faults_processes.kill_import, (2,)),
    Fault("kill of backfill", faults_processes.kill_backfill),
    Fault("kill of notify", faults_processes.kill_notify),
    Fault("kill of notify while it sends", faults_processes.kill_sending),
    Fault("kill of review", faults_processes.kill_review, (2,)),
    Fault("kill of export", faults_processes.kill_export),
    Fault("kill of verify --repair", faults_processes.kill_repair),
    Fault("kill of forget", faults_processes.kill_forget, (3,)),
    Fault("two runs at once", faults_processes.two_runs),
    Fault("a command beside a run", faults_processes.command_beside),
    Fault("forget of somebody else", faults_processes.forget_nobody),
    Fault("restore from a backup", faults_processes.restore_backup, (2, 3)),
    _damaged("raw slice", "lake/*/audit_events/day=*/[0-9]*.ndjson.zst"),
    _damaged("late or imported events", *(f"lake/*/audit_events/day=*/{kind}-*.zst" for kind in _BESIDE), runs=(3,)),
    _damaged("manifest", "lake/*/audit_events/day=*/manifest*.json"),
    Fault("damaged manifest and its copy", faults_files.lose_manifest),
    Fault("damaged partition", faults_files.damage_partition),
    Fault("lost partition", faults_files.lose_partition),
    Fault("lost table", faults_files.lose_table),
    _damaged("partition metadata", "lake/**/day=*/part.json", "lake/**/.made_days"),
    _damaged("ledger", "lake/published.*"),
    _damaged("revisions", "lake/revisions.*"),
    _damaged("reviews", "lake/reviews.*", runs=(3,)),
    Fault("damaged ledger and its copy", faults_files.lose_kept("published", "revisions")),
    Fault("damaged reviews and their copy", faults_files.lose_kept("reviews"), (3,)),
    _damaged("size answers", "lake/*/file_sizes/day=*/*"),
    _damaged("stream position and health", "lake/*/audit_events/stream_position", "lake/*/health*"),
    _damaged("outbox", "outbox.db"),
    _damaged("limits", "limits/**/*"),
    _damaged("warehouse", "warehouse.duckdb"),
    _damaged("exports", "exports/**/*"),
    _damaged("pages", "pages/**/*", "lake/dossiers/**/*"),
    Fault("disk full", faults_machine.fill_disk, must_say=r"(?i)disk|space|too large"),
    Fault("clock ahead", faults_machine.clock_ahead, must_say=r"clock is .* ahead"),
    Fault("clock back", faults_machine.clock_back, must_say=r"clock is .* behind"),
    Fault("source unset", faults_machine.unset, must_say=r"not configured"),
    Fault("sources down", faults_machine.unreachable, must_say=r"(?i)unavailable|cannot be reached|no answer|connect"),
    Fault("bad answer to one request", faults_answers.bad_request),
    Fault("bad answers to all", faults_answers.bad_source, must_say=r"."),
)
"""All faults. Each comes once before any comes again."""
