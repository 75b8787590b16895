"""Where each provider's audit events hold what the queries ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["LAYOUTS", "Layout", "Shape"]

Shape = str | list["Shape"] | dict[str, "Shape"]
"""What to read of a list: ``"VARCHAR"``, a list of one shape, or an object's keys with their shapes."""


@dataclass(frozen=True)
class Layout:
    """What is read of one provider's events. A path is the keys on the way, with a slash between them.

    Attributes:
        columns: Text column of ``raw`` by its path. No path leads through another.
        lists: List column of ``raw`` by its path, with its elements' shape.
        text_lists: List column of ``raw`` by the column that holds the list, or a text of it, and its elements' shape.
        embedded: Text column of ``raw`` by the column that holds an object as text, and the path in that.
        objects: Keys of the event whose object some deliver as text.
        without_id: Whether the provider gives its events no id; ``raw`` then has the column ``canonical``, a text
            of all that is read of the event, in an order of its own.
        saves_apart: Whether the provider logs a save beside the upload of the same file.
    """

    columns: Mapping[str, str]
    lists: Mapping[str, tuple[str, Shape]] = field(default_factory=dict)
    text_lists: Mapping[str, tuple[str, Shape]] = field(default_factory=dict)
    embedded: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    objects: tuple[str, ...] = ()
    without_id: bool = False
    saves_apart: bool = False


_BOX = Layout(
    columns={
        "event_id": "event_id",
        "operation": "event_type",
        "time_text": "created_at",
        "ip_text": "ip_address",
        "actor_id": "created_by/id",
        "actor_login": "created_by/login",
        "actor_name": "created_by/name",
        "item_type": "source/item_type",
        "item_id": "source/item_id",
        "item_name": "source/item_name",
        "source_type": "source/type",
        "source_id": "source/id",
        "source_name": "source/name",
        "source_login": "source/login",
        "source_file_id": "source/file_id",
        "source_file_name": "source/file_name",
        "source_size": "source/size",
        "classification": "source/classification/name",
        "parent_id": "source/parent/id",
        "parent_name": "source/parent/name",
        "owner_id": "source/owned_by/id",
        "owner_login": "source/owned_by/login",
        "shared_with": "accessible_by/login",
        "size": "additional_details/size",
        "version_id": "additional_details/version_id",
        "service_name": "additional_details/service_name",
        "service_id": "additional_details/service_id",
        "alert": "additional_details/shield_alert",
    },
    embedded={
        "alert_id": ("alert", "alert_id"),
        "alert_user_id": ("alert", "user/id"),
        "alert_user_email": ("alert", "user/email"),
        "alert_rule": ("alert", "rule_name"),
    },
    objects=("additional_details",),
)

_DROPBOX = Layout(
    columns={
        "time_text": "timestamp",
        "operation": "event_type/.tag",
        "actor_tag": "actor/.tag",
        "user_tag": "actor/user/.tag",
        "user_account_id": "actor/user/account_id",
        "user_member_id": "actor/user/team_member_id",
        "user_email": "actor/user/email",
        "admin_tag": "actor/admin/.tag",
        "admin_account_id": "actor/admin/account_id",
        "admin_member_id": "actor/admin/team_member_id",
        "admin_email": "actor/admin/email",
        "app_id": "actor/app/app_id",
        "app_name": "actor/app/display_name",
        "reseller_email": "actor/reseller/reseller_email",
        "context_tag": "context/.tag",
        "context_account_id": "context/account_id",
        "context_member_id": "context/team_member_id",
        "context_email": "context/email",
        "ip_text": "origin/geo_location/ip_address",
        "country_text": "origin/geo_location/country",
        "access_method": "origin/access_method/.tag",
        "end_user_method": "origin/access_method/end_user/.tag",
        "with_outsiders": "involve_non_team_member",
        "new_value": "details/new_value/.tag",
        "login_method": "details/login_method/.tag",
        "alert_name": "details/alert_name",
        "alert_category": "details/alert_category/.tag",
        "alert_instance": "details/alert_instance_id",
        "device_name": "details/device_session_info/host_name",
    },
    lists={
        "assets": (
            "assets",
            {
                ".tag": "VARCHAR",
                "file_id": "VARCHAR",
                "display_name": "VARCHAR",
                "file_size": "VARCHAR",
                "path": {"contextual": "VARCHAR", "namespace_relative": {"relative_path": "VARCHAR"}},
            },
        ),
        "submitted_names": ("details/submitted_file_names", "VARCHAR"),
        "attached_names": ("details/attachment_names", "VARCHAR"),
    },
    without_id=True,
)

_GOOGLE_WORKSPACE = Layout(
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
)

_OFFICE365 = Layout(
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
)

LAYOUTS: Mapping[str, Layout] = {
    "box": _BOX,
    "dropbox": _DROPBOX,
    "google_workspace": _GOOGLE_WORKSPACE,
    "office365": _OFFICE365,
}
"""Layout by provider, in the order of the providers everywhere."""
