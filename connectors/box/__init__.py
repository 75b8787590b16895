"""Connector of Box: audit log, event stream and sizes of files."""
