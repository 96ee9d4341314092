"""Many columns tested at once, and the bootstrap of a whole table, against the slow way."""

import numpy as np
import pandas as pd
import pytest
from survival import regression as engine

from crlm import regression
from crlm.ledger import ParameterError
from crlm.regression.added import added_columns
from crlm.regression.engine import FollowUp, cox_fit
from crlm.regression.resampled import in_samples
from crlm.regression.selection import Problem, make_problem
from crlm.regression.terms import Design, Term


def observed(late, n=200, seed=5):
    rng = np.random.default_rng(seed)
    time = np.ceil(rng.exponential(12, n)) + 1
    event = (rng.random(n) < 0.6).astype(np.int32)
    entry = np.where(rng.random(n) < 0.4, np.floor(time * rng.random(n)), -1.0) if late else None
    return FollowUp(time, event, entry), rng.normal(size=(n, 3)), rng.random((n, 70)) < 0.4


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_score_test_is_the_engines(late, ties):
    data, z, columns = observed(late)
    score, information = added_columns(data, z, columns.astype(float), ties)
    shared = cox_fit(data, z, ties).coef
    for k in (0, 31, 32, 69):
        x = np.column_stack([z, columns[:, k]])
        raw = engine.coxph_fit_raw(
            data.time,
            data.event,
            x,
            entry=data.entry,
            method=ties,
            init=[*shared, 0.0],
            iter_max=0,
            resid=False,
        )
        assert score[k] ** 2 / information[k] == pytest.approx(raw.score, rel=1e-8)
        full = cox_fit(data, x, ties).coef[-1]
        assert score[k] / information[k] == pytest.approx(full, rel=0.1, abs=0.01)
    alone = added_columns(data, z[:, :0], columns[:, :1].astype(float), ties)
    fit = cox_fit(data, columns[:, :1].astype(float), ties)
    assert alone[0][0] ** 2 / alone[1][0] == pytest.approx(fit.score, rel=1e-9)


def test_three_patients_by_hand():
    """Deaths at 1 (exposed) and 2 (not), one exposed censored at 3: score 1 - 2/3 - 1/2."""
    data = FollowUp(np.array([1.0, 2.0, 3.0]), np.array([1, 1, 0], dtype=np.int32))
    score, information = added_columns(data, np.zeros((3, 0)), np.array([[1.0], [0], [1]]), "efron")
    assert score[0] == pytest.approx(1 - 2 / 3 - 1 / 2)
    assert information[0] == pytest.approx(2 / 9 + 1 / 4)


def test_what_is_already_there_adds_nothing_and_an_infinite_model_tells_nothing():
    data, z, columns = observed(False)
    _, information = added_columns(data, z, z[:, :1], "efron")
    assert information[0] == pytest.approx(0, abs=1e-8)
    never = (data.event == 0).astype(float)[:, None] * (data.time > 3)[:, None]
    score, _ = added_columns(data, never, columns.astype(float), "efron")
    assert np.isnan(score).all()


# ---- the bootstrap of a table -----------------------------------------------


def patients(n=120):
    rng = np.random.default_rng(8)
    sex, stage = rng.integers(2, size=n), rng.integers(3, size=n)
    death, last = rng.exponential(20 / np.exp(0.5 * sex)), rng.uniform(5, 50, n)
    age = rng.normal(60, 9, n)
    age[::11] = np.nan
    return pd.DataFrame(
        {
            "time": np.ceil(np.minimum(death, last)),
            "event": death <= last,
            "endpoint": "OS",
            "sex": pd.Categorical.from_codes(sex, ["female", "male"]),
            "age": age,
            "stage": pd.Categorical.from_codes(stage, ["I", "II", "III"]),
        }
    )


