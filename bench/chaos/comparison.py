"""Final state of a deployment, and its differences from that of a calm one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from bench.chaos.organisation import DAYS
from bench.small import moment

__all__ = ["Difference", "State", "differences", "state_of"]

_MOMENTS = {
    "file_sizes": {"checked_at"},
    # Ids come from what was published first, and a review is about the revision that was there then.
    "cases": {"case_id", "alert_ids", "state", "verdict", "reviewed_by", "reviewed_at", "closes_at"},
    "dossiers": {"made_at", "revision", "alert_id", "path", "sha256", "evidence"},
    "exports": {"made_from", "content", "sha256", "size", "modified_ns"},
}
"""Columns with times or numbers of processing, which differ with every schedule."""
_REDELIVERED = "duplicate delivery"
_SETTLED = moment(DAYS, 0).replace(tzinfo=None)
_SHOWN = 3


@dataclass(frozen=True)
class Difference:
    """One difference from the calm deployment.

    Attributes:
        kind: ``lost``, ``doubled`` or ``other``.
        what: Description for people.
    """

    kind: str
    what: str


@dataclass
class State:
    """Final state of a deployment.

    Attributes:
        tables: Rows of each partition, in order, by table and day.
        raw: Events of each source and day.
        ledger: State and content of each published alert, by user and first window.
        reviews: Reviews by people, by alert.
        exported: Lines of the exported uploads, by file.
        belief: Present state for the receiver: content of each alert that was not withdrawn, by alert.
        repeated: Messages equal to the one before about the same alert, under another key.
        withdrawn: Users and first windows of alerts that were reported to the receiver as withdrawn.
        failing: Sources and feeds that were reported to the receiver as failing, and not as recovered.
        broken: Files that cannot be read.
    """

    tables: dict[tuple[str, str], pa.Table] = field(default_factory=dict)
    raw: dict[tuple[str, str], frozenset[bytes]] = field(default_factory=dict)
    ledger: dict[Hashable, Hashable] = field(default_factory=dict)
    reviews: Counter[Hashable] = field(default_factory=Counter)
    exported: dict[str, Counter[str]] = field(default_factory=dict)
    belief: Counter[Hashable] = field(default_factory=Counter)
    repeated: list[str] = field(default_factory=list)
    withdrawn: set[Hashable] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)


def state_of(home: Path, taken: Mapping[str, Mapping[str, Any]]) -> State:
    """Read the final state of a deployment.

    Args:
        home: Its home.
        taken: Messages that the receiver accepted, in order.
    """
    found = State()
    lake = home / "lake"
    for path in sorted(lake.glob("**/day=*/part.parquet")):
        table = path.parent.parent.relative_to(lake).as_posix()
        rows = _rows(path, found)
        if rows is not None:
            moments = _MOMENTS.get(table.rpartition("/")[2], set())
            kept = [name for name in rows.column_names if name not in moments]
            found.tables[table, path.parent.name] = _settled(table, rows.select(kept))
    for path in sorted(lake.glob("*/audit_events/day=*/*.ndjson.zst")):
        key = path.parent.parent.parent.name, path.parent.name
        found.raw[key] = found.raw.get(key, frozenset()) | _lines(path, found)
    ids = _read_ledger(lake, found)
    _read_reviews(lake, ids, found)
    exported = home / "exports" / "csv" / "uploads"
    for path in sorted(exported.glob("day=*/part-*.csv")):
        name = path.relative_to(exported).as_posix()
        found.exported[name] = Counter(path.read_text(encoding="utf-8", errors="replace").splitlines())
    _hear(taken, found)
    return found


def _settled(table: str, rows: pa.Table) -> pa.Table:
    """Drop rows that depend on the delivery of events or on the time of the latest poll run.

    These are the count of events that a provider delivered twice, and the windows that cannot be evaluated yet.
    """
    if table.endswith("/ignored"):
        return rows.filter(pc.not_equal(rows["reason"], _REDELIVERED))
    if table != "evaluations":
        return rows
    return rows.filter(pc.less(rows["window_start"], pa.scalar(_SETTLED, type=pa.timestamp("us"))))


def _rows(path: Path, found: State) -> pa.Table | None:
    try:
        return pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        found.broken.append(f"{path}: {error}")
        return None


def _lines(path: Path, found: State) -> frozenset[bytes]:
    try:
        with path.open("rb") as file:
            return frozenset(zstandard.ZstdDecompressor().stream_reader(file).read().splitlines())
    except (OSError, zstandard.ZstdError) as error:
        found.broken.append(f"{path}: {error}")
        return frozenset()


def _read_ledger(lake: Path, found: State) -> dict[str, tuple[str, str]]:
    """Read the ledger; return user and first window of each alert by its id."""
    path = lake / "published.parquet"
    rows = _rows(path, found) if path.exists() else None
    ids = {}
    for row in rows.to_pylist() if rows else []:
        identity = row["user"], str(row["first_window_start"])
        ids[row["alert_id"]] = identity
        if row["state"] in ("open", "folded"):
            found.ledger[identity] = row["state"], row["digest"]
    return ids


def _read_reviews(lake: Path, ids: Mapping[str, tuple[str, str]], found: State) -> None:
    path = lake / "reviews.parquet"
    rows = _rows(path, found) if path.exists() else None
    for row in rows.to_pylist() if rows else []:
        # A repeated identical review is harmless.
        found.reviews[row["user"], str(row["first_window_start"]), row["verdict"], row["reviewed_by"], row["note"]] = 1


def _hear(taken: Mapping[str, Mapping[str, Any]], found: State) -> None:
    """Follow the messages as a person would."""
    held: dict[str, Hashable] = {}
    for key, body in taken.items():
        alert = body.get("alert")
        if alert is None:
            _hear_of_source(body, found)
            continue
        name, identity = alert["alert_id"], (alert["user"], alert["first_window_start"])
        if body["event"] == "alert.withdrawn":
            held.pop(name, None)
            found.withdrawn.add(identity)
            continue
        content = (*identity, alert["last_window_end"], alert["sentence"], alert["files"], alert["bytes"])
        if held.get(name) == content:
            found.repeated.append(f"{key} says again what was said of {alert['user']}")
        held[name] = content
    found.belief = Counter(held.values())


def _hear_of_source(body: Mapping[str, Any], found: State) -> None:
    subject, _, state = body["event"].partition(".")
    if subject not in ("source", "feed"):
        return
    name = f"{subject} {body[subject]['provider']}"
    if state in ("failing", "stale"):
        found.failing.add(name)
    else:
        found.failing.discard(name)


def differences(calm: State, here: State, *, resent: bool = False) -> list[Difference]:
    """Return how a deployment differs from a calm one.

    Args:
        calm: Final state of the calm one.
        here: Final state of this one.
        resent: Whether the outbox was given up, so that its messages are sent again, as documented.
    """
    found = [Difference("other", f"cannot be read: {path}") for path in here.broken]
    for key in sorted({*calm.tables, *here.tables}):
        found += _compare_rows("/".join(key), calm.tables.get(key), here.tables.get(key))
    for day in sorted({*calm.raw, *here.raw}):
        before, after = calm.raw.get(day, frozenset()), here.raw.get(day, frozenset())
        found += _counted(f"raw events of {'/'.join(day)}", Counter(before), Counter(after))
    found += _counted("ledger", Counter(calm.ledger.items()), Counter(here.ledger.items()))
    found += _counted("reviews", calm.reviews, here.reviews)
    for name in sorted({*calm.exported, *here.exported}):
        pair = calm.exported.get(name, Counter()), here.exported.get(name, Counter())
        found += _counted(f"exported uploads {name}", *pair)
    found += _counted("messages of the webhook", calm.belief, here.belief)
    found += [
        Difference("other", f"{name} is reported as failing, and not as recovered")
        for name in sorted(here.failing - calm.failing)
    ]
    if not resent:
        found += [Difference("doubled", text) for text in here.repeated]
    standing = {identity[:2] for identity in calm.belief}  # type: ignore[index]
    found += [
        Difference("lost", f"withdrawn although it stands: {each}")
        for each in sorted(map(str, (here.withdrawn - calm.withdrawn) & standing))
    ]
    return found


def _compare_rows(name: str, calm: pa.Table | None, here: pa.Table | None) -> list[Difference]:
    if calm is not None and here is not None and calm.equals(here):
        return []
    before, after = (_counter(table) for table in (calm, here))
    if before != after:
        changed = _changed(before - after, after - before)
        return [Difference("other", f"{name}: {changed}")] if changed else _counted(name, before, after)
    if calm is None or here is None:
        # A day without rows equals a missing day.
        return []
    return [Difference("other", f"{name}: rows in another order, or columns of another type")]


def _counter(table: pa.Table | None) -> Counter[_Row]:
    return Counter(_Row(tuple(row.items())) for row in table.to_pylist()) if table is not None else Counter()


@dataclass(frozen=True)
class _Row:
    """A row of a table; lists within it are compared by their text."""

    values: tuple[tuple[str, Any], ...] = field(compare=False)
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", repr(self.values))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the texts and times of the row, which identify it."""
        return tuple(f"{name} {value}" for name, value in self.values if isinstance(value, str | date))

    def __str__(self) -> str:
        return self.text


def _changed(missing: Counter[_Row], extra: Counter[_Row]) -> str:
    """Describe the change if rows were neither lost nor added; empty if they were."""
    before, after = ({row.names: row for row in rows} for rows in (missing, extra))
    if not before or before.keys() != after.keys():
        return ""
    name = min(before)
    pairs = zip(before[name].values, after[name].values, strict=True)
    columns = "; ".join(f"{column} is {now}, calm {calm}" for (column, calm), (_, now) in pairs if calm != now)
    return f"{len(before)} rows changed, such as {', '.join(name)[:100]}: {columns[:300]}"


def _counted(name: str, calm: Counter[Any], here: Counter[Any]) -> list[Difference]:
    missing, extra = calm - here, here - calm
    found = []
    if missing:
        found.append(Difference("lost", f"{name}: {missing.total()} missing, such as {_some(missing)}"))
    if extra:
        # A changed row exists in another form, and nothing exists twice.
        kind = "other" if missing else "doubled"
        found.append(Difference(kind, f"{name}: {extra.total()} too many, such as {_some(extra)}"))
    return found


def _some(rows: Iterable[Any]) -> str:
    return "; ".join(str(row)[:300] for _, row in zip(range(_SHOWN), rows, strict=False))
