"""Many runs: a grid of parameters, warm processes or a cluster, resume, one page.

Starts notebooks and imports no analysis.
"""

from __future__ import annotations

from crlm.batch.collecting import collect
from crlm.batch.driving import Summary, batch, preview
from crlm.batch.grid import Plan, Run, plan

__all__ = ["Plan", "Run", "Summary", "batch", "collect", "plan", "preview"]
