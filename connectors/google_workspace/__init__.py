"""Connector of Google Workspace: sign-in, activities of the Reports API and sizes of files."""

from connectors.google_workspace.audit_log import GoogleWorkspaceConnector
from connectors.google_workspace.settings import GoogleWorkspaceSettings

__all__ = ["CONNECTOR", "SETTINGS"]

CONNECTOR = GoogleWorkspaceConnector
SETTINGS = GoogleWorkspaceSettings
