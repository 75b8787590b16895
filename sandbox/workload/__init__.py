"""Workloads: an organisation's uploads over some weeks, with labelled incidents among them.

Belongs here: making workloads, their file format, and their figures. Does not belong here: serving them.
"""
