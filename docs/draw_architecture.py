"""Diagrams of ``docs/architecture.md``, drawn from the code: rooms with their imports, and assets with their inputs.

Run: ``python docs/draw_architecture.py``. A test compares the page with the code.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
_APART = "sandbox"
_PROVIDER = "box"


def rooms() -> list[str]:
    """Return the rooms from the top of the house to the ground floor, as the import contract lists them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [order] = [each for each in settings["tool"]["importlinter"]["contracts"] if each["id"] == "rooms"]
    return [*order["layers"], _APART]


def _modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def _imported(room: str, known: list[str]) -> set[str]:
    """Return the other rooms that a room imports."""
    found: set[str] = set()
    for path in _modules(room):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
    return (found & set(known)) - {room}


def _reduced(edges: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield the edges that no longer way replaces."""

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for each in edges.get(waiting.pop(), set()) - seen:
                seen.add(each)
                waiting.append(each)
        return seen

    for start, ends in edges.items():
        for end in sorted(ends):
            if not any(end in reachable(other) for other in ends - {end}):
                yield start, end


def _diagram_of_rooms() -> Iterator[str]:
    known = rooms()
    yield "```mermaid"
    yield "flowchart TB"
    for room in known:
        yield f'    {room}["{room}"]'
    for start, end in _reduced({room: _imported(room, known) for room in known}):
        yield f"    {start} --> {end}"
    yield "```"


def _table_of_rooms() -> Iterator[str]:
    yield "| room | what it holds |"
    yield "|---|---|"
    for room in rooms():
        text = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))) or ""
        first = text.partition("\n\n")[0].replace("\n", " ").replace("``", "`")
        yield f"| `{room}/` | {first} |"


def _diagram_of_assets() -> Iterator[str]:
    import dagster as dg  # noqa: PLC0415 -- the other diagrams need no Dagster

    from orchestration.definitions import build_defs  # noqa: PLC0415

    values = {"BOX_CLIENT_ID": "x", "BOX_CLIENT_SECRET": "x", "BOX_ENTERPRISE_ID": "1", "BOX_RECOVER_SIZES": "true"}
    graph = build_defs({**values, "UPLOADWATCH_EXPORTS": "csv"}).resolve_asset_graph()
    keys = sorted(graph.materializable_asset_keys)

    def name(key: dg.AssetKey) -> str:
        return key.to_user_string().replace("/", "__")

    yield "```mermaid"
    yield "flowchart LR"
    yield '    api(["audit API of a provider"]) --> ' + f"{_PROVIDER}__audit_events"
    for key in keys:
        yield f'    {name(key)}["{key.to_user_string().replace(_PROVIDER, "#lt;provider#gt;", 1)}"]'
    edges = {name(key): {name(parent) for parent in graph.get(key).parent_keys} for key in keys}
    for end, start in _reduced(edges):
        yield f"    {start} --> {end}"
    yield "```"


def page() -> str:
    """Return the page with all diagrams as the code has them."""
    parts = {"rooms": _diagram_of_rooms(), "table": _table_of_rooms(), "assets": _diagram_of_assets()}
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        block = "\n".join([begin, *lines, end])
        text = re.sub(f"{begin}.*?{end}", lambda _, block=block: block, text, flags=re.DOTALL)
    return text


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
