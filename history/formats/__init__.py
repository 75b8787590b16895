"""Reader of files with audit events in many formats.

A file is unpacked, decoded and split into events as it is read, so that memory does not grow with it. Text that is not
an event is returned as a fault with its line and the reason, and reading continues after it.
"""

from history.formats.advice import advice, shortened
from history.formats.batches import batches
from history.formats.reading import EventFile, EventFileError, event_files
from history.formats.wrappers import mended

__all__ = ["EventFile", "EventFileError", "advice", "batches", "event_files", "mended", "shortened"]
