"""Definitions, partitions, resources, the job, schedules, and the ``uploadwatch`` command.

What belongs here: the wiring of assets to resources, when runs start, and how people call the product. What does
not: what an asset does (``assets``), rules (``detection``), HTTP (``connectors``).
"""
