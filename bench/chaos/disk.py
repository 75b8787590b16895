"""A separate disk for a home, which can be filled."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["PAGE_BYTES", "leave", "mount", "tree_bytes", "unmount"]

PAGE_BYTES = 4096
_ROOM_BYTES = 256 << 20


def mount(home: Path) -> bool:
    """Mount a home on its own disk in memory; return whether that is possible here."""
    aside = home.with_name("aside")
    shutil.copytree(home, aside)
    try:
        if not _mount(home, _ROOM_BYTES, ""):
            return False
        shutil.copytree(aside, home, dirs_exist_ok=True)
    finally:
        shutil.rmtree(aside)
    return True


def leave(home: Path, room_bytes: int | None) -> None:
    """Leave this much room on the disk; None: enough for everything."""
    stat = os.statvfs(home)
    used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
    if not _mount(home, _ROOM_BYTES if room_bytes is None else used + room_bytes, "remount,"):
        raise RuntimeError(f"{home}: its disk's size cannot be changed")


def unmount(home: Path) -> None:
    """Unmount a home's disk, if it has one."""
    if home.is_mount():
        subprocess.run(["umount", "-l", str(home)], check=True)


def tree_bytes(directory: Path) -> int:
    """Return the disk usage of the files below a directory."""
    sizes = (path.stat().st_size for path in directory.rglob("*") if path.is_file())
    return sum(-(-size // PAGE_BYTES) * PAGE_BYTES for size in sizes)


def _mount(directory: Path, size_bytes: int, how: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"{how}size={size_bytes}", "chaos", str(directory)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
