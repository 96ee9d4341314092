"""What a paper's printed numbers say about each other: `audit` is the one door.

It needs a study's design and claims and no patient. Behind it: `intervals`
(what printed digits may stand for), `facts` (the ledger by meaning), `cases`
(the catalogue of checks), `counts`, `steps`, `counted_p`, `values`, `bands`,
`summaries`, `moments`, `standardised`, `share_limits`, `tallies`, `ratios`, `scaled`, `wald`,
`other_tests`, `profiled`, `e_values`, `curves`, `unreached`, `restricted`, `differences`,
`endings`, `rates`, `wholes`, `models`, `model_sizes`, `level_events`, `multiplicity`, `entry`,
`places`, `sentences` and `scans` (one function a kind of check), `repair` (the smallest misprint),
`copies` (a row printed in another's place), `findings`, `odds` (the table behind an odds
ratio), `implied` and `asked` (what a reviewer asks that needs no patient).

Examples
--------
>>> from crlm import ledger
>>> found = audit(ledger.load_design("ncch_scp"), ledger.load_claims("ncch_scp"))
>>> int((found.findings["verdict"] == "inconsistent").sum())
3
"""

from crlm.audit.cases import CATALOGUE, Kind
from crlm.audit.report import CHECK_COLUMNS, Audit, audit, catalogue, describe
from crlm.audit.share_limits import limits_otherwise

__all__ = [
    "CATALOGUE",
    "CHECK_COLUMNS",
    "Audit",
    "Kind",
    "audit",
    "catalogue",
    "describe",
    "limits_otherwise",
]
