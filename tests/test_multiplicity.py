"""P values of Table 1 adjusted for several tests: by the design, in the report, from a column."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from crlm import baseline, ledger
from crlm.multiplicity import ADJUSTMENTS, adjusted
from crlm.naming import name_of
from crlm.reconstruction.quantities import Beyond, quantity_of
from crlm.report import characteristics
from crlm.transcription import claims_of

DESIGN = ledger.load_design("mskcc_hai")
THEIRS = {"bonferroni": "bonferroni", "holm": "holm", "benjamini-hochberg": "fdr_bh"}


def declared(how):
    return replace(DESIGN, table_one={**DESIGN.table_one, "adjust": how})


@pytest.mark.parametrize("how", ADJUSTMENTS)
def test_adjusted_p_values_equal_those_of_statsmodels(how):
    rng = np.random.default_rng(4)
    for n in (1, 2, 7, 20):
        p = np.round(rng.random(n) ** 3, 2)
        expected = multipletests(p, method=THEIRS[how])[1]
        assert adjusted(p, how) == pytest.approx(expected)
    holed = adjusted([0.01, np.nan, 0.04], how)
    assert np.isnan(holed[1]) and holed[0] == pytest.approx(0.02)


def test_table_1_has_them_beside_the_raw_ones():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"hai": list("ab") * 30, "age": rng.normal(60, 9, 60)})
    frame["size_cm"] = rng.normal(5, 1, 60) + (frame["hai"] == "b")
    made = baseline.table_one(frame, "hai", ["age", "size_cm"])
    raw = made[made["statistic"] == "p"].set_index("covariate")["estimate"]
    rows = baseline.with_adjusted(made, "holm")
    assert rows["estimate"].tolist() == pytest.approx(multipletests(raw, method="holm")[1])
    assert set(rows["method"]) == {"Holm's adjustment of 2 tests"}
    both = pd.concat([made, rows], ignore_index=True)
    assert not both.duplicated(list(ledger.KEYS)).any()
    shown = characteristics.baseline_table(both, DESIGN)
    assert "Adjusted p" in shown.html and "Holm&#x27;s adjustment of 2 tests." in shown.html
    bare = characteristics.baseline_table(made, DESIGN)
    assert "Adjusted p" not in bare.html and shown.html.count("<td") == bare.html.count("<td") + 2


COLUMNS = ["", "No HAI (n = 308)", "HAI (n = 366)", "P"]
MALE = ["Sex, male", "179 (58)", "205 (56)", "0.58"]


@pytest.mark.parametrize("head", ["Adjusted P", "P (Benjamini and Hochberg)", "q value"])
def test_a_column_of_them_is_read_where_the_design_makes_them(head):
    rows = [[*COLUMNS, head], [*MALE, "0.70"]]
    design = declared("benjamini-hochberg")
    made = claims_of(rows, design, "two-groups", place="table1")
    assert not made.questions, made.questions
    p = {c["model"]: c for c in made.claims if c["statistic"] == "p"}
    assert {name: c["printed"] for name, c in p.items()} == {
        "": "0.58",
        "benjamini-hochberg": "0.70",
    }
    assert all((c["group"], c["covariate"]) == ("hai", "sex") for c in p.values())
    claim = {**p["benjamini-hochberg"], "time": float("nan")}
    told = "p value of sex, HAI against no HAI, adjusted by Benjamini and Hochberg"
    assert name_of(claim, design) == told
    assert isinstance(quantity_of(claim, design), Beyond)


@pytest.mark.parametrize(("design", "head"), [(DESIGN, "Adjusted P"), (declared("holm"), "q")])
def test_a_column_that_the_design_does_not_make_is_asked(design, head):
    rows = [[*COLUMNS, head], [*MALE, "0.70"]]
    asked = claims_of(rows, design, "two-groups", place="table1").questions
    assert len(asked) == 1 and "adjusted for several tests" in asked[0]
    assert 'adjust = "holm" in [table_one]' in asked[0]
