"""Facts of Dropbox."""

from __future__ import annotations

from providers.facts import Named, Page, Provider
from providers.layout import Layout

__all__ = ["PROVIDER"]

PROVIDER = Provider(
    name="dropbox",
    title="Dropbox",
    layout=Layout(
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
    ),
    operations_source="the event types of Dropbox's API description (`dropbox/dropbox-api-spec`, August 2026)",
    list_of_events="events",
    event_keys=frozenset({"event_type", "timestamp"}),
    actors=(
        ("actor", "user", "email"),
        ("actor", "admin", "email"),
        ("actor", "user", "team_member_id"),
        ("actor", "admin", "team_member_id"),
    ),
    others=(Named(("context",), unless=(("actor", "user"), ("actor", "admin"))),),
    log_page=Page("Dropbox: members", "https://www.dropbox.com/team/admin/members"),
    not_in_log={
        "sensitive": "Dropbox's events of uploads carry no label.",
        "authorised": "Dropbox's events of uploads name neither the owner of a folder nor who can see it.",
        "afterwards": "Dropbox logs every shared link as a share to the outside, whoever it is for.",
    },
)
