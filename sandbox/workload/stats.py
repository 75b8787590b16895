"""Statistics of a workload, for comparison with measurements of real organisations.

Belongs here: counts, windows and concentration, as text for people.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sandbox.workload.format import Label

__all__ = ["describe", "gini"]

_WINDOW_SECONDS = 3 * 3600


def describe(table: pa.Table, labels: Sequence[Label]) -> str:
    """Describe a workload in some lines: events, active three-hour windows, bytes and labels."""
    carries = pc.is_in(table["kind"], pa.array(["upload", "edit"]))
    uploads = table.filter(pc.and_(carries, pc.is_valid(table["user"])))
    seconds = pc.divide(pc.cast(uploads["time"], pa.int64()), 1_000_000)
    window = pc.divide(seconds, _WINDOW_SECONDS)
    by_window = (
        uploads.append_column("window", window)
        .group_by(["user", "window"])
        .aggregate([("bytes", "sum"), ("bytes", "count")])
    )
    by_user = uploads.group_by("user").aggregate([("bytes", "sum")])["bytes_sum"].to_numpy()
    providers = Counter(table["provider"].to_pylist())
    kinds = Counter(table["kind"].to_pylist())
    expected = Counter(f"{label.expected}{'' if label.malicious else ' (harmless)'}" for label in labels)
    files = by_window["bytes_count"].to_numpy()
    megabytes = by_window["bytes_sum"].to_numpy() / 1e6
    lines = [
        f"{table.num_rows:,} events: {_counts(providers)}",
        f"by kind: {_counts(kinds)}",
        f"{files.size:,} active three-hour windows of {by_user.size} users",
        f"files a window: {_percentiles(files)}",
        f"MB a window: {_percentiles(megabytes)}",
        f"{by_user.sum() / 1e12:.2f} TB, Gini over users {gini(by_user):.2f}",
        f"{len(labels)} labels: {_counts(expected)}",
    ]
    return "\n".join(lines)


def gini(values: np.ndarray) -> float:
    """Return the Gini coefficient of non-negative values: 0 if all are equal, near 1 if one holds everything."""
    ordered = np.sort(values.astype(np.float64))
    ranks = np.arange(1, ordered.size + 1)
    return float(2 * (ranks * ordered).sum() / (ordered.size * ordered.sum()) - (ordered.size + 1) / ordered.size)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())


def _percentiles(values: np.ndarray) -> str:
    found = np.percentile(values, (50, 90, 99, 99.9))
    return ", ".join(f"p{p} {v:,.1f}" for p, v in zip((50, 90, 99, 99.9), found, strict=True))
