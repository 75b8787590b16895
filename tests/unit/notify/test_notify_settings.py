"""Channels from variables: what is wrong is named, and never its value."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from notify.channels import DeliveryError, open_channel
from notify.outbox import Letter
from notify.settings import read_channels

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
N = "UPLOADWATCH_NOTIFY_"


def test_channels_are_read_by_name():
    """Prevents a channel from being mistaken for another, or from getting less than it was set up for."""
    found = read_channels(
        {
            f"{N}SOC_URL": "https://soc.example/hook",
            f"{N}SOC_SECRET": SECRET,
            f"{N}ON_CALL_URL": "json://chat.example",
            f"{N}ON_CALL_SEVERITY": "low",
            f"{N}OFF_URL": " ",
            f"{N}MAX_AGE_DAYS": "3",
            "PATH": "/bin",
        }
    )
    assert [(each.name, each.severity, each.secret is not None) for each in found] == [
        ("on_call", "Low", False),
        ("soc", "Informational", True),
    ]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SOC_SECRET": SECRET}, "SOC_URL"),
        ({"SOC_SEVERITY": "Low"}, "SOC_URL"),
        ({"SOC_URL": "https://soc.example/hidden", "SOC_SECRET": "hidden"}, "SOC_SECRET"),
        ({"SOC_URL": "https://soc.example/hidden", "SOC_SECRET": "whsec_aGlkZGVu"}, "SOC_SECRET"),
        ({"SOC_URL": "https://soc.example/hidden", "SOC_SECRET": "whsec_hidden!"}, "SOC_SECRET"),
        ({"SOC_URL": "http://soc.example/hidden", "SOC_SECRET": SECRET}, "SOC_URL"),
        ({"SOC_URL": "https://hidden:x@soc.example", "SOC_SECRET": SECRET}, "SOC_URL"),
        ({"SOC_URL": "https://[hidden", "SOC_SECRET": SECRET}, "SOC_URL"),
        ({"SOC_URL": "https://soc.example/hidden"}, "SOC_SECRET"),
        ({"SOC_URL": "nonsense://hidden"}, "SOC_URL"),
        ({"SOC_URL": "json://soc.example", "SOC_SEVERITY": "hidden"}, "SOC_SEVERITY"),
        ({"SOC_ADDRESS": "json://hidden"}, "SOC_ADDRESS"),
        ({"URL": "json://hidden"}, "URL"),
    ],
)
def test_what_is_wrong_is_named_without_its_value(variables, named, caplog, capfd):
    """Prevents a half configured channel from being silent, and an error about a secret from holding it."""
    caplog.set_level("DEBUG")
    [channel] = map(open_channel, read_channels({f"{N}{name}": value for name, value in variables.items()}))
    assert f"{N}{named}" in channel.fault
    with pytest.raises(DeliveryError, match=f"{N}{named}") as error:
        channel.send(Letter(1, "a", 1, "case.opened", {}, 0), datetime(2026, 1, 5, tzinfo=UTC))
    assert "hidden" not in f"{channel.fault}{error.value}{caplog.text}{capfd.readouterr()}"


def test_one_channel_that_cannot_be_used_leaves_the_others():
    """Prevents a slip in one channel's variables from keeping every other channel from hearing of alerts."""
    found = read_channels({f"{N}A_SECRET": SECRET, f"{N}B_URL": "json://b.example", f"{N}C_ADDRESS": "json://c"})
    assert [(each.name, bool(each.fault)) for each in found] == [("a", True), ("b", False), ("c_address", True)]
