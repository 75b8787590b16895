"""Commands by name: a module and a function each, which are imported when the command is run."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from common.deferred_imports import defer

__all__ = ["Commands"]


class _Place(NamedTuple):
    """Where a command is.

    Attributes:
        module: Its module in this package.
        function: Its function there.
        reads: Whether it only reads and is to answer at once, so that what it may not need is loaded at need.
    """

    module: str
    function: str
    reads: bool = False


_COMMANDS = {
    "demo": _Place("demo", "demo"),
    "ui": _Place("ui", "ui"),
    "console": _Place("console", "console"),
    "run": _Place("demo", "run"),
    "alerts": _Place("alerts", "alerts", reads=True),
    "alert": _Place("alert", "alert", reads=True),
    "review": _Place("review", "review", reads=True),
    "status": _Place("status", "status", reads=True),
    "backtest": _Place("backtest", "backtest"),
    "doctor": _Place("doctor", "doctor", reads=True),
    "classify": _Place("classify", "classify", reads=True),
    "backfill": _Place("backfill", "backfill"),
    "notify": _Place("notify", "notify"),
    "outbox": _Place("outbox", "outbox", reads=True),
    "metrics": _Place("metrics", "metrics"),
    "heartbeat": _Place("heartbeat", "heartbeat"),
    "export": _Place("export", "export"),
    "reveal": _Place("reveal", "reveal"),
    "forget": _Place("forget", "forget"),
    "retention": _Place("retention", "retention"),
    "remove-source": _Place("remove_source", "remove_source"),
    "import": _Place("import_history", "history"),
    "verify": _Place("verify", "verify_lake"),
    "deployment": _Place("deployment_files", "write_deployment"),
}
_LARGE = ("pyarrow", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "apprise")
"""Libraries that a command which only reads may not need."""


class _Command(TyperCommand):
    """Command that is imported when it is run; its help is read from the source."""

    def __init__(self, name: str, place: _Place) -> None:
        super().__init__(name)
        self._place = place

    @property
    def help(self) -> str:
        """First paragraphs of the function's docstring."""
        return _docstring(self._place)

    @help.setter
    def help(self, _value: str | None) -> None:
        """Ignore what the base class sets."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Import the command and parse its arguments."""
        return self._imported().make_context(*args, **options)

    @cache  # noqa: B019 -- one for each command
    def _imported(self) -> Any:
        if self._place.reads:
            defer(*_LARGE)
        app = typer.Typer(add_completion=False)
        app.command(self.name)(getattr(import_module(f"cli.{self._place.module}"), self._place.function))
        return typer.main.get_command(app)


class Commands(TyperGroup):
    """Group of all commands, none of which is imported yet."""

    def __init__(self, **options: Any) -> None:
        options["commands"] = {name: _Command(name, place) for name, place in _COMMANDS.items()}
        super().__init__(**options)


@cache
def _docstring(place: _Place) -> str:
    """Return the docstring of a command's function without importing its module."""
    source = Path(__file__).with_name(f"{place.module}.py").read_text(encoding="utf-8")
    [function] = [
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == place.function
    ]
    return inspect.cleandoc(ast.get_docstring(function) or "")
