"""Process of a backtest: it sends its progress and its result, and gives its memory back when it ends."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from typing import NamedTuple

from common.errors import MendableError
from console.backtest_form import Wanted
from lake.review_labels import review_labels
from lake.store import Lake
from orchestration.backtesting import Try, compare, parameters_of
from orchestration.settings import Settings

__all__ = ["Refused", "run_backtest"]

_NICENESS = 10


class Refused(NamedTuple):
    """Why a backtest failed: a sentence for a person."""

    reason: str


def run_backtest(sender: Connection, root: str, settings: Settings, wanted: Wanted) -> None:
    """Run a backtest; send each :class:`orchestration.backtesting.Step`, then the result or :class:`Refused`.

    Args:
        sender: Connection to the console.
        root: Root of the lake.
        settings: Settings of the deployment, which hold no secrets.
        wanted: The backtest.
    """
    # The console's pages, and a poll run on the same machine, come first.
    os.nice(_NICENESS)
    # Ctrl+C reaches all processes of a terminal; the console ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lake = Lake(root=root)
    try:
        found = compare(
            lake,
            settings,
            wanted.first,
            wanted.last,
            [Try(budget, parameters_of(budget, settings)) for budget in wanted.budgets],
            against=wanted.against,
            reviews=bool(review_labels(lake, wanted.first, wanted.last)),
            passed=sender.send,
        )
    except Exception as error:  # noqa: BLE001 -- whatever it is, the page says so
        said = str(error) if isinstance(error, MendableError) else f"{type(error).__name__}: {error}"
        sender.send(Refused(said))
    else:
        sender.send(found)
