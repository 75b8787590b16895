"""Ground floor: what every room may use and no room owns.

Belongs here: the base class of errors that a person can mend, and the writing of SVG. Does not belong here: anything
that knows a provider, a table or Dagster; a helper that only one room needs.
"""
