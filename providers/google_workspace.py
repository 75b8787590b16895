"""Facts of Google Workspace."""

from __future__ import annotations

from providers.facts import Page, Provider
from providers.layout import Layout

__all__ = ["PROVIDER"]

PROVIDER = Provider(
    name="google_workspace",
    title="Google Workspace",
    layout=Layout(
        columns={
            "application": "id/applicationName",
            "time_text": "id/time",
            "qualifier": "id/uniqueQualifier",
            "actor_email": "actor/email",
            "profile_id": "actor/profileId",
            "caller_type": "actor/callerType",
            "caller_key": "actor/key",
            "oauth_client": "actor/applicationInfo/oauthClientId",
            "application_name": "actor/applicationInfo/applicationName",
            "agent_name": "actor/agentAttributionInfo/agentName",
            "agentic": "isAgenticAction",
            "ip_text": "ipAddress",
            "country_text": "networkInfo/regionCode",
        },
        lists={
            "events": (
                "events",
                {
                    "name": "VARCHAR",
                    "type": "VARCHAR",
                    "parameters": [
                        {"name": "VARCHAR", "value": "VARCHAR", "boolValue": "VARCHAR", "multiValue": ["VARCHAR"]}
                    ],
                },
            ),
            "resources": ("resourceDetails", {"appliedLabels": [{"title": "VARCHAR"}]}),
        },
    ),
    operations_source="the events of Google's reference *Reports API, activity event names*, by application",
    list_of_events="items",
    event_keys=frozenset({"id", "events"}),
    actors=(("actor", "email"), ("actor", "profileId")),
    log_page=Page("Google: Drive log", "https://admin.google.com/ac/reporting/audit/drive"),
    not_in_log={
        "signs": "Google Workspace logs neither added devices nor administrators who act as a user.",
        "sensitive": "Google Drive logs labels only in some events: without one here, a file may still have one.",
        "authorised": (
            "Google Drive logs a folder's name only for a file put into it in the same step, and who could see a file "
            "when it was uploaded: later shares are listed below."
        ),
    },
)
