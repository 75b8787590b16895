"""Dagster assets and asset checks: each reads tables, calls the rules or a connector, writes tables, attaches metadata.

What belongs here: the assets, their checks, the lake they write to, and the types of the resources they are given.
What does not: rules (``detection``), HTTP (``connectors``), the choice and wiring of resources, jobs and schedules
(``orchestration``).
"""
