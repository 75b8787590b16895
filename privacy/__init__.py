"""Privacy: pseudonyms instead of names, and the erasure of a person from a home.

Belongs here: tokens and their key format, finding and rewriting everything that names a person. Does not belong here:
identity resolution (``detection.persons``), how long tables are kept (``lake.retention``).
"""
