"""Privacy: pseudonyms in place of names, and the erasure of a person from a home.

Belongs here: tokens and their key format, finding and rewriting whatever names a person. Does not belong here: who is
who (``detection.persons``), how long tables are kept (``lake.retention``).
"""
