"""Benchmarks, one program each. It prints a table, or one JSON object of its figures with ``--json``.

Belongs here: measurements of the product as it is, side by side in one run, the chaos bench, and research
(``research``). Does not belong here: tests that time anything.
"""
