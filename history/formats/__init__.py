"""Reader of files with audit events, whatever they were saved in, for all that reads such files.

A file is unpacked, decoded and cut into events as it is read, so that memory does not grow with it. What is no event is
kept as a fault with its line and the reason, and what stands around it is read.
"""

from assets.event_files.advice import advice, shortened
from assets.event_files.batches import batches
from assets.event_files.reading import EventFile, EventFileError, event_files
from assets.event_files.wrappers import mended

__all__ = ["EventFile", "EventFileError", "advice", "batches", "event_files", "mended", "shortened"]
