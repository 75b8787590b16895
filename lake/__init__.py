"""Tables as files: store, raw events with their manifests, ledger of alerts, reviews, retention and verification.

Belongs here: where data lie, how they are written durable and read verified, and what of them others read. Does not
belong here: the rules (``detection``), HTTP (``connectors``), and when anything is computed (``assets``).
"""
