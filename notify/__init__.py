"""Notifications: messages, channels, and the outbox by which none is lost on the way.

Belongs here: settings of the channels, what goes over the wire, the outbox and its delivery. Does not belong here:
the sensors that call it (``orchestration.sensors``), and what an alert is (``detection``).
"""
