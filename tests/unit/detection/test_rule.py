"""The rule file: what is refused, that nothing of it stands elsewhere, and that docs say the same."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from detection.rule import RULE, RuleError, read_rule

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "detection" / "rules" / "massive_upload.toml"
ROOMS = ("assets", "cli", "detection", "dossier", "exports", "history", "lake", "notify", "orchestration", "privacy")
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def edited(tmp_path: Path, before: str, after: str) -> Path:
    """Return a copy of the rule file with one text replaced."""
    text = FILE.read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / "rule.toml"
    path.write_text(text.replace(before, after), encoding="utf-8")
    return path


def test_the_rule_is_the_references():
    """Prevents the alert from drifting away from its reference by an edit of the file."""
    assert (RULE.name, RULE.severity) == ("Massive upload to SaaS service", "Informational")
    assert RULE.variations.suspicious_user.name == "Massive upload to SaaS service by suspicious user"
    assert RULE.variations.suspicious_user.severity == "Low"
    periods = RULE.periods
    assert (periods.activation_days, periods.training_days) == (14, 30)
    assert (periods.test_window_hours, periods.deduplication_hours) == (3, 24)
    assert RULE.data_sources == ("box", "dropbox", "google_workspace", "office365")
    assert [each.sub_technique.uid for each in RULE.attacks] == ["T1567.002", "T1074.002"]
    assert list(RULE.investigation_steps) == ["compromise", "sensitive", "authorised", "types", "afterwards"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name = "Massive upload to SaaS service"\n', "", "name: Field required"),
        ("activation_days = 14", "activation_days = 14\nactivation_hours = 1", "periods.activation_hours"),
        ("training_days = 30", 'training_days = "a month"', "periods.training_days"),
        ("test_window_hours = 3", "test_window_hours = 5", "test_window_hours (5) must divide the day"),
        ("test_window_hours = 3", "", "periods.test_window_hours: Field required"),
        ('severity = "Low"', 'severity = "Lowish"', "variations.suspicious_user.severity"),
        ('"office365"]', '"onedrive"]', "no source is called onedrive"),
        ('uid = "T1567.002"', 'uid = "T1999.002"', "T1999.002 is not a sub-technique of T1567"),
        ('types = "File types"\n', "", "investigation_steps lacks types"),
        ("{quiet_days} days, but before", "{quiet} days, but before", "risk_indicators.dormant_account.when"),
        ('"password_reset", "credentials_changed"]', '"password"]', "risk_indicators.new_account includes password"),
        ('strength = "strong"', 'strength = "huge"', "risk_indicators.failed_sign_ins_then_success.strength"),
        ("[periods]", "[periods", "cannot be read"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_the_place(tmp_path: Path, before: str, after: str, said: str):
    """Prevents a typing error in the rule from raising no alert, or another one, without a word."""
    path = edited(tmp_path, before, after)
    with pytest.raises(RuleError, match=re.escape(said)) as refused:
        read_rule(path)
    assert str(path) in str(refused.value)


def test_a_rule_that_is_missing_is_named(tmp_path: Path):
    """Prevents an installation without its rule file from failing with a bare traceback."""
    with pytest.raises(RuleError, match=r"none\.toml cannot be read"):
        read_rule(tmp_path / "none.toml")


def test_periods_stand_in_words(tmp_path: Path):
    """Prevents texts that name another window than the detection uses."""
    text = edited(tmp_path, "test_window_hours = 3", "test_window_hours = 1").read_text(encoding="utf-8")
    path = tmp_path / "rule.toml"
    path.write_text(text.replace("deduplication_hours = 24", "deduplication_hours = 36"), encoding="utf-8")
    periods = read_rule(path).periods
    assert (periods.test_window, periods.test_window_adjective) == ("one hour", "one-hour")
    assert periods.deduplication == "36 hours"
    assert RULE.periods.deduplication == "a day"
    assert RULE.risk_indicators["first_app"].when == "uploads by an application new for the user in 30 days"


SECOND_COPIES = {
    "the window": r"(?i)\bthree[ -]hours?\b|INTERVAL '?3'? HOUR|hours=3\b|_3h\b",
    "the training period": r"(?i)INTERVAL '?(30|31|37)'? DAY|\b(30|31|37|36) days\b|days=30\b|\bof 30\b(?! MB)",
    "the activation period": r"(?i)INTERVAL '?14'? DAY|\b14 days\b|default=14\b",
    "ATT&CK": r"\bTA\d{4}\b|\bT\d{4}(\.\d{3})?\b",
    "the name": r"(?i)massive[ _-]upload",
    "a severity": r"[\"'`]Informational[\"'`]",
}
ELSEWHERE = {
    # Not of the rule: how long Dagster keeps runs.
    "orchestration/storage/run_retention.py": "30 days",
    # Uploads are exported as OCSF events of this severity, whatever the alert's is.
    "detection/sql/export/file_hosting.sql": "Informational",
}


@pytest.mark.parametrize("what", SECOND_COPIES)
def test_nothing_of_the_rule_stands_a_second_time(what: str):
    """Prevents a period, a name or a mapping that is changed in the rule and stays what it was elsewhere."""
    copies = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            place = str(path.relative_to(ROOT))
            if path.suffix not in (".py", ".sql", ".html") or path.stem == "rule":
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                found = re.search(SECOND_COPIES[what], line)
                if found and (ELSEWHERE.get(place) or "\0") not in line:
                    copies.append(f"{place}:{number}: {line.strip()}")
    assert not copies, "read it from detection.rule.RULE:\n" + "\n".join(copies)


def test_the_page_is_written_from_the_rule():
    """Prevents docs/alerts.md from naming periods, severities or techniques of another rule."""
    script = "from docs.write_rule import PAGE, page; print(PAGE.read_text(encoding='utf-8') == page())"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.strip() == "True", "run: python docs/write_rule.py"


def _word() -> str:
    return RULE.periods.test_window_adjective.removesuffix("-hour")


def _uids() -> set[str]:
    return {each.uid for attack in RULE.attacks for each in (attack.tactic, attack.sub_technique)}


def _names() -> set[str]:
    return {RULE.name, RULE.variations.suspicious_user.name, RULE.variations.common_cause.name}


FACTS: dict[str, tuple[str, Callable[[], set[str]]]] = {
    "training": (
        r"(?<!than )(?<!to )(?<!from )\b(\d+) days(?: until the day)? before\b",
        lambda: {str(RULE.periods.training_days)},
    ),
    "training, in short": (r"\bof the (\d+) before\b", lambda: {str(RULE.periods.training_days)}),
    "activation": (r"\b(\d+) days of (?:its )?(?:history|activation)", lambda: {str(RULE.periods.activation_days)}),
    "window": (r"\b(\w+)-hour windows?\b|\bwindow\*\* is (\w+) hours", lambda: {_word()}),
    "rarest window": (r"\brarest (\w+) hours\b", lambda: {_word()}),
    "deduplication": (
        r"(?:fold(?:ed)? into|alerts|of one user) [^.|]{0,60}?\bwithin (a day|an hour|\w+ hours)\b",
        lambda: {RULE.periods.deduplication},
    ),
    "techniques": (r"\b(TA\d{4}|T\d{4}\.\d{3})\b", _uids),
    "names": (r"(Massive upload to SaaS service(?: by suspicious user|: common cause)?)", _names),
    "severities": (r"[Ss]everity:? `?(Informational|Low|Medium|High|Critical)\b", lambda: {*RULE.severities}),
}


@pytest.mark.parametrize("fact", FACTS)
def test_docs_say_what_the_rule_says(fact: str):
    """Prevents a page that tells an analyst yesterday's periods; decisions and measurements keep theirs."""
    pattern, expected = FACTS[fact]
    wrong, seen = [], 0
    for path in DOCS:
        if path.name in ("decisions.md", "performance.md"):
            continue
        for match in re.finditer(pattern, " ".join(path.read_text(encoding="utf-8").split())):
            seen += 1
            value = next(group for group in match.groups() if group)
            if value not in expected():
                wrong.append(f"{path.name}: {match[0]}")
    assert seen, "the pattern finds nothing: the docs say it in other words"
    assert not wrong, f"the rule says {', '.join(sorted(expected()))}"
