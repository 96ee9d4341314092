"""What a run leaves for a manuscript: methods, how to cite, where each checklist item stands."""

from crlm.report.manuscript.checklists import Checklist, Item, checklists
from crlm.report.manuscript.citing import citations
from crlm.report.manuscript.done import Done
from crlm.report.manuscript.methods import Paragraph, further, methods, not_known
from crlm.report.manuscript.pieces import pieces
from crlm.report.manuscript.places import Places

__all__ = [
    "Checklist",
    "Done",
    "Item",
    "Paragraph",
    "Places",
    "checklists",
    "citations",
    "further",
    "methods",
    "not_known",
    "pieces",
]
