"""Faults of files at rest: damaged, cut, emptied, changed or deleted between two poll runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.chaos.damages import DAMAGES
from bench.chaos.scene import MissedError, Scene

__all__ = ["damage_one", "damage_partition", "damaging", "lose_kept", "lose_manifest", "lose_partition", "lose_table"]

_KEPT = "file_sizes"
"""The kind of partitions that cannot be computed again."""


def damage_one(scene: Scene, files: Sequence[Path]) -> None:
    """Damage one of several files.

    Raises:
        MissedError: There is no file, or the damage did not change it.
    """
    if not files:
        raise MissedError
    path, damage = scene.draw.choice(files), scene.draw.choice(DAMAGES)
    before = path.read_bytes()
    if not before:
        path.unlink()
        scene.point.append(f"{path.relative_to(scene.home)} deleted")
        return
    damage(path)
    scene.point.append(f"{path.relative_to(scene.home)} {damage.__name__}")
    if path.exists() and path.read_bytes() == before:
        raise MissedError


def damaging(*patterns: str) -> Callable[[Scene], None]:
    """Return a fault that damages a file matching any of the patterns, before the poll run."""

    def strike(scene: Scene) -> None:
        damage_one(scene, scene.files(*patterns))
        scene.step(scene.at)

    return strike


def _partitions(scene: Scene) -> list[Path]:
    return [path for path in scene.files("lake/**/day=*/part.parquet") if path.parts[-3] != _KEPT]


def damage_partition(scene: Scene) -> None:
    """Damage a partition that can be computed again."""
    damage_one(scene, _partitions(scene))
    scene.step(scene.at)


def lose_partition(scene: Scene) -> None:
    """Delete a partition that can be computed again, and its metadata."""
    directory = scene.draw.choice(_partitions(scene)).parent
    scene.point.append(f"{directory.relative_to(scene.home)} deleted")
    shutil.rmtree(directory)
    scene.step(scene.at)


def lose_table(scene: Scene) -> None:
    """Delete a table that can be computed again."""
    table = scene.draw.choice(sorted({path.parent.parent for path in _partitions(scene)}))
    scene.point.append(f"{table.relative_to(scene.home)} deleted")
    shutil.rmtree(table)
    scene.step(scene.at)


def lose_manifest(scene: Scene) -> None:
    """Damage a day's manifest and its copy."""
    directory = scene.draw.choice(scene.files("lake/*/audit_events/day=*/manifest.json")).parent
    for name in ("manifest.json", "manifest.copy.json"):
        damage_one(scene, [directory / name])
    scene.step(scene.at)


def lose_kept(*names: str) -> Callable[[Scene], None]:
    """Return a fault that damages a file of the ledger and its copy."""

    def strike(scene: Scene) -> None:
        name = scene.draw.choice(names)
        for suffix in (".parquet", ".copy.parquet"):
            damage_one(scene, scene.files(f"lake/{name}{suffix}"))
        scene.step(scene.at)

    return strike
