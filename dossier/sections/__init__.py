"""Sections of an alert's page, a module a question."""
