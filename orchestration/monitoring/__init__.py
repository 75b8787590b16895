"""What operators watch: metrics, the heartbeat, and what both read. Imports no Dagster before it reads the runs."""
