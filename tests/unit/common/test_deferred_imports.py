"""Libraries that are loaded when they are first used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from common.deferred_imports import defer
defer("large", "large.part")
import large
import large.part as part
from large import part as same
assert not large_was_run(), "before use"
"""
RUN = 'large_was_run = lambda: "large.proof" in sys.modules\n'


@pytest.fixture
def run(tmp_path: Path):
    """Run lines after the imports, beside a package that proves that it was run."""
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "__init__.py").write_text("import large.proof\nvalue = 7\n", encoding="utf-8")
    (tmp_path / "large" / "proof.py").touch()
    (tmp_path / "large" / "part.py").write_text("from large import value\ndouble = 2 * value\n", encoding="utf-8")

    def lines(text: str) -> None:
        script = SCRIPT.replace("import sys\n", "import sys\n" + RUN) + text
        result = subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": ":".join([str(tmp_path), *sys.path])},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert result.returncode == 0, result.stderr

    return lines


@pytest.mark.parametrize(
    "use",
    [
        "assert large.value == 7 and large_was_run()",
        "assert part.double == 14 and large_was_run() and part is same is large.part",
        "from large.proof import __name__ as name\nassert large_was_run() and large.value == 7",
        "assert not hasattr(large, 'nothing') and large_was_run()",
        "import copy, inspect\nassert inspect.getfile(large).endswith('__init__.py') and not large_was_run()",
    ],
)
def test_a_deferred_library_is_loaded_by_its_first_use(run, use):
    """Prevents a library that is never loaded, half loaded, or loaded by its import after all."""
    run(use)
