"""Connector of Office 365: Management Activity API, its clouds and blobs, and sizes of files by Microsoft Graph."""

from connectors.office365.audit_log import Office365Connector
from connectors.office365.settings import Office365Settings

__all__ = ["CONNECTOR", "SETTINGS"]

CONNECTOR = Office365Connector
SETTINGS = Office365Settings
