"""Notifications: what is told, to which channels, and the outbox by which nothing is lost on the way.

What belongs here: the channels' settings, what goes over the wire, the outbox, its delivery, and the sensors and
commands that work it. What does not: what an alert is and when it is published (``detection``, ``assets``).
"""
