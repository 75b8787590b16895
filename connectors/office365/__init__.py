"""Connector of Office 365: Management Activity API, its clouds and blobs, and sizes of files by Microsoft Graph."""
