"""Signing in by a form posted to a token endpoint (OAuth 2)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import requests

from connectors.http import Api, Client, Refusal, error_body
from connectors.tokens import Token

__all__ = ["USUAL_LIFE", "form_token"]

USUAL_LIFE = 3600.0


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float | str = USUAL_LIFE


def form_token(client: Client, url: str, form: Mapping[str, str], remedy: str) -> Token:
    """A token given for a form.

    Args:
        client: The connector's client.
        url: Configured address of the token endpoint.
        form: Fields of the form.
        remedy: What to do where the credentials are refused.
    """

    def read_refusal(response: requests.Response) -> Refusal:
        body = error_body(response)
        told = body.get("error_description")
        return Refusal(str(body.get("error", "")), str(told) if told else "", remedy=remedy)

    api = Api(client, url, read_refusal, signs_in=True)

    def sign_in() -> tuple[str, float]:
        answer, _ = api.answer("POST", "", _Answer, data=dict(form))
        return answer.access_token, float(answer.expires_in)

    return Token(sign_in)
