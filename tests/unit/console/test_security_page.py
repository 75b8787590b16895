"""The page on security against the tests that it names as proof."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
PAGE = TESTS.parent / "docs" / "security.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_every_named_test_exists() -> None:
    """Prevents a requirement whose proof was renamed or removed."""
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert named
    for module, function in sorted(set(named)):
        tree = ast.parse((TESTS / module).read_text(encoding="utf-8"))
        functions = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
        assert function in functions, f"{module}::{function}"


def test_every_requirement_has_a_proof_or_a_reason() -> None:
    """Prevents a line of the tables that claims something and shows nothing."""
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| \d", line)]
    assert len(rows) > 40
    for requirement, asked, how, *test in rows:
        assert asked
        assert how
        reasons = ("does not apply", "identity provider", "sends no mail")
        assert NAMED.search(" ".join(test)) or any(reason in how for reason in reasons), requirement
