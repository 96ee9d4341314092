"""A table copied out of a paper becomes claims of its ledger: cells read, rows and columns named.

`grid` reads the table from CSV, Excel, Word or pasted text; `claims_of` turns it into rows of
`published.csv`. What the table does not settle is asked, never guessed.
"""

from crlm.transcription.grid import doubts, grid
from crlm.transcription.layouts import LAYOUTS, claims_of
from crlm.transcription.stepped import otherwise_said
from crlm.transcription.table import Transcript

__all__ = ["LAYOUTS", "Transcript", "claims_of", "doubts", "grid", "otherwise_said"]
