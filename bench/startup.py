"""Processor time of commands that read, beside that of ``import duckdb``, which each of them needs.

All are run by turns, each in a process of its own with compiled modules, as an installed package has them; the least of
several rounds counts. The home is one that ``uploadwatch demo`` made.

Run: ``python -m bench.startup [--home DIR] [--rounds N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_MAIN = "from cli.app import main; main()"
_EVENT = {
    "type": "event",
    "event_id": "1",
    "created_at": "2026-01-05T10:00:00Z",
    "event_type": "UPLOAD",
    "created_by": {"login": "ann@example.com", "id": "1"},
    "source": {"item_type": "file", "item_id": "7", "item_name": "x.pdf", "parent": {"type": "folder", "id": "3"}},
    "additional_details": {"size": 123},
}


def measure(home: Path, rounds: int) -> dict[str, float]:
    """Return the processor seconds of each command, and of ``import duckdb``.

    Args:
        home: Home with alerts.
        rounds: Times that each is run; the least counts.

    Raises:
        SystemExit: A command failed, or the home has no alert.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPYCACHEPREFIX": f"{folder}/compiled", "UPLOADWATCH_HOME": str(home.absolute())}
        environment["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), environment.get("PYTHONPATH", "")])
        events = Path(folder, "events.json")
        events.write_text(json.dumps([_EVENT]), encoding="utf-8")
        [alert, *_] = json.loads(_run(["alerts", "--format", "json"], environment, folder)[1]) or [None]
        if alert is None:
            raise SystemExit(f"{home} has no alert: run `uploadwatch demo` first, or name another with --home")
        commands = {
            "--help": ["--help"],
            "doctor --help": ["doctor", "--help"],
            "alerts": ["alerts"],
            "alert": ["alert", alert["alert_id"]],
            "status": ["status"],
            "outbox": ["outbox"],
            "classify": ["classify", "--provider", "box", str(events)],
        }
        least = dict.fromkeys(["import duckdb", *commands], float("inf"))
        for _ in range(rounds):
            least["import duckdb"] = min(least["import duckdb"], _run(None, environment, folder)[0])
            for name, arguments in commands.items():
                least[name] = min(least[name], _run(arguments, environment, folder)[0])
    return least


def _run(arguments: Sequence[str] | None, environment: dict[str, str], folder: str) -> tuple[float, str]:
    """Return the processor seconds of a command, and what it printed; of ``import duckdb`` without arguments."""
    program = ["import duckdb"] if arguments is None else [_MAIN, *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-P", "-c", *program], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(program)}: {done.stderr[-500:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description="Processor time of commands that read.")
    parser.add_argument("--home", type=Path, default=Path(".uploadwatch"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    least = measure(given.home, given.rounds)
    base = least["import duckdb"]
    found = {name: {"seconds": round(took, 3), "ratio": round(took / base, 2)} for name, took in least.items()}
    if given.json:
        print(json.dumps(found))
        return
    for name, row in found.items():
        print(f"{name:15}{row['seconds']:8.3f} s{row['ratio']:7.2f}")


if __name__ == "__main__":
    main()
