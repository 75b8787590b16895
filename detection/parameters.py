"""Settings of the detector, in one place, with the reason for each default."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from detection.rule import RULE

__all__ = ["Parameters", "bind", "settings_of"]

_DERIVED = {
    "activation": "activation_days",
    "case_period": "case_days",
    "deduplication": "deduplication_hours",
    "training_start": "training_days",
}
"""Settings by the names that queries use for them in another unit."""


class Parameters(BaseModel):
    """Parameters of the detector; the periods are those of its rule, see :mod:`detection.rule`.

    Attributes:
        budget: Cases per 1000 monitored users and day that the operator is ready to read.
        weekly_budget: Cases a week in all, on people, in place of that.
        service_budget: The same for service accounts and apps, which are few and compared among themselves.
        watch_list_budget: The same for persons on the operator's risk list, per 1000 of them.
        activation_days: A source raises no alert before this many days of its history exist.
        warm_up_days: Days of history that a scope needs before anything is scored, even for calibration.
        training_days: How far back a baseline and the calibration of thresholds look. A user's active days are
            counted as bits of one number, so at most sixty.
        window_hours: Length of a test window, which slides by the hour and divides the day.
        deduplication_hours: Detections that start within this time of an alert's opening fold into it.
        case_days: A person's alerts form one case until it is reviewed, and for this long at most.
        floor_files: A window with fewer files is never a detection by files.
        floor_bytes: A window with fewer bytes (of files with a known size) is never a detection by bytes.
        prior_windows: Weight of the organisation in a user's baseline, in active windows.
        least_spread: Least spread used, in decades: a user who always uploads the same number of files
            would otherwise be unusual for one file more.
        beyond_weight: Added to the score per decade beyond the user's largest window, for a user with much history.
        newcomer_weight: The same beyond the usual user's largest window, for a user without history.
        least_measured: Files of an extension that must be measured in the training days for a typical size.
        least_user_days: With fewer monitored user-days, a prior threshold replaces the calibration.
        prior_threshold: The prior threshold at a budget of 2, as measured on organisations of real people.
        long_prior_threshold: The same for a long scale, which is asked for fewer.
        week_floor_files: A sum over seven days with fewer files is never a detection by files; its largest day does not
            count.
        week_floor_bytes: The same by bytes.
        month_floor_files: The same over thirty days.
        month_floor_bytes: The same by bytes.
        long_weight: Share of the budget for each metric of a long scale, in proportion to that of a test window's.
        newcomer_share: Share of the people's budget for newcomers, who have little of their own to compare with.
        newcomer_files: Files in a test window at which a newcomer's is a detection whatever the threshold.
        newcomer_bytes: The same by bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: float = Field(default=2.0, gt=0, le=1000)
    weekly_budget: float | None = Field(default=None, gt=0, le=1000)
    service_budget: float = Field(default=20.0, gt=0, le=1000)
    watch_list_budget: float = Field(default=20.0, gt=0, le=1000)
    activation_days: int = Field(default=RULE.periods.activation_days, ge=1)
    warm_up_days: int = Field(default=7, ge=1)
    training_days: int = Field(default=RULE.periods.training_days, ge=1, le=60)
    window_hours: int = Field(default=RULE.periods.test_window_hours, ge=1)
    deduplication_hours: int = Field(default=RULE.periods.deduplication_hours, ge=1)
    case_days: int = Field(default=RULE.periods.case_days, ge=1)
    floor_files: int = Field(default=50, ge=1)
    floor_bytes: int = Field(default=100_000_000, ge=1)
    prior_windows: int = Field(default=10, ge=1)
    least_spread: float = Field(default=0.1, gt=0)
    beyond_weight: float = Field(default=4.0, ge=0)
    newcomer_weight: float = Field(default=1.0, ge=0)
    least_measured: int = Field(default=20, ge=1)
    least_user_days: int = Field(default=200, ge=1)
    prior_threshold: float = Field(default=7.5, gt=0)
    long_prior_threshold: float = Field(default=10.0, gt=0)
    week_floor_files: int = Field(default=250, ge=1)
    week_floor_bytes: int = Field(default=500_000_000, ge=1)
    month_floor_files: int = Field(default=500, ge=1)
    month_floor_bytes: int = Field(default=1_000_000_000, ge=1)
    long_weight: float = Field(default=0.06, gt=0, le=1)
    newcomer_share: float = Field(default=0.1, gt=0, lt=1)
    newcomer_files: int = Field(default=5000, ge=1)
    newcomer_bytes: int = Field(default=50_000_000_000, ge=1)


def bind(given: Parameters, day: datetime) -> dict[str, object]:
    """Return the values of the queries' parameters for one day.

    Args:
        given: The settings.
        day: Start of the day, UTC without zone.
    """
    return {
        **given.model_dump(),
        "activation": timedelta(days=given.activation_days),
        "case_period": timedelta(days=given.case_days),
        "deduplication": timedelta(hours=given.deduplication_hours),
        "day_start": day,
        "day_end": day + timedelta(days=1),
        "training_start": day - timedelta(days=given.training_days),
    }


def settings_of(names: Iterable[str]) -> list[str]:
    """Return those parameters of queries that are settings, in the order of the settings.

    Args:
        names: Parameters of queries, without the dollar sign.
    """
    wanted = {_DERIVED.get(name, name) for name in names}
    return [name for name in Parameters.model_fields if name in wanted]
