"""Part of ``docs/alerts.md`` that is written from the rule file.

Run: ``python docs/write_rule.py``. A test compares the page with the rule.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "alerts.md"


def _rows() -> Iterator[tuple[str, str]]:
    from detection.rule import RULE  # noqa: PLC0415 -- run as a script, the rooms are found only later
    from providers import title_of  # noqa: PLC0415

    periods, suspicious = RULE.periods, RULE.variations.suspicious_user
    yield "Name", RULE.name
    yield "Id", f"`{RULE.id}`"
    yield "Severity", RULE.severity
    yield "Variation", f"{suspicious.name}, severity {suspicious.severity}: replaces name and severity on the one alert"
    yield (
        "[Common cause](#common-causes)",
        f"{RULE.variations.common_cause.name}, severity {RULE.variations.common_cause.severity}",
    )
    yield "Meaning", RULE.description
    yield "Attacker's goal", RULE.goal
    yield "Data sources", f"any one of {', '.join(map(title_of, RULE.data_sources))}"
    yield "Detection module", RULE.module
    yield "Activation period", f"{periods.activation_days} days: no alert before this much history of the source exists"
    yield "Training period", f"{periods.training_days} days: how far back a baseline looks"
    yield "Test window", f"{periods.test_window}: the stretch that is compared with the baseline; it slides by one hour"
    yield "Deduplication period", f"{periods.deduplication}: further windows of the user fold into the alert"
    yield (
        "Case period",
        f"{periods.case_days} days at most, or until a review: further alerts of the user join the case",
    )
    yield "Investigation steps", "; ".join(RULE.investigation_steps.values())
    yield "Risk indicators", ", ".join(f"`{name}`" for name in RULE.risk_indicators)
    for attack in RULE.attacks:
        names = (f"{each.uid} {each.name}" for each in (attack.tactic, attack.technique, attack.sub_technique))
        yield "ATT&CK", " · ".join(names)


def page() -> str:
    """Return the page with the part as the rule has it."""
    block = "\n".join(["<!-- rule -->", "| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in _rows())])
    text = PAGE.read_text(encoding="utf-8")
    return re.sub("<!-- rule -->.*?(?=\n<!-- end of rule -->)", lambda _: block, text, flags=re.DOTALL)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
