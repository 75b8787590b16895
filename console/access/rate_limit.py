"""Rate limit of sign-ins, for each peer and in all."""

from __future__ import annotations

import math
from collections import deque
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock

from common.clock import Clock

__all__ = ["SignInLimit"]

_PER_PEER = 20
_IN_ALL = 200
_WINDOW_SECONDS = 60.0
_IPV6_PREFIX = 64
"""Bits of an IPv6 address that one customer of a network has."""


class SignInLimit:
    """Sliding window of a minute over sign-ins. It needs no bound on peers: all together have one.

    Args:
        clock: Real time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._all: deque[float] = deque()
        self._peers: dict[str, deque[float]] = {}

    def wait_seconds(self, peer: str) -> int:
        """Count a sign-in, unless it is over the limit.

        Args:
            peer: Address of the peer.

        Returns:
            0, or in how many seconds the next one is allowed.
        """
        now = self._clock.now().timestamp()
        with self._lock:
            for known, times in list(self._peers.items()):
                _forget(times, now)
                if not times:
                    del self._peers[known]
            _forget(self._all, now)
            own = self._peers.setdefault(_network(peer), deque())
            full = [times for times, limit in ((own, _PER_PEER), (self._all, _IN_ALL)) if len(times) >= limit]
            if full:
                return max(1, math.ceil(max(times[0] for times in full) + _WINDOW_SECONDS - now))
            own.append(now)
            self._all.append(now)
            return 0


def _forget(times: deque[float], now: float) -> None:
    while times and times[0] <= now - _WINDOW_SECONDS:
        times.popleft()


def _network(peer: str) -> str:
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    return str(ip_network((address, _IPV6_PREFIX), strict=False)) if isinstance(address, IPv6Address) else peer
