"""Directory of addresses: which account has an address at a moment, and which address an account shows."""

from __future__ import annotations

from bisect import bisect_right

from sandbox.base.data import Events
from sandbox.base.people import admin_email


class Addresses:
    """The addresses of one provider's accounts, which a workload names by `user`.

    An account starts with its own address and gets another with the first event that shows it. The former address stays
    an alias until another account shows it.
    """

    def __init__(self, events: Events) -> None:
        self._holders: dict[str, list[tuple[int, str]]] = {}
        self._shown: dict[str, list[tuple[int, str]]] = {}
        for user in (admin_email(), *dict.fromkeys(events.user)):
            if user:
                self._note(-1, user.lower(), user.lower())
        if any(events.address):
            for time, user, address in zip(events.time.tolist(), events.user, events.address, strict=True):
                if user and address != "-":
                    self._note(time, user.lower(), (address or user).lower())

    def _note(self, time: int, account: str, address: str) -> None:
        for spans, key, value in ((self._holders, address, account), (self._shown, account, address)):
            known = spans.setdefault(key, [])
            if not known or known[-1][1] != value:
                known.append((time, value))

    def account(self, address: str, now: int) -> str | None:
        """Return the account that has an address, as its own or as an alias; None if there is none."""
        return _at(self._holders.get(address.lower(), []), now)

    def primary(self, account: str, now: int) -> str:
        """Return the address under which an account is shown."""
        return _at(self._shown.get(account.lower(), []), now) or account


def _at(spans: list[tuple[int, str]], now: int) -> str | None:
    place = bisect_right(spans, now, key=lambda span: span[0])
    return spans[place - 1][1] if place else None
