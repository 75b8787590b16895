"""Error output of the command: a sentence for a user's error, a traceback for the program's."""

from __future__ import annotations

import sys

import pytest

from cli import app
from common.errors import CommandError, MendableError
from connectors import ConfigurationError, ConnectorError
from connectors.parts import IncompleteProviderError
from detection.allow_list import AllowListError
from detection.operator_files import OperatorFileError
from history.formats import EventFileError
from lake.damage import DamagedError
from notify.outbox import OutboxError
from privacy.pseudonyms import KeyFormatError


def said(error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    def fail() -> None:
        raise error

    monkeypatch.setattr(app, "app", fail)
    monkeypatch.setattr(sys, "argv", ["uploadwatch"])
    with pytest.raises(SystemExit):
        app.main()
    return capsys.readouterr().err


@pytest.mark.parametrize("fault", [KeyError("egnyte"), RuntimeError("x"), LookupError("x"), AssertionError()])
def test_a_fault_of_the_program_is_a_traceback(fault, monkeypatch, capsys):
    """Prevents `Error: 'egnyte'` in the place of where a program's own fault is."""
    shown = said(fault, monkeypatch, capsys)
    assert "Traceback" in shown
    assert "Error: " not in shown.splitlines()[0]


@pytest.mark.parametrize(
    "kind",
    [
        *(MendableError, CommandError, ConfigurationError, ConnectorError, AllowListError, OperatorFileError),
        *(EventFileError, DamagedError, OutboxError, KeyFormatError, IncompleteProviderError),
    ],
)
def test_what_a_person_can_mend_is_a_sentence(kind, monkeypatch, capsys):
    """Prevents fifty lines of traceback where a setting is wrong."""
    assert issubclass(kind, MendableError)
    assert said(MendableError("Set X."), monkeypatch, capsys) == "Error: Set X.\n"
