"""Figures, drawn from curves and result rows only.

Every figure carries an alternative text that says in words what it shows. The
palette is Okabe and Ito's, which stays apart for colour-blind readers.
"""

from crlm.report.figures.choices import published_ratio, specification_curve
from crlm.report.figures.comparable import love, propensity_overlap, weighted_curves
from crlm.report.figures.curves import kaplan_meier, overview
from crlm.report.figures.forests import SIDES, forest, forest_pages, stability, subgroups
from crlm.report.figures.paired import pairs
from crlm.report.figures.patients import BOXES, distributions, flow, missing_values
from crlm.report.figures.picture import PALETTE, Picture
from crlm.report.figures.states import drawn_together, incidences, months_in_state, stacked

__all__ = [
    "BOXES",
    "SIDES",
    "PALETTE",
    "Picture",
    "distributions",
    "drawn_together",
    "flow",
    "forest",
    "forest_pages",
    "incidences",
    "kaplan_meier",
    "love",
    "missing_values",
    "months_in_state",
    "overview",
    "pairs",
    "propensity_overlap",
    "published_ratio",
    "specification_curve",
    "stability",
    "stacked",
    "subgroups",
    "weighted_curves",
]
