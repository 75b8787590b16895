"""Cases: a person's alerts from the first until its review, a week at most."""

from __future__ import annotations

from datetime import datetime, timedelta

from bench.case_folding import Alert, fold, reviewed_at

NOON = datetime(2026, 3, 20, 12)
DAY = timedelta(days=1)


def alert(user: str, days: float, excess: float = 1.0) -> Alert:
    known = NOON + days * DAY
    return Alert(user, known - timedelta(hours=3), known, known, excess)


def never(_user: str, _known: datetime) -> None:
    return None


def test_a_case_holds_a_week_of_a_persons_alerts() -> None:
    """Prevents a case that goes on for as long as alerts come, or one that holds another person's."""
    cases = fold([alert("ann", 0), alert("ann", 2), alert("ann", 6.9), alert("ann", 7.1), alert("bob", 1)], never)
    assert [(case.user, case.alerts) for case in cases] == [("ann", 3), ("ann", 1), ("bob", 1)]
    assert cases[0].end == NOON + 6.9 * DAY
    assert cases[0].closes == NOON + 7 * DAY


def test_a_review_ends_a_case() -> None:
    """Prevents what comes after a review from being counted as already read."""
    cases = fold([alert("ann", 0), alert("ann", 0.5), alert("ann", 2)], lambda _user, known: known + DAY)
    assert [case.alerts for case in cases] == [2, 1]


def test_only_a_much_higher_alert_escalates() -> None:
    """Prevents every further alert from paging somebody, and a theft after a trifle from paging nobody."""
    [case] = fold([alert("ann", 0, 1), alert("ann", 2, 4), alert("ann", 3, 4.1)], never)
    assert case.escalations == 1


def test_the_order_of_alerts_does_not_matter() -> None:
    """Prevents cases that depend on how alerts are listed."""
    alerts = [alert("ann", days, days % 3) for days in (0, 1, 5, 8, 9, 20)]
    assert fold(alerts[::-1], never) == fold(alerts, never)


def test_reviewers_differ_in_time_alone() -> None:
    """Prevents a reviewer who is away from reviewing, or reviews that change from run to run."""
    present, slow, absent = (reviewed_at(name) for name in ("present", "slow", "absent"))
    assert present("ann", NOON) == datetime(2026, 3, 21, 10)
    assert absent("ann", NOON) is None
    late = slow("ann", NOON)
    assert late is not None
    assert timedelta(days=3) < late - NOON < timedelta(days=13)
    assert late == slow("ann", NOON)
    prompt = reviewed_at("prompt")("ann", NOON)
    assert prompt == NOON + timedelta(hours=2)
