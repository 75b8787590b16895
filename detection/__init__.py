"""The rules, pure: tables in, tables out.

What belongs here: the SQL files of the rules (``detection/sql``), the thin Python face that binds their
parameters, the wording of an alert. What does not: HTTP, Dagster, a clock, the layout of the lake.
"""
