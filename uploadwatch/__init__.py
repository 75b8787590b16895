"""Python interface: the cases, alerts and tables of a home as data frames.

::

    import uploadwatch

    home = uploadwatch.open("/var/lib/uploadwatch")
    home.cases()
"""

from common.errors import MendableError
from uploadwatch.home import Home, open_home
from uploadwatch.reading import Reader

__all__ = ["Home", "MendableError", "Reader", "open"]

open = open_home
