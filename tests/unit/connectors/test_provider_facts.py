"""The page of the providers' facts stays true: what it names is there, and the defaults keep to it."""

from __future__ import annotations

import ast
import importlib
import re
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.box.settings import BoxSettings
from connectors.dropbox.settings import DropboxSettings
from connectors.google_workspace.settings import GoogleWorkspaceSettings
from connectors.office365.settings import Office365Settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
PARTS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
SECTIONS = (
    "Office 365",
    "Box",
    "Dropbox",
    "Google Workspace",
    "What all of them do",
    "Sizes",
    "The providers' own libraries",
)
FACTS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and line.count(" | ") == 2 and not line.startswith("| fact ")
]
CODE = re.compile(r"`([a-z0-9_.]+): ([\w., ]+)`")
QUERY = re.compile(r"`([\w/]+\.sql)`")
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def test_every_provider_has_its_facts_and_what_is_not_handled() -> None:
    """Prevents a provider from being left out without a word."""
    assert tuple(PARTS) == SECTIONS
    for part in PARTS.values():
        assert part.count("\n| ") > 5
        assert "\nNot handled, and why:\n\n- " in part


@pytest.mark.parametrize("fact", FACTS, ids=[fact[0][:40] for fact in FACTS])
def test_what_a_fact_names_is_there(fact: list[str]) -> None:
    """Prevents a line that says a fact is handled or tested where the code or the test has gone."""
    assert len(fact) == 3, "a line has three cells: fact, where handled, test"
    _, where, tested = fact
    code, queries, tests = CODE.findall(where), QUERY.findall(where), TEST.findall(tested)
    assert where.count("`") == 2 * (len(code) + len(queries)) > 0
    assert tested.count("`") == 2 * len(tests) > 0
    for module, names in code:
        for name in names.split(", "):
            assert has(importlib.import_module(module), name), f"{module} has no {name}"
    for query in queries:
        assert list((ROOT / "detection" / "sql").rglob(query)), query
    for file, name in tests:
        assert name in functions(file), f"{file} has no {name}"


def has(module: object, name: str) -> bool:
    """Check whether a module, or a class in it, has this name, such as `Token.value` or `value`."""
    places = [module, *(found for found in vars(module).values() if isinstance(found, type))]
    first, _, rest = name.partition(".")
    return any(first in vars(place) and (not rest or hasattr(getattr(place, first), rest)) for place in places)


def functions(file: str) -> set[str]:
    """Return the names of the functions of a test file."""
    [path] = (ROOT / "tests").glob(f"**/{file}")
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    ("settings", "allowed"), [(BoxSettings, 1000), (GoogleWorkspaceSettings, 2400), (Office365Settings, 2000)]
)
def test_quotas_stay_below_what_providers_allow(settings: type[BoxSettings], allowed: int) -> None:
    """Prevents a default that is throttled all day, or that leaves nothing to the organisation's other tools."""
    assert allowed * 0.5 <= settings.model_fields["requests_per_minute"].default <= allowed * 0.8


@pytest.mark.parametrize(
    ("settings", "latest"),
    [(BoxSettings, 24), (DropboxSettings, 24), (GoogleWorkspaceSettings, 72), (Office365Settings, 24)],
)
def test_slices_stay_open_as_long_as_events_may_be_late(settings: type[BoxSettings], latest: int) -> None:
    """Prevents a slice from being final before the last of its events is shown."""
    lateness, overlap = (settings.model_fields[f"{name}_hours"].default for name in ("lateness", "overlap"))
    assert timedelta(hours=latest) <= timedelta(hours=lateness)
    assert overlap < lateness


def test_quotas_of_files_stay_below_what_is_said() -> None:
    """Prevents look-ups that are throttled all day: what is throttled counts at Microsoft, too."""
    assert GoogleWorkspaceSettings.model_fields["drive_requests_per_minute"].default <= 12_000 * 0.8
    assert Office365Settings.model_fields["graph_requests_per_minute"].default <= 1250 * 0.8
