"""Rows to sentences: what came out, and what the paper prints of it at the same spot.

A room by what is read: `patients`, `curves`, `models`, and how firmly it all stands
(`choices`); `printed` finds the paper's number beside a row.
"""

from crlm.report.readings.choices import (
    agreement,
    concordance,
    estimands,
    other_forms,
    second_opinion,
    span_of_models,
    specification,
    stability,
)
from crlm.report.readings.curves import answer, cumulative_incidence, curves, months
from crlm.report.readings.models import (
    contrast,
    effects,
    interaction,
    model,
    products_in,
    proportional,
    ratio_text,
    subgroups,
)
from crlm.report.readings.patients import (
    baseline,
    composition,
    flow,
    follow_up,
    in_no_group,
    sizes,
)
from crlm.report.readings.printed import Print
from crlm.report.readings.rates import rates
from crlm.report.readings.wording import paragraph

__all__ = [
    "Print",
    "agreement",
    "answer",
    "baseline",
    "composition",
    "concordance",
    "contrast",
    "cumulative_incidence",
    "curves",
    "effects",
    "estimands",
    "flow",
    "follow_up",
    "in_no_group",
    "interaction",
    "model",
    "months",
    "other_forms",
    "paragraph",
    "products_in",
    "proportional",
    "rates",
    "ratio_text",
    "second_opinion",
    "sizes",
    "span_of_models",
    "specification",
    "stability",
    "subgroups",
]
