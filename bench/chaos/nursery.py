"""Processes of the product that can be killed: each is forked from one that has imported everything.

Run as a program, this module is that process: it reads one JSON object per line, forks, and reports each child's id and
how it ended. It never has a second thread, so that its children start clean.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Ended", "Nursery", "Strike"]

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Strike:
    """Fault that strikes a process from within, see :mod:`bench.chaos.strikes`.

    Attributes:
        kill_at: Number of the change of the home at which it is killed; 0 for none.
        delay_seconds: Time after that change.
        file_bytes: Size beyond which no file grows; 0 for no limit.
    """

    kill_at: int = 0
    delay_seconds: float = 0.0
    file_bytes: int = 0


@dataclass(frozen=True)
class Ended:
    """End of a process.

    Attributes:
        signal: Number of the signal that killed it; 0 for none.
        said: Its output, see :class:`bench.chaos.acts.Said`; empty if it was killed.
    """

    signal: int
    said: dict[str, Any]


class Nursery:
    """Forker of the product's processes.

    Args:
        prepare: Functions, as ``module:name``, that each process calls first.
    """

    def __init__(self, prepare: Sequence[str]) -> None:
        # As in deployments: without this variable Dagster stores events singly, which takes a tenth of a run's time.
        environment = {**os.environ, "DAGSTER_EVENT_BATCH_SIZE": "1000", "PYTHONPATH": str(PROJECT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.chaos.nursery", *prepare],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def start(self, act: dict[str, Any], home: Path, directory: Path, strike: Strike | None = None) -> int:
        """Start a process; return its id.

        Args:
            act: See :class:`bench.chaos.acts.Act`.
            home: Home whose changes are counted.
            directory: The process's working directory; also holds its output.
            strike: Fault that strikes it.
        """
        answer = self._ask(
            {"act": act, "home": str(home), "directory": str(directory), "strike": asdict(strike or Strike())}
        )
        return int(answer["pid"])

    def wait(self, pid: int, directory: Path) -> Ended:
        """Wait for a process."""
        signal = self._ask({"wait": pid})["signal"]
        said = directory / f"{pid}.json"
        if not said.exists():
            return Ended(signal, {})
        found = json.loads(said.read_text(encoding="utf-8"))
        said.unlink()
        return Ended(signal, found)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the nursery has no pipes")
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that forks the product's ended: see what it said on stderr")
        return dict(json.loads(answer))


def _serve(prepare: Sequence[str]) -> None:
    """Fork the requested processes until the pipe ends."""
    import bench.chaos.acts  # noqa: F401, PLC0415 -- slow imports, which only this process needs

    # Faults of sources are expected here, so the connectors' logs are dropped.
    logging.getLogger().addHandler(logging.NullHandler())
    answers = os.fdopen(os.dup(1), "w")
    # Output of the processes must not mix with the answers.
    os.dup2(2, 1)
    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            _, status = os.waitpid(question["wait"], 0)
            answer = {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}
        else:
            child = os.fork()
            if not child:
                _live(question, prepare)
            answer = {"pid": child}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _live(question: dict[str, Any], prepare: Sequence[str]) -> None:
    """Run as the requested process, and end."""
    from importlib import import_module  # noqa: PLC0415 -- only in the child

    from bench.chaos.acts import Act, as_json, perform  # noqa: PLC0415 -- as in _serve
    from bench.chaos.strikes import Changes, limit_files  # noqa: PLC0415 -- as in _serve

    directory, strike = Path(question["directory"]), Strike(**question["strike"])
    try:
        os.chdir(directory)
        for each in prepare:
            module, _, name = each.partition(":")
            getattr(import_module(module), name)()
        changes = Changes(Path(question["home"]), kill_at=strike.kill_at, delay_seconds=strike.delay_seconds)
        with _limited(strike.file_bytes, limit_files):
            said = perform(Act(**question["act"]))
        said.changes = changes.count
        (directory / f"{os.getpid()}.json").write_text(json.dumps(as_json(said)), encoding="utf-8")
    except BaseException as error:  # noqa: BLE001 -- a child must not come back into the parent's loop
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


@contextmanager
def _limited(size_bytes: int, limit: Any) -> Any:
    if size_bytes:
        limit(size_bytes)
    yield


if __name__ == "__main__":
    _serve(sys.argv[1:])
