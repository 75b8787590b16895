"""Changes of people's addresses: renames in the middle of a workload, aliases, and accounts without an address.

Belongs here: the addresses that the log shows. The uploads stay the same.
"""

import numpy as np

from sandbox.workload.events import DAY, Events
from sandbox.workload.people import Person

__all__ = ["relabel"]

_RENAMED, _ALIASED, _UNNAMED = 0.2, 0.1, 0.1
_DROPBOX_DAYS = 10  # longest delay until a rename reaches Dropbox
_SEEN_BY_ALIAS, _WITHOUT_ADDRESS = 0.3, 0.5
_NAMELESS = ("box", "office365")  # providers whose events carry an id and sometimes no address


def relabel(rng: np.random.Generator, events: Events, people: tuple[Person, ...], first: int, days: int) -> Events:
    """Give a fifth of the people a new name in the middle third, a tenth an alias, and leave a tenth without address.

    Args:
        rng: Randomness of its own.
        events: Of the whole workload.
        people: The organisation's members.
        first: Start of the workload in UTC ms.
        days: Its length.
    """
    address = events.address.copy()
    emails = np.array([user or "" for user in events.user], dtype=object)
    order = rng.permutation(len(people))
    renamed, aliased, unnamed = np.split(
        order, np.cumsum([int(len(people) * s) for s in (_RENAMED, _ALIASED, _UNNAMED)])
    )[:3]
    for index in renamed:
        own = emails == people[index].email
        at = first + int(rng.uniform(days / 3, days * 2 / 3) * DAY)
        later = np.where(events.provider == "dropbox", at + int(rng.integers(0, _DROPBOX_DAYS * DAY)), at)
        address[own & (events.time >= later)] = _other(people[index].email, ".married")
    for index in aliased:
        own = (emails == people[index].email) & (events.provider == people[index].providers[0])
        address[own & (rng.random(len(events)) < _SEEN_BY_ALIAS)] = _other(people[index].email, "+files")
    for index in unnamed:
        own = (emails == people[index].email) & np.isin(events.provider.astype(str), _NAMELESS)
        address[own & (rng.random(len(events)) < _WITHOUT_ADDRESS)] = "-"
    return events.having(address=address)


def _other(email: str, suffix: str) -> str:
    local, _, domain = email.partition("@")
    return f"{local}{suffix}@{domain}"
