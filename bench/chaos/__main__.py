"""Chaos bench of a small deployment: one fault per round, an operator's recovery, and a comparison with a calm one.

Each round draws a fault and its point from the seed and the round's number, so ``--round K`` repeats one. It ends as
``equal``, ``reported and equal after its remedy`` (the product reported the problem and its remedy, and the remedy
worked), ``lost``, ``doubled`` or ``silent`` (it differs or could not continue, and nothing was reported). A fault that
never struck is ``missed``. The exit status is 1 if any round ended as one of the last four.

Run: ``python -m bench.chaos --seed N --rounds M [--round K] [--json]``
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.chaos.rounds import FAILING, Outcome, opened

_DIRECTORY = "uploadwatch-chaos-"


def report(seed: int, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the results of the rounds, for JSON."""
    counts = Counter(each.outcome for each in outcomes)
    by_fault: dict[str, Counter[str]] = {}
    for each in outcomes:
        by_fault.setdefault(each.fault, Counter())[each.outcome] += 1
    return {
        "seed": seed,
        "rounds": len(outcomes),
        "outcomes": dict(counts),
        **{outcome: counts[outcome] for outcome in FAILING},
        "by_fault": {fault: dict(found) for fault, found in sorted(by_fault.items())},
        "failures": [
            {"round": each.number, "fault": each.fault, "point": each.point, "outcome": each.outcome, "what": each.what}
            for each in outcomes
            if each.outcome in FAILING
        ],
    }


def _print(result: dict[str, Any]) -> None:
    outcomes = sorted(result["outcomes"])
    width = max(len(fault) for fault in result["by_fault"])
    print(f"{'fault':{width}}  " + "  ".join(outcomes))
    for fault, found in result["by_fault"].items():
        print(f"{fault:{width}}  " + "  ".join(f"{found.get(each, 0):{len(each)}}" for each in outcomes))
    print(f"{'all':{width}}  " + "  ".join(f"{result['outcomes'][each]:{len(each)}}" for each in outcomes))
    for each in result["failures"]:
        print(f"\nround {each['round']} ({each['fault']}, {each['point']}): {each['outcome']}\n  {each['what']}")
        print(f"  again: python -m bench.chaos --seed {result['seed']} --round {each['round']}")


def main() -> int:
    """Read the command line, play the rounds, print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--round", type=int, action="append", help="play only this round; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    # Faults of sources are expected here, so the connectors' logs are dropped.
    logging.getLogger().addHandler(logging.NullHandler())

    def say(what: str) -> None:
        print(what, file=sys.stderr, flush=True)

    outcomes: list[Outcome] = []
    with (
        tempfile.TemporaryDirectory(prefix=_DIRECTORY) as folder,
        opened(options.seed, Path(folder), progress=say) as bench,
    ):
        for number in options.round or range(options.rounds):
            outcomes.append(bench.play(number))
            say(json.dumps(asdict(outcomes[-1])))
    result = report(options.seed, outcomes)
    if options.json:
        print(json.dumps(result))
    else:
        _print(result)
    return int(any(result[outcome] for outcome in FAILING))


if __name__ == "__main__":
    raise SystemExit(main())
