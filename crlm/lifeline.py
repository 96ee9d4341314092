"""A process that ends with the one that started it, imported before anything else is."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
#: Seconds after which a run that did not stop itself at its limit is stopped from outside.
GRACE = 30.0


def die_with_parent(parent: int) -> None:
    """Let the system kill this process when its parent ends, however it ends (Linux).

    Parameters
    ----------
    parent : int
        Its process id as it was when it started this one: it may be gone by now.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
