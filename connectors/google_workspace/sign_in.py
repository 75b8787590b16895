"""Google sign-in: a service account that acts as a user of the organisation (domain-wide delegation).

Google's library only signs the claim. The claim is posted like every other sign-in, so that the same rules for errors,
time-outs and retries apply.
"""

from __future__ import annotations

import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import requests
from google.auth import crypt, exceptions, jwt

from connectors.core.errors import ConfigurationError
from connectors.core.http import Api, Client, Refusal, error_body
from connectors.core.lenient import text_in
from connectors.core.oauth import form_token
from connectors.core.provider_time import ProviderTime
from connectors.core.rate_limits import Limiter
from connectors.google_workspace.settings import GoogleWorkspaceSettings

__all__ = ["Delegation"]

_VARIABLE = "GOOGLE_SERVICE_ACCOUNT_FILE"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCE = "https://oauth2.googleapis.com/token"
"""Audience of the claim: Google accepts only this address, whatever address the key names."""
_CLAIM_LIFE = 3600
# With these reasons a 403 means throttling.
_THROTTLED = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"})


class Delegation:
    """Factory of APIs that act as a user; each API keeps its token.

    Args:
        settings: Settings of Google Workspace.
        scope: OAuth scope delegated to the service account.
        limiter: Rate limiter that each request waits for.
        clock: Receives the headers of each answer.

    Raises:
        ConfigurationError: The key file can't be read or is not the key of a service account.
    """

    def __init__(self, settings: GoogleWorkspaceSettings, scope: str, limiter: Limiter, clock: ProviderTime) -> None:
        key = _read_key(Path(settings.service_account_file))
        try:
            self._signer = _signer(json.dumps(key))
        except (ValueError, TypeError, exceptions.GoogleAuthError):
            # The library's message may quote the key.
            raise _unusable(settings.service_account_file, "is no service account's key") from None
        self._account = str(key["client_email"])
        self._url = settings.token_url or str(key["token_uri"])
        self._scope = scope
        self._client = Client("google_workspace", [key["private_key"]], limiter, clock)

    def api(self, root: str, subject: str) -> Api:
        """Return the API at ``root`` as the user ``subject`` sees it."""
        remedy = (
            f"Check {_VARIABLE} and GOOGLE_ADMIN_EMAIL, and delegate the scope {self._scope} to the service account's "
            "client id (Admin console, Security, API controls, domain-wide delegation)."
        )
        token = form_token(self._client, self._url, lambda: self._form(subject), remedy, subject=subject)
        return Api(self._client, root, self._read_refusal, token)

    def _form(self, subject: str) -> dict[str, str]:
        """Return the sign-in's fields. This machine's clock dates the claim; Google refuses one with a wrong time."""
        issued = int(time.time())
        claim = {
            "iss": self._account,
            "sub": subject,
            "scope": self._scope,
            "aud": _AUDIENCE,
            "iat": issued,
            "exp": issued + _CLAIM_LIFE,
        }
        signed: bytes = jwt.encode(self._signer, claim)
        return {"grant_type": _GRANT, "assertion": signed.decode()}

    def _read_refusal(self, response: requests.Response) -> Refusal:
        error = error_body(response).get("error")
        if not isinstance(error, dict):
            return Refusal(message=response.reason or "")
        details = error.get("errors")
        first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
        reason = text_in(first.get("reason")) or text_in(error.get("status"))
        remedy = ""
        if response.status_code in (401, 403):
            remedy = (
                f"Delegate the scope {self._scope} to the service account, switch its API on in the Cloud project, and "
                "make sure that the impersonated account (GOOGLE_ADMIN_EMAIL for reports) has the privilege."
            )
        return Refusal(reason, text_in(error.get("message")), throttled=reason in _THROTTLED, remedy=remedy)


@lru_cache(maxsize=4)
def _signer(key: str) -> Any:
    """Return the signer of a key, created once: checking the key takes longer than the requests of most runs."""
    return crypt.RSASigner.from_service_account_info(json.loads(key))


def _read_key(path: Path) -> dict[str, Any]:
    try:
        key = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, f"can't be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise _unusable(path, "is no JSON") from None
    wanted = ("client_email", "private_key", "token_uri")
    if not isinstance(key, dict) or not all(isinstance(key.get(name), str) and key[name] for name in wanted):
        raise _unusable(path, f"lacks one of {', '.join(wanted)}")
    return key


def _unusable(path: Path | str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"google_workspace: {_VARIABLE} cannot be used: {path} {why}. Name the JSON key file of a service account."
    )
