"""Agreement of two cohorts, from definitions and by hand."""

import math

import pandas as pd
import pytest
from scipy.stats import norm

from crlm import agreement, ledger
from crlm.report import verdicts

CLAIM = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | {
    "kind": "number",
    "operator": "=",
    "population": "all",
    "group": "all",
    "endpoint": "OS",
    "covariate": "hai",
    "level": "yes",
    "model": "multivariable",
    "statistic": "hazard_ratio",
    "time": math.nan,
    "decimals": 2,
}
ROW = {
    "endpoint": "OS",
    "covariate": "hai",
    "level": "yes",
    "model": "multivariable",
    "statistic": "hazard_ratio",
    "n": 200,
    "events": 100,
}


def pair(printed, new):
    fields = ("estimate", "conf_low", "conf_high")
    claims = pd.DataFrame(
        [CLAIM | {"field": f, "value": v} for f, v in zip(fields, printed, strict=True)]
    )
    whole = {"level": "", "covariate": "", "statistic": "n", "estimate": 200, "events": 130}
    rows = ledger.rows([ROW | dict(zip(fields, new, strict=True)), ROW | whole])
    return agreement.agree(rows, claims).iloc[0]


def limits(log_effect, error):
    z = norm.ppf(0.975)
    return tuple(math.exp(log_effect + k * z * error) for k in (0, -1, 1))


@pytest.mark.parametrize(("zo", "zr", "c"), [(2.5, 2.2, 1.0), (3.1, 1.4, 0.4), (2.0, 3.3, 2.7)])
def test_the_sceptical_p_solves_its_own_definition(zo, zr, c):
    # Held 2020: with sigma_o = 1, the prior variance tau2 that makes the original just
    # unconvincing at level z is 1 / (zo2 / z2 - 1); the new estimate is in conflict with that
    # prior at the same level when theta_r2 / (tau2 + sigma_r2) = z2.
    z = norm.isf(agreement.sceptical_p(zo, zr, c))
    prior = 1 / (zo**2 / z**2 - 1)
    theta, variance = zr / math.sqrt(c), 1 / c
    assert theta**2 / (prior + variance) == pytest.approx(z**2, rel=1e-9)


def test_estimates_that_point_apart_have_a_sceptical_p_above_one_half():
    assert agreement.sceptical_p(2.5, -2.2, 1.5) > 0.5


def test_a_copy_of_the_paper_agrees_with_it():
    got = pair(limits(-0.6, 0.15), limits(-0.6, 0.15))
    assert got.ratio == pytest.approx(1) and got.heterogeneity_p == pytest.approx(1)
    assert got.predicted and got.same_direction and got.both_significant


def test_another_cohort_replicates_and_a_copy_does_not():
    """Numbers that are the paper's to the last digit are of its patients, however small p is."""
    printed = limits(-0.6, 0.15)
    assert pair(printed, limits(-0.55, 0.13)).reading.startswith("Replicated")
    assert pair(printed, printed).reading.startswith("The printed ratio and limits")


def test_the_ratio_and_its_interval_by_hand():
    # log effects 0.5 and 0.1, errors 0.3 and 0.4: the difference has error 0.5 exactly
    got = pair(limits(0.5, 0.3), limits(0.1, 0.4))
    assert math.log(got.ratio) == pytest.approx(-0.4)
    assert math.log(got.ratio_high) == pytest.approx(-0.4 + norm.ppf(0.975) * 0.5)
    assert got.heterogeneity_p == pytest.approx(2 * norm.sf(0.8))


def test_power_is_the_chance_of_a_significant_result():
    # an effect of 1.96 standard errors is found half of the time
    assert agreement.power_to_find(0.392, 0.2) == pytest.approx(0.5, abs=1e-4)


def test_a_small_cohort_is_told_that_it_is_too_small():
    got = pair(limits(-0.6, 0.15), limits(-0.2, 0.6))
    assert got.power < 0.5 and got.reading.startswith("Too small to say: with 130 events")


def test_a_printed_interval_that_does_not_fit_its_estimate_is_not_used():
    got = pair((1.74, 0.27, 2.37), limits(0.5, 0.2))
    assert got.reading.startswith("The printed interval does not fit")


@pytest.mark.parametrize(
    ("printed", "reading"),
    [
        # The middle is 1.005, and may be 1.000.
        ((1.00, 0.99, 1.02), "The paper prints no effect, and none is shown here to differ"),
        ((1.05, 1.02, 1.08), "The two cohorts disagree"),
        # The middle is 0.865 (0.858 to 0.871), half a standard error 0.06 on the logarithm.
        ((0.92, 0.68, 1.10), "Same direction and compatible"),
        ((0.99, 0.99, 1.90), "The printed interval does not fit"),
    ],
)
def test_printed_digits_may_stand_for_a_little_more_or_less(printed, reading):
    assert pair(printed, (0.99, 0.98, 1.01)).reading.startswith(reading)


@pytest.mark.parametrize(
    ("new", "same"),
    [
        ((1.3212, 1.0274, 1.6991), True),
        ((1.3212, 1.0274, 1.7061), False),
        ((1.3263, 1.0274, 1.6991), False),
    ],
)
def test_the_papers_own_numbers_are_called_that(new, same):
    told = pair((1.32, 1.03, 1.70), new).reading
    assert told.startswith("The printed ratio and limits, to their last digit") == same


def test_the_reading_stands_in_sight_and_the_tests_behind_it():
    one = pair(limits(-0.6, 0.15), limits(-0.2, 0.6))
    shown = verdicts.agreement_table(one.to_frame().T, ledger.load_design("mskcc_hai"))
    before, _, folded = shown.html.partition("<details")
    assert one.reading in before and before.count('<th scope="col"') == 5
    assert "Tests of agreement: 1 effect<" in folded and "Sceptical p" not in before
    told = verdicts.ratio(one.ratio), f"{100 * one.power:.0f} %"
    assert all(text in folded for text in told)


def test_effects_without_a_printed_interval_are_left_out():
    claims = pd.DataFrame([CLAIM | {"field": "estimate", "value": 0.5}])
    assert agreement.agree(ledger.rows([ROW | {"estimate": 0.5}]), claims).empty
