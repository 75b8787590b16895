"""Google: a service account that acts as a user of the organisation (domain-wide delegation)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import google.auth.transport.requests
import requests
from google.auth import exceptions
from google.oauth2 import service_account

from connectors.errors import ConfigurationError, SignInError, UnavailableError
from connectors.http import Api, Client, Refusal, error_body
from connectors.limits import Limiter
from connectors.oauth import USUAL_LIFE
from connectors.retries import Again, retrying
from connectors.settings import GoogleWorkspaceSettings
from connectors.tokens import Token

__all__ = ["Delegation"]

_VARIABLE = "GOOGLE_SERVICE_ACCOUNT_FILE"
# Reasons for which a 403 only means: later.
_THROTTLED = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"})


class Delegation:
    """Makes APIs that act as a user; the tokens are kept by the APIs.

    Args:
        settings: Settings of Google Workspace.
        scope: OAuth scope delegated to the service account.
        limiter: Each request waits for it.

    Raises:
        ConfigurationError: The key file can't be read or is no service account's key.
    """

    def __init__(self, settings: GoogleWorkspaceSettings, scope: str, limiter: Limiter) -> None:
        key = _read_key(Path(settings.service_account_file))
        if settings.token_url:
            key["token_uri"] = settings.token_url
        try:
            self._credentials = _credentials(json.dumps(key)).with_scopes([scope])
        except (ValueError, exceptions.GoogleAuthError):
            # What the library says may quote the key.
            raise _unusable(settings.service_account_file, "is no service account's key") from None
        self._scope = scope
        self._client = Client("google_workspace", [key["private_key"]], limiter)
        self._request = google.auth.transport.requests.Request(session=self._client.session)

    def api(self, root: str, subject: str) -> Api:
        """The API at ``root`` as the user ``subject`` sees it."""
        return Api(self._client, root, self._read_refusal, Token(lambda: self._sign_in(subject)))

    def _sign_in(self, subject: str) -> tuple[str, float]:
        credentials = self._credentials.with_subject(subject)
        where = f"sign-in as {subject}"

        def once() -> tuple[str, float]:
            try:
                credentials.refresh(self._request)
            except exceptions.RefreshError as error:
                raise self._refused(where, error) from None
            except exceptions.TransportError as error:
                cause = type(error.__cause__ or error).__name__
                remedy = "Check the network, the proxy and Google's status page."
                raise Again(UnavailableError(self._client.provider, where, cause, remedy)) from None
            return str(credentials.token), _life(credentials.expiry)

        return retrying(once, self._client.limiter)

    def _refused(self, where: str, error: exceptions.RefreshError) -> Exception:
        told = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
        code = str(told.get("error", ""))
        cause = self._client.safe(f"{code}: {told.get('error_description', '')}" if code else "sign-in failed")
        if error.retryable:
            remedy = "Google fails at the moment: run again later."
            return Again(UnavailableError(self._client.provider, where, cause, remedy))
        remedy = (
            f"Check {_VARIABLE} and GOOGLE_ADMIN_EMAIL, and delegate the scope {self._scope} to the service account's "
            "client id (Admin console, Security, API controls, domain-wide delegation)."
        )
        return SignInError(self._client.provider, where, cause, remedy, code=code)

    def _read_refusal(self, response: requests.Response) -> Refusal:
        told = error_body(response).get("error")
        if not isinstance(told, dict):
            return Refusal(message=response.reason or "")
        details = told.get("errors")
        first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
        reason = str(first.get("reason") or told.get("status") or "")
        remedy = ""
        if response.status_code in (401, 403):
            remedy = (
                f"Delegate the scope {self._scope} to the service account, switch its API on in the Cloud project, and "
                "see that the account acted as (GOOGLE_ADMIN_EMAIL for reports) has the privilege."
            )
        return Refusal(reason, str(told.get("message", "")), throttled=reason in _THROTTLED, remedy=remedy)


@lru_cache(maxsize=4)
def _credentials(key: str) -> Any:
    """Credentials of a key, made once: to check its numbers takes longer than the requests of most runs."""
    return service_account.Credentials.from_service_account_info(json.loads(key))  # type: ignore[no-untyped-call]


def _life(expiry: datetime | None) -> float:
    """Seconds left of a token; the library tells them as a time of this machine's clock, UTC without zone."""
    if expiry is None:
        return USUAL_LIFE
    return (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()


def _read_key(path: Path) -> dict[str, Any]:
    try:
        key = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, f"can't be read ({error.strerror})") from None
    except ValueError:
        raise _unusable(path, "is no JSON") from None
    wanted = ("client_email", "private_key", "token_uri")
    if not isinstance(key, dict) or not all(isinstance(key.get(name), str) and key[name] for name in wanted):
        raise _unusable(path, f"lacks one of {', '.join(wanted)}")
    return key


def _unusable(path: Path | str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"google_workspace: {_VARIABLE} cannot be used: {path} {why}. Name the JSON key file of a service account."
    )
