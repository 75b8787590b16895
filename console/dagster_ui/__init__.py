"""Dagster's UI inside the console: behind its sign-in, and with mutations for operators alone."""
