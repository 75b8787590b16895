"""The code location with the sandbox's clock and a short activation."""

from datetime import UTC, datetime

import dagster as dg
import requests

from assets.core.resources import Clock
from orchestration.definitions import build_defs
from orchestration.settings import environment
from tests.support.pipeline import Quick


class SandboxClock(Clock):
    """Clock that reads the sandbox's time.

    Attributes:
        url: The sandbox.
    """

    url: str

    def now(self) -> datetime:
        now = requests.get(f"{self.url}/_sandbox/clock", timeout=30).json()["now"]
        return datetime.fromisoformat(now).astimezone(UTC)


@dg.definitions
def definitions() -> dg.Definitions:
    values = environment()
    clock = SandboxClock(url=values["UPLOADWATCH_SANDBOX_URL"])
    return build_defs(values, resource_overrides={"clock": clock, "detector": Quick()})
