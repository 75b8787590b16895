"""Faults of the stand-ins: plans that select the requests to answer badly, and each provider's form of the answer."""
