"""Alerts against labels, and alerts in the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from cli.alert_table import alert_table
from cli.incident_score import score

LABELS = """incident_id,scenario,malicious,expected,users,providers,start,end,note
a-1,bulk,true,alert,ann@example.com,box,2026-02-01T10:00:00Z,2026-02-01T11:00:00Z,
b-1,bulk,true,suspicious,ben@example.com,box+dropbox,2026-02-02T10:00:00Z,2026-02-02T11:00:00Z,
c-1,elsewhere,true,alert,cy@example.com,office365,2026-02-02T10:00:00Z,2026-02-02T11:00:00Z,
d-1,migration,false,alert,dee@example.com,box,2026-02-03T10:00:00Z,2026-02-03T11:00:00Z,
"""


def alert(user: str, day: int, severity: str = "Informational") -> dict[str, object]:
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
        "case": {"case_id": f"c{day}", "state": "reopened", "opened_at": f"2026-01-{day:02}T10:00:00Z"},
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
    result = score(alerts, labels, providers=["box", "dropbox"])
    assert result.wanted == {"bulk": 2}
    assert result.found == {"bulk": 2}
    assert (result.suspicious, result.as_suspicious) == (1, 1)
    assert (result.look_alikes, result.unlabelled) == (1, 1)


def test_markup_in_names_is_shown_as_text():
    """Prevents a file or user name with terminal markup from styling, hiding or linking the analyst's screen."""
    console = Console(width=120, record=True)
    console.print(alert_table([alert("ann@example.com", 1)]))
    shown = console.export_text()
    assert "[link=http://evil.example]click[/link]" in " ".join(shown.split())
    assert "[red]x[/red]" in shown


def test_a_long_name_is_shown_whole():
    """Prevents a service account of which the screen tells the first half only."""
    console = Console(width=60, record=True)
    name = "automationuser_1834521_kq7mpz2xtb@boxdevedition.com"
    console.print(alert_table([alert("ann@example.com", 1) | {"sentence": f"In three hours {name} uploaded 3 files."}]))
    lines = [line.split("│")[3].strip() for line in console.export_text().splitlines() if line.startswith("│")]
    assert name in "".join(lines)
    assert "1 further window folded in" in " ".join(lines)
