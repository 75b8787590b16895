"""A fifth provider: what it needs, and what is said where something of it is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PARTS = {
    "settings": ("connectors/egnyte/settings.py", r"\nSETTINGS = .*"),
    "connector": ("connectors/egnyte/audit_log.py", r"\nCONNECTOR = .*"),
    "doctor": ("connectors/doctor/egnyte.py", ""),
    "sandbox": ("sandbox/egnyte", ""),
    "SQL": ("detection/sql/normalise/egnyte.sql", ""),
    "operations": ("detection/data/operations/egnyte.csv", ""),
}
"""Parts that may be missing: the file or folder, and the text taken out of the file."""
FACTS = ("layout", "operations_source", "list_of_events", "event_keys", "actors", "log_page")
VARIABLES = {"EGNYTE_CLIENT_ID": "x", "EGNYTE_CLIENT_SECRET": "x", "EGNYTE_ENTERPRISE_ID": "1"}
START = """
import os
from orchestration.definitions import build_defs
print(*sorted(key.to_user_string() for key in build_defs(os.environ).resolve_all_asset_keys()))
"""


def renamed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in (("BOX_", "EGNYTE_"), ("Box", "Egnyte"), ("box", "egnyte")):
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The packages with Egnyte beside the others: Box's parts under another name."""
    for package in sorted(path.parent for path in ROOT.glob("*/__init__.py")):
        shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("providers/box.py", "connectors/box", "connectors/doctor/box.py", "sandbox/box"):
        source = tmp_path / part
        target = source.with_name(source.name.replace("box", "egnyte"))
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        for path in [target, *target.rglob("*.py")]:
            if path.is_file():
                renamed(path)
    for part in ("detection/sql/normalise/box.sql", "detection/data/operations/box.csv"):
        shutil.copy(tmp_path / part, tmp_path / part.replace("box", "egnyte"))
    listed = tmp_path / "providers" / "__init__.py"
    text = (
        listed.read_text(encoding="utf-8")
        .replace("import box,", "import box, egnyte,")
        .replace("(box,", "(box, egnyte,")
    )
    listed.write_text(text, encoding="utf-8")
    return tmp_path


def start(checkout: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(checkout), "UPLOADWATCH_HOME": str(checkout / "home")}
    return subprocess.run(
        [sys.executable, "-c", START],
        cwd=checkout,
        env={**environment, **VARIABLES},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_provider_is_added_by_its_parts(checkout):
    """Prevents lists of providers that nobody knows of: with its parts, Egnyte has all assets."""
    result = start(checkout)
    assert result.returncode == 0, result.stderr
    assert {"egnyte/audit_events", "egnyte/logged_uploads", "egnyte/uploads"} <= set(result.stdout.split())


@pytest.mark.sampled
@pytest.mark.parametrize("missing", PARTS)
def test_what_is_missing_is_named_at_start(checkout, missing):
    """Prevents a KeyError in the middle of a run, once a provider was added by half."""
    name, pattern = PARTS[missing]
    path = checkout / name
    if pattern:
        path.write_text(re.sub(pattern, "", path.read_text(encoding="utf-8")), encoding="utf-8")
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    result = start(checkout)
    assert result.returncode != 0
    assert f"egnyte: no {missing}. Add " in result.stderr


@pytest.mark.sampled
@pytest.mark.parametrize("fact", FACTS)
def test_a_missing_fact_is_named_at_start(checkout, fact):
    """Prevents a provider whose pages, import or erasure lack what they read of it."""
    path = checkout / "providers" / "egnyte.py"
    text = re.sub(rf"(?ms)^    {fact}=.*?(?=^    \w+=|^\)$)", "", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    result = start(checkout)
    assert result.returncode != 0
    assert f"'{fact}'" in result.stderr
