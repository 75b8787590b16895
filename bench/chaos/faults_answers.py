"""Faults of the sources' answers: a bad blob, page or token, by fault plans of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.chaos.scene import MissedError, Scene

__all__ = ["bad_request", "bad_source"]

_HTML = "<html><body>Sign in to continue</body></html>"
_ONE: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "box": (
        {"kind": "truncated"},
        {"kind": "token_expired"},
        {"kind": "lost_place"},
        {"kind": "answer", "status": 200, "body": _HTML},
        {"kind": "answer", "status": 400, "body": {"message": "bad request"}},
    ),
    "dropbox": (
        {"kind": "truncated"},
        {"kind": "token_expired"},
        {"kind": "lost_place"},
        {"kind": "answer", "status": 200, "body": _HTML},
        {"kind": "answer", "status": 500, "body": ""},
    ),
    "google_workspace": (
        {"kind": "truncated"},
        {"kind": "token_expired"},
        {"kind": "answer", "status": 200, "body": "[" * 5000},
        {"kind": "answer", "status": 400, "body": {"error": {"code": 400}}},
    ),
    "office365": (
        {"kind": "refused", "code": "AF50000", "path": "/audit"},
        {"kind": "refused", "code": "AF20051", "path": "/audit"},
        {"kind": "answer", "status": 200, "body": "", "path": "/audit/"},
        {"kind": "answer", "status": 200, "body": {"error": "none"}, "path": "/audit/"},
        {"kind": "answer", "status": 404, "body": _HTML, "path": "/audit/"},
        {"kind": "answer", "status": 400, "body": "", "path": "/audit/"},
        {"kind": "token_expired"},
        {"kind": "truncated"},
    ),
}
_ALL: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "box": (
        {"api": "box_token", "kind": "sign_in_refused"},
        {"api": "box", "kind": "missing_scope"},
        {"api": "box", "kind": "failing", "retry_after": 0},
        {"api": "box_token", "kind": "answer", "status": 200, "body": {"access_token": "a\nb", "expires_in": "soon"}},
        {"api": "box", "kind": "answer", "status": 200, "body": _HTML},
    ),
    "dropbox": (
        {"api": "dropbox_token", "kind": "sign_in_refused"},
        {"api": "dropbox", "kind": "missing_scope"},
        {"api": "dropbox", "kind": "failing", "retry_after": 0},
        {"api": "dropbox", "kind": "answer", "status": 200, "body": {"events": "none"}},
    ),
    "google_workspace": (
        {"api": "google_token", "kind": "sign_in_refused"},
        {"api": "google_workspace", "kind": "missing_scope"},
        {"api": "google_workspace", "kind": "failing", "retry_after": 0},
        {"api": "google_workspace", "kind": "answer", "status": 200, "body": _HTML},
    ),
    "office365": (
        {"api": "office365_token", "kind": "sign_in_refused"},
        {"api": "office365", "kind": "missing_scope"},
        {"api": "office365", "kind": "failing", "retry_after": 0},
        {"api": "office365", "kind": "answer", "status": 200, "body": _HTML},
        {"api": "office365", "kind": "refused", "code": "AF50000"},
    ),
}


def bad_request(scene: Scene) -> None:
    """Answer one request of a source badly."""
    provider = scene.draw.choice([*scene.stage.organisation.providers])
    fault = scene.draw.choice(_ONE[provider])
    skipped = scene.draw.randint(0, 6)
    # If the run sends fewer requests, an earlier one is used.
    for before in (skipped, 1, 0):
        if _played(scene, {"api": provider, "times": 1, **fault, "pass_first": before}):
            break
        scene.begin_again(scene.calm.snapshots[scene.at - 1])
    else:
        raise MissedError
    _go_on(scene)


def bad_source(scene: Scene) -> None:
    """Answer every request of a source badly."""
    provider = scene.draw.choice([*scene.stage.organisation.providers])
    fault = scene.draw.choice(_ALL[provider])
    if not _played(scene, {"times": "always", **fault}):
        raise MissedError
    _go_on(scene)


def _played(scene: Scene, fault: Mapping[str, Any]) -> bool:
    """Perform the poll run while the sandbox plays a fault; return whether it was played."""
    scene.before(scene.at)
    scene.stage.play([fault])
    scene.poll(scene.run)
    played = scene.stage.played()
    if played:
        scene.point.append(f"{fault}, played {played} times")
    return bool(played)


def _go_on(scene: Scene) -> None:
    scene.stage.play([])
    scene.after(scene.at)
    scene.again()
    scene.notify()
