"""What a backtest is asked for: days, budgets and what to compare with, as a form and an address give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from lake.store import Lake
from orchestration.backtesting import Against, parse_budgets
from orchestration.budget import Budget
from orchestration.settings import Settings

__all__ = ["FIELDS", "Wanted", "default_fields"]

FIELDS = ("from", "to", "budgets", "against")
_DAYS = 30
_MOST_DAYS = 366
_MOST_BUDGETS = 8
_MOST_PER_1000 = 1000.0


@dataclass(frozen=True)
class Wanted:
    """A backtest.

    Attributes:
        first: First day.
        last: Last day.
        budgets: Budgets to try, in the order asked for.
        against: Alerts to compare with.
    """

    first: date
    last: date
    budgets: tuple[Budget, ...]
    against: Against

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> tuple[Wanted | None, dict[str, str]]:
        """Read it from the fields; return None and what is wrong, by field, where it cannot be used."""
        wrong: dict[str, str] = {}
        first, last = (_day(fields, name, wrong) for name in ("from", "to"))
        if first and last and first > last:
            wrong["from"] = f"This is after the last day, {last}: give an earlier one."
        elif first and last and (last - first).days >= _MOST_DAYS:
            wrong["from"] = f"These are more than {_MOST_DAYS} days: give fewer, or use `uploadwatch backtest`."
        budgets: list[Budget] = []
        try:
            budgets = list(dict.fromkeys(parse_budgets(fields["budgets"])))
        except ValueError as error:
            wrong["budgets"] = f"{error}."
        if len(budgets) > _MOST_BUDGETS:
            wrong["budgets"] = f"These are more than {_MOST_BUDGETS} budgets: give fewer."
        if fields["against"] not in list(Against):
            wrong["against"] = f"{fields['against']!r} is not in the list."
        if wrong or first is None or last is None:
            return None, wrong
        return cls(first, last, tuple(budgets), Against(fields["against"])), wrong

    @property
    def fields(self) -> dict[str, str]:
        """Return it as the fields of the form."""
        budgets = ",".join(map(str, self.budgets))
        return {"from": str(self.first), "to": str(self.last), "budgets": budgets, "against": str(self.against)}

    @property
    def query(self) -> str:
        """Return it as the query of an address."""
        return urlencode(self.fields)


def _day(fields: Mapping[str, str], name: str, wrong: dict[str, str]) -> date | None:
    try:
        found = date.fromisoformat(fields[name].strip())
        # History is read from before the first day, and to after the last.
        if found - timedelta(days=_MOST_DAYS) and found + timedelta(days=_MOST_DAYS):
            return found
    except (ValueError, OverflowError):
        wrong[name] = f"{fields[name]!r} is not a date: write YYYY-MM-DD."
    return None


def default_fields(lake: Lake, settings: Settings, today: date) -> dict[str, str]:
    """Return the fields to begin with: the last evaluated days, and half, all and twice the present budget."""
    days = lake.days("thresholds")[-_DAYS:] or [today]
    present = settings.budget
    budgets = [
        Budget(min(_MOST_PER_1000, factor * present.per_1000))
        if present.per_week is None
        else Budget(per_week=min(_MOST_PER_1000, factor * present.per_week))
        for factor in (0.5, 1, 2)
    ]
    wanted = Wanted(days[0], days[-1], tuple(dict.fromkeys(budgets)), Against.STORED)
    return wanted.fields
