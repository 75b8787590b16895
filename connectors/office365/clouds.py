"""Microsoft's clouds: which hosts belong together, and the scope of the tokens that each accepts.

Hosts of the feed: Microsoft's reference of the Management Activity API; China's is named by Microsoft's own connector
for Sentinel. Hosts of sign-in and Graph: Microsoft Graph's page on national clouds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["CLOUDS", "Cloud", "mismatch", "scope_of"]


@dataclass(frozen=True)
class Cloud:
    """A cloud, and its hosts.

    Attributes:
        name: Its name.
        feed: Host of the Management Activity API.
        sign_in: Hosts that issue tokens, the usual one first.
        graph: Host of Microsoft Graph.
    """

    name: str
    feed: str
    sign_in: tuple[str, ...]
    graph: str


CLOUDS = (
    Cloud(
        "worldwide", "manage.office.com", ("login.microsoftonline.com", "login.microsoft.com"), "graph.microsoft.com"
    ),
    Cloud("GCC", "manage-gcc.office.com", ("login.microsoftonline.com", "login.microsoft.com"), "graph.microsoft.com"),
    Cloud("GCC High", "manage.office365.us", ("login.microsoftonline.us",), "graph.microsoft.us"),
    Cloud("DoD", "manage.protection.apps.mil", ("login.microsoftonline.us",), "dod-graph.microsoft.us"),
    Cloud(
        "China (21Vianet)",
        "manage.office365.cn",
        ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
        "microsoftgraph.chinacloudapi.cn",
    ),
)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def scope_of(root: str, worldwide: str) -> str:
    """Return the scope of the tokens that an API accepts: its own root.

    Args:
        root: Configured root of the feed or of Graph.
        worldwide: The API's host in the worldwide cloud; used for a stand-in on this machine.
    """
    host = _host(root)
    return f"https://{worldwide if host in _LOOPBACK else host}/.default"


def mismatch(feed: str, login: str, graph: str) -> tuple[str, Mapping[str, str]]:
    """Compare the three configured roots.

    Args:
        feed: Root of the Management Activity API.
        login: Root of the sign-in, which issues tokens.
        graph: Root of Microsoft Graph; "" if it is not used.

    Returns:
        What is wrong, "" for nothing, and the address to set for each wrong variable.
    """
    cloud = next((cloud for cloud in CLOUDS if cloud.feed == _host(feed)), None)
    if cloud is None:
        if _host(feed) in _LOOPBACK:
            return "", {}
        known = ", ".join(f"https://{each.feed}" for each in CLOUDS)
        return f"OFFICE365_API_URL={feed} is not one of Microsoft's known clouds ({known})", {}
    wanted = {}
    if _host(login) not in cloud.sign_in:
        wanted["OFFICE365_LOGIN_URL"] = f"https://{cloud.sign_in[0]}"
    if graph and _host(graph) != cloud.graph:
        wanted["OFFICE365_GRAPH_URL"] = f"https://{cloud.graph}"
    if not wanted:
        return "", {}
    return f"{feed} is the cloud {cloud.name}, but {' and '.join(wanted)} is set to another", wanted


def _host(root: str) -> str:
    return (urlsplit(root).hostname or "").lower()
