"""Microsoft's clouds: each root has its own scope, and roots of different clouds are told."""

from __future__ import annotations

import pytest

from connectors.office365.clouds import CLOUDS, Cloud, mismatch, scope_of


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
def test_each_cloud_has_its_scope(cloud: Cloud) -> None:
    """Prevents a token of the worldwide cloud for a feed that is not of it, China's among them."""
    assert scope_of(f"https://{cloud.feed}", "manage.office.com") == f"https://{cloud.feed}/.default"
    assert scope_of(f"https://{cloud.graph}/", "graph.microsoft.com") == f"https://{cloud.graph}/.default"
    for host in cloud.sign_in:
        assert mismatch(f"https://{cloud.feed}", f"https://{host}", f"https://{cloud.graph}") == ("", {})


def test_chinas_hosts() -> None:
    """Prevents a cloud that is listed under another's name."""
    [china] = [cloud for cloud in CLOUDS if cloud.feed == "manage.office365.cn"]
    assert china.graph == "microsoftgraph.chinacloudapi.cn"
    assert "login.chinacloudapi.cn" in china.sign_in


def test_a_stand_in_on_this_machine_plays_the_worldwide_cloud() -> None:
    """Prevents a sandbox that refuses the scope it is asked for."""
    for root in ("http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"):
        assert scope_of(root, "manage.office.com") == "https://manage.office.com/.default"
        assert mismatch(root, root, root) == ("", {})


def test_an_unknown_root_is_told_and_asked_with_its_own_scope() -> None:
    """Prevents a new or a mistyped cloud from being asked with the worldwide scope in silence."""
    root = "https://manage.office.example"
    assert scope_of(root, "manage.office.com") == f"{root}/.default"
    wrong, to_set = mismatch(root, "https://login.microsoftonline.com", "")
    assert root in wrong
    assert "https://manage.office.com" in wrong
    assert to_set == {}


def test_addresses_of_different_clouds_are_told() -> None:
    """Prevents a government's tenant whose tokens are asked for in the commercial cloud."""
    wrong, to_set = mismatch(
        "https://manage.office365.us", "https://login.microsoftonline.com", "https://graph.microsoft.com"
    )
    assert "GCC High" in wrong
    assert to_set == {
        "OFFICE365_LOGIN_URL": "https://login.microsoftonline.us",
        "OFFICE365_GRAPH_URL": "https://graph.microsoft.us",
    }
    assert mismatch("https://manage.office365.us", "https://login.microsoftonline.us", "") == ("", {})
