"""Shared code that every room may use and no room owns.

Belongs here: the base class of errors that a person can fix, and the drawing of SVG. Does not belong here: anything
that depends on a provider, a table or Dagster; a helper that only one room needs.
"""
