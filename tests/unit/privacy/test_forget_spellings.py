"""In which spellings a person's address is found, and in whose it is not."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.erasure.person import Person
from privacy.erasure.spellings import KEPT, canonical
from tests.support.memory import connect

pytestmark = pytest.mark.sampled

ANN = Person("ann@example.com", ["ann@example.com"])
NOTHING = Person("box:77", ["box:77"])


def found_by_duckdb(person: Person, text: str, *, certain: bool = False) -> tuple[bool, str]:
    """Return whether DuckDB finds the person in a text, and the text after replacement."""
    pattern = person.certain if certain else person.pattern
    with connect() as con:
        query = "SELECT regexp_matches($text, $pattern), regexp_replace($text, $pattern, $by, 'g')"
        return con.execute(query, {"text": text, "pattern": pattern, "by": KEPT.format("forgotten")}).fetchall()[0]


FOUND = [
    "ANN@Example.COM",
    "'ann@example.com'",
    "mailto:ann@example.com?subject=x",
    "ann%40example.com",
    "ann%40EXAMPLE%2Ecom",
    "user%3Dann%2540example.com%26x",
    "%20ann@example.com%20",
    "%27ann%40example.com%27",
    "%61%6e%6E@example.com",
    r"ann\u0040example.com",
    r"{\"user\":\"ann\\u0040example.com\"}",
    "ann&#64;example&#46;com",
    "ann&#x40;example.com",
    "ann&commat;example.com",
    "ann&amp;#64;example.com",
    "ann@example.com_old.pst",
    "i:0#.f|membership|ann@example.com",
    "urn:spo:guest#ann@example.com",
    "ann_example.com#EXT#@tenant.onmicrosoft.com",
    "ann_example.com#ext#@tenant.onmicrosoft.com",
    "ann_example.com%23ext%23%40tenant.onmicrosoft.com",
    "ann_example.com%23EXT%23@tenant.onmicrosoft.com",
    "https://contoso-my.sharepoint.com/personal/ann_example_com/Documents",
    "%2Fpersonal%2Fann_example_com%2FDocuments",
    "/personal/ann_example_com1/",
    "personal/Ann_Example_Com",
]
OTHERS = [
    "joann@example.com",
    "jo.ann@example.com",
    "jo_ann@example.com",
    "jo+ann@example.com",
    "jo'ann@example.com",
    "jo&#x27;ann@example.com",
    "öann@example.com",
    r"\u00f6ann@example.com",
    "ann+box@example.com",
    "ann.lee@example.com",
    "ann@example.company",
    "ann@sub.example.com",
    "joann_example_com",
    "jo_ann_example_com",
    "jo_ann_example.com#EXT#@tenant.onmicrosoft.com",
    "ann_example_com@other.org",
    "ann_example_com%40other.org",
    "ann_example_company",
    "joann%40example.com",
]


@pytest.mark.parametrize("text", FOUND)
def test_every_spelling_is_found_by_both_engines(text):
    """Prevents an address that stays because a provider, JSON, a page or an address of the web spells it otherwise."""
    assert ANN.named_in(text)
    assert "forgotten" in ANN.redacted(text)
    assert not ANN.named_in(ANN.redacted(text))
    assert found_by_duckdb(ANN, text)[0]


@pytest.mark.parametrize("text", OTHERS)
def test_somebody_else_is_found_by_neither_engine(text):
    """Prevents another person's address from being taken for this one's."""
    assert not ANN.named_in(text)
    assert ANN.redacted(text) == text
    if "&#" not in text:
        assert found_by_duckdb(ANN, text) == (False, text)


def test_the_name_of_a_site_is_ambiguous():
    """Prevents the account ann_lee@ from being taken for ann.lee@, whose site has the same name."""
    person = Person("ann.lee@example.com", ["ann.lee@example.com"])
    assert person.named_in("/personal/ann_lee_example_com/")
    assert person.redacted("/personal/ann_lee_example_com/", certain=True) == "/personal/ann_lee_example_com/"
    assert not found_by_duckdb(person, "/personal/ann_lee_example_com/", certain=True)[0]
    assert not person.named_in("ann_lee@example.com")
    assert not person.is_account("ann_lee@example.com")


def test_what_is_typed_is_the_name_in_the_lake():
    """Prevents a guest who can't be forgotten because the tenant's name of the account is typed."""
    for text in (
        "Ann@Example.com",
        " mailto:ann@example.com",
        "ann_example.com#EXT#@tenant.onmicrosoft.com",
        "ann_example.com%23ext%23%40tenant.onmicrosoft.com",
        "i:0#.f|membership|ann@example.com",
    ):
        assert canonical(text) == "ann@example.com"
    assert canonical("ann_lee_example.com#EXT#@t.onmicrosoft.com") == "ann_lee@example.com"


def test_a_user_without_an_address_is_found_in_no_text():
    """Prevents a provider's id, which is any number, from being replaced in texts."""
    assert not NOTHING.named_in("77 box:77")
    assert NOTHING.redacted("77 box:77") == "77 box:77"
    assert found_by_duckdb(NOTHING, "box:77") == (False, "box:77")
    assert NOTHING.is_account("box:77")


