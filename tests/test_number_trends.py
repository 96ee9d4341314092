"""p for trend of a number over groups in their order: report, certificate, import, against R."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from crlm import baseline, ledger
from crlm.audit.summaries import _slope_p
from crlm.number_trends import number_trend
from crlm.reconstruction import programs
from crlm.reconstruction.quantities import between, quantity_of
from crlm.transcription import claims_of

with (Path(__file__).parent / "reference" / "number_trends.csv").open(encoding="utf-8") as _file:
    R = {(row["sample"], row["test"]): float(row["p"]) for row in csv.DictReader(_file)}
SAMPLES = {
    "free": [
        [40, 35, 38, 43.5, 44, 41],
        [38.5, 40.5, 47, 44.5, 41.5, 42],
        [48, 43, 46, 49],
    ],
    "tied": [[1, 2, 2, 3, 5, 5], [2, 3, 3, 4, 5], [3, 5, 6, 6, 7, 7, 8], [4, 4, 8]],
    # Nobody is in the second group, whose place counts.
    "gap": [[3.1, 4.0, 2.2, 5.5], [], [2.9, 6.1, 5.2], [4.4, 5.0, 7.1, 6.6]],
}
DESIGN = ledger.load_design("mskcc_hai")


def of_sample(name, test):
    """The sample as patients, and a design that has its groups and the test."""
    parts = SAMPLES[name]
    levels = list("IVXM"[: len(parts)])
    at = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    stage = pd.Categorical.from_codes(at, levels)
    frame = pd.DataFrame({"age": np.concatenate(parts).astype(float), "stage": stage})
    columns = {**DESIGN.columns, "stage": {"type": "category", "levels": levels}}
    table_one = {**DESIGN.table_one, "by": "stage", "tests": {"age": test}}
    return frame, replace(DESIGN, columns=columns, table_one=table_one)


@pytest.mark.parametrize(("name", "test"), R)
def test_the_report_and_the_certificate_have_rs_p(name, test):
    frame, design = of_sample(name, test)
    rows = baseline.table_one(frame, "stage", ["age"], tests={"age": test})
    p = rows[rows["statistic"] == "p"].iloc[0]
    assert p["estimate"] == pytest.approx(R[name, test], rel=1e-9)
    assert "trend" in p["method"]
    claim = {"statistic": "p", "covariate": "age", "group": "stage", "population": "all"}
    claim |= {"level": "", "model": "", "time": float("nan"), "endpoint": "", "kind": "number"}
    assert "the certificate alone computes it" in quantity_of(claim, design)
    z = programs.by_python(between(claim, design), {"patients": frame}, design)
    assert z > 0  # later groups have larger values in each sample
    assert 2 * norm.sf(z) == pytest.approx(R[name, test], rel=1e-9)


def test_a_column_of_p_for_trend_is_read_where_the_design_has_the_test():
    _, design = of_sample("free", "linear-trend")
    rows = [
        ["", "I", "V", "X", "P for trend"],
        ["Age, mean (SD)", "40 (3)", "42 (3)", "46 (2)", "0.007"],
    ]
    made = claims_of(rows, design, "two-groups", place="table1")
    assert not made.questions, made.questions
    p = [claim for claim in made.claims if claim["statistic"] == "p"]
    assert [(c["printed"], c["covariate"], c["group"]) for c in p] == [("0.007", "age", "stage")]


def test_values_of_one_group_have_no_trend():
    frame, _ = of_sample("free", "jonckheere")
    alone = frame[frame["stage"] == "I"]
    rows = baseline.table_one(alone, "stage", ["age"], tests={"age": "jonckheere"})
    p = rows[rows["statistic"] == "p"].iloc[0]
    assert np.isnan(p["estimate"]) and "not possible" in p["method"]


def test_the_audit_takes_the_same_slope_from_means_and_deviations():
    parts = [np.array(own) for own in ([3.0, 4, 7, 5], [4.0, 6, 9], [5.0, 11, 8, 9, 12])]
    told = [[float(part.mean()) for part in parts], [float(part.std(ddof=1)) for part in parts]]
    p = number_trend(parts, "linear-trend")[0]
    assert _slope_p(*told, [len(part) for part in parts]) == pytest.approx(p, rel=1e-12)
