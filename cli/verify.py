"""``uploadwatch verify``: check of every file of the lake, and repair of damaged ones."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.options import HOME, Format, HomeOption, lake_of
from cli.terminal import terminal, write_json
from lake.verification import Problem, verify

__all__ = ["verify_lake"]


def verify_lake(
    home: HomeOption = HOME,
    repair: Annotated[bool, typer.Option("--repair", help="Repair what can be repaired without a loss.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one array.")] = Format.TABLE,
) -> None:
    """Read every file of the lake and report what is damaged, missing or left over, its meaning, and its remedy.

    The exit status is 1 if any problem is left.
    """
    lake = lake_of(home)
    out, progress = terminal(), terminal(stderr=True)
    found: list[dict[str, str]] = []
    with progress.status("verifying") as status:
        for problem in verify(lake, lambda what: status.update(f"verifying {escape(what)}")):
            done = ""
            if repair and problem.repair:
                with lake.alone():
                    done = problem.repair()
            found.append(_row(problem, done))
            if format_ is Format.TABLE:
                _show(out, problem, done)
    if format_ is Format.JSON:
        write_json(found)
    left = Counter(row["state"] for row in found if not row["repaired"])
    if format_ is Format.TABLE:
        repaired = sum(bool(row["repaired"]) for row in found)
        counts = ", ".join(f"{count} {state}" for state, count in left.items()) or "every file is what was written"
        out.print(f"{counts}{f'; {repaired} repaired' if repaired else ''}", highlight=False)
    if left:
        raise typer.Exit(1)


def _row(problem: Problem, done: str) -> dict[str, str]:
    return {
        "state": problem.state,
        "path": str(problem.path),
        "cause": problem.cause,
        "means": problem.means,
        "remedy": problem.remedy,
        "repaired": done,
    }


def _show(out: Console, problem: Problem, done: str) -> None:
    out.print(f"[bold]{problem.state}[/] {escape(str(problem.path))}", highlight=False, soft_wrap=True)
    after = f"Repaired: {done}." if done else f"To fix it: {problem.remedy}."
    text = f"  {problem.cause}; {problem.means}. {after}"
    out.print(escape(text), highlight=False, soft_wrap=True)
