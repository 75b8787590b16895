"""Reference pages written from the code: the commands, the settings and the tables.

Run: ``python docs/write_reference.py``. A test compares the pages with the code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from orchestration.variables import Variable

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
_SETTINGS = DOCS / "configuration.md"
_SPAN = re.compile(r"(``?)([^`]+)\1")


def pages() -> dict[Path, str]:
    """Return the text of each page as the code has it."""
    return {
        DOCS / "commands.md": "\n".join(_commands()) + "\n",
        DOCS / "tables.md": "\n".join(_tables()) + "\n",
        _SETTINGS: _settings(_SETTINGS.read_text(encoding="utf-8")),
    }


def _commands() -> Iterator[str]:
    import typer.main  # noqa: PLC0415 -- run as a script, the rooms and what they need are found only later

    from cli.app import app  # noqa: PLC0415

    yield "# Commands"
    yield ""
    yield "Every command with its arguments, as `uploadwatch COMMAND --help` shows them. Written from the code by"
    yield "`python docs/write_reference.py`."
    yield ""
    yield "The exit status is 0, or 1 after an error and where a command says so, or 2 after wrong arguments."
    commands = cast("Any", typer.main.get_command(app)).commands
    for name in sorted(commands):
        yield ""
        yield from _command(name, commands[name])


def _command(name: str, command: Any) -> Iterator[str]:
    # A command is imported when it is run; its help alone is read from the source.
    context = command.make_context(f"uploadwatch {name}", [], resilient_parsing=True)
    yield f"## {name}"
    for paragraph in command.help.partition("\f")[0].strip().split("\n\n"):
        yield " ".join(paragraph.split())
        yield ""
    yield "```"
    yield " ".join([f"uploadwatch {name}", *context.command.collect_usage_pieces(context)])
    yield "```"
    parameters = [parameter.get_help_record(context) for parameter in context.command.params]
    rows = [record for record in parameters if record]
    if rows:
        yield ""
        yield "| argument | meaning |"
        yield "|---|---|"
        yield from (f"| `{_cell(form)}` | {_cell(' '.join(text.split()))} |" for form, text in rows)


def _tables() -> Iterator[str]:
    from assets.core.descriptions import described  # noqa: PLC0415 -- as above
    from detection.tables import TABLES  # noqa: PLC0415
    from lake.retention import PROVIDER_TABLES  # noqa: PLC0415

    yield "# Tables"
    yield ""
    yield "The tables that are assets, with their columns. Written from the code by `python docs/write_reference.py`."
    yield ""
    yield "Each is below `UPLOADWATCH_HOME/lake`, as Parquet files by day. Quote the column `user` in SQL: a keyword."
    for table, columns in TABLES.items():
        try:
            text = described(table)["description"]
        except KeyError:
            continue
        yield ""
        yield f"## {table}"
        yield f"{text} One per provider: `<provider>/{table}`." if table in PROVIDER_TABLES else text
        yield ""
        yield "| column | type | meaning |"
        yield "|---|---|---|"
        yield from (f"| `{each.name}` | `{each.type}` | {_cell(each.description)} |" for each in columns)


def _settings(page: str) -> str:
    from orchestration.variables import (  # noqa: PLC0415 -- as above
        access_table,
        channel_table,
        deployment_table,
        provider_table,
    )
    from providers import PROVIDERS  # noqa: PLC0415

    parts = {
        "deployment": deployment_table(),
        "console": access_table(),
        "channels": channel_table(),
        **{provider: provider_table(provider) for provider in PROVIDERS},
    }
    for name, variables in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        block = "\n".join([begin, "", *_rows(variables), "", end])
        if begin not in page or end not in page:
            raise ValueError(f"{_SETTINGS.name} has no place for {name}: add the lines {begin} and {end}.")
        page = page.partition(begin)[0] + block + page.partition(end)[2]
    return page


def _rows(variables: Sequence[Variable]) -> Iterator[str]:
    yield "| variable | default | meaning | example |"
    yield "|---|---|---|---|"
    for variable in variables:
        default = "*required*" if variable.required else f"`{variable.default}`" if variable.default else ""
        example = f"`{variable.example}`" if variable.example else ""
        yield f"| `{variable.name}` | {default} | {_cell(variable.description)} | {example} |"


def _cell(text: str) -> str:
    """Return a text that does not end its cell of a table."""
    return _SPAN.sub(r"`\2`", text).replace("|", "\\|")


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
