"""Many runs: a grid of parameters, warm processes or a cluster, resume, one folder.

Starts notebooks; imports no analysis and reads no result. What the runs say is `overview`'s.
"""

from __future__ import annotations

from crlm.batch.driving import Summary, batch, preview
from crlm.batch.grid import Plan, Run, plan

__all__ = ["Plan", "Run", "Summary", "batch", "plan", "preview"]
