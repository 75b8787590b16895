"""The ``uploadwatch`` command, a module a command.

Belongs here: options, tables for the terminal, demo and replay. Does not belong here: anything that a second caller
needs; the rooms below have it. No room imports this one.
"""