def ratios(rows):
    found = rows[rows["statistic"] == "hazard_ratio"]
    return found.set_index(["model", "covariate", "level"])["estimate"]


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_limits_are_those_of_the_slow_way(ties):
    frame, names = patients(), ["sex", "age", "stage"]
    quick = regression.bootstrap_table(frame, names, ties=ties, n_boot=12, seed=4)
    late = [(frame["stage"] == stage).to_numpy() for stage in ("III", "II")]
    keys = [*late, frame["age"], frame["sex"].cat.codes, frame["event"], frame["time"]]
    by_time = frame.iloc[np.lexsort(keys)]
    draws = np.random.default_rng(4).integers(len(frame), size=(12, len(frame)))
    slow = []
    for rows in (frame, *(by_time.iloc[draw].reset_index(drop=True) for draw in draws)):
        alone = regression.univariable(rows, names, ties=ties)
        slow.append(ratios(pd.concat([alone, regression.cox(rows, names, ties=ties)])))
    table = pd.concat(slow, axis=1)
    keys = pd.MultiIndex.from_frame(quick[["model", "covariate", "level"]])
    np.testing.assert_allclose(quick["estimate"], table.iloc[:, 0][keys], rtol=1e-8)
    limits = np.exp(np.quantile(np.log(table.iloc[:, 1:].loc[keys]), [0.025, 0.975], axis=1))
    np.testing.assert_allclose(quick[["conf_low", "conf_high"]].to_numpy().T, limits, rtol=1e-7)
    assert (quick["n"] == 12).all() and len(quick) == 8


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_samples_of_two_sided_columns_are_those_of_single_fits(ties):
    frame = patients(200)
    rng = np.random.default_rng(2)
    nth = frame["event"].cumsum()
    few = np.where(frame["event"], nth <= 2, rng.random(200) < 0.3)
    frame = frame.assign(
        entry=np.minimum(rng.integers(0, 6, 200), frame["time"] - 1).clip(lower=0),
        few=np.where(frame.index % 10 == 9, np.nan, 2.0 + 3 * few),
    )
    problem = make_problem(frame, ["sex", "few"], "stage").ordered()
    draws = rng.integers(200, size=(60, 200))
    for term in problem.design.terms:
        found = in_samples(problem, [term], ties, draws)
        singles = [fitted_alone(problem.take(draw), term, ties) for draw in draws]
        np.testing.assert_allclose(found[1:], singles, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found[0], fitted_alone(problem, term, ties), rtol=1e-9)
    assert np.isnan(found).any() and np.isfinite(found).any()


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_sample_whose_likelihood_rises_for_ever_has_no_estimate(ties):
    """Whoever has the level dies first: its ratio is infinite, though both sides have deaths.

    The steps end by rounding, somewhere beyond e to the 30.
    """
    time = np.arange(1.0, 61)
    data = FollowUp(time, (time < 9).astype(int))
    term = Term("early", ("yes",), (0,))
    problem = Problem(data, Design((time < 2).astype(float)[:, None], (term,)))
    rng = np.random.default_rng(3)
    draws = rng.integers(1, 60, (160, 60))
    for sample, draw in enumerate(draws):
        draw[: 1 + sample % 8] = 0
    assert np.isnan(in_samples(problem, [term], ties, draws)).all()


def fitted_alone(problem, term, ties):
    data, x = problem.cases(list(term.columns))
    fit = cox_fit(data, x, ties)
    return np.where(fit.finite, fit.coef, np.nan)


def test_the_multivariable_model_may_be_smaller_and_the_seed_decides():
    frame = patients()
    first, second = (
        regression.bootstrap_table(frame, ["sex", "age"], multivariable=["sex"], n_boot=5, seed=1)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)
    assert first["model"].tolist() == ["univariable", "univariable", "multivariable"]
    with pytest.raises(ParameterError, match="n_boot"):
        regression.bootstrap_table(frame, ["sex"], n_boot=0)
    with pytest.raises(ParameterError, match="no column"):
        regression.bootstrap_table(frame, ["grade"], n_boot=5)


def test_infinite_estimates_are_left_out_and_counted():
    frame = patients()
    rare = np.arange(len(frame)) < 2
    frame = frame.assign(event=frame["event"] & ~rare, rare=rare.astype(float))
    found = regression.bootstrap_table(frame, ["rare"], n_boot=10)
    assert found["estimate"].isna().all() and (found["n"] == 0).all()
