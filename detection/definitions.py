"""Definitions at the top level of the packages' modules, read from their source."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = [
    "Definition",
    "Module",
    "attributes_of",
    "field_name",
    "filled",
    "names_in",
    "names_in_annotations",
    "path_of",
    "read_module",
    "room",
    "source_of",
    "texts_in",
    "walk",
]

Definition = tuple[str, str]
"""Module and name."""


@dataclass(frozen=True)
class Module:
    """Definitions and imports at the top of a module, by the names that they bind."""

    statements: Mapping[str, list[ast.stmt]]
    imports: Mapping[str, Definition]


@cache
def room(root: Path, name: str) -> Path:
    """Return the directory of a package: below ``root``, or else where it is installed."""
    if (found := root / name).is_dir():
        return found
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else found


@cache
def path_of(root: Path, module: str) -> Path | None:
    """Return the file of a module; None if it has none."""
    package, *names = module.split(".")
    base = room(root, package).joinpath(*names)
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


@cache
def read_module(root: Path, name: str) -> Module:
    """Read a module without its docstrings; a module that does not exist is empty."""
    path = path_of(root, name)
    statements: dict[str, list[ast.stmt]] = {}
    imports: dict[str, Definition] = {}
    if path is None:
        return Module(statements, imports)
    for node in _NoDocstrings().visit(ast.parse(path.read_text(encoding="utf-8"))).body:
        if isinstance(node, ast.ImportFrom):
            imports |= {each.asname or each.name: (node.module or "", each.name) for each in node.names}
            continue
        for bound in _bound(node):
            statements.setdefault(bound, []).append(node)
    return Module(statements, imports)


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement at the top of a module binds or changes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if isinstance(node, ast.If | ast.Try | ast.With | ast.For):
        return set().union(*map(_bound, node.body))
    return {each.id for target in targets if target for each in ast.walk(target) if isinstance(each, ast.Name)}


@cache
def walk(node: ast.AST) -> Sequence[ast.AST]:
    """Return a node and all nodes below it, cached since each is read several times."""
    return list(ast.walk(node))


@cache
def names_in(statement: ast.stmt) -> set[str]:
    """Return the names of a statement."""
    return {node.id for node in walk(statement) if isinstance(node, ast.Name)}


@cache
def names_in_annotations(statement: ast.stmt) -> set[str]:
    """Return the names that occur only in annotations."""
    annotations = [
        child
        for node in walk(statement)
        for child in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if child is not None
    ]
    within = [node for each in annotations for node in ast.walk(each) if isinstance(node, ast.Name)]
    every = [node for node in walk(statement) if isinstance(node, ast.Name)]
    counts = Counter(node.id for node in every)
    return {name for name, count in Counter(node.id for node in within).items() if count == counts[name]}


def attributes_of(statement: ast.stmt, name: str) -> Iterator[tuple[str, ...]]:
    """Yield the attribute chains that a statement reads from a name; an empty chain where it reads the name itself."""
    inner = set()
    for node in walk(statement):
        chain: list[str] = []
        at = node
        while isinstance(at, ast.Attribute):
            chain.append(at.attr)
            at = at.value
        if isinstance(at, ast.Name) and at.id == name and id(node) not in inner:
            yield tuple(reversed(chain))
            # A walk visits outer nodes first.
            within = node
            while isinstance(within, ast.Attribute):
                within = within.value
                inner.add(id(within))


@cache
def texts_in(statement: ast.stmt) -> Sequence[str]:
    """Return the strings of a statement, and the names of a class's fields, which its readers may iterate over."""
    found = []
    for node in walk(statement):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.AnnAssign):
            found += field_name(node)
    return found


def filled(node: ast.JoinedStr, words: Iterable[str]) -> Iterator[str]:
    """Yield the texts that an f-string with one hole may become."""
    holes = [each for each in node.values if isinstance(each, ast.FormattedValue)]
    if len(holes) == 1:
        for word in words:
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else word for each in node.values)


def field_name(field: ast.AnnAssign) -> set[str]:
    """Return the name of a class field that is assigned; none for an item or an attribute."""
    return {field.target.id} if isinstance(field.target, ast.Name) else set()


class _NoDocstrings(ast.NodeTransformer):
    """Transformer that removes all docstrings."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """Replace a string that is a statement of its own."""
        return ast.Pass() if isinstance(node.value, ast.Constant) else node


class _NoAnnotations(ast.NodeTransformer):
    """Transformer that removes the annotations of functions."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Remove the return annotation of a function, and visit its body."""
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Remove the annotation of an argument."""
        return ast.arg(node.arg)


@cache
def source_of(statement: ast.stmt) -> str:
    """Return the source of a statement in normal form, without the annotations of functions."""
    # A copy, since the parsed module is shared by all tables.
    return ast.unparse(_NoAnnotations().visit(ast.parse(ast.unparse(statement))))
