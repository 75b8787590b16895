"""Deployment that the console shows: its home, settings and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import HTTPConnection

from common.clock import Clock
from console.backtests import Backtests
from console.notices import Notices
from console.published import Published
from lake.store import Lake
from orchestration.pseudonymity import pseudonyms_of
from orchestration.settings import Settings
from privacy.pseudonyms import Pseudonyms

__all__ = ["Deployment", "deployment_of"]


@dataclass(frozen=True)
class Deployment:
    """Deployment that the console shows.

    Attributes:
        home: Directory of the deployment.
        lake: Lake in it.
        values: Variables of the deployment, secrets among them: they are never shown.
        settings: Settings read from the variables.
        clock: Present time, UTC.
        pseudonyms: Maker of tokens where names are hidden; None where they are shown.
        published: Alerts and cases, as they are shown: with tokens where names are hidden.
        notices: Notices for the next page of each session.
        backtests: Backtests that run or ran.
    """

    home: Path
    lake: Lake
    values: Mapping[str, str]
    settings: Settings
    clock: Clock
    pseudonyms: Pseudonyms | None
    published: Published
    notices: Notices = field(default_factory=Notices)
    backtests: Backtests = field(default_factory=Backtests)

    @classmethod
    def read(cls, home: Path, values: Mapping[str, str]) -> Deployment:
        """Read the deployment of a home.

        Raises:
            ConfigurationError: A variable cannot be used.
        """
        settings = Settings.read(values)
        lake = Lake(root=str(home / "lake"))
        pseudonyms = pseudonyms_of(values)
        published = Published(lake, pseudonyms)
        return cls(home, lake, values, settings, Clock(fixed=settings.now), pseudonyms, published)


def deployment_of(connection: HTTPConnection) -> Deployment:
    """Return the deployment that a request is about."""
    deployment: Deployment = connection.app.state.deployment
    return deployment
