"""The way out to a terminal: nothing that comes from outside does anything there."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.alert_table import case_table
from cli.case_queue import cases_of
from cli.terminal import LogHandler, Terminal, harmless, write_json
from privacy.pseudonyms import Pseudonyms
from tests.support.command import say

EVIL = "a\x1b[2Jb\x1b]0;title\x07c\x1b]8;;http://evil\x1b\\d\x9b31me\x90f\x08\rg\u202eh\u2066i\u2069j\u200fk\u2028l\x7fm\x85n"
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
COMMANDS = Path(__file__).parents[3] / "cli"
PAST = re.compile(r"\bConsole\(|sys\.stdout|sys\.stderr|(?<![.\w])print\(|\becho\(|from rich import print")


def shown(renderable: object, **options: Any) -> str:
    """Return the text that reaches a terminal without colours."""
    file = io.StringIO()
    Terminal(file=file, width=200, emoji=False).print(renderable, **options)
    return file.getvalue()


def test_nothing_harmful_passes() -> None:
    """Prevents a file's name from clearing the screen, linking it, or hiding what stands beside it."""
    table = Table()
    table.add_column(escape(EVIL))
    table.add_row(escape(EVIL), Text(EVIL))
    for each in (escape(EVIL), Text(EVIL), table):
        assert "hij" in shown(each)
        assert not HARMFUL.search(shown(each))
    assert "b]0;titlec" in shown(EVIL, markup=False)


def test_columns_stay_straight() -> None:
    """Prevents a name from pushing the columns beside it out of line, where another row's would be read for its."""
    table = Table()
    table.add_column("name")
    table.add_row(Text(EVIL))
    table.add_row(Text("plain"))
    assert len({len(line) for line in shown(table).splitlines()}) == 1


def test_colours_of_our_own_pass() -> None:
    """Prevents a filter that takes the product's own styles with it."""
    file = io.StringIO()
    Terminal(file=file, force_terminal=True, color_system="standard").print("[red]x[/]")
    assert "\x1b[31m" in file.getvalue()


def test_json_holds_it_escaped() -> None:
    """Prevents the way past: JSON leaves C1 and turning marks as they are."""
    out = io.StringIO()
    with redirect_stdout(out):
        write_json({"name": EVIL + "\ud800é"})
    assert not HARMFUL.search(out.getvalue())
    assert json.loads(out.getvalue()) == {"name": EVIL + "\ud800é"}
    assert "é" in out.getvalue()


def test_a_broken_character_ends_nothing() -> None:
    """Prevents half a character in a name from ending a command, since it can't be written."""
    assert harmless("a\ud800b") == "a\ufffdb"
    shown("a\ud800b").encode()


def test_what_is_logged_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """Prevents a provider's answer in a warning from reaching the terminal past the console."""
    LogHandler(logging.WARNING).handle(logging.LogRecord("x", logging.WARNING, "", 0, EVIL, None, None))
    assert not HARMFUL.search(capsys.readouterr().err)


def test_reveal_shows_a_name_and_no_more() -> None:
    """Prevents a name that was covered from running in the terminal of whoever reveals it."""
    key = base64.b64encode(bytes(range(64))).decode()
    token = Pseudonyms(key).of(EVIL + "@example.com")
    done = say("reveal", token, values={"UPLOADWATCH_PSEUDONYM_KEY": key})
    assert done.status == 0
    assert "@example.com" in done.out
    assert not HARMFUL.search(done.out)


def test_an_error_is_harmless(tmp_path: Path) -> None:
    """Prevents the text of an error from running in the terminal."""
    done = say("alerts", "--home", str(tmp_path / EVIL.replace("/", "")))
    assert done.status == 1
    assert "holds no lake" in " ".join(done.err.split())
    assert not HARMFUL.search(done.err)


def test_alerts_are_harmless() -> None:
    """Prevents the name of a user from running in the terminal."""
    alert: dict[str, Any] = {"user": EVIL, "reasons": [{"name": EVIL, "strength": "weak", "evidence": EVIL}]}
    alert |= {"review": {"verdict": "benign", "by": EVIL, "note": EVIL}}
    alert |= {"case": {"case_id": EVIL, "state": "reviewed", "severity": "Low", "opened_at": "2026-02-01T10:00:00Z"}}
    alert["case"] |= {"one_in": 7, "files": 3, "bytes": None}
    assert not HARMFUL.search(shown(case_table(cases_of([alert]), width=160, allowed={EVIL: 2}, activation=[EVIL])))


@pytest.mark.parametrize(
    "module", sorted({*COMMANDS.glob("*.py")} - {COMMANDS / "terminal.py"}), ids=lambda path: path.stem
)
def test_no_command_goes_past_it(module: Path) -> None:
    """Prevents a command with a console of its own, past the filter."""
    assert not PAST.search(module.read_text(encoding="utf-8"))
