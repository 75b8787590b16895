"""Dagster assets, a module an asset: each reads tables, calls the rules or a connector, and writes tables.

Belongs here: assets, their checks (``checks``), charts (``charts``) and what they share (``core``). Does not belong
here: rules (``detection``), HTTP (``connectors``), files (``lake``), wiring, jobs and schedules (``orchestration``).
"""
