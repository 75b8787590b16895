"""Budgets as an operator writes them."""

from __future__ import annotations

import pytest

from orchestration.budget import Budget, parse_budget
from orchestration.settings import Settings


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("2", Budget(2.0)),
        (" 0.5 ", Budget(0.5)),
        ("10/week", Budget(per_week=10.0)),
        ("1.5/week", Budget(per_week=1.5)),
    ],
)
def test_a_budget_is_by_users_or_by_the_week(text: str, budget: Budget) -> None:
    """Prevents operators from having to work out what ten cases a week are per 1000 users and day."""
    assert parse_budget(text) == budget
    assert Settings.read({"UPLOADWATCH_BUDGET": text}).budget == budget
    assert parse_budget(str(budget)) == budget


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "10/day", "/week", "1001", "nan", "inf/week"])
def test_a_budget_that_is_none_says_what_to_write(text: str) -> None:
    """Prevents a misspelt budget from raising everything or nothing."""
    with pytest.raises(ValueError, match="such as 10/week"):
        parse_budget(text)


def test_the_default_is_two_in_a_thousand() -> None:
    """Prevents the default of the setting and of the rule from drifting apart."""
    assert Settings.read({}).budget == Budget(2.0)
