"""Compiled tests of several groups and the stratified Cox model, against scipy and statsmodels."""

import math

import numpy as np
import pytest
from lifelines.statistics import multivariate_logrank_test
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.stats.contingency_tables import Table

from crlm.reconstruction import compiling, fits, kernels, several, strata
from crlm.reconstruction.codes import TWO_BY_TWO

Z = stats.norm.ppf(0.975)
N = 240


@pytest.fixture(scope="module")
def drawn():
    """Two numbers with ties, groups of two, three and four levels, times in steps; some unknown."""
    rng = np.random.default_rng(7)
    groups = np.array([rng.integers(0, levels, N) for levels in (2, 3, 4)], dtype=float)
    number = np.round(rng.normal(10 + groups[1], 3))
    groups[1, ::17], number[::23] = np.nan, np.nan
    days = rng.exponential(300 + 90 * groups[2]).astype(np.int64) // 10 * 10 + 10
    event = (rng.random(N) < 0.6).astype(np.int64)
    inside = np.arange(N) % 9 != 0
    return groups, number, days, event, np.argsort(days, kind="stable"), inside


def p_of(z):
    return 2 * stats.norm.sf(abs(z))


@pytest.mark.parametrize("df", [1, 2, 3, 4, 7, 12])
def test_the_tail_of_chi_square(df):
    for value in (0.0, 0.3, 2.0, 9.5, 40.0):
        assert several.chi_square_tail(value, df) == pytest.approx(stats.chi2.sf(value, df))


def test_a_table_of_any_size_has_the_p_of_pearson(drawn):
    groups, _, _, _, _, inside = drawn
    out = np.zeros(1)
    several.table(inside, groups[1], groups[2], out)
    known = inside & ~np.isnan(groups[1])
    counts = np.zeros((3, 4))
    np.add.at(counts, (groups[1, known].astype(int), groups[2, known].astype(int)), 1)
    assert p_of(out[0]) == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue)


def test_a_trend_has_the_p_of_statsmodels_and_its_side(drawn):
    groups, _, _, _, _, inside = drawn
    out, known = np.zeros(1), inside & ~np.isnan(groups[1])
    for one, other in ((1, 2), (1, 0), (2, 1)):
        several.trend(inside, groups[one], groups[other], out)
        counts = np.zeros((5, 5))
        np.add.at(counts, (groups[other, known].astype(int), groups[one, known].astype(int)), 1)
        found = Table(counts, shift_zeros=False).test_ordinal_association()
        assert out[0] == pytest.approx(found.zscore)
    several.trend(inside, groups[1], np.zeros(N), out)
    assert math.isnan(out[0])


def test_a_corrected_two_by_two_table_has_the_p_of_yates():
    x, y = (
        np.repeat([0.0, 0.0, 1.0, 1.0], (20, 9, 11, 16)),
        np.repeat([0.0, 1.0] * 2, (20, 9, 11, 16)),
    )
    out = np.zeros(1)
    for test, correct in (("chi-square-yates", True), ("chi-square", False)):
        kernels.association(np.ones(56, dtype=bool), x, y, int(TWO_BY_TWO[test]), out)
        want = stats.chi2_contingency([[20, 9], [11, 16]], correction=correct).pvalue
        assert out[0] > 0 and p_of(out[0]) == pytest.approx(want)


def test_kruskal_and_t(drawn):
    groups, number, _, _, _, inside = drawn
    out = np.zeros(1)
    known = inside & ~np.isnan(number)
    parts = [number[known & (groups[2] == level)] for level in range(4)]
    several.kruskal(inside, number, groups[2], out)
    assert p_of(out[0]) == pytest.approx(stats.kruskal(*parts).pvalue)
    first, second = (number[known & (groups[0] == level)] for level in (0, 1))
    for one_variance in (False, True):
        several.t_test(inside, number, groups[0], one_variance, out)
        test = stats.ttest_ind(second, first, equal_var=one_variance)
        assert math.copysign(1, out[0]) == math.copysign(1, test.statistic)
        assert p_of(out[0]) == pytest.approx(test.pvalue, abs=1e-6)


def test_log_rank_of_several_groups(drawn):
    groups, _, days, event, order, inside = drawn
    out = np.zeros(1)
    several.logranks(days, event, order, inside, groups[1], out)
    known = inside & ~np.isnan(groups[1])
    test = multivariate_logrank_test(days[known], groups[1, known], event[known])
    assert p_of(out[0]) == pytest.approx(test.p_value)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("p", [1, 3, 7, 12])
def test_a_stratified_cox_model(drawn, ties, p):
    """By patterns of few binary covariates, by patients beyond; unknown strata are left out."""
    groups, _, days, event, order, inside = drawn
    rng = np.random.default_rng(p)
    x = rng.integers(0, 2, (p, N)).astype(float)
    out, warm = np.zeros(2 + kernels.ROW * 16), np.zeros(17)
    for _ in range(2):
        strata.stratified(
            days, event, order, inside, x, np.arange(p), p, groups[1], ties == "efron", Z, warm, out
        )
    known = inside & ~np.isnan(groups[1])
    model = PHReg(
        days[known], x[:, known].T, status=event[known], strata=groups[1, known], ties=ties
    )
    fit = model.fit(disp=0)
    assert (out[0], out[1]) == (known.sum(), event[known].sum())
    rows = out[2 : 2 + kernels.ROW * p].reshape(p, kernels.ROW)
    np.testing.assert_allclose(rows[:, 0], fit.params, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(rows[:, 4], fit.bse, rtol=1e-4)


def test_a_model_of_more_than_nine_covariates(drawn):
    _, _, days, event, order, inside = drawn
    x = np.random.default_rng(3).integers(0, 2, (13, N)).astype(float)
    out, warm = np.zeros(2 + kernels.ROW * 16), np.zeros(17)
    for _ in range(2):
        fits.cox(days, event, order, inside, x, np.arange(13), 13, False, Z, warm, out)
    fit = PHReg(days[inside], x[:, inside].T, status=event[inside], ties="breslow").fit(disp=0)
    rows = out[2 : 2 + kernels.ROW * 13].reshape(13, kernels.ROW)
    np.testing.assert_allclose(rows[:, 0], fit.params, rtol=1e-4, atol=1e-5)


def test_means_deviations_and_unknown_values(drawn):
    groups, number, _, _, _, inside = drawn
    out = np.zeros(8)
    kernels.summary(inside, number, out)
    known = number[inside & ~np.isnan(number)]
    np.testing.assert_allclose(out[5:7], (known.mean(), known.std(ddof=1)))
    kernels.count(inside, groups[1], 2.0, out)
    assert out[2] == np.isnan(groups[1])[inside].sum() > 0


def test_machine_code_of_other_sources_is_dropped(tmp_path):
    (tmp_path / "a.py").write_text("@compiled\ndef f(): ...")
    (tmp_path / "words.py").write_text("WORDS = 1")
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    code = cache / "a.f-1.py311.nbi"
    code.touch()
    assert compiling.drop_stale(tmp_path) and not code.exists()
    code.touch()
    assert not compiling.drop_stale(tmp_path) and code.exists()
    (tmp_path / "words.py").write_text("WORDS = 2")
    assert not compiling.drop_stale(tmp_path) and code.exists()
    (tmp_path / "codes.py").write_text("KIND = 2")
    assert compiling.drop_stale(tmp_path) and not code.exists()
