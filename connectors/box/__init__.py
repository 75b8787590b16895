"""Connector of Box: audit log, event stream and sizes of files."""

from connectors.box.audit_log import BoxConnector
from connectors.box.settings import BoxSettings

__all__ = ["CONNECTOR", "SETTINGS"]

CONNECTOR = BoxConnector
SETTINGS = BoxSettings
