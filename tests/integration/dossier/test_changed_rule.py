"""A rule that was changed, in a copy: detection, texts, page and export follow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.sampled("module")

ROOT = Path(__file__).resolve().parents[3]
CHANGES = {
    'id = "massive_upload"': 'id = "bulk_upload"',
    'name = "Massive upload to SaaS service"': 'name = "Bulk upload"',
    'severity = "Informational"\nkind': 'severity = "Medium"\nkind',
    'description = "A user put': 'description = "Somebody put',
    "activation_days = 14": "activation_days = 10",
    "training_days = 30": "training_days = 20",
    "test_window_hours = 3": "test_window_hours = 4",
    "deduplication_hours = 24": "deduplication_hours = 48",
    'uid = "T1567.002", name = "Exfiltration to Cloud Storage"': 'uid = "T1567.004", name = "Over Webhook"',
    'types = "File types"': 'types = "Kinds of files"',
    'backup = "A backup or an export': 'backup = "The yearly backup, or an export',
}


def told(directory: Path, changes: dict[str, str]) -> dict[str, Any]:
    """Return what a process says and does with these changes of the rule."""
    shutil.copytree(ROOT / "detection", directory / "detection", ignore=shutil.ignore_patterns("__pycache__"))
    path = directory / "detection" / "rules" / "massive_upload.toml"
    text = path.read_text(encoding="utf-8")
    for before, after in changes.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "tests.support.changed_rule"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": f"{directory}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return told(tmp_path_factory.mktemp("changed"), CHANGES)


def test_detection_follows(changed: dict[str, Any]):
    """Prevents a window of four hours on paper and of three in the queries: halves three hours apart are one burst."""
    parameters = changed["parameters"]
    names = ("activation_days", "training_days", "window_hours", "deduplication_hours")
    assert [parameters[name] for name in names] == [10, 20, 4, 48]
    assert changed["scored"] == [["box", "two@example.com", 80]]


def test_texts_follow(changed: dict[str, Any]):
    """Prevents sentences, checks and descriptions that name the periods of another rule."""
    assert changed["sentence"].startswith("In the four hours from")
    assert "in the 20 days before, 9 active four-hour windows held" in changed["sentence"]
    assert changed["names"][0] == "Bulk upload"
    assert changed["headline"] == "Bulk upload (Medium)"
    assert changed["severities"] == ["Informational", "Low", "Medium"]
    assert "cases of the last 20 days" in changed["checks"]["budget_realised"]
    assert "deduplication period of two days" in changed["checks"]["deduplicated"]
    assert "four-hour window, over the 20 days before" in changed["assets"]["baselines"]
    assert "Windows of four hours" in changed["assets"]["scores"]
    assert changed["assets"]["alerts"].startswith("Bulk upload: Somebody put")


def test_the_page_follows(changed: dict[str, Any]):
    """Prevents a page that explains an alert by another rule than the one that raised it."""
    page = changed["page"]
    for said in (
        "TA0010 Exfiltration, T1567.004 Over Webhook",
        "Kinds of files",
        "The largest four hours of each day",
        "share of the 20 days before",
        "The yearly backup, or an export",
    ):
        assert said in page
    assert "three hours of each day" not in page
    assert "30 days before" not in page


def test_the_export_follows(changed: dict[str, Any]):
    """Prevents a finding that names another rule, technique or window than the alert's."""
    info = changed["finding"]["finding_info"]
    assert info["analytic"]["name"] == "Bulk upload"
    assert info["analytic"]["uid"] == "bulk_upload"
    assert info["desc"].startswith("Somebody put")
    assert info["attacks"][0]["sub_technique"] == {"uid": "T1567.004", "name": "Over Webhook"}
    assert (changed["finding"]["severity_id"], changed["finding"]["severity"]) == (3, "Medium")
    [anomaly] = changed["finding"]["anomaly_analyses"][0]["anomalies"]
    assert anomaly["observation_parameter"] == "files_uploaded_4h"
    assert anomaly["observations"][0]["timespan"]["duration_hours"] == 4


def test_the_rule_as_it_is_finds_no_burst_in_halves_three_hours_apart(tmp_path: Path):
    """Prevents the tests above from passing whatever the rule says."""
    plain = told(tmp_path, {})
    assert plain["scored"] == []
    assert plain["sentence"].startswith("In the three hours from")
    assert "30 days before" in plain["page"]
