"""Connector of Dropbox Business: team log and sizes of files."""

from connectors.dropbox.audit_log import DropboxConnector
from connectors.dropbox.settings import DropboxSettings

__all__ = ["CONNECTOR", "SETTINGS"]

CONNECTOR = DropboxConnector
SETTINGS = DropboxSettings
