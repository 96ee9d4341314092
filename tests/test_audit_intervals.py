"""What printed digits may stand for; p values of small tables; bounds of ranks."""

import math

import numpy as np
import pytest
from scipy.stats import chi2_contingency, fisher_exact

from crlm import ledger
from crlm.audit.counted_p import p_values
from crlm.audit.intervals import (
    denominators,
    deviate,
    gap,
    holds,
    hull,
    integers,
    log,
    meet,
    minus,
    overlap,
    printed_interval,
    product,
    quotient,
    total,
    two_sided,
    wald_region,
)
from crlm.audit.values import mann_whitney_bounds


def test_a_printed_number_stands_for_half_a_unit_either_side():
    assert printed_interval(0.45, 2) == pytest.approx((0.445, 0.455))
    assert printed_interval(0.001, 3, "<") == (0.0, 0.001)


def test_rounding_twice_reaches_further():
    # 0.4446 becomes 0.445 and then 0.45.
    assert holds(printed_interval(0.45, 2, early=3), 0.4446)
    assert not holds(printed_interval(0.45, 2), 0.4446)


def test_ends_that_touch_overlap():
    # 1.64 and 1.65 share 1.645, which one software rounds up and another down.
    assert overlap(printed_interval(1.64, 2), printed_interval(1.65, 2))
    assert not overlap(printed_interval(1.63, 2), printed_interval(1.65, 2))


def test_arithmetic():
    assert total([(1, 2), (3, 5)]) == (4, 7)
    assert minus((1, 2), (3, 5)) == (-4, -1)
    assert product((1, 2), (3, 5)) == (3, 10)
    assert quotient((1, 2), (4, 5)) == (0.2, 0.5)
    assert hull([(1, 2), (4, 5)]) == (1, 5)
    assert meet((1, 3), (2, 5)) == (2, 3)
    assert meet((1, 2), (3, 5)) is None
    assert gap((1, 2), (5, 6)) == 3 and gap((1, 5), (2, 3)) == 0
    assert log((-1.0, 0.0)) is None
    assert log((0.0, 1.0))[1] == 0.0


def test_whole_numbers_in_an_interval():
    assert list(integers((1.2, 3.0))) == [2, 3]
    assert list(integers((2.1, 2.9))) == []


def test_denominators_that_give_a_percentage():
    # 70 patients are 22 % of 70/0.225 = 311.1 to 70/0.215 = 325.6.
    found = denominators(70, printed_interval(22, 0))
    assert (found.start, found.stop - 1) == (312, 325)
    assert len(denominators(70, (0.0, 0.0))) == 0
    assert 50 in denominators(0, (-0.5, 0.5))


def test_normal_tail_and_back():
    assert two_sided(1.959963984540054) == pytest.approx(0.05)
    assert deviate(0.05) == pytest.approx(1.959963984540054)
    assert deviate(1.0) == 0.0 and math.isfinite(deviate(0.0))


def test_region_of_exact_limits_is_a_point():
    # Limits -1.96 and 1.96 around 0: estimate 0, standard error 1.
    z = 1.959963984540054
    corners = wald_region((0.0, 0.0), (-z, -z), (z, z))
    assert corners and all(c == pytest.approx((0.0, 1.0)) for c in corners)


def test_region_is_empty_if_the_estimate_is_not_the_middle():
    assert wald_region((1.0, 1.1), (-2.0, -1.9), (1.9, 2.0)) == []
    assert wald_region((1.0, 1.1), (-2.0, -1.9), (1.9, 2.0), slack=1.5)


def test_region_holds_every_triple_that_rounds_to_the_print():
    rng = np.random.default_rng(1)
    for _ in range(200):
        b, s = rng.normal(), rng.uniform(0.05, 1)
        true = [math.exp(b + k * s) for k in (0, -1.959964, 1.959964)]
        printed = [printed_interval(round(x, 2), 2) for x in true]
        corners = wald_region(*(log(p) for p in printed))
        errors = [e for _, e in corners]
        if printed[1][0] > 0:
            assert min(errors) - 1e-6 <= s <= max(errors) + 1e-6


def test_p_values_of_a_table():
    # 30 and 45 of 100: (30*55 - 70*45)^2 * 200/(75*125*100^2) = 4.8; Yates 1400^2... = 4.18.
    found = p_values(((30, 70), (45, 55)))
    assert found["chi-square"] == pytest.approx(0.02846, abs=1e-5)
    assert found["chi-square-yates"] == pytest.approx(0.04087, abs=1e-5)
    assert found["fisher"] == pytest.approx(fisher_exact([[30, 70], [45, 55]])[1], rel=1e-9)
    # The table itself has probability 0.0126: mid-p is Fisher's less half of it.
    assert found["mid-p"] < found["fisher"]


@pytest.mark.parametrize("table", [((3, 1), (1, 3)), ((10, 77), (24, 39)), ((0, 5), (5, 3))])
def test_p_values_agree_with_scipy(table):
    found = p_values(table)
    assert found["fisher"] == pytest.approx(fisher_exact(table)[1], rel=1e-7)
    for name, options in (
        ("chi-square", {"correction": False}),
        ("chi-square-yates", {"correction": True}),
        ("likelihood ratio", {"correction": False, "lambda_": "log-likelihood"}),
    ):
        assert found[name] == pytest.approx(chi2_contingency(table, **options)[1], rel=1e-7)


def test_an_empty_margin_has_no_p_value():
    assert p_values(((0, 5), (0, 5))) == {}


def test_bounds_of_ranks_hold_the_true_p_value():
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(2)
    for _ in range(20):
        a, b = rng.poisson(2, 40) + 1, rng.poisson(3, 50) + 1
        p = mannwhitneyu(a, b, use_continuity=False, method="asymptotic").pvalue
        bins = [np.histogram(x, [0.5, 1.5, 3.5, 100])[0] for x in (a, b)]
        low, high = mann_whitney_bounds(*bins)
        assert low <= p <= high


def test_a_negative_number_rounded_twice_is_the_mirror_of_the_positive_one():
    """z = -0.95 of -0.9447 was held to be no further from 0 than -0.9455."""
    low, high = ledger.compatible_interval(0.95, 2, "=", 3)
    assert (low, high) == pytest.approx((0.9445, 0.955))
    assert ledger.compatible_interval(-0.95, 2, "=", 3) == pytest.approx((-high, -low))


def test_one_rounding_stays_allowed_where_a_program_rounds_before():
    """z = 0.32 of 0.3249 beside p = 0.745 was accused: read as rounded twice, p begins at 0.746."""
    low, high = ledger.compatible_interval(0.32, 2, "=", 3)
    assert low <= 0.3145 < 0.3249 < high
    assert ledger.round_half_up(0.3249, 2) == 0.32
