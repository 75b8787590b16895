"""Connector of Dropbox Business: team log and sizes of files."""
