"""Signing in by an identity provider: each way in which a sign-in must fail, and what a right one gives."""

from __future__ import annotations

import base64
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from common.digests import text_digest
from lake.audit_log import read_acts
from tests.support.identity_provider import (
    CLIENT,
    SECRET,
    IdentityProvider,
    identity_provider,
    made_key,
    signed_by,
    signed_with_client_secret,
    signed_with_public_key,
    unsigned,
)
from tests.support.served_console import ServedConsole, served_console

ANN = {"sub": "ann", "email": "Ann.Lee@example.com", "email_verified": True, "groups": ["soc"]}


def variables(provider: IdentityProvider, **others: str) -> Any:
    return lambda url: {
        "UPLOADWATCH_CONSOLE_URL": url,
        "UPLOADWATCH_OIDC_ISSUER": provider.url,
        "UPLOADWATCH_OIDC_CLIENT_ID": CLIENT,
        "UPLOADWATCH_OIDC_CLIENT_SECRET": SECRET,
        "UPLOADWATCH_CONSOLE_VIEWERS": "readers, guests",
        "UPLOADWATCH_CONSOLE_ANALYSTS": "soc",
        "UPLOADWATCH_CONSOLE_OPERATORS": "operators, Root@Example.com",
        **others,
    }


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        provider.person = dict(ANN)
        yield provider


@pytest.fixture
def console(provider: IdentityProvider, tmp_path: Path) -> Iterator[ServedConsole]:
    with served_console(tmp_path / "home", variables(provider)) as console:
        yield console


def signed_in(console: ServedConsole, browser: requests.Session | None = None) -> requests.Response:
    """Open the console and follow every redirect, as a browser does."""
    return (browser or requests.Session()).get(f"{console.url}/cases-of?x=1", headers={"Accept": "text/html"})


def acts(console: ServedConsole) -> list[tuple[str, str, str | None]]:
    return [(each.act, each.by, each.text) for each in read_acts(console.app.state.deployment.lake)]


def test_a_person_of_a_group_gets_in_where_they_wanted_to_go(
    provider: IdentityProvider, console: ServedConsole
) -> None:
    """Prevents a sign-in that forgets the address, the role or the name, or is not recorded."""
    browser = requests.Session()
    answer = signed_in(console, browser)
    assert [each.status_code for each in answer.history] == [303, 303, 302, 303]
    assert (answer.status_code, answer.url) == (404, f"{console.url}/cases-of?x=1")
    assert "ann.lee@example.com, analyst" in answer.text
    assert [each[:2] for each in acts(console)] == [("sign_in", "ann.lee@example.com")]
    assert "from 127.0.0.1" in str(acts(console)[0][2])
    # Only the console's own cookies, which scripts cannot read.
    for step in answer.history:
        for cookie in step.headers.get("set-cookie", "").split(", uploadwatch"):
            assert not cookie or ("HttpOnly" in cookie and "SameSite=lax" in cookie)


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["soc"], "analyst"),
        (["readers", "other"], "viewer"),
        (["readers", "operators", "soc"], "operator"),
        ("soc", "analyst"),
    ],
)
def test_the_highest_group_gives_the_role(
    provider: IdentityProvider, console: ServedConsole, groups: object, role: str
) -> None:
    """Prevents a role that depends on the order of the groups, or on a claim that is a single text."""
    provider.person["groups"] = groups
    assert f"ann.lee@example.com, {role}<" in signed_in(console).text


