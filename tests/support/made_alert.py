"""An alert about Ann on a generated history, for the tests of risk indicators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from detection.reasons import REASONS
from detection.risk import Listed, ListedUser, Networks
from detection.suspicion import Confirmed, Watch, find_reasons
from tests.support.memory import connect

OPENS = datetime(2026, 3, 20, 9)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
Event = dict[str, Any]
NAMES = ("user", "provider", "actor_class", "country", "ip", "app", "detail", "kind", "file_id", "size_source")
COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in NAMES),
        ("time", pa.timestamp("us")),
        ("bytes", pa.int64()),
        ("estimated_bytes", pa.int64()),
        ("left_bytes", pa.int64()),
    ]
)


def event(kind: str, time: datetime, **other: Any) -> Event:
    """Return one event by Ann, by default from her desk and with her usual client."""
    usual = {
        "user": "ann@example.com",
        "provider": "box",
        "actor_class": "person",
        "country": "DE",
        "ip": "198.51.100.7",
        "app": "Drive",
        "detail": None,
    }
    return {**usual, "kind": kind, "time": time, **other}


def many(count: int, kind: str, first: datetime, step: timedelta, **other: Any) -> list[Event]:
    return [event(kind, first + n * step, **other) for n in range(count)]


HISTORY = [
    *(event(kind, OPENS - n * DAY) for n in range(2, 62) for kind in ("sign_in", "upload")),
    # Another user, whose events show how far the logs go back.
    *(event("upload", OPENS - n * DAY, user="ben@example.com") for n in range(2, 80)),
]
BURST = many(5, "upload", OPENS + 5 * MINUTE, 10 * MINUTE)


def found(
    *extra: Event | Sequence[Event],
    history: Sequence[Event] = HISTORY,
    burst: Sequence[Event] = BURST,
    openings: Sequence[datetime] = (OPENS,),
    actor_class: str = "person",
    watch: Watch | None = None,
) -> dict[str, str]:
    """Return the evidence of Ann's alert that opens at ``OPENS``, by reason."""
    events = [*history, *burst]
    for more in extra:
        events += [more] if isinstance(more, dict) else more
    with connect() as con:
        con.execute(
            'CREATE TABLE folded_alerts (alert_id VARCHAR, "user" VARCHAR, actor_class VARCHAR, '
            "first_window_start TIMESTAMP, last_window_end TIMESTAMP)"
        )
        con.execute(
            "INSERT INTO folded_alerts VALUES ('a', 'ann@example.com', ?, ?, ?)",
            [actor_class, OPENS, OPENS + 3 * HOUR],
        )
        con.execute('CREATE TABLE openings ("user" VARCHAR, opening TIMESTAMP, closes TIMESTAMP)')
        con.executemany("INSERT INTO openings VALUES ('ann@example.com', ?, ?)", [[at, at + DAY] for at in openings])
        for table in ("uploads", "activity"):
            rows = [row for row in events if (row["kind"] == "upload") == (table == "uploads")]
            con.register("given", pa.Table.from_pylist(rows, schema=COLUMNS))
            con.execute(f"CREATE TABLE {table} AS FROM given")
        con.execute(
            "CREATE TABLE source_days AS SELECT DISTINCT provider, CAST(time AS DATE) AS day "
            "FROM (FROM uploads UNION ALL FROM activity)"
        )
        reasons = find_reasons(con, watch or Watch())
    assert all(reason["strength"] == REASONS[reason["name"]].strength for reason in reasons.get("a", []))
    return {reason["name"]: reason["evidence"] for reason in reasons.get("a", [])}


def listed(**values: Any) -> Watch:
    return Watch(risk_list=[ListedUser.model_validate({"user": "Ann@example.com", "reason": "leaver", **values})])


def networks(*rows: tuple[str, str]) -> Watch:
    return Watch(networks=Networks([Listed.model_validate({"network": net, "kind": kind}) for net, kind in rows]))


def confirmed(*times: datetime, user: str = "ann@example.com") -> Watch:
    return Watch(confirmed=[Confirmed(user, time) for time in times])


ABROAD = event("sign_in", OPENS - 20 * MINUTE, country="SG", ip="192.0.2.9", provider="dropbox")
HOME = event("sign_in", OPENS - 80 * MINUTE)
TUNNEL = [event("sign_in", OPENS - 9 * DAY + 5 * MINUTE, country="SG"), event("sign_in", OPENS - 9 * DAY + 9 * MINUTE)]
EARLY = [row for row in HISTORY if row["time"] < OPENS - 20 * DAY]
ARCHIVES = [
    event("upload", OPENS + n * MINUTE, file_id=f"a{n}", bytes=20 * 10**9, size_source="recovered") for n in range(24)
]


def saved_over(size: int | None, **other: Any) -> list[Event]:
    """Return a save of this size over each of the archives, two minutes later."""
    later = {"bytes": size, "size_source": "recovered", **other}
    return [{**row, "time": row["time"] + 2 * MINUTE, **later} for row in ARCHIVES]


def unsized(source: str, **other: Any) -> list[Event]:
    """Return the archives with unknown sizes."""
    return [{**row, "bytes": None, "size_source": source, **other} for row in ARCHIVES]
