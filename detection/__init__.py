"""The rules, pure: tables in, tables out.

Belongs here: the SQL of the rules (``detection/sql``), thin Python that binds its parameters, and the wording of an
alert. Does not belong here: HTTP, Dagster, a clock, and where tables lie (``lake``).
"""
