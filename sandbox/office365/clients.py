"""User agents that identify clients in Office 365's records, which rarely name the application."""

from __future__ import annotations

from functools import lru_cache

from sandbox.base.clock import DAY
from sandbox.base.data import Events
from sandbox.base.people import digest, person

_WEEK = 7 * DAY
_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_CHROME = f"{_BROWSER} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{{version}}.0.0.0 Safari/537.36"
_BROWSERS = (
    f"{_CHROME} Edg/{{version}}.0.0.0",
    _CHROME,
    f"{_BROWSER[:-1]}; rv:{{version}}.0) Gecko/20100101 Firefox/{{version}}.0",
)
_AGENTS = {
    "OneDrive SyncEngine": ("Microsoft SkyDriveSync 25.{version}.0112.0002 ship; Windows NT 10.0 (19045)",),
    "SharePoint Online Web": _BROWSERS,
    "Microsoft Teams": (f"{_CHROME} Edg/{{version}}.0.0.0 Teams/25{{version}}.1304",),
    "Microsoft Office": ("Microsoft Office Word/16.0.16{version} (Windows/10.0; Desktop WOW64; en-US; Desktop app)",),
    "rclone": ("ISV|rclone.org|rclone/v1.{version}.0",),
}
"""User agents of people by client of a workload; the version changes each week."""


def user_agent(events: Events, row: int) -> str:
    """Return the user agent of a row's client; an unknown client sends its name in the workload."""
    return _agent(events.app[row], events.user[row], int(events.time[row]) // _WEEK % 1000)


def names_application(events: Events, row: int) -> bool:
    """Return whether the record names its application: all records of machines do, and one in 32 of people."""
    machine = person(events.user[row]).kind in ("app", "service")
    return bool(events.app[row]) and (machine or (events.seed[row] >> 8) % 32 == 0)


@lru_cache(maxsize=16384)
def _agent(app: str, user: str, week: int) -> str:
    agents = _AGENTS.get(app)
    if agents is None:
        return app or "Mozilla/5.0"
    return agents[int(digest("client", user)[:4], 16) % len(agents)].format(version=f"{week:03}")
