"""Deferral of large libraries until they are first used.

A command that only reads imports modules which can do more than it asks of them. With a library deferred,
``import pyarrow as pa`` costs nothing until an attribute of ``pa`` is read.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

__all__ = ["defer"]

_OF_IMPORT = frozenset({"__file__", "__cached__", "__path__", "__loader__", "__package__", "__spec__"})
"""Attributes that the import system looks for before it sets them."""
_lock = threading.RLock()


def defer(*names: str) -> None:
    """Load modules when they are first used, from now on; those that are loaded already stay.

    Args:
        *names: Full names, such as ``pyarrow.parquet``; a submodule is deferred only if it is named.
    """
    sys.meta_path.insert(0, _Finder(frozenset(names)))


class _Deferred(ModuleType):
    """Module that is loaded once an attribute is read that the import system did not set."""

    def __getattr__(self, name: str) -> Any:
        if name in _OF_IMPORT:
            raise AttributeError(name)
        with _lock:
            spec = self.__spec__
            loader = spec.loader if spec else None
            if spec and isinstance(loader, _Loader):
                if f"{self.__name__}.{name}" in loader.names:
                    return import_module(f"{self.__name__}.{name}")
                loader.load(self, spec)
        return getattr(self, name)


class _Loader(Loader):
    """Loader that puts off the work of another one."""

    def __init__(self, loader: Loader, names: frozenset[str]) -> None:
        self._loader, self.names = loader, names

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Deferred(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing yet."""

    def load(self, module: ModuleType, spec: ModuleSpec) -> None:
        """Load the module for good."""
        spec.loader = module.__loader__ = self._loader
        module.__class__ = ModuleType
        self._loader.exec_module(module)


class _Finder(MetaPathFinder):
    """Finder of the deferred modules; all others are left to the usual ones."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._names:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and spec.loader:
            spec.loader = _Loader(spec.loader, self._names)
        return spec
