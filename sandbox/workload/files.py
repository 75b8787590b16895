"""Sizes, names and folders of files.

Belongs here: file classes with sizes from the generalised Pareto distribution, the mix of classes for each
kind of user, and plausible names. Sizes are bytes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.workload.events import Integers, Texts

__all__ = [
    "CLASSES",
    "MIXES",
    "VIDEO",
    "archive_names",
    "draw_classes",
    "draw_names",
    "draw_sizes",
    "folder_for",
]

CAP = 450_000_000
"""Largest size of any file except videos: files over 25 MB then hold most of the bytes, as measured elsewhere."""

VIDEO_CAP = 10_000_000_000


@dataclass(frozen=True)
class FileClass:
    """A class of files.

    Attributes:
        shape: Of the generalised Pareto distribution; over 1 its mean is infinite, hence the caps.
        scale: In bytes.
        floor: Smallest size in bytes (an empty picture does not exist).
        cap: Largest size in bytes.
        extensions: Extensions of its file names.
    """

    name: str
    shape: float
    scale: float
    floor: int
    cap: int
    extensions: tuple[str, ...]
    stems: tuple[str, ...]


CLASSES = (
    FileClass("docs", 0.85, 130_000, 900, CAP, ("docx", "xlsx", "pdf", "pptx", "txt", "csv"),
              ("Report", "Minutes", "Offer", "Budget", "Plan", "Contract", "Summary", "Agenda")),
    FileClass("pictures", 0.75, 500_000, 700, CAP, ("jpg", "png", "heic", "svg"),
              ("IMG", "Screenshot", "Photo", "Scan", "Banner")),
    FileClass("code", 0.8845, 50_000, 40, CAP, ("py", "js", "json", "ts", "java", "yaml", "md"),
              ("main", "client", "service", "model", "config", "readme")),
    FileClass("applications", 1.0, 120_000, 500, CAP, ("exe", "dll", "dmg", "bin", "dat"),
              ("setup", "module", "driver", "cache", "package")),
    FileClass("media", 0.85, 2_000_000, 4_000, CAP, ("mp3", "m4a", "wav", "mov"),
              ("Call", "Recording", "Clip", "Voice")),
    FileClass("compressed", 0.85, 1_000_000, 300, CAP, ("zip", "gz", "7z"),
              ("Delivery", "Logs", "Export", "Assets")),
    FileClass("video", 0.35, 700_000_000, 80_000_000, VIDEO_CAP, ("mp4", "mov", "mxf"),
              ("Interview", "Cut", "Raw", "Master", "Trailer")),
)  # fmt: skip
"""Personal-cloud traffic has this form with smaller files; scales and shapes here are chosen so that an
active three-hour window moves about a hundred times the bytes of one in source repositories."""

VIDEO = len(CLASSES) - 1

MIXES = {
    "office": (0.52, 0.22, 0.04, 0.07, 0.05, 0.10, 0.0),
    "engineering": (0.17, 0.12, 0.45, 0.17, 0.01, 0.08, 0.0),
    "creative": (0.16, 0.58, 0.02, 0.05, 0.10, 0.09, 0.0),
    "video": (0.12, 0.10, 0.0, 0.03, 0.05, 0.0, 0.70),
}
"""Share of each class of `CLASSES` in the uploads of a kind of user."""

_FOLDERS = {
    "Sales": ("Accounts", "Offers", "Pipeline"),
    "Marketing": ("Campaigns", "Brand", "Events"),
    "Engineering": ("Builds", "Design documents", "Tooling"),
    "Finance": ("Invoices", "Closing", "Forecast"),
    "People": ("Applicants", "Policies", "Onboarding"),
    "Legal": ("Contracts", "Claims", "Templates"),
    "Operations": ("Suppliers", "Sites", "Logistics"),
    "Design": ("Assets", "Studies", "Releases"),
    "Support": ("Tickets", "Guides", "Recordings"),
    "Research": ("Papers", "Datasets", "Experiments"),
}


def draw_classes(rng: np.random.Generator, mixes: Texts) -> Integers:
    """Draw a class (position in `CLASSES`) for each upload from the mix named in the same row."""
    chosen = np.zeros(mixes.size, dtype=np.int64)
    uniform = rng.random(mixes.size)
    for name, shares in MIXES.items():
        rows = mixes == name
        chosen[rows] = np.searchsorted(np.cumsum(shares)[:-1], uniform[rows], side="right")
    return chosen


def draw_sizes(rng: np.random.Generator, classes: Integers, factor: Any = 1.0) -> Integers:
    """Draw a size in bytes for each upload: generalised Pareto, truncated at the cap of its class.

    Args:
        rng: Source of randomness.
        classes: Positions in `CLASSES`.
        factor: Factor for the sizes of each upload's user, one for all or one each.
    """
    shape = np.array([c.shape for c in CLASSES])[classes]
    scale = np.array([c.scale for c in CLASSES])[classes] * factor
    floor = np.array([c.floor for c in CLASSES])[classes]
    cap = np.array([c.cap for c in CLASSES])[classes]
    below_cap = 1 - (1 + shape * (cap - floor) / scale) ** (-1 / shape)
    uniform = rng.random(classes.size) * below_cap
    sizes: Integers = (floor + scale / shape * ((1 - uniform) ** -shape - 1)).astype(np.int64)
    return sizes


def draw_names(rng: np.random.Generator, classes: Integers, serial: Integers) -> Texts:
    """Make a file name for each upload; `serial` (running number of the user) keeps names apart."""
    stem, extension = rng.random(classes.size), rng.random(classes.size)
    names = np.empty(classes.size, dtype=object)
    for position, file_class in enumerate(CLASSES):
        rows = np.flatnonzero(classes == position)
        stems = (stem[rows] * len(file_class.stems)).astype(int)
        # the first extensions of a class are the common ones
        endings = (extension[rows] ** 1.6 * len(file_class.extensions)).astype(int)
        names[rows] = [
            f"{file_class.stems[s]}_{number:04d}.{file_class.extensions[e]}"
            for s, e, number in zip(stems, endings, serial[rows], strict=True)
        ]
    return names


def folder_for(rng: np.random.Generator, departments: Texts, owners: Texts) -> Texts:
    """Choose a folder for each upload: a third goes to the owner's own files, the rest to the department."""
    pick, own = rng.random(departments.size), rng.random(departments.size) < 0.33
    return np.array(
        [
            f"/{owner}/Documents" if mine else f"/{name}/{_FOLDERS[name][int(p * len(_FOLDERS[name]))]}"
            for name, owner, p, mine in zip(departments, owners, pick, own, strict=True)
        ],
        dtype=object,
    )


def archive_names(stem: str, count: int, extension: str) -> Texts:
    """Name the parts of a split archive: `stem.part01.7z` and so on."""
    return np.array([f"{stem}.part{part:02d}.{extension}" for part in range(1, count + 1)], dtype=object)
