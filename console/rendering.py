"""Rendering of the console's pages from templates that escape all text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse

from console.access.roles import Role, Viewer, viewer_of
from console.context import deployment_of
from detection.wording import size
from dossier.layout import Outside, moment, provider, visible

__all__ = ["render", "render_message"]


class _Line(Outside):
    """A line of a comment, which may be as long as a comment."""

    longest = 4000


def _stamp(time: datetime | str | None) -> str:
    """Format a time with or without zone, or in ISO 8601, to the minute, UTC."""
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    return moment(time.astimezone(UTC) if time and time.tzinfo else time)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["Role"] = Role
    environment.filters |= {
        "moment": moment,
        "stamp": _stamp,
        "provider": provider,
        "size": lambda value: "unknown" if value is None else size(value),
        "count": "{:,}".format,
        # Names, folders and comments: isolated, with invisible characters visible.
        "outside": lambda text: visible(Outside(text)),
        "lines": lambda text: [visible(_Line(line)) for line in text.splitlines()],
    }
    return environment


def render(request: Request, template: str, status_code: int = 200, **context: object) -> HTMLResponse:
    """Return a page of the console.

    Args:
        request: Request of a signed-in person.
        template: Name of the template, which extends ``layout.html``.
        status_code: Status of the answer.
        context: Values of the template; ``viewer``, ``path``, ``pseudonymized`` and ``notices`` are added.
    """
    return HTMLResponse(_page(request, template, viewer_of(request), context), status_code)


def render_message(
    connection: HTTPConnection,
    status_code: int,
    title: str,
    text: str,
    headers: Mapping[str, str] | None = None,
    link: tuple[str, str] | None = None,
) -> HTMLResponse:
    """Return a page with a message, also for people who are not signed in.

    Args:
        connection: The request.
        status_code: Status of the answer.
        title: Heading.
        text: Message, which may hold text from outside.
        headers: Headers of the answer.
        link: Address and text of a link below it.
    """
    viewer = getattr(connection.state, "viewer", None)
    page = _page(connection, "message.html", viewer, {"title": title, "text": text, "link": link})
    return HTMLResponse(page, status_code, headers)


def _page(connection: HTTPConnection, template: str, viewer: Viewer | None, context: Mapping[str, object]) -> str:
    deployment = deployment_of(connection)
    return (
        _environment()
        .get_template(template)
        .render(
            viewer=viewer,
            path=connection.url.path,
            pseudonymized=deployment.pseudonyms is not None,
            notices=deployment.notices.take(viewer.csrf) if viewer else [],
            **context,
        )
    )
