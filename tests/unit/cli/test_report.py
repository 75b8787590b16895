"""Alerts against labels, and cases in the terminal."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.alert_table import case_table
from cli.case_queue import Order, cases_of, filter_cases
from detection.incident_score import read_labels, score

LABELS = """incident_id,scenario,malicious,expected,users,providers,start,end,note
a-1,bulk,true,alert,ann@example.com,box,2026-02-01T10:00:00Z,2026-02-01T11:00:00Z,
b-1,bulk,true,suspicious,ben@example.com,box+dropbox,2026-02-02T10:00:00Z,2026-02-02T11:00:00Z,
c-1,elsewhere,true,alert,cy@example.com,office365,2026-02-02T10:00:00Z,2026-02-02T11:00:00Z,
d-1,migration,false,alert,dee@example.com,box,2026-02-03T10:00:00Z,2026-02-03T11:00:00Z,
"""


def alert(user: str, day: int, severity: str = "Informational") -> dict[str, Any]:
    return {
        "alert_id": f"{user}-{day}",
        "user": user,
        "severity": severity,
        "first_window_start": f"2026-02-{day:02}T09:00:00Z",
        "last_window_end": f"2026-02-{day:02}T13:00:00Z",
        "files": 3,
        "bytes": None,
        "sentence": "In three hours [link=http://evil.example]click[/link] uploaded 3 files.",
        "review": None,
        "outgrown_review": {"verdict": "benign", "by": "[red]x[/red]", "note": "", "revision": 2},
        "case": {
            "case_id": f"c{day:02}f00000000",
            "state": "reopened",
            "severity": severity,
            "opened_at": f"2026-01-{day:02}T10:00:00Z",
            "one_in": 10 * day,
            "files": 3,
            "bytes": None,
        },
        "reasons": [{"name": "first_country", "strength": "weak", "evidence": "[red]x[/red]"}],
        "suppressed_count": 1,
    }


def test_alerts_are_scored_against_the_labels(tmp_path: Path):
    """Prevents look-alikes or providers that were not watched from counting as incidents found or missed."""
    labels = tmp_path / "w.labels.csv"
    labels.write_text(LABELS)
    alerts = [
        alert("ann@example.com", 1),
        alert("ben@example.com", 2, "Low"),
        alert("ben@example.com", 20),
        alert("dee@example.com", 3),
    ]
    result = score(alerts, read_labels(labels), providers=["box", "dropbox"])
    assert result.wanted == {"bulk": 2}
    assert result.found == {"bulk": 2}
    assert (result.suspicious, result.as_suspicious) == (1, 1)
    assert (result.look_alikes, result.unlabelled) == (1, 1)


def test_markup_in_names_is_shown_as_text():
    """Prevents a file or user name with terminal markup from styling, hiding or linking the analyst's screen."""
    console = Console(width=160, record=True)
    console.print(case_table(cases_of([alert("[link=http://evil.example]ann[/link]", 1)]), width=160))
    assert "[link=http://evil.example]ann[/link]" in console.export_text()


@pytest.mark.parametrize("width", [80, 100, 119, 120, 130, 160, 240])
def test_a_long_name_is_shown_whole(width: int):
    """Prevents a service account of which the screen tells the first half only, or a user without a column."""
    console = Console(width=width, record=True)
    name = "automationuser_1834521_kq7mpz2xtb@boxdevedition.com"
    many = [{"name": f"indicator_{number}", "strength": "weak", "evidence": ""} for number in range(12)]
    console.print(case_table(cases_of([alert(name, 1) | {"reasons": many}]), width=width))
    text = console.export_text().splitlines()
    [heading] = [line for line in text if "User" in line]
    begin, end = heading.index("User"), heading.index("Files")
    assert name in "".join(line[begin:end].strip().split(" ")[0] for line in text[2:])
    assert any(line.strip().startswith("c01f0000 ") for line in text)


def test_the_queue_begins_with_what_to_read_first():
    """Prevents an analyst from reading ten harmless cases before the rarest one, or what was read already."""
    reviewed = alert("ann@example.com", 9, "Low")
    reviewed["case"] |= {"state": "reviewed"}
    found = [alert("ben@example.com", 1), alert("cy@example.com", 2), alert("dee@example.com", 1, "Low"), reviewed]
    found[2]["case"] |= {"case_id": "low"}

    def users(order: Order) -> list[str]:
        return [members[0]["user"][:3] for members in cases_of(found, order)]

    assert users(Order.QUEUE) == ["dee", "cy@", "ben", "ann"]
    assert users(Order.NEWEST)[0] == "ann"
    assert users(Order.RARITY)[:2] == ["ann", "cy@"]


def test_cases_are_picked_whole():
    """Prevents an alert of a case from being left out because another one matches what was asked for."""
    first, later = alert("ann@example.com", 1), alert("ann@example.com", 3)
    later["case"] = first["case"]
    other = alert("ben@example.com", 2)
    other["case"] |= {"state": "reviewed"}
    cases = cases_of([first, other, later])
    assert filter_cases(cases, user="ANN") == [[first, later]]
    assert filter_cases(cases, since=date(2026, 2, 3)) == [[first, later]]
    assert filter_cases(cases, only_open=True) == [[first, later]]
    assert len(filter_cases(cases)) == 2


def test_ids_that_begin_alike_are_shown_longer():
    """Prevents an id on the screen that the next command refuses, since two cases begin with it."""
    found = [alert("ann@example.com", 1), alert("ben@example.com", 2)]
    for number, each in enumerate(found):
        each["case"] |= {"case_id": f"abcdefghij{number}"}
    console = Console(width=160, record=True)
    console.print(case_table(cases_of(found), width=160))
    assert "abcdefghij0" in console.export_text()
