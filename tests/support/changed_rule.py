"""Output and behaviour of the product under the installed rule; a test runs it with a changed copy of the rule.

Run: ``python -m tests.support.changed_rule`` with the copy of ``detection`` before the project in ``PYTHONPATH``.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assets.checks.catalogue import CATALOGUE
from assets.core.descriptions import described
from detection.parameters import Parameters
from detection.rule import RULE
from detection.wording import COMMON_CAUSE, Window, sentence, variation
from notify.settings import SEVERITIES
from notify.text import headline
from tests.support.memory import connect
from tests.support.scored import DAY, scored
from tests.support.small_lake import OPENS, ordinary
from tests.unit.exports import test_exported_findings as exported


def _page() -> str:
    with TemporaryDirectory() as home:
        small = ordinary(Path(home))
        small.run(OPENS + timedelta(days=1))
        return small.words()


def _finding() -> dict[str, Any]:
    said = {"name": RULE.name, "severity": RULE.severity, "sentence": "so much", "files": 9, "suppressed_count": 0}
    with connect() as con:
        exported.fill(con, "uploads", [])
        exported.fill(con, "revisions", [exported.revision("a", 1, "open", **said)])
        exported.fill(con, "published", [])
        con.execute("ALTER TABLE published RENAME TO ledger")
        exported.fill(con, "reviews", [])
        ends = {"first_window_start": exported.OPENS, "last_window_end": exported.OPENS + timedelta(hours=3)}
        shown = {**said, **ends, "alert_id": "a", "revision": 1, "providers": ["box"], "peak_files": 9}
        shown |= {"peak_window_start": exported.OPENS, "user": "ann@example.com", "reasons": []}
        exported.fill(con, "shown", [shown], exported.BESIDE)
        return exported.findings(con)[0]


def main() -> None:
    """Print texts and findings as one JSON object."""
    figures = ("ann@example.com", ("box",), datetime(2026, 3, 20, 9), 600, 600, 10**9, 0, None)
    usual = (9, 44, 15, 0, None, None, 900, "people", Parameters().training_days, 0)
    window = Window._make([*figures, *usual])
    halves = [("box", "two@example.com", DAY + timedelta(hours=hour), 40, 10) for hour in (9, 12)]
    shown = variation(suspicious=False)
    output = {
        "parameters": Parameters().model_dump(),
        "sentence": sentence(window),
        "names": [shown.name, variation(suspicious=True).name, COMMON_CAUSE.name],
        "headline": headline("case.opened", {"name": shown.name, "severity": shown.severity}),
        "severities": SEVERITIES,
        "scored": scored(["box"], halves),
        "page": _page(),
        "finding": _finding(),
        "checks": {check.name: check.description for check in CATALOGUE},
        "assets": {table: described(table)["description"] for table in ("baselines", "scores", "alerts")},
    }
    print(json.dumps(output, default=str))  # noqa: T201 -- the test reads it


if __name__ == "__main__":
    main()
