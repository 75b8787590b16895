"""The file of variables decides where secrets are sent to: who may have written it decides whether it is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors import ConfigurationError
from orchestration.definitions import definitions
from orchestration.env_file import env_text, read_env_file
from orchestration.settings import environment
from tests.support.command import say

PLANTED = "BOX_API_URL=https://evil.example\n"
ANOTHER = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a file that is as it should be."""
    folder = tmp_path / "here"
    folder.mkdir(mode=0o700)
    monkeypatch.chdir(folder)
    (folder / ".env").write_text(PLANTED, encoding="utf-8")
    (folder / ".env").chmod(0o600)
    return folder


def link_to(here: Path, target: Path) -> None:
    (here / ".env").unlink()
    (here / ".env").symlink_to(target)


def elsewhere(here: Path, mode: int) -> Path:
    folder = here.parent / "elsewhere"
    folder.mkdir()
    (folder / "env").write_text(PLANTED, encoding="utf-8")
    (folder / "env").chmod(0o600)
    folder.chmod(mode)
    return folder / "env"


def linked(here: Path) -> Path:
    target = elsewhere(here, 0o755)
    link_to(here, target)
    return target


def test_a_file_of_the_user_is_read(here: Path) -> None:
    """Prevents a refusal of what is safe."""
    assert read_env_file({}) == {"BOX_API_URL": "https://evil.example"}
    assert environment()["BOX_API_URL"] == "https://evil.example"
    link_to(here, elsewhere(here, 0o755))
    assert read_env_file({}) == {"BOX_API_URL": "https://evil.example"}
    (here / ".env").unlink()
    assert read_env_file({}) == {}


@pytest.mark.parametrize(
    "unsafe",
    [
        lambda here: (here / ".env").chmod(0o620),
        lambda here: (here / ".env").chmod(0o602),
        lambda here: here.chmod(0o770),
        lambda here: here.chmod(0o777),
        pytest.param(lambda here: os.chown(here / ".env", ANOTHER, 0), marks=needs_root),
        pytest.param(lambda here: os.chown(here, ANOTHER, 0), marks=needs_root),
        pytest.param(lambda here: (here.chmod(0o1777), os.chown(here / ".env", ANOTHER, 0)), marks=needs_root),
        lambda here: link_to(here, elsewhere(here, 0o777)),
        pytest.param(lambda here: os.chown(linked(here), ANOTHER, 0), marks=needs_root),
        pytest.param(
            lambda here: (
                link_to(here, elsewhere(here, 0o755)),
                os.chown(here / ".env", ANOTHER, 0, follow_symlinks=False),
            ),
            marks=needs_root,
        ),
    ],
)  # fmt: skip
def test_what_others_may_have_written_is_refused_loudly(here: Path, unsafe) -> None:
    """Prevents secrets from being sent to the address in a file that somebody planted in the working directory."""
    unsafe(here)
    with pytest.raises(ConfigurationError, match=r"\.env is not read: .*chmod go-w"):
        read_env_file({})
    done = say("status")
    assert done.status == 1
    assert "is not read" in " ".join(done.err.split())
    # Dagster reads it by itself, whatever else is named: then the code location does not load.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPLOADWATCH_ENV_FILE", os.devnull)
        with pytest.raises(ConfigurationError, match="is not read"):
            definitions()


def test_in_a_shared_directory_the_owner_of_the_file_decides(here: Path) -> None:
    """Prevents a refusal of one's own file in /tmp, where nobody else can replace it."""
    here.chmod(0o1777)
    assert read_env_file({}) == {"BOX_API_URL": "https://evil.example"}


def test_a_named_file_is_read_in_its_place(here: Path, tmp_path: Path) -> None:
    """Prevents two files from being mixed, and a misspelt name from being passed over."""
    values = {"A": "it's", "B": 'two \\ and "three"', "C": "#four $five"}
    (tmp_path / "named.env").write_text(env_text(values), encoding="utf-8")
    assert read_env_file({"UPLOADWATCH_ENV_FILE": str(tmp_path / "named.env")}) == values
    with pytest.raises(ConfigurationError, match="which is not a file"):
        read_env_file({"UPLOADWATCH_ENV_FILE": str(tmp_path / "name.env")})
