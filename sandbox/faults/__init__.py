"""Faults of the stand-ins: plans that say which requests are answered badly, and how each provider words it."""
