"""What a paper says: its design and its claims, in one shared vocabulary.

Every other room speaks in the keys defined here, so that a computed result and a printed
number meet by a plain join. Whatever a person writes by hand is held against a model of what
it may say, and refused with every fault at once.

Examples
--------
A design knows the words of its paper, a claim its printed text and its place:

>>> design = load_design("ncch_scp")
>>> design.label("cea"), design.levels("ras"), design.group_label("ras=mutant")
('CEA', ['wild', 'mutant'], 'RAS mutant')
>>> claims = load_claims("ncch_scp").set_index("id")
>>> claims.loc["ab-n", ["printed", "statistic"]].tolist()
['150', 'n']
>>> compatible_interval(3.37, 2), round_half_up(0.125, 2)
((3.365, 3.375), 0.13)
"""

from crlm.ledger.claim_faults import unknown_place
from crlm.ledger.claim_rows import (
    bounds,
    fractions,
    grouped_apart,
    halves,
    in_years,
    misplaced,
    parentless,
    strayed,
    unreached,
)
from crlm.ledger.claim_sizes import counts_model, without_models
from crlm.ledger.claim_words import named
from crlm.ledger.claims import (
    against_themselves,
    claims_schema,
    columns_named,
    load_claims,
    outside_models,
)
from crlm.ledger.design import Design, small
from crlm.ledger.errors import (
    CohortError,
    CrlmError,
    DesignError,
    DisclosureError,
    DocumentError,
    EmptyLedgerError,
    LedgerError,
    ParameterError,
)
from crlm.ledger.models import kind_of
from crlm.ledger.reading import data_folder, dictionary_file, load_design, studies, title_of
from crlm.ledger.results import as_records, collect, row_key, row_name, rows
from crlm.ledger.rounding import compatible_interval, printed_decimals, round_half_up
from crlm.ledger.scaled import stand_ins
from crlm.ledger.schema import SKELETON, design_schema
from crlm.ledger.spelling import did_you_mean
from crlm.ledger.typed import SchemaRow
from crlm.ledger.vocabulary import (
    CLAIM_COLUMNS,
    COMPUTED,
    FIELDS,
    FLAGS,
    KEYS,
    KNOWN_ENDPOINTS,
    ROW_COLUMNS,
    STATISTICS,
    TERM_KINDS,
    Statistic,
)

__all__ = [
    "CLAIM_COLUMNS",
    "COMPUTED",
    "FIELDS",
    "FLAGS",
    "KEYS",
    "KNOWN_ENDPOINTS",
    "ROW_COLUMNS",
    "SKELETON",
    "STATISTICS",
    "TERM_KINDS",
    "CohortError",
    "CrlmError",
    "Design",
    "DesignError",
    "DisclosureError",
    "DocumentError",
    "EmptyLedgerError",
    "LedgerError",
    "ParameterError",
    "SchemaRow",
    "Statistic",
    "against_themselves",
    "as_records",
    "bounds",
    "claims_schema",
    "collect",
    "columns_named",
    "compatible_interval",
    "counts_model",
    "data_folder",
    "dictionary_file",
    "design_schema",
    "did_you_mean",
    "fractions",
    "grouped_apart",
    "halves",
    "in_years",
    "kind_of",
    "load_claims",
    "misplaced",
    "parentless",
    "named",
    "outside_models",
    "load_design",
    "printed_decimals",
    "round_half_up",
    "row_key",
    "row_name",
    "rows",
    "small",
    "stand_ins",
    "strayed",
    "studies",
    "title_of",
    "unknown_place",
    "unreached",
    "without_models",
]