@pytest.mark.parametrize(
    "person",
    [
        {"groups": None},
        {"groups": []},
        {"groups": ["other", "SOC", "soc "]},
        {"groups": {"soc": True}},
        {"groups": [["soc"], 1]},
        {"groups": None, "email": "root@example.com", "email_verified": False},
        {"groups": None, "email": "root@example.com", "email_verified": None},
        {"groups": None, "email": "root@example.com", "email_verified": "true"},
    ],
    ids=str,
)
def test_nobody_without_a_group_gets_in(
    provider: IdentityProvider, console: ServedConsole, person: Mapping[str, Any]
) -> None:
    """Prevents access for everybody of the organisation, and by an address that nobody verified."""
    provider.person.update(person)
    answer = signed_in(console)
    assert answer.status_code == 403
    assert "readers, guests" in answer.text
    assert "Ask whoever assigns groups" in answer.text
    assert [each[0] for each in acts(console)] == ["sign_in_refused"]
    assert console.app.state.gate.sessions.all() == []


def test_a_verified_address_stands_in_for_a_group(provider: IdentityProvider, console: ServedConsole) -> None:
    """Prevents a deployment on a provider without groups, as Google, that nobody can use."""
    provider.person = {"sub": "1", "email": "root@EXAMPLE.com", "email_verified": True}
    assert "root@example.com, operator<" in signed_in(console).text


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"email": "eve@example.com", "email_verified": False, "preferred_username": "root"}, "ann"),
        ({"email": None, "email_verified": None, "preferred_username": "ann@tenant.example"}, "ann@tenant.example"),
        ({"email": "a\nb@example.com"}, "ann"),
        ({"email": "x" * 400}, "ann"),
        ({"email": ["a@example.com"]}, "ann"),
        ({"email": None, "sub": "a\nb"}, text_digest("a\nb")[:16]),
    ],
)
def test_the_shown_name_is_one_that_the_provider_vouches_for(
    provider: IdentityProvider, console: ServedConsole, claims: Mapping[str, Any], name: str
) -> None:
    """Prevents acts in the audit log under a name that the person chose, or that breaks its lines."""
    provider.person.update(claims)
    assert f"{name}, analyst<" in signed_in(console).text


def test_a_name_stays_with_the_person_who_had_it_first(provider: IdentityProvider, console: ServedConsole) -> None:
    """Prevents acts under the name of a colleague by somebody who got their address."""
    signed_in(console)
    provider.person["sub"] = "another"
    assert re.search(r"ann\.lee@example\.com \([0-9a-f]{8}\), analyst<", signed_in(console).text)
    provider.person["sub"] = "ann"
    assert "ann.lee@example.com, analyst<" in signed_in(console).text


def other_key(provider: IdentityProvider) -> None:
    provider.sign = signed_by(made_key(str(provider.key.kid)))


def unknown_key(provider: IdentityProvider) -> None:
    provider.sign = signed_by(made_key("unknown"))


def embedded_key(provider: IdentityProvider) -> None:
    key = made_key("embedded")
    provider.sign = signed_by(key, jwk=key.as_dict(private=False))


