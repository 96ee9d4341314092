"""Coverage of ensembles as the benchmark tells it: leave one out, widths, bars, by hand."""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import coverage_by_kind as coverage
import real_cohorts


def table(values, family="survival of a group", cohort="tcia"):
    """One statistic a row of `values`, truth 0, as `real_cohorts.py` writes it."""
    rows = []
    for k, one in enumerate(values):
        log = "ratio" in family
        truth = 1.0 if log else 0.0
        found = real_cohorts.score(one, truth, truth, log)
        keys = {"cohort": cohort, "left_out": "nothing", "family": family, "name": f"s{k}"}
        rows.append(keys | found)
    return pd.DataFrame(rows)


def test_a_member_far_from_the_others_is_not_held_by_them():
    """1, 2, 3 foretell 2 ± 2.92·√(4/3): up to 5.37; of the others with 9, each is held."""
    found = coverage.exchangeable(table([[1, 2, 3, 9], [1, 2, np.nan, 3]]))
    assert found.loc[0].tolist() == [1, 1, 1, 0]
    assert found.loc[1, [0, 1, 3]].tolist() == [1, 1, 1] and math.isnan(found.loc[1, 2])


def test_members_of_one_kind_are_held_in_nine_of_ten_cases():
    values = np.random.default_rng(5).normal(50, 4, (400, 20))
    found = table(values)
    assert coverage.exchangeable(found).to_numpy().mean() == pytest.approx(0.9, abs=0.01)
    spread = coverage.scatter(found)
    assert spread["mean"][0] == pytest.approx(90, abs=1) and spread["least"][0] < 90


def test_widths_are_told_in_those_of_the_percentiles_of_ten():
    """2·t(0.95, 19)·s·√(1 + 1/20) of all over the 5th to 95th percentile of the first ten."""
    values = np.random.default_rng(6).normal(0, 1, 20)
    found = table([values])
    wide = 2 * stats.t.ppf(0.95, 19) * values.std(ddof=1) * math.sqrt(1.05)
    ten = np.subtract(*np.quantile(values[:10], [0.95, 0.05]))
    assert coverage.widths(found)[0] == pytest.approx(wide / ten, rel=1e-3)
    other = found.assign(low=-1.0, high=3.0)
    assert coverage.widths(found, other)[0] == pytest.approx(wide / 4, rel=1e-3)


def test_ratios_are_taken_as_logarithms():
    found = table([np.exp([0.0, 1.0, 2.0])], "odds ratio of two covariates")
    assert coverage.members_of(found)[0] == pytest.approx([0, 1, 2], abs=1e-4)
    other = found.assign(low=math.exp(-1), high=math.exp(3))
    assert coverage.widths(found, other)[0] == pytest.approx(
        2 * stats.t.ppf(0.95, 2) * math.sqrt(4 / 3) / 4, rel=1e-3
    )


def test_bars_name_a_cohort_that_is_outside():
    inside = table([[-1, 0, 1]] * 9 + [[8, 9, 10]])
    outside = table([[-1, 0, 1], [8, 9, 10]], cohort="colon")
    told = coverage.verdicts(coverage.by_kind(pd.concat([inside, outside], ignore_index=True)))
    assert told[0].startswith("tcia: 9 of 10 (90.0 %), within 85 to 95 %")
    assert told[1].startswith("colon: 1 of 2 (50.0 %), outside 85 to 95 %")
    assert told[2].startswith("all: 10 of 12 (83.3 %), outside 88 to 93 %")
    shown = coverage.markdown(coverage.by_kind(inside))
    assert "| survival of a group | 9/10 (90, " in shown and "| all | 9/10" in shown
