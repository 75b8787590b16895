"""Delivery of events to the API: late, sometimes twice, sometimes without a size.

Belongs here: the effects of the providers' logs on any events. Lateness comes in batches (the events of one user
within half an hour appear together), as it does in practice. Dropbox gives no event
id, so only the other providers deliver an event twice.
"""

import uuid

import numpy as np

from sandbox.workload.events import HOUR, MINUTE, SECOND, Events, Integers, Texts
from sandbox.workload.people import SYNC_APP

__all__ = ["deliver", "event_ids"]

_GONE = 0.02
_SIZE_MISSING = 0.01
_TWICE = 0.004
_BATCH = 30 * MINUTE
_VERY_LATE = 2  # batches of Office 365 that take 30 hours

# By provider: share of batches, shortest and longest delay until publication.
_LATENESS = {
    "box": ((0.98, 20 * SECOND, 2 * MINUTE), (0.02, 2 * MINUTE, 20 * MINUTE)),
    "dropbox": ((0.6, 2 * MINUTE, 30 * MINUTE), (0.38, 30 * MINUTE, 5 * HOUR), (0.02, 5 * HOUR, 24 * HOUR)),
    "google_workspace": ((0.86, 2 * MINUTE, 12 * MINUTE), (0.14, 30 * MINUTE, 3 * HOUR)),
    "office365": (
        (0.85, 60 * MINUTE, 90 * MINUTE),
        (0.14, 90 * MINUTE, 5 * HOUR),
        (0.01, 5 * HOUR, 20 * HOUR),
    ),
}


def event_ids(rng: np.random.Generator, count: int) -> Texts:
    """Make event ids (UUID version 4)."""
    made = [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(count)]
    return np.array(made, dtype=object)


def deliver(rng: np.random.Generator, events: Events) -> Events:
    """Draw lateness, missing sizes, deleted files and double deliveries; return rows sorted by time.

    Events that have their own `published_at` keep it.
    """
    published = np.where(events.published_at < 0, _published(rng, events), events.published_at)
    carries = np.isin(events.kind.astype(str), ("upload", "edit"))
    events = events.having(
        published_at=published,
        size_in_log=np.where(carries, _size_in_log(rng, events), -1),
        file_gone=np.where(carries, _gone(rng, events), 0),
    )
    events = _twice(rng, events)
    return events.take(np.lexsort((events.published_at, events.time)))


def _published(rng: np.random.Generator, events: Events) -> Integers:
    """Draw when each event is published: one delay per batch, with a few seconds of spread."""
    published = events.time.copy()
    for provider, shares in _LATENESS.items():
        rows = np.flatnonzero(events.provider == provider)
        users = events.user[rows]
        keys = np.array(
            [f"{user}|{slot}" for user, slot in zip(users, events.time[rows] // _BATCH, strict=True)],
            dtype=str,
        )
        batches, batch = np.unique(keys, return_inverse=True)
        which = rng.choice(len(shares), batches.size, p=[share for share, _, _ in shares])
        low = np.array([least for _, least, _ in shares])[which]
        high = np.array([most for _, _, most in shares])[which]
        late = low + (rng.random(batches.size) * (high - low)).astype(np.int64)
        if provider == "office365" and batches.size >= _VERY_LATE:
            late[rng.choice(batches.size, _VERY_LATE, replace=False)] = 30 * HOUR
        published[rows] += late[batch] + rng.integers(0, 8 * SECOND, rows.size)
    return published


def _size_in_log(rng: np.random.Generator, events: Events) -> Integers:
    """Draw deviations from the provider's habit: one size in a hundred is missing, OneDrive sync logs sizes."""
    usual = np.isin(events.provider.astype(str), ("box", "dropbox"))
    dropped = usual & (rng.random(len(events)) < _SIZE_MISSING)
    logged = (events.provider == "office365") & (events.app == SYNC_APP)
    return np.where(dropped, 0, np.where(logged, 1, -1))


def _gone(rng: np.random.Generator, events: Events) -> Integers:
    """Draw which files were deleted for good since; all events of a file agree."""
    files = zip(events.provider, events.user, events.folder, events.file_name, strict=True)
    number: dict[tuple[object, ...], int] = {}
    file = np.fromiter((number.setdefault(key, len(number)) for key in files), np.int64, len(events))
    gone: Integers = (rng.random(len(number)) < _GONE).astype(np.int64)[file]
    return gone


def _twice(rng: np.random.Generator, events: Events) -> Events:
    """Deliver a few events a second time, within two hours of the first."""
    without_id = np.array([event_id is None for event_id in events.event_id], dtype=bool)
    rows = np.flatnonzero(without_id & (events.provider != "dropbox") & (rng.random(len(events)) < _TWICE))
    ids = events.event_id.copy()
    ids[rows] = event_ids(rng, rows.size)
    events = events.having(event_id=ids)
    again = events.take(rows)
    again = again.having(published_at=again.published_at + rng.integers(MINUTE, 2 * HOUR, rows.size))
    return Events.join([events, again])
