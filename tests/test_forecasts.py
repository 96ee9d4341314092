"""Forecast intervals of an ensemble: what they hold, and when print pins a quantity down."""

import math
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crlm import ledger
from crlm.reconstruction import forecasts


def test_a_forecast_of_three_cohorts_by_hand():
    """Mean 62, s 2, t(0.95, 2) = 2.920: 62 +- 2.920 * 2 * sqrt(4 / 3)."""
    half = 2.919986 * 2 * math.sqrt(4 / 3)
    low, high = forecasts.forecast([60, 62, 64], "survival_rate")
    assert (low, high) == pytest.approx((62 - half, 62 + half), rel=1e-6)
    low, high = forecasts.forecast(np.exp([0.0, 0.2, 0.4]), "hazard_ratio")
    assert math.log(high) - 0.2 == pytest.approx(half / 10, rel=1e-6)
    assert math.log(low * high) == pytest.approx(0.4)


def test_what_cannot_lie_beyond_its_bounds_does_not():
    assert forecasts.forecast([90, 99, 100], "survival_rate")[1] == 100
    assert forecasts.forecast([0.9, 0.99, 0.5], "concordance")[1] == 1
    assert forecasts.forecast([90, 99, 100], "rmst_difference")[1] > 100
    assert all(map(math.isnan, forecasts.forecast([90], "survival_rate")))


@pytest.mark.parametrize("cohorts", [10, 20, 50])
def test_nine_in_ten_forecasts_hold_one_more_draw_and_percentiles_do_not(cohorts):
    draws = np.random.default_rng(cohorts).normal(40, 3, (4000, cohorts + 1))
    held = [forecasts.forecast(row[1:], "rmst") for row in draws]
    hit = np.mean([low <= row[0] <= high for row, (low, high) in zip(draws, held, strict=True)])
    assert hit == pytest.approx(0.9, abs=0.015)
    low, high = np.quantile(draws[:, 1:], [0.05, 0.95], axis=1)
    assert np.mean((low <= draws[:, 0]) & (draws[:, 0] <= high)) < hit - 0.02
    widened = [
        forecasts.from_percentiles(a, b, cohorts, "rmst") for a, b in zip(low, high, strict=True)
    ]
    again = np.mean([a <= x <= b for x, (a, b) in zip(draws[:, 0], widened, strict=True)])
    assert again == pytest.approx(0.9, abs=0.03)


def test_percentiles_are_widened_by_what_normal_draws_need():
    wide = stats.t.ppf(0.95, 9) * math.sqrt(1.1)
    assert forecasts.widening(10) == pytest.approx(wide / 1.30, abs=0.01)
    low, high = forecasts.from_percentiles(0.5, 2.0, 10, "hazard_ratio")
    assert low * high == pytest.approx(1) and high > 2


def test_pinned_is_judged_by_the_forecast_and_a_p_by_its_side():
    assert forecasts.verdict("survival_rate", [], 60.0, 64.9) == "pinned"
    assert forecasts.verdict("survival_rate", [], 60.0, 65.1) == "open"
    assert forecasts.verdict("hazard_ratio", [], 2.0, 2.2) == "pinned"
    assert forecasts.verdict("hazard_ratio", [], 0.5, 0.6) == "open"
    assert forecasts.verdict("p", [0.01, 0.04], None, None) == "pinned"
    assert forecasts.verdict("p", [0.01, 0.06], None, None) == "open"
    assert forecasts.verdict("concordance", [0.6], None, None) == "open"


def test_the_documentation_and_the_report_say_what_the_table_holds():
    root = ledger.data_folder().parent
    found = pd.read_csv(root / "benchmarks" / "real_cohorts.csv").query("left_out == 'nothing'")
    said = (root / "docs" / "reconstruction.md").read_text("utf-8")
    sums = found[["forecast", "covered", "within"]].sum()
    assert f"| **all of these** | {len(found)} | {' | '.join(map(str, sums))} |" in said
    by_cohort = found.groupby("cohort")["forecast"].agg(["sum", "size"])
    tcia, trial = (
        f"{by_cohort.loc[c, 'sum']} of {by_cohort.loc[c, 'size']}" for c in ("tcia", "colon")
    )
    assert f"(TCIA {tcia}, trial {trial})" in said
    share = f"{100 * sums['forecast'] / len(found):.0f} %"
    assert f"in the forecast interval in {share}" in said
    report = (root / "crlm" / "report" / "synthetic.py").read_text("utf-8")
    assert f"held the truth in {share}" in report
    kinds = {
        "survival of a group": "survival of a group",
        "rank correlation of two covariates": "rank correlation of two covariates",
        "interaction with the group": "interaction of the group with a covariate",
    }
    for family, name in kinds.items():
        part = found[found["family"] == family]
        counts = part[["forecast", "covered", "within"]].sum()
        assert f"| {name} | {len(part)} | {' | '.join(map(str, counts))} |" in said


def test_the_documentation_says_what_thirteen_cohorts_a_print_hold():
    root = ledger.data_folder().parent
    found = pd.read_csv(root / "benchmarks" / "real_cohorts_13.csv")
    hit, by = found["forecast"].sum(), found.groupby("cohort")["forecast"].agg(["sum", "size"])
    tcia, trial = (f"{by.loc[c, 'sum']} of {by.loc[c, 'size']}" for c in ("tcia", "colon"))
    whole = f"{hit} of {len(found)} ({100 * hit / len(found):.1f} %"
    said = (root / "docs" / "reconstruction.md").read_text("utf-8")
    assert f"{whole}; TCIA {tcia}, trial {trial})" in said
    assert f"{whole})" in (root / "benchmarks" / "README.md").read_text("utf-8")


def test_the_documentation_and_the_report_say_what_twenty_drawn_cohorts_hold():
    root = ledger.data_folder().parent
    found = pd.read_csv(root / "benchmarks" / "real_cohorts_drawn.csv")
    hit = found["forecast"].sum()
    whole = f"{hit} of {len(found)} ({100 * hit / len(found):.1f} %)"
    for name in ("docs/reconstruction.md", "benchmarks/README.md", "CHANGELOG.md"):
        assert whole in (root / name).read_text("utf-8"), name
    for _, part in found.groupby("cohort"):
        told = f"{part['forecast'].sum()} of {len(part)} ({100 * part['forecast'].mean():.1f} %)"
        assert told in (root / "docs" / "reconstruction.md").read_text("utf-8")
    report = (root / "crlm" / "report" / "synthetic.py").read_text("utf-8")
    assert f"twenty such cohorts held the truth in {100 * hit / len(found):.0f} %" in report


def test_a_stored_table_is_read_again_without_its_members(tmp_path):
    root = ledger.data_folder().parent / "benchmarks"
    stored = pd.read_csv(root / "left_out_mskcc_hai.csv")
    sys.path.insert(0, str(root))
    try:
        import real_cohorts
    finally:
        sys.path.remove(str(root))
    again = real_cohorts.reread(root / "left_out_mskcc_hai.csv", 10).round(4)
    pd.testing.assert_frame_equal(again, stored, check_dtype=False)
