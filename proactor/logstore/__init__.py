"""The logs of jobs: kept in files within limits, shown on the console, read and followed.

A process writes its log straight to a file, so that neither its life nor its pace hangs on anybody. :class:`LogStore`
watches the files, moves what is too much in one to older ones while the process writes on, and reads across all.
"""

from .extract import Extract, Stored
from .files import sweep
from .layout import Limits
from .stamps import moment
from .store import LogStore

__all__ = ["Extract", "Limits", "LogStore", "Stored", "moment", "sweep"]
