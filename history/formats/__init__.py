"""Reader of files with audit events, whatever they were saved in, for all that reads such files.

A file is unpacked, decoded and cut into events as it is read, so that memory does not grow with it. What is no event is
kept as a fault with its line and the reason, and what stands around it is read.
"""

from history.formats.advice import advice, shortened
from history.formats.batches import batches
from history.formats.reading import EventFile, EventFileError, event_files
from history.formats.wrappers import mended

__all__ = ["EventFile", "EventFileError", "advice", "batches", "event_files", "mended", "shortened"]
