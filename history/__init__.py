"""Exported logs: reading files of audit events in whatever shape they were saved, importing and classifying them.

Belongs here: file formats, staging by day, landing of imports. Does not belong here: what an event means
(``detection.normalise``).
"""
