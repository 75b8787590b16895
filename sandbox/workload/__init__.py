"""Workloads: an organisation's uploads over some weeks, with labelled incidents among them.

Belongs here: the making of workloads, their file format, and their statistics. Does not belong here: serving them.
"""