FAULTS = {
    "wrong nonce": lambda p: p.changed.update(nonce="another"),
    "no nonce": lambda p: p.changed.update(nonce=None),
    "wrong audience": lambda p: p.changed.update(aud="another"),
    "no audience": lambda p: p.changed.update(aud=None),
    "several audiences": lambda p: p.changed.update(aud=[CLIENT, "another"]),
    "another party": lambda p: p.changed.update(aud=[CLIENT], azp="another"),
    "wrong issuer": lambda p: p.changed.update(iss="https://evil.example"),
    "no issuer": lambda p: p.changed.update(iss=None),
    "expired": lambda p: p.changed.update(exp=int(time.time()) - 61),
    "no expiry": lambda p: p.changed.update(exp=None),
    "expiry that is no number": lambda p: p.changed.update(exp="never"),
    "not yet valid": lambda p: p.changed.update(nbf=int(time.time()) + 600),
    "issued in the future": lambda p: p.changed.update(iat=int(time.time()) + 600),
    "no subject": lambda p: p.changed.update(sub=None),
    "subject that is no text": lambda p: p.changed.update(sub=7),
    "empty subject": lambda p: p.changed.update(sub=""),
    "alg none": lambda p: setattr(p, "sign", unsigned),
    "HS256 with the public key": lambda p: setattr(p, "sign", signed_with_public_key),
    "HS256 with the client secret": lambda p: setattr(p, "sign", signed_with_client_secret),
    "another key of the same id": other_key,
    "unknown key": unknown_key,
    "key in the token": embedded_key,
    "no token": lambda p: setattr(p, "sign", lambda *_: ""),
    "nonsense": lambda p: setattr(p, "sign", lambda *_: "a.b.c"),
    "answer of another issuer": lambda p: p.answer.update(iss="https://evil.example"),
    "answer of no issuer": lambda p: p.answer.update(iss=None),
    "wrong code": lambda p: p.answer.update(code="guessed"),
    "no code": lambda p: p.answer.update(code=None),
    "wrong state": lambda p: p.answer.update(state="guessed"),
    "no state": lambda p: p.answer.update(state=None),
    "refused": lambda p: p.answer.update(code=None, error="access_denied"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_sign_in_that_the_provider_does_not_vouch_for_is_refused(
    provider: IdentityProvider, console: ServedConsole, fault: str
) -> None:
    """Prevents each known way to forge or reuse an answer of the provider."""
    FAULTS[fault](provider)
    browser = requests.Session()
    answer = signed_in(console, browser)
    assert answer.status_code == 401, fault
    assert [each[:2] for each in acts(console)] == [("sign_in_refused", "nobody")]
    assert browser.get(f"{console.url}/", headers={"Accept": "text/html"}, allow_redirects=False).status_code == 303
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
def test_a_discovery_document_that_cannot_be_trusted_is_refused(
    provider: IdentityProvider, console: ServedConsole, metadata: Mapping[str, Any]
) -> None:
    """Prevents a mix-up of providers, and a client secret that is sent in clear."""
    provider.metadata.update(metadata)
    answer = signed_in(console)
    assert answer.status_code == 502
    assert "Traceback" not in answer.text


def test_a_provider_that_is_down_does_not_end_the_console(tmp_path: Path) -> None:
    """Prevents a console that needs the provider to start, or shows a traceback without it."""
    with identity_provider() as provider:
        given = variables(provider)
    with served_console(tmp_path / "home", given) as console:
        answer = signed_in(console)
    assert answer.status_code == 502
    assert "does not answer" in answer.text


def begun(console: ServedConsole, browser: requests.Session) -> str:
    """Begin a sign-in, and return the address at the provider."""
    return browser.get(f"{console.url}/sign-in", allow_redirects=False).headers["location"]


def test_an_answer_serves_once_and_only_its_own_browser(provider: IdentityProvider, console: ServedConsole) -> None:
    """Prevents that somebody signs a victim in to their own account, or replays an address from a log."""
    ann, eve = requests.Session(), requests.Session()
    back = ann.get(begun(console, ann), allow_redirects=False).headers["location"]
    begun(console, eve)
    assert eve.get(back, allow_redirects=False).status_code == 401
    assert requests.Session().get(back, allow_redirects=False).status_code == 401
    assert ann.get(back, allow_redirects=False).status_code == 303
    replayed = ann.get(back, allow_redirects=False)
    # By the console itself, since not every provider refuses a used code.
    assert (replayed.status_code, "not under way in this browser" in replayed.text) == (401, True)


def test_an_answer_is_too_late_after_ten_minutes(console: ServedConsole) -> None:
    """Prevents sign-ins under way that stay usable for good."""
    browser = requests.Session()
    back = browser.get(begun(console, browser), allow_redirects=False).headers["location"]
    console.clock.move(minutes=10, seconds=1)
    assert browser.get(back, allow_redirects=False).status_code == 401


def test_several_tabs_sign_in_at_once(console: ServedConsole) -> None:
    """Prevents a second tab that makes the first one's sign-in fail."""
    browser = requests.Session()
    first, second = begun(console, browser), begun(console, browser)
    asked = parse_qs(urlsplit(first).query)
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert all(len(base64.urlsafe_b64decode(asked[name][0] + "=")) == 32 for name in ("state", "nonce"))
    for address in (first, second):
        assert browser.get(browser.get(address, allow_redirects=False).headers["location"], allow_redirects=False).ok


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "/" + "a" * 3000]
)
def test_a_sign_in_leads_only_to_pages_of_the_console(console: ServedConsole, target: str) -> None:
    """Prevents links of the console that lead to another site after the sign-in."""
    browser = requests.Session()
    answer = browser.get(f"{console.url}/sign-in", params={"next": target})
    assert answer.url == f"{console.url}/"


