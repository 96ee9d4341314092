"""Documents that a finished run becomes when it leaves the house: Word, figures, tables.

Made of the pieces that an executed notebook keeps, never of HTML, so a number in Word is the
number in the report. What a coauthor writes into the document is read back from it.
"""

from crlm.document.leaving import NOTHING, Asked, check, from_report, leave, ordering, replaceable

__all__ = ["NOTHING", "Asked", "check", "from_report", "leave", "ordering", "replaceable"]
