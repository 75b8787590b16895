"""Chaos bench: seeded rounds of faults, each compared with a calm run; run ``python -m bench.chaos``."""
