"""Definitions, partitions, resources, the job, schedules, notifications, and the ``uploadwatch`` command.

What belongs here: the wiring of assets to resources, when runs start, how people call the product and hear from it.
What does not: what an asset does (``assets``), rules (``detection``), HTTP (``connectors``).
"""
