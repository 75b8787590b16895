"""Dependencies of a function: the code, queries, settings and data files that decide its result, read from the source.

Their digest is part of each table's code version and input digest, so a changed rule, constant or data file makes
exactly the tables stale that depend on it. No list is kept: the search follows names from definition to definition. It
omits how files are stored (:data:`_PLUMBING`) and what input digests include by value (settings, operators' rows).
"""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from pydantic import BaseModel

from common.digests import text_digest
from detection.definitions import (
    Definition,
    attributes_of,
    field_name,
    filled,
    names_in,
    names_in_annotations,
    path_of,
    read_module,
    room,
    source_of,
    texts_in,
    walk,
)
from detection.parameters import Parameters, settings_of
from detection.rule import Rule, read_rule
from detection.sql import parameters_in
from providers import PROVIDERS

__all__ = ["ROOT", "Dependencies", "dependencies"]

ROOT = Path(__file__).resolve().parents[1]
"""Directory of the packages."""
_ROOMS = ("common", "detection", "dossier", "exports", "lake", "privacy", "providers")
_PLUMBING = frozenset(
    f"lake.{name}" for name in ("damage", "durable", "engine", "kept", "manifest", "scratch", "store", "warehouse")
) | {"detection.dependencies", "detection.sql", "detection.tables"}
"""Modules that decide how a table is stored, not what it contains."""
_RULE = ("detection.rule", "RULE")
"""The rule: only the values that code reads count, since its texts do not change a baseline."""
_MODELS = frozenset({"BaseModel", "Row"})
"""Base classes whose instances are inputs: a function that only names such a class takes its value as an argument."""
_LOADERS = frozenset({"into", "load", "nested"})
"""Functions of :mod:`detection.sql` that take the name of a query."""
_DATA = (".csv", ".html", ".css", ".js", ".json", ".toml")


@dataclass(frozen=True)
class Dependencies:
    """Dependencies of one or more functions.

    Attributes:
        definitions: Source text of each definition, without docstrings, comments and annotations, by its full name.
        queries: Names of the queries, such as ``normalise/box``, in order.
        files: Digest of each query and data file, by its path below the packages.
        rule: Values of the rule that the code reads, by their path in it.
        settings: Settings that queries or code name, in the order of :class:`detection.parameters.Parameters`.
    """

    definitions: Mapping[str, str]
    queries: tuple[str, ...]
    files: Mapping[str, str]
    rule: Mapping[str, str]
    settings: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return a short digest of everything but the settings' values."""
        text = repr([sorted(part.items()) for part in (self.definitions, self.files, self.rule)])
        return text_digest(text)[:12]


def dependencies(*functions: Callable[..., object], provider: str = "", root: Path = ROOT) -> Dependencies:
    """Find the dependencies of functions or classes.

    Args:
        *functions: Functions or classes of the packages, defined at the top of their modules.
        provider: Name of the provider that they are called for; other providers' code is omitted. Empty: all.
        root: Directory of the packages.

    Raises:
        LookupError: A function is not defined in the module that it names.
    """
    return _found(tuple((each.__module__, each.__qualname__) for each in functions), provider, root)


@cache
def _found(entries: tuple[Definition, ...], provider: str, root: Path) -> Dependencies:
    search = _Search(provider, root)
    for entry in entries:
        if not search.defines(*entry):
            raise LookupError(f"{'.'.join(entry)} is not defined at the top of its module")
        search.add(entry)
    return search.finish()


