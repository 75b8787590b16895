"""Proxies, certificates and pages for people in the way: each is named, with what to do."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import AnswerError, ConnectorError, NetworkError, UnavailableError, build
from connectors.doctor import State, examine
from tests.support.scripted_server import Answer, environment, scripted

NOW = datetime(2026, 1, 5, 2, tzinfo=UTC)
START = NOW - timedelta(hours=2)
PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
ROOTS = {
    "box": ("BOX_API_URL",),
    "dropbox": ("DROPBOX_API_URL",),
    "google_workspace": ("GOOGLE_API_URL", "GOOGLE_TOKEN_URL"),
    "office365": ("OFFICE365_API_URL", "OFFICE365_LOGIN_URL"),
}
VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def environment_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no certificates but those of a test; nobody waits."""
    for name in (*VARIABLES, "NO_PROXY", "no_proxy", *(f"{scheme}_proxy" for scheme in ("http", "https", "all"))):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)


def failure(provider: str, folder: Path, root: str) -> ConnectorError:
    """Return the error of a pull that sends the provider's requests to this root URL."""
    values = environment(root, folder) | dict.fromkeys(ROOTS[provider], root)
    with pytest.raises(ConnectorError) as failed:
        list(build(provider, values, now=lambda: NOW).pages(START, NOW))
    return failed.value


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("variable", VARIABLES)
def test_certificates_that_can_not_be_used_name_their_variable(
    provider: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents a file that is missing from being told as a broken network, or from being ignored."""
    monkeypatch.setenv(variable, str(tmp_path / "missing.pem"))
    error = failure(provider, tmp_path, "https://127.0.0.1:9")
    assert isinstance(error, NetworkError)
    assert f"{variable} names {tmp_path / 'missing.pem'}, which can't be read" in error.cause
    assert variable in error.remedy
    (tmp_path / "missing.pem").write_text("no certificate")
    assert "holds no certificates" in failure(provider, tmp_path, "https://127.0.0.1:9").cause


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this machine that nobody has signed, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", *options, *names, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@contextmanager
def inspected(certificate: tuple[Path, Path], answer: bytes) -> Iterator[str]:
    """A server that speaks TLS with a certificate of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with serving_raw(answer, context) as port:
        yield f"https://127.0.0.1:{port}"


@contextmanager
def serving_raw(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve these bytes as the answer to every request."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) if context else connection as told:
                    told.settimeout(5)
                    told.recv(65536)
                    told.sendall(answer)
            except (ssl.SSLError, ConnectionError, TimeoutError):
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_certificate_that_is_not_trusted_is_named_and_not_asked_again(
    provider: str, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    """Prevents TLS inspection from reading as a network that fails in passing."""
    with inspected(certificate, b"") as root:
        error = failure(provider, tmp_path, root)
    assert isinstance(error, NetworkError)
    assert "the certificate of 127.0.0.1 can't be verified" in error.cause
    assert "REQUESTS_CA_BUNDLE" in error.remedy


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_of_the_environment_are_trusted(
    variable: str, certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents a variable that other programs honour from being ignored."""
    monkeypatch.setenv(variable, str(certificate[0]))
    answer = b'HTTP/1.1 400 Bad\r\nContent-Length: 27\r\nConnection: close\r\n\r\n{"error": "invalid_client"}'
    with inspected(certificate, answer) as root:
        assert "invalid_client" in failure("box", tmp_path, root).cause


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_proxy_that_asks_for_a_sign_in_is_named(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents 407 from reading as the provider's refusal, and the proxy's password from being shown."""
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with serving_raw(refusal) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:hidden-proxy-word@127.0.0.1:{port}")
        error = failure(provider, tmp_path, "https://api.example.org")
    assert isinstance(error, NetworkError)
    assert "the proxy asks for a sign-in" in error.cause
    assert "user:password@" in error.remedy
    assert "hidden-proxy-word" not in str(error)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://ann:hidden-proxy-word@127.0.0.1:9"])
def test_a_proxy_that_is_not_there_is_named(proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents looking at the provider where this machine's proxy is down."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    error = failure("box", tmp_path, "https://api.example.org")
    assert isinstance(error, UnavailableError)
    assert "the proxy can't be reached" in error.cause
    assert "HTTPS_PROXY" in error.remedy
    assert "hidden-proxy-word" not in str(error)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://", "nonsense://x"])
def test_a_proxy_that_can_not_be_used_is_named(proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a mistyped proxy from ending the run of all providers."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert "proxy" in failure("box", tmp_path, "https://api.example.org").cause


def test_a_name_that_is_not_known_is_told_as_such(tmp_path: Path) -> None:
    """Prevents a mistyped address, or a resolver that is down, from reading as a provider's outage."""
    error = failure("box", tmp_path, "https://api.box.invalid")
    assert isinstance(error, UnavailableError)
    assert "api.box.invalid can't be resolved (DNS)" in error.cause


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_page_for_people_is_named(provider: str, tmp_path: Path) -> None:
    """Prevents a captive portal from reading as a provider that changed its API."""
    page = Answer(b"\n<!-- x --><!DOCTYPE html><html><body>Sign in to our network</body></html>")
    with scripted(lambda _: page, sign_in=lambda _: page) as server:
        error = failure(provider, tmp_path, server.url)
    assert isinstance(error, AnswerError)
    assert "HTML page instead of JSON" in error.cause
    assert "sign-in page" in error.remedy


def test_the_doctor_names_what_stands_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents 'the check itself failed' where a variable names a file that is not there."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    values = environment("https://127.0.0.1:9", tmp_path)
    found = examine(PROVIDERS, values, now=NOW, clock=lambda: datetime.now(UTC), activation=timedelta(days=14))
    told = {finding.provider: finding for finding in found if finding.check == "sign_in"}
    assert set(told) == set(PROVIDERS)
    for finding in told.values():
        assert finding.state is State.FAILURE
        assert "REQUESTS_CA_BUNDLE names /nowhere/ca.pem" in finding.found
        assert "REQUESTS_CA_BUNDLE" in finding.to_do
