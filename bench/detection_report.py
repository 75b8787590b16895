"""Reports of the measurement of the detector: tables for a terminal, and for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.detection_score import wilson

__all__ = ["markdown", "report"]

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "bursts": ("burst of", "many small", "archives", "one file", "two providers", "at night"),
    "labelled incidents": ("labelled",),
    "second bursts": ("second",),
    "drips": ("drip",),
    "growth": ("growth",),
    "newcomers, guests": ("newcomer", "guest"),
    "dormant accounts": ("dormant",),
}
"""Classes of thefts that are told together, by how they begin."""
_HINDSIGHT = "in hindsight"


def _percent(part: Mapping[str, Any]) -> str:
    return "none" if part["share"] is None else f"{part['share']:.2f} ({part['low']:.2f}-{part['high']:.2f})"


def report(result: Mapping[str, Any]) -> str:
    """Format the result: a line per rule by alert and by case, then recall by class and by speed, a column per rule."""
    rules = result["rules"]
    own = 2 if result["upheaval"] else 1
    lines = [
        f"{len(result['organisations'])} organisations of {result['people']} people, {result['judged_days']} days "
        f"judged, reviewer {result['reviewer']}; target {result['target_per_1000']:g} per 1000 monitored users and "
        "day.",
        "Worst week: the fullest week against its allowance, median of the organisations (most). Brackets: 95 %.\n",
        f"{'':4}{'rule':42}{'by':7}{'opened':>7}{'realised':>20}{'worst week':>15}{'precision':>17}{'repeats':>17}"
        f"{'recall':>17}",
    ]
    for number, (name, rule) in enumerate(rules.items(), start=1):
        for by in ("alerts", "cases") if number <= own else ("alerts",):
            load = rule[by]
            low, high = load["realised_range"]
            head = f"{number:2}  {name:42}" if by == "alerts" else " " * 46
            lines.append(
                f"{head}{by:7}{load['opened']:7}"
                f"{load['realised_per_1000']:7.2f} ({low:5.2f}-{high:5.2f})"
                f"{load['worst_week']:7.1f} ({load['worst_week_of_all']:5.1f})"
                f"{_percent(load['precision']):>17}{_percent(load['repeats']):>17}"
                f"{_percent(rule['recall']['all']) if by == 'alerts' else '':>17}"
            )
    for title, key in (("recall by class", "by_class"), ("recall by speed", "by_speed")):
        lines.append(f"\n{title:24}{'of':>5}" + "".join(f"{number:>7}" for number in range(1, len(rules) + 1)))
        first = next(iter(rules.values()))["recall"][key]
        for row, wanted in first.items():
            cells = "".join(f"{rule['recall'][key][row]['share']:7.2f}" for rule in rules.values())
            lines.append(f"{row:24}{wanted['of']:5}{cells}")
    lines += [f"{name} is left out: {reason}" for name, reason in result["left_out"].items() if result["peers"]]
    return "\n".join(lines)


def _fraction(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def _share(part: Mapping[str, Any]) -> str:
    if part["share"] is None:
        return ""
    return f"{_fraction(part['share'])} ({_fraction(part['low'])}–{_fraction(part['high'])})"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    titles = list(head)
    aligned = ["---", *["---:"] * (len(titles) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (titles, aligned, *rows)]


def _grouped(by_class: Mapping[str, Mapping[str, int]], group: str) -> tuple[int, int]:
    inside = [part for name, part in by_class.items() if name.startswith(_GROUPS[group])]
    return sum(part["hits"] for part in inside), sum(part["of"] for part in inside)


def markdown(result: Mapping[str, Any]) -> str:
    """Format the result for the documentation: load and precision by rule, and recall by group of classes.

    Lines in hindsight are left out: no deployment can have them.
    """
    rules = {name: rule for name, rule in result["rules"].items() if _HINDSIGHT not in name}
    first = next(iter(rules.values()))
    load = []
    for name, rule in rules.items():
        alerts = rule["alerts"]
        low, high = alerts["realised_range"]
        load.append(
            [
                name,
                f"{alerts['realised_per_1000']:.2f} ({low:.2f}–{high:.2f})",
                f"{alerts['worst_week']:.1f}",
                _share(alerts["precision"]),
                _share(alerts["repeats"]),
                _share(rule["recall"]["all"]),
            ]
        )
    lines = _table(["rule", "alerts per 1000 users and day", "fullest week", "precision", "repeats", "recall"], load)
    wanted = {group: _grouped(first["recall"]["by_class"], group)[1] for group in _GROUPS}
    groups = [group for group, number in wanted.items() if number]
    found = []
    for name, rule in rules.items():
        cells = []
        for group in groups:
            hits, trials = _grouped(rule["recall"]["by_class"], group)
            low, high = wilson(hits, trials)
            interval = f" ({_fraction(low)}–{_fraction(high)})" if rule is first else ""
            cells.append(f"{_fraction(hits / trials)}{interval}")
        found.append([name, *cells])
    return "\n".join([*lines, "", *_table(["recall", *(f"{group}, {wanted[group]}" for group in groups)], found)])
