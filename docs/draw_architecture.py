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

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.diagram import layered

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
_APART = "sandbox"
_PROVIDER = "box"
_API = "<provider>"


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


def _diagram_of_rooms() -> str:
    known = rooms()
    return layered({room: room for room in known}, _reduced({room: _imported(room, known) for room in known}))


def _table_of_rooms() -> Iterator[str]:
    yield "| room | what it holds |"
    yield "|---|---|"
    for room in rooms():
        text = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))) or ""
        first = text.partition("\n\n")[0].replace("\n", " ").replace("``", "`")
        yield f"| `{room}/` | {first} |"


def _diagram_of_assets() -> str:
    import dagster as dg  # noqa: PLC0415 -- the other diagrams need no Dagster

    from orchestration.definitions import build_defs  # noqa: PLC0415

    values = {"BOX_CLIENT_ID": "x", "BOX_CLIENT_SECRET": "x", "BOX_ENTERPRISE_ID": "1", "BOX_RECOVER_SIZES": "true"}
    graph = build_defs({**values, "UPLOADWATCH_EXPORTS": "csv"}).resolve_asset_graph()
    keys = sorted(graph.materializable_asset_keys)

    def name(key: dg.AssetKey) -> str:
        return key.to_user_string().replace(_PROVIDER, _API, 1)

    edges = {name(key): {name(parent) for parent in graph.get(key).parent_keys} for key in keys}
    first = [(_API, f"{_API}/audit_events")]
    labels = {_API: "API of a provider", **{name(key): name(key).replace(f"{_API}/", "") for key in keys}}
    return layered(labels, [*first, *((start, end) for end, start in _reduced(edges))])


def page() -> str:
    """Return the page with the table of rooms as the code has it."""
    block = "\n".join(["<!-- table -->", *_table_of_rooms(), "<!-- end of table -->"])
    text = PAGE.read_text(encoding="utf-8")
    return re.sub("<!-- table -->.*?<!-- end of table -->", lambda _: block, text, flags=re.DOTALL)


def files() -> dict[Path, str]:
    """Return the text of the page and of its pictures as the code has them."""
    images = ROOT / "docs" / "images"
    return {PAGE: page(), images / "rooms.svg": _diagram_of_rooms(), images / "assets.svg": _diagram_of_assets()}


def main() -> None:
    """Write the page."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
