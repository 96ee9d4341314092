"""The reviewer's chapter: what a demanding reader would ask, each entry one call.

Diagnostics stand before effects, absolute effects before ratios, and each entry ends with what
must not be concluded from it. A table without the columns of an entry gets one line instead.
"""

from crlm.paper.chapter.between import Between
from crlm.paper.chapter.choices import Choices
from crlm.paper.chapter.gaps import Gaps
from crlm.paper.chapter.opening import Opening
from crlm.paper.chapter.process import Process
from crlm.paper.chapter.starting import Starting
from crlm.paper.chapter.strain import Strain
from crlm.paper.chapter.tested import Tested
from crlm.paper.chapter.unrecorded import Unrecorded


class Chapter(Between, Choices, Gaps, Opening, Process, Starting, Strain, Tested, Unrecorded):
    """All entries of the chapter."""


__all__ = ["Chapter"]
