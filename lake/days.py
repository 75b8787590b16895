"""Days, UTC: as dates, as ranges, and with their look-behind and training periods."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from detection.chain import BALANCE_DAYS, CAUSE_DAYS, PERIOD_DAYS, SCORE_DAYS, cases_from
from detection.parameters import Parameters

__all__ = [
    "DAY",
    "REACH",
    "TRAINING_DAYS",
    "case_days",
    "cause_days",
    "charged_days",
    "days_between",
    "midnight",
    "past",
    "period_days",
    "score_days",
]

DAY = timedelta(days=1)
TRAINING_DAYS: int = Parameters().training_days

REACH = timedelta(days=14)
"""Look-behind: the period before a range whose derived days may change with it. A stream sends events up to two weeks
late; two days of publication at Office 365, a window over midnight and an alert of the day before need less."""


def midnight(day: date) -> datetime:
    """Return the start of a day, UTC without zone."""
    return datetime.combine(day, time())


def days_between(first: date, last: date) -> list[date]:
    """Return all days from first to last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def charged_days(day: date) -> list[date]:
    """Return the days before a day whose alerts may count in its budget balance."""
    return days_between(day - BALANCE_DAYS * DAY, day - DAY)


def case_days(day: date, parameters: Parameters) -> list[date]:
    """Return the days before a day whose alerts are joined into cases for its budget balance."""
    return days_between(cases_from(day, parameters), day - DAY)


def score_days(day: date) -> list[date]:
    """Return the days before a day on whose scores its thresholds are calibrated, the long scales' among them."""
    return days_between(day - SCORE_DAYS * DAY, day - DAY)


def cause_days(day: date) -> list[date]:
    """Return the days before a day with whose common causes its own are compared."""
    return days_between(day - CAUSE_DAYS * DAY, day - DAY)


def period_days(day: date) -> list[date]:
    """Return the days before a day whose long sums are part of its baselines."""
    return days_between(day - PERIOD_DAYS * DAY, day - DAY)


def past(day: date, parameters: Parameters) -> list[date]:
    """Return the training days before a day."""
    return days_between(day - timedelta(days=parameters.training_days), day - DAY)
