"""Exported logs: reading, importing and classifying files of audit events in many formats.

Belongs here: file formats, staging by day, landing of imports. Does not belong here: what an event means
(``detection.normalise``).
"""
