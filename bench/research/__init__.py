"""Experiments that chose the score; see README.md."""
