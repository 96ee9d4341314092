"""Mann and Whitney's test as SPSS, SAS and R have it: declared, computed, and refused."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from crlm import baseline, ledger, privacy
from crlm.audit.values import mann_whitney_bounds
from crlm.ledger.names import Names
from crlm.ledger.references import _own_test_faults
from crlm.ledger.vocabulary import MANN_WHITNEY
from crlm.reconstruction import programs
from crlm.reconstruction.quantities import between, quantity_of
from tests.test_ordered import R as OF_LEVELS
from tests.test_ordered import of_table

with (Path(__file__).parent / "reference" / "ranks.csv").open(encoding="utf-8") as _file:
    R = {(row["set"], row["test"]): float(row["p"]) for row in csv.DictReader(_file)}
SETS = {"small": (12, 15, 0), "tied": (12, 15, 1), "most": (49, 49, 0), "many": (50, 20, 0)}
SETS["alike"] = (30, 30, 1)
DESIGN = ledger.load_design("mskcc_hai")


def sample_of(n, step, ties):
    """As tests/reference/ranks.R makes them."""
    x = (np.arange(1, n + 1) * 0.6180339887498949 + step) % 1 * 20 + step
    return np.round(x) if ties else x


def patients(name):
    first, second, ties = SETS[name]
    values = [sample_of(first, 0.1, ties)]
    values.append(sample_of(second, 0.1 if name == "alike" else 3.7, ties))
    arm = pd.Categorical(["no"] * first + ["yes"] * second, categories=["no", "yes"])
    return pd.DataFrame({"hai": arm, "age": np.concatenate(values)})


@pytest.mark.parametrize(("name", "test"), list(R))
def test_the_report_and_the_certificate_have_rs_p(name, test):
    frame = patients(name)
    rows = baseline.table_one(frame, "hai", ["age"], continuous_test=test)
    p = rows[rows["statistic"] == "p"].iloc[0]
    assert p["estimate"] == pytest.approx(R[name, test], rel=1e-9)
    exact = test == "mann-whitney-r" and name in ("small", "most")
    told = "no continuity" if test == "mann-whitney" else "with continuity"
    assert ("exact" if exact else told) in p["method"]
    design = replace(DESIGN, table_one={**DESIGN.table_one, "tests": {"age": test}})
    claim = {"statistic": "p", "covariate": "age", "group": "hai", "population": "all"}
    claim |= {"level": "", "model": "", "time": float("nan"), "endpoint": "", "kind": "number"}
    quantity = between(claim, design)
    assert quantity_of(claim, design) == quantity and quantity.kind == "ranks"
    z = programs.by_python(quantity, {"patients": frame}, design)
    assert 2 * norm.sf(abs(z)) == pytest.approx(R[name, test], rel=1e-9)


@pytest.mark.parametrize("test", MANN_WHITNEY[1:])
def test_a_category_is_corrected_too(test):
    """Its levels are ties, so that R's test of them is never exact."""
    for name in ("two", "sparse"):
        frame, design = of_table(name, test)
        rows = baseline.table_one(frame, "arm", ["stage"], tests={"stage": test})
        p = rows[rows["statistic"] == "p"].iloc[0]
        theirs = OF_LEVELS[name, "mann-whitney corrected"]
        assert p["estimate"] == pytest.approx(theirs, rel=1e-9)
        assert p["method"].endswith("tie-corrected, with continuity correction")
        claim = {"statistic": "p", "covariate": "stage", "group": "arm", "population": "all"}
        claim |= {"level": "", "model": "", "time": float("nan"), "endpoint": "", "kind": "number"}
        z = programs.by_python(between(claim, design), {"patients": frame}, design)
        assert 2 * norm.sf(abs(z)) == pytest.approx(theirs, rel=1e-9)


def test_a_safe_report_tests_rounded_counts_by_the_same_test():
    frame, _ = of_table("two", "mann-whitney")
    found = {}
    for test in MANN_WHITNEY[:2]:
        release = privacy.Release(5)
        release.endpoints({"patients": frame})
        made = baseline.table_one(frame, "arm", ["stage"], tests={"stage": test})
        p = release.rows(made).query("statistic == 'p'").iloc[0]
        found[test] = p["method"]
    assert "no continuity correction" in found["mann-whitney"]
    assert "with continuity correction" in found["mann-whitney-corrected"]


def test_the_audit_bounds_a_corrected_p_by_itself():
    bins = np.array([10, 5]), np.array([4, 14])
    usual = mann_whitney_bounds(*bins)
    corrected = mann_whitney_bounds(*bins, correction=0.5)
    assert corrected[0] > usual[0] and corrected[1] > usual[1]
    # Two bins of one value each leave one table, and one p.
    frame = pd.DataFrame({"hai": pd.Categorical(["no"] * 15 + ["yes"] * 18)})
    frame["age"] = np.repeat([0.0, 1, 0, 1], [10, 5, 4, 14])
    rows = baseline.table_one(frame, "hai", ["age"], continuous_test="mann-whitney-corrected")
    p = rows.loc[rows["statistic"] == "p", "estimate"].iloc[0]
    assert corrected[0] <= p <= corrected[1]


@pytest.mark.parametrize("test", MANN_WHITNEY)
def test_more_than_two_groups_are_refused(test):
    spec = {"type": "integer", "role": "baseline"}
    told = list(_own_test_faults("age", test, 3, Names({"age": spec}, {}, {}, {})))
    assert [fault.text for fault in told] == [
        f"{test!r} compares two groups, not 3; write 'kruskal'."
    ]
    assert not list(_own_test_faults("age", test, 2, Names({"age": spec}, {}, {}, {})))