def test_keys_that_change_are_read_again(provider: IdentityProvider, console: ServedConsole) -> None:
    """Prevents a console that nobody can use after a rotation, and one that reads keys for each forged token."""
    assert signed_in(console).status_code == 404
    provider.rotate()
    console.clock.move(seconds=61)
    assert signed_in(console).status_code == 404
    before = provider.asked.count("/keys")
    unknown_key(provider)
    for _ in range(3):
        assert signed_in(console).status_code == 401
    assert provider.asked.count("/keys") == before


def test_a_sign_in_gets_a_new_id_and_the_old_one_is_dead(console: ServedConsole) -> None:
    """Prevents session fixation."""
    browser = requests.Session()
    port = urlsplit(console.url).port
    browser.cookies.set(f"uploadwatch-{port}", "chosen-by-somebody-else", domain="127.0.0.1")
    signed_in(console, browser)
    ids = []
    for _ in range(2):
        browser.get(f"{console.url}/sign-in")
        ids.append(browser.cookies.get(f"uploadwatch-{port}"))
    assert "chosen-by-somebody-else" not in ids
    assert ids[0] != ids[1]
    old = requests.Session().get(f"{console.url}/", cookies={f"uploadwatch-{port}": str(ids[0])}, allow_redirects=False)
    assert old.status_code == 303
    assert old.headers["location"].startswith("/sign-in")


def test_the_file_of_sessions_gives_no_session(provider: IdentityProvider, console: ServedConsole) -> None:
    """Prevents a backup, or another user of the machine, that hands out sessions."""
    browser = requests.Session()
    signed_in(console, browser)
    files = list(console.home.glob("sessions.db*"))
    assert files
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        for value in browser.cookies.values():
            assert value.encode() not in file.read_bytes()
        assert SECRET.encode() not in file.read_bytes()
    with sqlite3.connect(console.home / "sessions.db") as con:
        assert con.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_sessions_survive_a_restart_but_not_other_settings(provider: IdentityProvider, tmp_path: Path) -> None:
    """Prevents a sign-in after each restart, and a role that outlives the group that gave it."""
    browser = requests.Session()
    with served_console(tmp_path / "home", variables(provider)) as console:
        signed_in(console, browser)
        [session_id] = [v for k, v in browser.cookies.items() if k == f"uploadwatch-{urlsplit(console.url).port}"]
    for others, status in (({}, 200), ({"UPLOADWATCH_CONSOLE_ANALYSTS": "others"}, 303)):
        with served_console(tmp_path / "home", variables(provider, **others)) as console:
            cookies = {f"uploadwatch-{urlsplit(console.url).port}": session_id}
            assert (
                requests.Session().get(f"{console.url}/", cookies=cookies, allow_redirects=False).status_code == status
            )


def test_sign_ins_are_limited(console: ServedConsole) -> None:
    """Prevents that the sign-in is used to flood the provider or the audit log."""
    answers = [requests.Session().get(f"{console.url}/sign-in/callback?state=x") for _ in range(21)]
    assert [each.status_code for each in answers] == [401] * 20 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert requests.Session().get(f"{console.url}/sign-in", allow_redirects=False).status_code == 429
    assert len(acts(console)) == 20
    console.clock.move(seconds=61)
    assert requests.Session().get(f"{console.url}/sign-in", allow_redirects=False).status_code == 303
