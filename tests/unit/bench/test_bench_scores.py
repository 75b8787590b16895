"""The bench of scores: both metrics share a load, and a tail keeps the order of what it is fitted to."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from bench.research.scores import cut, pareto


@pytest.mark.parametrize("allowed", [1, 3, 7, 20])
def test_the_cut_leaves_as_many_user_days_as_are_allowed(allowed: int):
    """Prevents a score from winning by raising more alerts than the others."""
    draw = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "day": [date(2026, 1, 5 + n % 20) for n in range(400)],
            "user": [f"user{n % 37}" for n in range(400)],
            "files": draw.normal(size=400),
            "bytes": np.where(draw.random(400) < 0.3, -np.inf, draw.normal(size=400)),
        }
    )
    found = cut(rows, allowed)
    above = rows[(rows["files"] >= found["files"]) | (rows["bytes"] >= found["bytes"])]
    assert len(above.groupby(["day", "user"])) in {allowed, allowed + 1}


def test_no_allowance_raises_nothing():
    """Prevents a day without history to learn from, from being all alerts."""
    rows = pd.DataFrame({"day": [date(2026, 1, 5)], "user": ["a"], "files": [9.0], "bytes": [9.0]})
    assert cut(rows, 0) == {"files": np.inf, "bytes": np.inf}


def test_a_tail_keeps_the_order_and_tells_the_chance_of_what_it_was_fitted_to():
    """Prevents a tail that turns the order round, or whose chances have nothing to do with the counts."""
    scores = np.random.default_rng(4).exponential(size=5000)
    strength = pareto(scores, 10_000)
    values = np.linspace(0.1, 12, 200)
    assert (np.diff(strength(values)) > 0).all()
    threshold = np.quantile(scores, 0.99)
    assert float(strength(np.array([threshold]))[0]) == pytest.approx(-np.log10(50 / 10_000), abs=0.1)
