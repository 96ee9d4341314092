"""Counts of a yes-no outcome beside its odds ratios: of their table, as Table 1 has them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from crlm import baseline, ledger, regression
from crlm.paper.outcomes import outcome_rows, printed_outcomes
from crlm.transcription import claims_of


def test_counts_beside_odds_ratios_are_of_their_table():
    """Each covariate had a table of its own, of one line."""
    design = ledger.load_design("mskcc_hai")
    spec = {"covariates": ["sex", "kras"], "selection": "univariable"}
    design = replace(design, models={**design.models, "margin": spec})
    rows = [["", "n/N (%)", "OR (95% CI)"], ["Sex", "", ""], ["Male", "4/40 (10.0)", "1"]]
    rows.append(["Female", "6/30 (20.0)", "2.2 (0.6-8.8)"])
    made = claims_of(rows, design, "model", place="table9", endpoint="margin")
    assert not made.questions
    claims = pd.DataFrame(made.claims)
    assert printed_outcomes(claims, design, "margin") == ["sex"]
    elsewhere = claims.assign(place=["table1" if c else "table9" for c in claims["endpoint"]])
    assert printed_outcomes(elsewhere, design, "margin") == []


def test_they_are_those_of_a_table_of_characteristics():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"sex": pd.Categorical(rng.choice(["male", "female"], 80))})
    margin = np.where(rng.random(80) < 0.1, None, rng.choice(["negative", "positive"], 80))
    frame["margin"] = pd.Categorical(margin, ["negative", "positive"])
    rule = regression.rule(["sex"], selection="univariable")
    found = regression.logistic_table(frame, "margin", rule)
    rows = outcome_rows(found, ["sex"], "margin", "positive")
    keys = ["group", "covariate", "level", "statistic", "endpoint", "model"]
    want = baseline.table_one(frame, "sex", ["margin"]).set_index(keys)["estimate"]
    own = rows.set_index(keys)["estimate"]
    assert len(own) == 4 and np.allclose(own, want.reindex(own.index))
