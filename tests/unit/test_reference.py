"""The pages of the reference against the code that they are written from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors import configured, misconfigured
from docs.write_reference import DOCS, pages
from orchestration.access_settings import AccessSettings
from orchestration.settings import Settings
from orchestration.variables import Variable, access_table, channel_table, deployment_table, provider_table
from providers import PROVIDERS

ROOT = Path(__file__).parents[2]
PRODUCT = ("assets", "cli", "common", "connectors", "deploy", "dossier", "exports", "lake", "notify", "orchestration")
NAME = re.compile(r"\bUPLOADWATCH_[A-Z][A-Z_]*[A-Z]\b")
NOT_SETTINGS = {"UPLOADWATCH_SANDBOX_URL", "UPLOADWATCH_VERSION"}
"""Variables that the sandbox sets for its clients, and an argument of the image's build."""


def test_the_reference_is_that_of_the_code() -> None:
    """Prevents a page that lists a command, an option, a setting or a column as it once was."""
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, "run: python docs/write_reference.py"


def test_every_variable_is_listed() -> None:
    """Prevents a variable that the product reads and no page names."""
    files = [path for room in PRODUCT for path in (ROOT / room).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    named = {name for path in files for name in NAME.findall(path.read_text(encoding="utf-8", errors="ignore"))}
    listed = set(NAME.findall((DOCS / "configuration.md").read_text(encoding="utf-8")))
    assert named - listed - NOT_SETTINGS == set()


@pytest.mark.parametrize("variable", [*deployment_table(), *access_table()], ids=lambda variable: variable.name)
def test_a_setting_has_a_meaning_and_a_usable_example(variable: Variable) -> None:
    """Prevents a setting without an explanation, and an example that is refused."""
    assert variable.description
    assert variable.example or "secret" in variable.description
    if variable.example:
        Settings.read({variable.name: variable.example})
        AccessSettings.read({variable.name: variable.example})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_variables_of_a_provider_are_explained(provider: str) -> None:
    """Prevents a variable without an explanation, and an example with which the provider cannot be used."""
    table = provider_table(provider)
    assert all(variable.description for variable in table)
    given = {each.name: each.example or each.default or "x" for each in table if each.required or each.example}
    assert (configured(given), misconfigured(given)) == ([provider], {})


def test_the_variables_of_a_channel_are_explained() -> None:
    """Prevents a channel's variable without an explanation."""
    assert [each.name.rpartition("_")[2] for each in channel_table() if each.description] == [
        "URL",
        "SECRET",
        "SEVERITY",
    ]
