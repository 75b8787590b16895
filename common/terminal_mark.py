"""Mark of the styles with which the product writes to a terminal itself."""

__all__ = ["OWN_MARK"]

OWN_MARK = "own_mark"
"""Key in the metadata of a style that identifies our own marks; a name may contain the same characters."""
