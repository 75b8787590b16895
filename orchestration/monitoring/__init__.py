"""Metrics and the heartbeat, and the reading that both need. No Dagster is imported before the runs are read."""
