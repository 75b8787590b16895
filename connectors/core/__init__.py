"""Shared code of all connectors: HTTP, sign-in, rate limits, retries, page cursors and time ranges.

Belongs here: code that no provider's name stands in, and the types that connectors hand out. Does not belong here:
paths, codes and limits of one provider, which stand in the folder of its name.
"""