def test_domains_are_known_in_letters_and_in_ascii():
    """Prevents a domain beyond ASCII that a provider writes in punycode from staying."""
    letters, ascii_ = "ann@exämple.com", "ann@xn--exmple-cua.com"
    for person in (Person(letters, [letters]), Person(ascii_, [ascii_])):
        for text in (letters, ascii_, "ann%40ex%C3%A4mple.com", json.dumps(letters), "ann@exa\u0308mple.com"):
            assert person.named_in(text), text
            assert found_by_duckdb(person, text)[0], text
        assert person.is_account(letters)
        assert person.is_account(ascii_)


def test_signs_of_a_name_become_underscores_in_a_site_or_stay():
    """Prevents a OneDrive of o'neil-smith that is not found, however Microsoft wrote its name."""
    person = Person("o'neil-smith@example.com", ["o'neil-smith@example.com"])
    for text in ("o_neil_smith_example_com", "o_neil-smith_example_com", "o%27neil-smith_example_com"):
        assert person.named_in(f"/personal/{text}/"), text
    neil = Person("neil-smith@example.com", ["neil-smith@example.com"])
    assert not neil.named_in("/personal/o_neil_smith_example_com/")
    assert not neil.named_in("o'neil-smith@example.com")


LOCALS = st.from_regex(r"[a-z0-9ä]([a-z0-9ä.'+_-]{0,12}[a-z0-9ä])?", fullmatch=True)
DOMAINS = st.from_regex(r"([a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?\.){1,2}[a-z]{2,4}", fullmatch=True)
WRITTEN = st.sampled_from(
    [
        str,
        str.upper,
        quote,
        lambda text: quote(text, safe=""),
        lambda text: quote(text, safe="").lower(),
        lambda text: quote(quote(text)),
        lambda text: json.dumps(text)[1:-1],
        lambda text: html.escape(text).replace("@", "&#64;"),
        lambda text: "".join(f"%{octet:02X}" for octet in text.encode()),
        lambda text: "".join(f"&#{ord(sign)};" for sign in text),
        lambda text: f"{text.replace('@', '_')}#EXT#@tenant.onmicrosoft.com",
    ]
)
DELIMITERS = st.sampled_from(
    ["", " ", '"', "'", "<", "(", "/", "|", ":", ";", ",", "=", "\n", "\\n", "%20", "%2F", "&lt;"]
)


@pytest.mark.sampled
@settings(max_examples=300)
@given(local=LOCALS, domain=DOMAINS, written=WRITTEN, before=DELIMITERS, after=DELIMITERS)
def test_any_address_in_any_spelling_between_any_delimiters(local, domain, written, before, after):
    """Prevents an address of unusual signs from being found in the usual spelling only."""
    address = canonical(f"{local}@{domain}")
    person = Person(address, [address])
    text = f"{before}{written(address)}{after}"
    assert person.named_in(text)
    assert not person.named_in(person.redacted(text))
    assert person.redacted(text).startswith(before)
    if "&" not in text:
        assert found_by_duckdb(person, text)[0]


@settings(max_examples=300)
@given(local=LOCALS, domain=DOMAINS, more=st.from_regex(r"[a-z0-9]", fullmatch=True), written=WRITTEN)
def test_a_longer_name_is_somebody_else(local, domain, more, written):
    """Prevents joann@… from losing rows or texts where ann@… is forgotten."""
    address, other = canonical(f"{local}@{domain}"), canonical(f"{more}{local}@{domain}")
    person = Person(address, [address])
    if other.encode() != address.encode():
        text = written(other)
        assert not person.named_in(text)
        assert not person.is_account(other)
        if "&" not in text:
            assert not found_by_duckdb(person, text)[0]
