"""The reviewer's chapter: what a demanding reader would ask, each entry one call.

Diagnostics stand before effects, absolute effects before ratios, and each entry ends with what
must not be concluded from it. A table without the columns of an entry gets one line instead.
"""

from crlm.paper.chapter.opening import Opening
from crlm.paper.chapter.process import Process
from crlm.paper.chapter.strain import Strain


class Chapter(Opening, Process, Strain):
    """All entries of the chapter."""


__all__ = ["Chapter"]
