"""The command, run in the process of the test: starting its own takes seconds, and most tests do not need it."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

import pytest

from cli.app import main


class Said(NamedTuple):
    """Output and exit status of a command."""

    status: int
    out: str
    err: str


def say(*arguments: str, values: Mapping[str, str] | None = None) -> Said:
    """Run ``uploadwatch`` with these arguments, and these variables in addition to those of the process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in (values or {}).items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["uploadwatch", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    return Said(int(ended.value.code or 0), out.getvalue(), err.getvalue())
