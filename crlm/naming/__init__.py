"""What a claim or a result row is about, in the words of a surgeon.

`words` hides how a design's labels, units and cut-offs become words of a sentence; `names`
hides which of a record's keys its name needs; `cohorts` is what stands at the top of a report.
"""

from crlm.naming.cohorts import KINDS, safe_banner, small_cells, unsafe_banner
from crlm.naming.names import (
    describe,
    kind_of_model,
    name_of,
    statistic_words,
    the_model,
    told_apart,
)
from crlm.naming.words import (
    among,
    endpoint_words,
    label_of,
    method_words,
    model_words,
    word_for,
)

__all__ = [
    "KINDS",
    "among",
    "describe",
    "endpoint_words",
    "kind_of_model",
    "label_of",
    "method_words",
    "model_words",
    "name_of",
    "safe_banner",
    "small_cells",
    "statistic_words",
    "the_model",
    "told_apart",
    "unsafe_banner",
    "word_for",
]
