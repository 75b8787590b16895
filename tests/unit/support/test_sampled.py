"""Long tests by turns."""

from __future__ import annotations

from tests.support.sampled import PARTS, taken


def test_every_case_is_in_one_part() -> None:
    """Prevents a long test that no day runs, and one that runs each day."""
    tests = ["a::one"] * 7 + ["a::two", "b::three"] + ["b::four"] * 4
    parts = [taken(tests, str(part)) for part in range(PARTS)]
    assert [sum(each) for each in zip(*parts, strict=True)] == [1] * len(tests)
    assert all(taken(tests, "all"))


def test_the_cases_of_a_test_are_spread() -> None:
    """Prevents a day without any case of a test that has many."""
    for part in range(PARTS):
        assert sum(taken(["a::one"] * 2 * PARTS, str(part))) == 2


def test_a_module_stays_together() -> None:
    """Prevents a test that follows on another from being run without it."""
    parts = [taken(["a"] * 3, str(part)) for part in range(PARTS)]
    assert sorted(map(sum, parts)) == [0] * (PARTS - 1) + [3]
