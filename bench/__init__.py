"""Benchmarks, a program each: it prints a table, and with ``--json`` one object of its figures.

Belongs here: measurements of the product as it is, side by side in one run, the chaos bench, and research
(``research``). Does not belong here: tests that time anything.
"""
