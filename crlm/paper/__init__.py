"""A paper as a notebook holds it: sections that show, collect their rows, and read them aloud.

Each call shows its output with one sentence under it, adds its rows to the results, and
returns a `Section` with `.rows` and `.figure` for whoever wants to go on from there. What a
call hides is display and book-keeping, never a choice: every choice is an argument.

Examples
--------
Outside a notebook, what a call shows is printed as text:

>>> import contextlib, io
>>> with contextlib.redirect_stdout(io.StringIO()):
...     paper = Paper("ncch_scp", ties="breslow", conf_type="spss")
...     _ = paper.patients(), paper.endpoints()
...     survival = paper.curves("OS", by="ras", at=[60])
>>> rows = survival.rows.query("statistic == 'median_survival'")
>>> rows.set_index("group")["estimate"].round(1).to_dict()
{'ras=wild': 70.0, 'ras=mutant': 44.0}
"""

from crlm.paper.base import Section
from crlm.paper.chapter import Chapter
from crlm.paper.closing import Closing
from crlm.paper.followed import Followed
from crlm.paper.incidences import Incidences
from crlm.paper.landmarks import Landmarks
from crlm.paper.rates import Rates
from crlm.paper.robustness import Robustness
from crlm.paper.sections import Sections
from crlm.paper.shares import Shares
from crlm.paper.subgroups import Subgroups
from crlm.paper.writing import Writing


class Paper(
    Chapter,
    Writing,
    Closing,
    Robustness,
    Sections,
    Subgroups,
    Followed,
    Incidences,
    Landmarks,
    Rates,
    Shares,
):
    """One paper on one cohort; see `crlm.paper.base.Base` for how it is made."""


__all__ = ["Paper", "Section"]
