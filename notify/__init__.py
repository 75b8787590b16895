"""Notifications: messages, channels, and the outbox that keeps each message until it is delivered.

Belongs here: settings of the channels, the content of messages, the outbox and its delivery. Does not belong here:
the sensors that call it (``orchestration.sensors``), and what an alert is (``detection``).
"""
