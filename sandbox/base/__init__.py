"""Shared code of all stand-ins: clock, credentials, workload columns, people, files and answers."""
