"""Files of a deployment, which an installed package brings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli.deployment_files import write_deployment
from common.errors import CommandError
from orchestration.shipped_files import shipped_text

ROOT = Path(__file__).parents[3]


def tracked(*patterns: str) -> dict[str, str]:
    """Return the texts of the tracked files that match."""
    listed = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in listed.stdout.split()}


def test_a_deployment_starts_from_the_files_of_the_repository(tmp_path: Path) -> None:
    """Prevents a server without a checkout from having no units or no page that a message names."""
    write_deployment(tmp_path / "deploy")
    made = {path.relative_to(tmp_path / "deploy"): path for path in tmp_path.rglob("*") if path.is_file()}
    expected = {
        **{name.removeprefix("deploy/"): text for name, text in tracked("deploy").items()},
        **tracked("docs/*.md", ":!docs/decisions"),
    }
    assert {name.as_posix(): path.read_text(encoding="utf-8") for name, path in made.items()} == expected
    assert {path.stat().st_mode & 0o777 for path in made.values()} == {0o644}


def test_filled_in_variables_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents secrets of a checkout from being copied to where others read them."""
    shipped = tmp_path / "shipped"
    (shipped / "deploy").mkdir(parents=True)
    for name in ("compose.yaml", "uploadwatch.env"):
        (shipped / "deploy" / name).touch()
    monkeypatch.setattr("orchestration.shipped_files._SHIPPED", shipped)
    write_deployment(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["compose.yaml"]


def test_a_file_that_was_changed_is_kept(tmp_path: Path) -> None:
    """Prevents an upgrade from undoing what an operator changed in a unit."""
    write_deployment(tmp_path)
    write_deployment(tmp_path)
    (tmp_path / "dagster.yaml").write_text("# mine\n", encoding="utf-8")
    with pytest.raises(CommandError, match=r"dagster\.yaml: differs from this version's"):
        write_deployment(tmp_path)
    assert (tmp_path / "dagster.yaml").read_text(encoding="utf-8") == "# mine\n"
    write_deployment(tmp_path, replace=True)
    assert (tmp_path / "dagster.yaml").read_text(encoding="utf-8") == shipped_text("deploy/dagster.yaml")


def test_what_the_package_ships_is_what_the_checkout_has_at_its_top() -> None:
    """Prevents two truths about Dagster's settings."""
    assert shipped_text("dagster.yaml") == (ROOT / "dagster.yaml").read_text(encoding="utf-8")


def test_the_sandbox_is_not_one_of_the_working_directory(tmp_path: Path) -> None:
    """Prevents a directory called `sandbox` where the person works from being run in its place."""
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "__main__.py").write_text("raise SystemExit('theirs')", encoding="utf-8")
    (tmp_path / "sandbox" / "__init__.py").touch()
    script = "import subprocess; from cli.replay import SANDBOX; subprocess.run([*SANDBOX, '--help'], check=True)"
    run = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
