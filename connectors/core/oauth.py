"""OAuth 2 sign-in: a form posted to a token endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import requests

from connectors.core.errors import ConnectorError
from connectors.core.http import Api, Client, Refusal, error_body, fits_header
from connectors.core.lenient import text_in
from connectors.core.retries import seconds_in
from connectors.core.tokens import Token

__all__ = ["USUAL_LIFE", "form_token"]

USUAL_LIFE = 3600.0
LONGEST_LIFE = 24 * 3600.0
"""Seconds after which a token is renewed, even if the provider says that it is valid longer."""
# OAuth's codes for a temporary failure; the HTTP status may not show it.
_PASSING = frozenset({"internal_failure", "server_error", "slow_down", "temporarily_unavailable"})


class _Answer(msgspec.Struct):
    access_token: object = None
    expires_in: object = USUAL_LIFE


def form_token(
    client: Client, url: str, form: Callable[[], Mapping[str, str]], remedy: str, *, subject: str = ""
) -> Token:
    """Return a token that is issued for a form.

    Args:
        client: The connector's client.
        url: Configured address of the token endpoint.
        form: Returns the fields of the form.
        remedy: What to do if the credentials are refused.
        subject: Whom the token acts as, for the message; "" for the application itself.
    """

    def read_refusal(response: requests.Response) -> Refusal:
        body = error_body(response)
        code, description = text_in(body.get("error")), text_in(body.get("error_description"))
        acting = f"(acting as {subject})" if subject else ""
        return Refusal(code, f"{description} {acting}".strip(), passing=code in _PASSING, remedy=remedy)

    api = Api(client, url, read_refusal, signs_in=True)

    def sign_in() -> tuple[str, float]:
        answer, _ = api.answer("POST", "", _Answer, data=dict(form()))
        token = answer.access_token
        if not isinstance(token, str) or not fits_header(token) or " " in token:
            raise _unusable(api, url, "holds no token that fits into a request header")
        life = USUAL_LIFE if answer.expires_in is None else seconds_in(answer.expires_in)
        if life is None:
            raise _unusable(api, url, "does not say how long its token is valid (expires_in)")
        return token, min(life, LONGEST_LIFE)

    return Token(sign_in)


def _unusable(api: Api, url: str, why: str) -> ConnectorError:
    remedy = "Check the configured address of the token endpoint and the proxy; run again, and report it if it lasts."
    return api.error(f"POST {url}", f"the answer to the sign-in {why}", remedy)
