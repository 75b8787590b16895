"""Tables as files: store, raw events with their manifests, ledger of alerts, reviews, retention and verification.

Belongs here: where data is stored, durable writes, verified reads, and what other rooms read of it. Does not
belong here: the rules (``detection``), HTTP (``connectors``), and when anything is computed (``assets``).
"""
