"""Causes that make a table stale: what decides it, and nothing else."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.core.code_version import MADE_BY, dependencies_of, rules
from assets.core.resources import Detector
from detection.dependencies import ROOT, dependencies
from detection.parameters import Parameters, settings_of
from providers import PROVIDERS

pytestmark = pytest.mark.sampled

TABLES = tuple(MADE_BY)
OF_PROVIDER = ("logged_uploads", "activity", "rejects", "file_sizes", "uploads", "measured_sizes")
READ = {f"{provider}/{table}" for provider in PROVIDERS for table in OF_PROVIDER[:3]}


def detector_with(**changed: object) -> Detector:
    return Detector(**{**Parameters().model_dump(), **changed})


@pytest.mark.parametrize("setting", [name for name in Parameters.model_fields if name in Detector.model_fields])
def test_a_setting_makes_those_tables_stale_that_it_decides(setting: str) -> None:
    """Prevents a list of settings beside the code, of which one is forgotten when a query names another."""
    default = getattr(Parameters(), setting)
    changed = detector_with(**{setting: 10.0 if default is None else default + 1})
    for table in TABLES:
        named = setting in dependencies_of(table).settings
        assert (rules(table, Detector()) != rules(table, changed)) == named, table


def test_settings_are_found_in_queries_and_in_code() -> None:
    """Prevents days that a function reads by a setting from staying when the setting changes."""
    assert "floor_files" in dependencies_of("scores").settings
    assert "training_days" in dependencies_of("thresholds").settings
    assert "activation_days" in dependencies_of("evaluations").settings


def test_a_query_has_its_settings_in_another_unit_too() -> None:
    """Prevents an activation of a week from leaving scores that were made with a fortnight."""
    assert settings_of(["activation", "training_start", "since"]) == ["activation_days", "training_days"]


def versions(root: Path) -> dict[str, str]:
    """Digest of what decides each table, by the packages in a directory."""
    found = {table: dependencies_of(table, root=root).digest for table in TABLES if table not in OF_PROVIDER}
    for provider in PROVIDERS:
        found |= {f"{provider}/{table}": dependencies_of(table, provider, root).digest for table in OF_PROVIDER}
    return found


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return versions(ROOT)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for room in ("common", "detection", "dossier", "exports", "lake", "privacy", "providers"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


OF_BOX = {name for name in READ if name.startswith("box/")}
OF_OFFICE365 = {name for name in READ if name.startswith("office365/")}
OF_TRAINING = {"typical_sizes", "baselines", "recent_sums", "thresholds"}
FOUND = {"detections", "causes"}
PAGES_TOO = {"alerts", "dossiers"}
RULE = "detection/rules/massive_upload.toml"
CHANGES = [
    (RULE, 'mfa_disabled]\nstrength = "strong"', 'mfa_disabled]\nstrength = "weak"', {"alerts"}),
    (RULE, 'compromise = "Signs', 'compromise = "The signs', {"dossiers"}),
    (RULE, 'severity = "Low"', 'severity = "Medium"', {"alerts", "dossiers"}),
    (RULE, 'name = "Massive upload to SaaS service"', 'name = "Massive upload"', {"alerts", "dossiers", "exports"}),
    (RULE, "quiet_days = 14", "quiet_days = 20", {"alerts"}),
    (RULE, "# ", "# Another remark. ", set()),
    ("detection/suspicion.py", '"failed_sign_ins": 5', '"failed_sign_ins": 2', {"alerts"}),
    ("detection/suspicion.py", "timedelta(days=90)", "timedelta(days=60)", {"alerts"}),
    ("detection/data/countries.csv", "\nDE,", "\nDX,", {"alerts"}),
    ("detection/data/service_networks.csv", "\n", "\n\n", PAGES_TOO),
    ("detection/data/user_agents.csv", "\n", "\n\n", READ),
    ("detection/data/operations/box.csv", "\n", "\n\n", OF_BOX),
    ("detection/data/operations/office365_record_types.csv", "\n", "\n\n", OF_OFFICE365),
    ("providers/office365.py", "publication_days=2", "publication_days=3", OF_OFFICE365),
    ("providers/office365.py", "operations_any_case=True", "operations_any_case=False", OF_OFFICE365),
    ("providers/office365.py", 'title="', 'title="The ', {"alerts", "dossiers"}),
    ("detection/geoip.py", 'record.get("country_code"', 'record.get("country_iso"', PAGES_TOO),
    ("detection/account_groups.py", "def join_if_free(", "def join_if_free(  ", set()),
    ("detection/account_groups.py", "return self", "return (self) if True else self", {"user_hours", "dossiers"}),
    ("detection/sql/scores.sql", "SELECT", "SELECT ", {"scores", "period_sums"} | FOUND),
    ("detection/sql/persons/keyed.sql", "SELECT", "SELECT ", READ | {"user_hours", "alerts", "dossiers", "exports"}),
    ("detection/sql/reasons/travel.sql", "SELECT", "SELECT ", {"alerts"}),
    ("detection/sql/normalise/box.sql", "SELECT", "SELECT ", OF_BOX),
    ("dossier/templates/words.html", "<", " <", {"dossiers"}),
    ("dossier/sections/advice.py", "_MANY = ", "_MANY = 1 + ", {"dossiers"}),
    ("exports/mapping.py", "EVIDENCES = 20", "EVIDENCES = 21", {"exports"}),
    ("lake/days.py", "timedelta(days=parameters.training_days)", "timedelta(days=29)", OF_TRAINING),
    ("detection/chain.py", '"""', '"""Another text. ', set()),
    ("detection/backtest.py", "import duckdb", "import duckdb as duckdb", set()),
]


@pytest.mark.parametrize(("file", "old", "new", "stale"), CHANGES, ids=[f"{file}: {old}" for file, old, *_ in CHANGES])
def test_a_change_makes_exactly_the_tables_stale_that_it_decides(
    copy: Path, before: dict[str, str], file: str, old: str, new: str, stale: set[str]
) -> None:
    """Prevents a changed rule, constant or data file from leaving its tables as they were, or making all stale."""
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    after = versions(copy)
    changed = {table for table in before if before[table] != after[table]}
    assert changed == stale


def test_a_copy_is_as_it_was(copy: Path, before: dict[str, str]) -> None:
    """Prevents a digest that depends on where the packages are, so that an upgrade would make all history again."""
    assert versions(copy) == before


def constants() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "detection").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                yield module, node.targets[0].id


DECIDE_NOTHING = {
    # The program's own digest, the docs, the backtest and how queries are run.
    *("detection.dependencies", "detection.definitions", "detection.normalise.reference", "detection.backtest"),
    "detection.sql",
    # The values of parameters and rule, operators' rows and stored columns are inputs.
    *("detection.parameters", "detection.allow_list", "detection.operator_values", "detection.sensitive"),
    *("detection.tables", "detection.rule"),
}


def test_every_constant_of_the_rules_is_in_a_version() -> None:
    """Prevents a constant beside those of the tests above from deciding a result that stays when it changes."""
    known = {
        name
        for table in TABLES
        for provider in (PROVIDERS if table in OF_PROVIDER else [""])
        for name in dependencies_of(table, provider).definitions
    }
    left = {
        f"{module}.{name}"
        for module, name in constants()
        if f"{module}.{name}" not in known and name != "__all__" and module not in DECIDE_NOTHING
    }
    assert left == {"detection.normalise.operations.IRRELEVANT"}


def test_a_function_that_is_not_there_is_named() -> None:
    """Prevents a function that was moved or nested from being left out of its table's version in silence."""

    def nested() -> None: ...

    with pytest.raises(LookupError, match="nested is not defined at the top of its module"):
        dependencies(nested)


def test_packages_are_imported_in_the_form_that_the_search_follows() -> None:
    """Prevents a module whose use is not seen, since it was imported whole or within a function."""
    odd = []
    for room in ("common", "detection", "dossier", "exports", "lake", "privacy", "providers"):
        for path in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or "."] if isinstance(node, ast.ImportFrom) and node not in tree.body else []
                odd += [f"{path}: {name}" for name in names if (ROOT / name.split(".")[0] / "__init__.py").exists()]
    assert not odd
