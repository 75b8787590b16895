"""Checks of a deployment's access to Office 365."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from connectors.core.errors import AccessError, ConnectorError, RefusedError, SignInError
from connectors.core.lenient import each, time_in
from connectors.core.time_ranges import split
from connectors.doctor.examination import Check, Context, Examination, Quota, read
from connectors.doctor.findings import CheckResult, State
from connectors.office365.audit_log import CONTENT_TYPES, ENABLED_ALREADY, open_feed, open_graph
from connectors.office365.settings import Office365Settings

__all__ = ["EXAMINATION", "Office365Examination"]

SITES = "/v1.0/sites/root"
UPLOADS = "Audit.SharePoint"
_APP = "Microsoft Entra admin center > App registrations > the app"
_FEED_READ = "Office 365 Management APIs > Application permissions > ActivityFeed.Read"
_SITES_READ = "Microsoft Graph > Application permissions > Sites.Read.All"
_AUDITING = (
    "Microsoft Purview portal > Audit: choose 'Start recording user and admin activity', or in Exchange Online "
    "PowerShell: Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled $true. It takes up to 60 minutes."
)
_NO_TENANT = re.compile(r"Tenant \S+ does not exist")
# If auditing was never switched on, Microsoft says that the tenant does not exist.
_WRONG = {
    "AADSTS7000215": f"{_APP} > Certificates & secrets: OFFICE365_CLIENT_SECRET must be a secret's Value, not its ID.",
    "AADSTS7000222": f"The secret expired: {_APP} > Certificates & secrets > New client secret.",
    "AADSTS700016": f"{_APP} > Overview: compare Application (client) ID and Directory (tenant) ID with the variables.",
    "AADSTS90002": f"{_APP} > Overview: compare Directory (tenant) ID with OFFICE365_TENANT_ID. In a government cloud, "
    "set OFFICE365_LOGIN_URL, too.",
}
"""Remedies for the codes with which Entra ID refuses a sign-in."""


class _Subscription(msgspec.Struct):
    kind: str = msgspec.field(name="contentType")
    # Microsoft's own sample omits it for an enabled subscription.
    status: str = "enabled"


class _Content(msgspec.Struct):
    created: object = msgspec.field(default=None, name="contentCreated")


class Office365Examination(Examination):
    """See ``Examination``."""

    kind = Office365Settings

    def __init__(self, environment: Mapping[str, str], context: Context) -> None:
        super().__init__(environment, context)
        self._settings = settings = read(Office365Settings, environment)
        self._feed = f"/api/v1.0/{settings.tenant_id}/activity/feed/subscriptions"
        self._publisher = {"PublisherIdentifier": settings.publisher_id}
        self._api = open_feed(settings, context.watch, context.time)
        self._graph = open_graph(settings, context.watch, context.time)

    def configuration(self) -> CheckResult:
        """See ``Examination``; hosts of different clouds are a warning."""
        if self._settings.clouds:
            return CheckResult(State.WARNING, "complete, but not all addresses are of one cloud", self._settings.clouds)
        return CheckResult(State.OK, f"complete; asks {self._settings.api_url}")

    def sign_in(self) -> CheckResult:
        """See ``Examination``."""
        self._api.sign_in()
        return CheckResult(State.OK, f"the app signs in to tenant {self._settings.tenant_id}")

    def audit_log(self) -> CheckResult:
        """See ``Examination``."""
        self._subscriptions()
        return CheckResult(State.OK, "the Management Activity API may be read (permission ActivityFeed.Read)")

    def auditing(self) -> CheckResult:
        """Check whether the subscriptions are enabled. Missing ones are started, as the first pull would do.

        Only a start shows whether auditing is switched on, and Microsoft keeps no content for a subscription before it.
        """
        enabled = {found.kind for found in self._subscriptions() if found.status == "enabled"}
        missing = [kind for kind in CONTENT_TYPES if kind not in enabled]
        for kind in missing:
            try:
                parameters = {"contentType": kind, **self._publisher}
                self._api.answer("POST", f"{self._feed}/start", msgspec.Raw, params=parameters)
            except RefusedError as error:
                if error.code != ENABLED_ALREADY:
                    raise
        if missing:
            found = f"started just now: {', '.join(missing)}"
            return CheckResult(State.WARNING, found, "Wait: the first content may take up to 12 hours.")
        return CheckResult(State.OK, f"enabled: {', '.join(CONTENT_TYPES)}")

    def sizes(self) -> CheckResult:
        """Check whether sizes may be requested from Graph."""
        if not self.context.recovers_sizes:
            found = "off: most of Office 365's uploads are logged without sizes, so detection there counts files alone"
            to_do = "To look sizes up, grant Sites.Read.All and set OFFICE365_RECOVER_SIZES."
            return CheckResult(State.NOT_CHECKED, found, to_do)
        self._graph.get(SITES, msgspec.Raw, {"$select": "id"})
        return CheckResult(State.OK, "Microsoft Graph may be asked for sizes (permission Sites.Read.All)")

    own = (Check("auditing", auditing, needs=("sign_in", "audit_log")), Check("sizes", sizes))

    def seen(self, start: datetime, end: datetime) -> list[datetime]:
        """See ``Examination``; of the blobs that carry uploads, by publication."""
        times: list[datetime] = []
        for first, last in split(start, end, timedelta(hours=24)):
            window = {"contentType": UPLOADS, "startTime": f"{first:%FT%T}", "endTime": f"{last:%FT%T}"}
            found = self._api.get(f"{self._feed}/content", list[msgspec.Raw], {**window, **self._publisher})
            times += [time for content in each(found, _Content) if (time := time_in(content.created))]
        return times

    def quiet(self) -> str:
        """See ``Examination``."""
        return f"A new subscription's first content may take up to 12 hours. {super().quiet()}"

    def quotas(self) -> tuple[Quota, ...]:
        """See ``Examination``."""
        settings = self._settings
        feed = Quota("OFFICE365_REQUESTS_PER_MINUTE", settings.requests_per_minute, 2000, "Microsoft allows 2,000")
        if not self.context.recovers_sizes:
            return (feed,)
        source = "and Microsoft allows more or less by the tenant's size"
        return feed, Quota("OFFICE365_GRAPH_REQUESTS_PER_MINUTE", settings.graph_requests_per_minute, None, source)

    def remedy(self, check: str, error: ConnectorError) -> str:
        """See ``Examination``."""
        if isinstance(error, SignInError):
            known = (to_do for code, to_do in _WRONG.items() if f"{code}:" in error.cause)
            return next(known, f"{_APP} > Overview and > Certificates & secrets: compare them with the variables.")
        if isinstance(error, RefusedError) and error.code.startswith("AF2001"):
            return f"{_APP} > Overview: OFFICE365_TENANT_ID must be the Directory (tenant) ID, in the app's own tenant."
        if isinstance(error, RefusedError) and error.code == "AF20023":
            return "An administrator disabled the subscription: find out who and why before you start it again."
        if isinstance(error, AccessError):
            permission = _SITES_READ if check == "sizes" else _FEED_READ
            return f"{_APP} > API permissions > Add a permission > {permission}, then Grant admin consent."
        return _AUDITING if _NO_TENANT.search(error.cause) else error.remedy

    def _subscriptions(self) -> list[_Subscription]:
        return self._api.get(f"{self._feed}/list", list[_Subscription], self._publisher)


EXAMINATION = Office365Examination
