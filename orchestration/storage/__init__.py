"""Dagster's own storage: the event log on SQLite, leases of runs, runs that died, and removal of old runs."""
