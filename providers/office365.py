"""Facts of Office 365."""

from __future__ import annotations

import re

from providers.facts import Page, Provider
from providers.layout import Layout

__all__ = ["PROVIDER"]

PROVIDER = Provider(
    name="office365",
    title="Office 365",
    layout=Layout(
        columns={
            "event_id": "Id",
            "time_text": "CreationTime",
            "operation": "Operation",
            "record_type": "RecordType",
            "user_login": "UserId",
            "user_key": "UserKey",
            "user_type": "UserType",
            "client_ip": "ClientIP",
            "actor_ip": "ActorIpAddress",
            "client_ip_address": "ClientIPAddress",
            "user_agent": "UserAgent",
            "application_name": "ApplicationDisplayName",
            "application_id": "ApplicationId",
            "client_app_name": "AppAccessContext/ClientAppName",
            "client_app_id": "AppAccessContext/ClientAppId",
            "item_type": "ItemType",
            "item_id": "ListItemUniqueId",
            "item_name": "SourceFileName",
            "item_extension": "SourceFileExtension",
            "item_folder": "SourceRelativeUrl",
            "site_url": "SiteUrl",
            "site_id": "Site",
            "list_id": "ListId",
            "object_id": "ObjectId",
            "file_size": "FileSizeBytes",
            "sync_size": "FileSyncBytesCommitted",
            "sensitivity_label": "SensitivityLabelId",
            "login_status": "LoginStatus",
            "result_status": "ResultStatus",
            "error_number": "ErrorNumber",
            "error_code": "ErrorCode",
            "logon_error": "LogonError",
            "target_type": "TargetUserOrGroupType",
            "target_name": "TargetUserOrGroupName",
            "alert_name": "Name",
            "alert_data": "Data",
            "entity_type": "EntityType",
            "entity_id": "AlertEntityId",
            "alert_id": "AlertId",
            "incident_id": "IncidentId",
            "risk_id": "RiskId",
            "risk_event": "RiskEventType",
            "user_display_name": "UserDisplayName",
            "document_from": "SharePointMetaData/From",
            "mail_from": "ExchangeMetaData/From",
            "extended_text": "ExtendedProperties",
            "target_text": "Target",
            "modified_text": "ModifiedProperties",
        },
        text_lists={
            "extended_properties": ("extended_text", {"Name": "VARCHAR", "Value": "VARCHAR"}),
            "targets": ("target_text", {"ID": "VARCHAR", "Type": "VARCHAR"}),
            "modified": ("modified_text", {"Name": "VARCHAR", "OldValue": "VARCHAR", "NewValue": "VARCHAR"}),
        },
        embedded={
            "alert_user": ("alert_data", "f3u"),
            "alert_sender": ("alert_data", "suid"),
            "alert_entity": ("alert_data", "etype"),
            "alert_entity_id": ("alert_data", "eid"),
            "alert_recipient": ("alert_data", "trc"),
        },
        saves_apart=True,
    ),
    operations_source=(
        "Microsoft's *Management Activity API schema* (June 2026), *Audit log activities* and *Entra audit "
        "activities*; codes: Microsoft's *Entra authentication and authorization error codes*"
    ),
    operation_tables={"record_types": "office365_record_types", "sign_in_errors": "office365_sign_in_errors"},
    # Entra's operations end with a full stop in one place and without in another.
    operations_any_case=True,
    # Selected by the time of publication; the events of a day are searched in this many later days.
    publication_days=2,
    puids=True,
    # Office 365's own API answers with an array, Microsoft Graph so.
    list_of_events="value",
    event_keys=frozenset({"Operation"}),
    event_column="AuditData",
    actors=(("UserId",), ("UserKey",)),
    log_page=Page("Microsoft Purview: audit search", "https://purview.microsoft.com/audit/auditsearch"),
    user_page=Page(
        "Microsoft Entra: the user",
        "https://entra.microsoft.com/#view/Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/",
        # The log has a key of another kind for some users, which the console does not take.
        ids=re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    ),
    not_in_log={
        "signs": (
            "Office 365 logs addresses but no countries (those shown are from your database), and no administrators "
            "who act as a user. Where it names no application, the user agent does, which the sender chooses. The "
            "risk that Microsoft Entra gives a user or a sign-in is not in its audit log."
        ),
        "sensitive": (
            "Microsoft logs a sensitivity label only by its id, and only in some events: without one here, a file "
            "may still have one."
        ),
        "authorised": "Office 365 logs an owner only for personal sites (OneDrive), and not who can see a site.",
    },
)
