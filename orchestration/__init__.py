"""The code location: definitions, resources, the job, schedules, sensors and settings.

Belongs here: wiring assets to resources, when runs start, and Dagster's own storage (``storage``). Does not belong
here: what an asset does (``assets``), and how people call the product (``cli``).
"""