class _Search:
    """Search over the definitions."""

    def __init__(self, provider: str, root: Path) -> None:
        self._root = root
        self._others = {f"providers.{name}" for name in PROVIDERS if provider and name != provider}
        self._names = [provider] if provider else list(PROVIDERS)
        self._definitions: dict[Definition, list[ast.stmt]] = {}
        self._found: dict[ast.stmt, list[Definition]] = {}

    def defines(self, module: str, name: str) -> bool:
        """Check whether a module of the packages defines a name itself."""
        return name in read_module(self._root, module).statements

    def add(self, start: Definition) -> None:
        """Add a definition and everything that it names."""
        due = [start]
        while due:
            at = due.pop()
            if at in self._definitions:
                continue
            module = read_module(self._root, at[0])
            self._definitions[at] = module.statements[at[1]]
            for statement in self._definitions[at]:
                due += self._named(at[0], statement)

    def _named(self, module: str, statement: ast.stmt) -> Sequence[Definition]:
        """Return the definitions that a statement names."""
        if statement not in self._found:
            self._found[statement] = list(self._look(module, statement))
        return self._found[statement]

    def _look(self, module: str, statement: ast.stmt) -> Iterator[Definition]:
        annotated = names_in_annotations(statement)
        for name in names_in(statement):
            target = self._resolve(module, name)
            if target and target[1]:
                if name not in annotated or not self._is_model(target):
                    yield target
            elif target:
                # A module: only those of its definitions that the statement reads.
                read = {node.attr for node in walk(statement) if isinstance(node, ast.Attribute)}
                yield from ((target[0], each) for each in sorted(read) if self.defines(target[0], each))

    def _is_model(self, at: Definition) -> bool:
        """Check whether a definition is a class of inputs."""
        return any(
            isinstance(base, ast.Name) and base.id in _MODELS
            for statement in read_module(self._root, at[0]).statements[at[1]]
            for base in getattr(statement, "bases", ())
        )

    def _resolve(self, module: str, name: str) -> Definition | None:
        """Resolve a name to its definition, through imports; None if it is not one of the packages'.

        For a module the name is empty.
        """
        while module.split(".", maxsplit=1)[0] in _ROOMS and module not in _PLUMBING | self._others:
            if (module, name) == _RULE:
                return None
            here = read_module(self._root, module)
            if name in here.statements:
                return module, name
            target = here.imports.get(name)
            if target is None:
                return None
            if path_of(self._root, ".".join(target)):
                inner = ".".join(target)
                return None if inner in self._others or inner in _PLUMBING else (inner, "")
            module, name = target
        return None

    def finish(self) -> Dependencies:
        """Return what was found."""
        read = {
            node.attr
            for statement in chain.from_iterable(self._definitions.values())
            for node in walk(statement)
            if isinstance(node, ast.Attribute)
        }
        kept = {
            at: [self._only_read(at[0], each, read) for each in statements]
            for at, statements in self._definitions.items()
        }
        texts = {f"{at[0]}.{at[1]}": "\n".join(map(source_of, statements)) for at, statements in kept.items()}
        paths = {*self._queries(kept), *self._data(kept)}
        queries = {name: path for name, path in _sql_files(self._root).items() if path in paths}
        named = {name for path in queries.values() for name in parameters_in(path.read_text(encoding="utf-8"))}
        files = {self._name(path): _digest(path) for path in sorted(paths)}
        rule = dict(self._rule(kept))
        return Dependencies(texts, tuple(queries), files, rule, tuple(settings_of({*named, *_settings(kept)})))

    def _only_read(self, module: str, statement: ast.stmt, read: set[str]) -> ast.stmt:
        """Remove the fields that no code reads from a record of facts, and from a constant that is such a record."""
        if isinstance(statement, ast.ClassDef) and _is_record(statement):
            body = [each for each in statement.body if not isinstance(each, ast.AnnAssign) or field_name(each) <= read]
            return ast.ClassDef(
                statement.name, statement.bases, statement.keywords, body or [ast.Pass()], statement.decorator_list
            )
        value = statement.value if isinstance(statement, ast.Assign) else None
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name)):
            return statement
        of = self._resolve(module, value.func.id)
        if of is None or not any(map(_is_record, read_module(self._root, of[0]).statements.get(of[1], ()))):
            return statement
        call = ast.Call(value.func, value.args, [each for each in value.keywords if each.arg in read])
        return ast.copy_location(ast.Assign(statement.targets, call), statement)  # type: ignore[attr-defined]

    def _name(self, path: Path) -> str:
        """Return the path of a file below the packages."""
        directory = next(found for name in _ROOMS if path.is_relative_to(found := room(self._root, name)))
        return path.relative_to(directory.parent).as_posix()

    def _rule(self, kept: Mapping[Definition, list[ast.stmt]]) -> Iterator[tuple[str, str]]:
        """Yield the values of the rule that the definitions read, by path."""
        rule = _read_rule(self._root)
        for at, statements in kept.items():
            if read_module(self._root, at[0]).imports.get(_RULE[1]) != _RULE:
                continue
            for path in {path for statement in statements for path in attributes_of(statement, _RULE[1])}:
                value: object = rule
                read = []
                for name in path:
                    # An attribute that is no value of the rule, such as a method, belongs to the value before it.
                    if not isinstance(value, BaseModel) or callable(following := getattr(value, name)):
                        break
                    value = following
                    read.append(name)
                yield ".".join(read), repr(value)

    def _queries(self, kept: Mapping[Definition, list[ast.stmt]]) -> Iterator[Path]:
        """Yield the files of the queries that the definitions run."""
        every = _sql_files(self._root)
        callers: dict[Definition, list[ast.stmt]] = defaultdict(list)
        for at, statements in kept.items():
            for target in chain.from_iterable(self._named(at[0], each) for each in statements):
                callers[target] += statements
        for at, statements in kept.items():
            near = [*statements, *chain.from_iterable(self._constants(at, kept))]
            words = [*self._names, *chain.from_iterable(map(texts_in, near))]
            # Within a folder, the name may also be a caller's argument.
            handed = [*words, *chain.from_iterable(map(texts_in, callers[at]))]
            for statement in statements:
                # A string with a folder is a query name anywhere; one without only in a call that loads a query.
                said = {word for word in texts_in(statement) if "/" in word}
                for node in walk(statement):
                    if isinstance(node, ast.JoinedStr):
                        said |= {text for text in filled(node, handed) if "/" in text}
                    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _LOADERS:
                        asked = node.args[2 if node.func.id == "into" else 0]
                        said |= {str(asked.value)} if isinstance(asked, ast.Constant) else set(words)
                yield from (every[word] for word in said if word in every)

    def _constants(
        self, at: Definition, kept: Mapping[Definition, list[ast.stmt]], seen: set[Definition] | None = None
    ) -> Iterator[list[ast.stmt]]:
        """Yield the constants that a definition names, directly or through other constants."""
        seen = seen if seen is not None else {at}
        for target in chain.from_iterable(self._named(at[0], each) for each in kept[at]):
            if target not in seen and target in kept:
                seen.add(target)
                if all(isinstance(each, ast.Assign | ast.AnnAssign | ast.ClassDef) for each in kept[target]):
                    yield kept[target]
                    yield from self._constants(target, kept, seen)

    def _data(self, kept: Mapping[Definition, list[ast.stmt]]) -> Iterator[Path]:
        """Yield the data files that the definitions name, directly or through other data files."""
        every = {path.name: path for path in _data_files(self._root)}
        statements = list(chain.from_iterable(kept.values()))
        words = [*self._names, *chain.from_iterable(map(texts_in, statements))]
        due = {word for word in words if word in every}
        for node in chain.from_iterable(map(walk, statements)):
            if isinstance(node, ast.JoinedStr) and _ends_as_data(node):
                due |= {text for text in filled(node, words) if text in every}
        found: set[str] = set()
        while due:
            name = due.pop()
            found.add(name)
            if every[name].suffix == ".html":
                text = every[name].read_text(encoding="utf-8")
                due |= {other for other in every if other in text} - found
        yield from (every[name] for name in found)


def _ends_as_data(node: ast.JoinedStr) -> bool:
    last = node.values[-1]
    return isinstance(last, ast.Constant) and str(last.value).endswith(_DATA)


def _is_record(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ClassDef) and any(
        "dataclass" in ast.dump(each) for each in statement.decorator_list
    )


def _settings(kept: Mapping[Definition, list[ast.stmt]]) -> set[str]:
    """Return the settings that code reads from the parameters."""
    return {
        node.attr
        for node in chain.from_iterable(map(walk, chain.from_iterable(kept.values())))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "parameters"
    } & Parameters.model_fields.keys()


@cache
def _read_rule(root: Path) -> Rule:
    [path] = (room(root, "detection") / "rules").glob("*.toml")
    return read_rule(path)


@cache
def _sql_files(root: Path) -> Mapping[str, Path]:
    sql = room(root, "detection") / "sql"
    return {path.relative_to(sql).with_suffix("").as_posix(): path for path in sorted(sql.rglob("*.sql"))}


@cache
def _data_files(root: Path) -> list[Path]:
    return sorted(
        path for name in _ROOMS for path in room(root, name).rglob("*") if path.suffix in _DATA and path.is_file()
    )


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
