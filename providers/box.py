"""Facts of Box."""

from __future__ import annotations

from providers.facts import Named, Page, Provider
from providers.layout import Layout

__all__ = ["PROVIDER"]

PROVIDER = Provider(
    name="box",
    title="Box",
    layout=Layout(
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
    ),
    operations_source="the event types of Box's OpenAPI description (`box/box-openapi`, June 2026)",
    list_of_events="entries",
    event_keys=frozenset({"event_type"}),
    actors=(("created_by", "login"), ("created_by", "id")),
    others=(Named(("source", "type"), value="user"),),
    log_page=Page("Box: reports", "https://app.box.com/master/reports"),
    user_page=Page("Box: the user", "https://app.box.com/master/users/"),
    not_in_log={
        "signs": (
            "Box logs addresses but no countries (those shown are from your database), and no event for a changed "
            "password: an administrator's change of the account stands in for it."
        ),
        "sensitive": "Box logs a classification only in some events: without one here, a file may still have one.",
        "authorised": "Box logs the folder's name, but neither its path nor who can see it.",
        "afterwards": "Box logs every shared link as a share to the outside, whoever it is for.",
    },
)
