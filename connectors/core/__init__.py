"""Shared code of all connectors: HTTP, sign-in, rate limits, retries, page cursors and time ranges.

Belongs here: code that names no provider, and the types that connectors return. Does not belong here: paths, codes and
limits of one provider; they belong in the provider's folder.
"""
