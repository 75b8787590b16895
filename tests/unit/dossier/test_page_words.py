"""Display of text that outsiders chose, and the dictionary of sensitive words."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from detection.operator_files import OperatorFileError
from detection.sensitive import read_terms
from dossier.layout import Outside, sentence_case, share, visible
from dossier.reading import Closed
from dossier.terminal import closed_in_terminal


def shown(name: str) -> str:
    return "".join(piece for piece, _ in visible(Outside(name)))


@given(st.text())
def test_no_sign_that_cannot_be_seen_is_left(name):
    """Prevents marks in a name from turning the direction of a line, or hiding what a file is called."""
    assert all(unicodedata.category(sign)[0] != "C" for sign in shown(name))


def test_marks_are_told_by_their_code():
    """Prevents `gpj.exe` that shows itself as `exe.jpg`."""
    assert visible(Outside("a\u202egpj.exe")) == [("a", False), ("U+202E", True), ("gpj.exe", False)]


def test_a_long_name_is_cut_and_says_so():
    """Prevents a name of ten thousand signs from filling the page."""
    assert shown("x" * 10_000) == "x" * 160 + "… (10,000 characters)"


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_share_is_nothing_or_all_only_where_it_is(part, whole):
    """Prevents one file in a thousand from showing as 0 %, and all but one as 100 %."""
    part = min(part, whole)
    said = share(part, whole)
    if whole:
        assert (said == "0 %") == (part == 0)
        assert (said == "100 %") == (part == whole)


def test_a_sentence_keeps_what_comes_from_outside():
    """Prevents a name at the beginning of a sentence from being spelt otherwise than in the log."""
    assert sentence_case((Outside("zip"), ": all")) == ("zip", ": all", ".")
    assert sentence_case(("new country ", Outside("NG"))) == ("New country ", "NG", ".")


def test_markup_in_a_closed_alert_is_text_in_the_terminal():
    """Prevents a user's name from styling, linking or turning the analyst's screen."""
    closed = Closed(
        alert_id="a" * 64,
        state="withdrawn",
        reason="allowed by [link=http://evil.example]x[/link]\u202e",
        revision=2,
        user="a",
        first_window_start=datetime(2026, 1, 1),
        name=None,
        sentence=None,
    )
    console = Console(width=200, record=True)
    console.print(closed_in_terminal(closed))
    text = console.export_text()
    assert "[link=http://evil.example]x[/link]U+202E" in text


def test_the_dictionary_that_is_shipped_can_be_read():
    """Prevents a release without its dictionary."""
    terms = read_terms()
    assert {("word", "salary"), ("extension", "zip")} <= {(term.match, term.value) for term in terms}
    assert len({(term.match, term.value) for term in terms}) == len(terms)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("word,--,x", "line 2: value '--': it holds neither letters nor digits"),
        ("glob,*.doc,x", "line 2: match 'glob'"),
        ("word,salary,", "line 2: category is empty"),
        ("word,salary", "line 2: 2 values for 3 columns"),
    ],
)
def test_a_row_that_cannot_be_used_says_where_and_why(tmp_path: Path, line: str, said: str):
    """Prevents a mistyped row from being dropped in silence."""
    path = tmp_path / "words.csv"
    path.write_text(f"match,value,category\n{line}\n", encoding="utf-8")
    with pytest.raises(OperatorFileError, match=r"words\.csv") as caught:
        read_terms(path)
    assert said in str(caught.value)
