"""The order of the rooms: which package may import which."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def linted(checkout: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-logo", "--no-cache"], cwd=checkout, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages of the checkout, to be changed."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in sorted(path.parent for path in ROOT.glob("*/__init__.py")):
        ignored = shutil.ignore_patterns("__pycache__", "*.sql", "data")
        shutil.copytree(package, tmp_path / package.name, ignore=ignored)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line", "rule"),
    [
        ("lake/store.py", "import assets.alerts", "Imports go down the list of rooms only"),
        ("detection/chain.py", "import dagster", "Rooms below the assets know nothing of Dagster"),
        (
            "sandbox/gate.py",
            "import connectors",
            "The sandbox imports no room of the product but the list of providers",
        ),
        ("cli/demo.py", "import sandbox.server", "No room of the product imports the sandbox"),
        ("connectors/box/files.py", "import connectors.dropbox.files", "No provider's connector imports another's"),
    ],
)
def test_a_wrong_import_fails_with_the_rules_name(copy, module, line, rule):
    """Prevents rooms from growing into each other unseen."""
    path = copy / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    result = linted(copy)
    assert result.returncode == 1
    assert f"{rule} BROKEN" in result.stdout


def test_every_package_is_under_the_rules():
    """Prevents a new room from standing outside of the order."""
    listed = subprocess.run(
        [sys.executable, "-c", "from docs.draw_architecture import rooms; print(*rooms())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert sorted(listed) == sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))


def test_every_contract_knows_every_room():
    """Prevents a new room from standing under one contract and outside of another, or out of the coverage."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    linter = tools["importlinter"]
    contracts = {contract["id"]: contract for contract in linter["contracts"]}
    product = set(contracts["rooms"]["layers"]) - {"bench"}
    assert set(linter["root_packages"]) == product | {"bench", "sandbox"}
    assert set(contracts["product-without-sandbox"]["source_modules"]) == product
    assert set(contracts["sandbox-apart"]["forbidden_modules"]) == product - {"providers"}
    assert set(tools["coverage"]["run"]["source_pkgs"]) == product


def test_the_pictures_are_drawn_from_the_code():
    """Prevents docs/architecture.md from showing rooms and assets as they once were."""
    script = (
        "from docs.draw_architecture import files; "
        "print(all(path.read_text(encoding='utf-8') == text for path, text in files().items()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.strip() == "True", "run: python docs/draw_architecture.py"
