"""A category of Table 1 whose levels have an order: its tests from the design to the audit."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from crlm import baseline, ledger
from crlm.audit.trends import ranked_p, trend_p
from crlm.ledger.references import reference_faults
from crlm.reconstruction import programs
from crlm.reconstruction.quantities import between, quantity_of

with (Path(__file__).parent / "reference" / "ordered.csv").open(encoding="utf-8") as _file:
    R = {(row["table"], row["test"]): float(row["p"]) for row in csv.DictReader(_file)}
TABLES = {
    "two": [[21, 34, 18, 9], [12, 25, 29, 22]],
    "three": [[14, 20, 9, 4], [10, 18, 15, 9], [5, 12, 20, 14]],
    "sparse": [[3, 0, 2], [1, 4, 6]],
    "binary": [[20, 11], [14, 22], [9, 30]],
}
TESTS = [key for key in R if "corrected" not in key[1]]
DESIGN = ledger.load_design("mskcc_hai")


def of_table(name, test):
    """The table as patients, and a design that has its columns and the test."""
    counts = np.array(TABLES[name])
    names = ["abcd"[: counts.shape[0]], "wxyz"[: counts.shape[1]]]
    at = [np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape)]
    made = [pd.Categorical.from_codes(k, list(n)) for k, n in zip(at, names, strict=True)]
    frame = pd.DataFrame(dict(zip(("arm", "stage"), made, strict=True)))
    columns = dict(DESIGN.columns)
    for column, levels in zip(("arm", "stage"), names, strict=True):
        columns[column] = {"type": "category", "levels": list(levels), "role": "baseline"}
    table_one = {**DESIGN.table_one, "by": "arm", "tests": {"stage": test}}
    return frame, replace(DESIGN, columns=columns, table_one=table_one)


@pytest.mark.parametrize(("name", "test"), TESTS)
def test_the_report_and_the_certificate_have_rs_p(name, test):
    frame, design = of_table(name, test)
    rows = baseline.table_one(frame, "arm", ["stage"], tests={"stage": test})
    p = rows[rows["statistic"] == "p"].iloc[0]
    assert p["estimate"] == pytest.approx(R[name, test], rel=1e-9)
    claim = {"statistic": "p", "covariate": "stage", "group": "arm", "population": "all"}
    claim |= {"level": "", "model": "", "time": float("nan"), "endpoint": "", "kind": "number"}
    assert "the certificate alone computes it" in quantity_of(claim, design)
    z = programs.by_python(between(claim, design), {"patients": frame}, design)
    assert z > 0  # the last group has higher levels in each table
    assert 2 * norm.sf(abs(z)) == pytest.approx(R[name, test], rel=1e-9)


@pytest.mark.parametrize("name", TABLES)
def test_the_audit_has_rs_p(name):
    table = tuple(map(tuple, TABLES[name]))
    found = ranked_p(table)
    assert found["rank"] == pytest.approx(R[name, "kruskal"], rel=1e-9)
    if (name, "mann-whitney corrected") in R:
        corrected = R[name, "mann-whitney corrected"]
        assert found["rank-corrected"] == pytest.approx(corrected, rel=1e-9)
    if (name, "cochran-armitage") in R:
        armitage = R[name, "cochran-armitage"]
        assert trend_p(table)["cochran-armitage"] == pytest.approx(armitage, rel=1e-9)
    assert ranked_p(((3, 4), (0, 0))) == {} and ranked_p(((3, 0), (5, 0))) == {}


@pytest.mark.parametrize(
    ("column", "test", "told"),
    [
        ("nodal_status", "mann-whitney", ""),
        ("nodal_status", "kruskal", ""),
        ("nodal_status", "cochran-armitage", "has two, as have the groups"),
        ("cause_of_death", "cochran-armitage", ""),
        ("age", "cochran-armitage", "is a number; take"),
        ("nodal_status", "t", "is a category; take"),
    ],
)
def test_a_test_that_does_not_fit_its_column_is_refused(column, test, told):
    table_one = {**DESIGN.table_one, "tests": {column: test}}
    faults = reference_faults({"table_one": table_one}, DESIGN.columns, {}, ())
    said = [str(fault) for fault in faults if "tests" in str(fault)]
    assert bool(said) == bool(told) and (not told or told in said[0])
