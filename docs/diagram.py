"""Layered diagrams as SVG: boxes in rows, arrows downwards. Drawn here since a site that draws them loads a script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise

__all__ = ["layered"]

_BOX, _GAP, _HEIGHT, _ROW = 138, 14, 30, 66
_SWEEPS = 12
_STYLE = (
    "text{font:12px sans-serif;fill:#333;text-anchor:middle}.box{fill:#eef1f8;stroke:#5b6b9a}"
    ".edge{fill:none;stroke:#8a93ab}.tip{fill:#8a93ab}"
)


def layered(names: Mapping[str, str], edges: Iterable[tuple[str, str]]) -> str:
    """Return the diagram of a graph without circles.

    Args:
        names: Label of each node by its key.
        edges: Pairs of keys; the arrow leads from the first to the second.
    """
    pairs = sorted(set(edges))
    depth = _depths(names, pairs)
    chains = [_chain(start, end, depth) for start, end in pairs]
    rows: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for node in names:
        rows[depth[node]].append(node)
    for chain in chains:
        for place, bend in enumerate(chain[1:-1], depth[chain[0]] + 1):
            rows[place].append(bend)
    links = [link for chain in chains for link in pairwise(chain)]
    _order(rows, links)
    width = max(map(len, rows)) * (_BOX + _GAP) + _GAP
    centre = {
        node: (width / 2 + (place - (len(row) - 1) / 2) * (_BOX + _GAP), number * _ROW + _GAP + _HEIGHT / 2)
        for number, row in enumerate(rows)
        for place, node in enumerate(row)
    }
    height = len(rows) * _ROW - (_ROW - _HEIGHT) + 2 * _GAP
    shapes = [_arrow([centre[node] for node in chain]) for chain in chains]
    shapes += [_box(names[node], *centre[node]) for node in names]
    size = f"width='{width}' height='{height}' viewBox='0 0 {width} {height}'"
    # Its own paper, since its viewer may be dark.
    paper = "<rect width='100%' height='100%' fill='#fff'/>"
    lines = ["<svg xmlns='http://www.w3.org/2000/svg' " + size + ">", f"<style>{_STYLE}</style>", paper, *shapes]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _depths(names: Iterable[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the row of each node: below all nodes that lead to it."""
    depth = dict.fromkeys(names, 0)
    for _ in depth:
        for start, end in edges:
            depth[end] = max(depth[end], depth[start] + 1)
    return depth


def _chain(start: str, end: str, depth: Mapping[str, int]) -> list[str]:
    """Return the nodes of an arrow, with a bend in each row that it crosses."""
    return [start, *(f"{start}>{end}@{row}" for row in range(depth[start] + 1, depth[end])), end]


def _order(rows: list[list[str]], links: Sequence[tuple[str, str]]) -> None:
    """Order each row by the mean place of its neighbours, down and up in turn, so that few arrows cross."""
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for start, end in links:
        above.setdefault(end, []).append(start)
        below.setdefault(start, []).append(end)
    for sweep in range(_SWEEPS):
        near = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            place = {node: at - (len(each) - 1) / 2 for each in rows for at, node in enumerate(each)}
            mean = {
                node: sum(place[other] for other in near[node]) / len(near[node]) if near.get(node) else place[node]
                for node in row
            }
            row.sort(key=lambda node, mean=mean: mean[node])  # type: ignore[misc]


def _box(label: str, x: float, y: float) -> str:
    left, top = x - _BOX / 2, y - _HEIGHT / 2
    box = f"<rect class='box' x='{left:g}' y='{top:g}' width='{_BOX}' height='{_HEIGHT}' rx='4'/>"
    return f"{box}<text x='{x:g}' y='{y + 4:g}'>{escape(label)}</text>"


def _arrow(places: Sequence[tuple[float, float]]) -> str:
    (x, y), *bends = places
    path = f"M{x:g},{y + _HEIGHT / 2:g}"
    y += _HEIGHT / 2
    for number, (right, down) in enumerate(bends):
        last = number == len(bends) - 1
        end = down - _HEIGHT / 2 - (6 if last else 0)
        half = (y + end) / 2
        path += f"C{x:g},{half:g} {right:g},{half:g} {right:g},{end:g}"
        if not last:
            path += f"V{down + _HEIGHT / 2:g}"
        x, y = right, down + _HEIGHT / 2
    tip = places[-1][1] - _HEIGHT / 2
    point = f"<path class='tip' d='M{x - 4:g},{tip - 7:g}h8l-4,7z'/>"
    return f"<path class='edge' d='{path}'/>{point}"
