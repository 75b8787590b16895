"""Days, UTC: as dates, as ranges, and how far one day reads or reaches another."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from detection.parameters import Parameters

__all__ = ["DAY", "REACH", "TRAINING_DAYS", "days_between", "midnight", "past"]

DAY = timedelta(days=1)
TRAINING_DAYS: int = Parameters().training_days

REACH = timedelta(days=14)
"""Period before a range from which its data can change a derived day: a stream sends events two weeks late; two
days of publication at Office 365, a window over midnight and an alert that opened a day before are less."""


def midnight(day: date) -> datetime:
    """Return the start of a day, UTC without zone."""
    return datetime.combine(day, time())


def days_between(first: date, last: date) -> list[date]:
    """Return all days from first to last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def past(day: date, parameters: Parameters) -> list[date]:
    """Return the training days before a day, which the thresholds are calibrated on, too."""
    return days_between(day - timedelta(days=parameters.training_days), day - DAY)
