"""Connector of Google Workspace: sign-in, activities of the Reports API and sizes of files."""
