"""What many runs say together: their rows in one table, the effects to draw, and the page.

Reads the folder of a batch and starts nothing: no run's bytes hang on it.
"""

from __future__ import annotations

from crlm.overview.collecting import collect, collect_held

__all__ = ["collect", "collect_held"]
