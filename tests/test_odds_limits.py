"""Odds ratios with profile likelihood limits: against R, by hand, and through a paper."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import brentq
from scipy.special import expit

from crlm import agreement, audit, ledger, regression
from crlm.ledger import ParameterError
from crlm.paper import Paper
from crlm.reconstruction import certificate, programs
from crlm.reconstruction.quantities import Quantity, quantity_of
from crlm.report.manuscript.done import Done
from crlm.report.manuscript.methods import methods
from tests import audit_ledger as made
from tests.test_agreement import CLAIM, ROW
from tests.test_certificate import NO_KEYS, certified, patients  # noqa: F401
from tests.test_regression import colon, factor, lung, pick  # noqa: F401
from tests.test_starting import STUDY, notebook_run, place, with_odds  # noqa: F401

PROFILE = {"odds_limits": "profile"}

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="module")
def reference():
    """The numbers of odds_limits.R, by data and term, a column a quantity."""
    text = pd.read_csv(REFERENCE / "odds_limits.csv")
    return text.pivot(index=["data", "term"], columns="quantity", values="value")


def cancer():
    return pd.read_csv(REFERENCE / "regression_endometrial.csv"), "HG", ["PI", "EH"]


def few():
    x, y = [0] * 9 + [1] * 7, [1] + [0] * 8 + [1] * 5 + [0] * 2
    return pd.DataFrame({"x": factor(x), "y": y}), "y", ["x"]


def profiled(frame, outcome, names):
    """Log ratio and limits by R's names of the terms."""
    rows = regression.logistic(frame, outcome, names, interval="profile")
    found = rows[rows["statistic"] == "odds_ratio"]
    terms = found["covariate"] + found["level"].where(found["covariate"] != "x", "")
    ends = np.log(found[["estimate", "conf_low", "conf_high"]].to_numpy(float))
    return rows, dict(zip(terms, ends, strict=True))


@pytest.mark.parametrize("name", ["colon", "lung", "endometrial", "few"])
def test_limits_are_the_roots_of_the_profile_as_r_finds_them(name, reference, request):
    told = {"colon": ["rx", "age", "nodes", "differ"], "lung": ["age", "sex", "ph.ecog"]}
    if name in told:
        rows, found = profiled(request.getfixturevalue(name), "event", told[name])
    else:
        rows, found = profiled(*{"endometrial": cancer, "few": few}[name]())
    assert set(found) == set(reference.loc[name].index)
    for term, expected in reference.loc[name].iterrows():
        wanted = expected[["log ratio", "root low", "root high"]].to_numpy(float)
        np.testing.assert_allclose(found[term], wanted, rtol=2e-8, atol=1e-10)
        # What R prints is its spline's: a limit less than 0.07 % off.
        printed = expected[["confint low", "confint high"]].to_numpy(float)
        assert np.abs(found[term][1:] - printed).max() < 7e-4
    p = rows[rows["statistic"] == "p"]
    single = p[(p["level"] != "") | ~p["covariate"].isin(["rx", "differ", "ph.ecog"])]
    np.testing.assert_allclose(single["estimate"], reference.loc[name].loc[list(found)]["p"], 1e-6)
    assert p["method"].str.endswith("Wald test").all()
    ratios = rows[rows["statistic"] == "odds_ratio"]
    assert (ratios["method"] == "logistic regression, profile likelihood CI").all()


def test_a_two_by_two_table_by_hand():
    """With the odds ratio held, the intercept is free: twice the fall is the chi-square's 95 %."""

    def loglik(b):
        def score(a):
            return 6 - 9 * expit(a) - 7 * expit(a + b)

        a = brentq(score, -30, 30, xtol=1e-14)
        of = np.array([a] * 9 + [a + b] * 7)
        y = few()[0]["y"].to_numpy()
        return y @ of - np.logaddexp(0, of).sum()

    top = loglik(np.log((5 / 2) / (1 / 8)))

    def root(low, high):
        return brentq(lambda b: 2 * (top - loglik(b)) - 3.841458820694124, low, high, xtol=1e-13)

    _, found = profiled(*few())
    np.testing.assert_allclose(found["x"][1:], [root(-5, 2.9), root(3, 15)], rtol=1e-9)


def test_other_levels_other_units_and_a_level_without_the_outcome():
    frame, outcome, names = cancer()
    wide = regression.logistic(frame, outcome, names, interval="profile", conf_level=0.99)
    row = wide[wide["statistic"] == "odds_ratio"].iloc[0]
    narrow = regression.logistic(frame, outcome, names, interval="profile")
    other = narrow[narrow["statistic"] == "odds_ratio"].iloc[0]
    assert row["conf_low"] < other["conf_low"] < other["conf_high"] < row["conf_high"]
    assert row["method"] == "logistic regression, 99 % profile likelihood CI"
    _, found = profiled(frame.assign(PI=frame["PI"] / 1000 + 7), outcome, names)
    _, plain = profiled(frame, outcome, names)
    np.testing.assert_allclose(found["PI"], plain["PI"] * 1000, rtol=1e-6)
    frame["NV"] = factor(frame["NV"])
    rows = regression.logistic(frame, "HG", ["NV", *names], interval="profile")
    assert "Firth's penalty, profile penalised" in pick(rows, "odds_ratio", "NV", field="method")
    # Of a column that is the sum of others nothing is estimable, the others keep their limits.
    both = regression.logistic(
        frame.assign(twice=2 * frame["PI"]), "HG", ["PI", "twice"], interval="profile"
    )
    alone = regression.logistic(frame, "HG", ["PI"], interval="profile")
    assert pick(both, "odds_ratio", "PI", field="conf_high") == pytest.approx(
        pick(alone, "odds_ratio", "PI", field="conf_high")
    )
    assert np.isnan(pick(both, "odds_ratio", "twice", field="conf_low"))


def test_limits_of_another_kind_are_refused():
    frame, outcome, names = few()
    with pytest.raises(ParameterError, match="interval"):
        regression.logistic(frame, outcome, names, interval="score")


# ---- print against print ------------------------------------------------------


def printed(low="1.9", high="534.9"):
    """The sixteen patients, as R prints them; their Wald p is 0.027."""
    return [
        *made.groups(8, 8, 16),
        *made.ratio(f"20.0 ({low}-{high}) 0.027", "aa", "bb", statistic="odds_ratio"),
        made.number("2.99", "coefficient", **WHERE),
        made.number("1.35", "se", **WHERE),
        made.number("2.22", "z", **WHERE),
    ]


WHERE = {"endpoint": "aa", "covariate": "bb", "model": "univariable", "level": "yes"}


def audited(rows, conventions):
    return audit.audit(made.design(conventions=conventions), made.claims(*rows))


def test_honest_profile_limits_are_not_accused_and_wald_ones_are_held_to_the_middle():
    design = made.design(conventions=PROFILE)
    kinds = ("log_symmetry", "wald_p", "lost_digit", "information_bound", "odd_bound")
    for kind in (*kinds, "printed_error", "printed_z", "printed_coefficient", "limits"):
        assert made.worst(made.outcomes(kind, printed(), design)) == "consistent", kind
    found = audited(printed(), PROFILE)
    assert found.findings.empty
    assert not audited(printed(), {}).findings.empty
    # What no kind of limit allows is still found, and so is a z that is not the coefficient's.
    assert made.worst(made.outcomes("limits", printed(low="21"), design)) == "inconsistent"
    wrong = [
        row | {"printed": "3.2", "value": 3.2} if row["statistic"] == "z" else row
        for row in printed()
    ]
    assert made.worst(made.outcomes("printed_z", wrong, design)) == "inconsistent"
    # A hazard ratio of the same paper has Wald limits.
    cox = made.ratio("1.74 (0.27-2.37)")
    assert made.worst(made.outcomes("log_symmetry", cox, design)) == "inconsistent"


def test_effects_with_profile_limits_can_be_compared():
    keys = {"statistic": "odds_ratio", "endpoint": "early"}
    fields = dict(zip(("estimate", "conf_low", "conf_high"), (20.0, 3.5, 2000.0), strict=True))
    claims = pd.DataFrame([CLAIM | keys | {"field": f, "value": v} for f, v in fields.items()])
    rows = ledger.rows([ROW | keys | {"estimate": 9.0, "conf_low": 1.2, "conf_high": 90.0}])
    told = agreement.agree(rows, claims).iloc[0]["reading"]
    assert told.startswith("The printed interval does not fit")
    told = agreement.agree(rows, claims, odds_limits="profile").iloc[0]["reading"]
    assert told == "Same direction and compatible, but not convincing by itself."


# ---- search and certificate ---------------------------------------------------


@pytest.mark.parametrize("model", ["univariable", "multivariable"])
def test_the_certificate_has_the_limits_of_the_report_and_the_search_leaves_them(patients, model):  # noqa: F811
    design, frame = patients
    design = replace(design, conventions={**design.conventions, **PROFILE})
    frame = frame.assign(late=frame["late"].where(np.arange(len(frame)) % 9 > 0))
    names = ["stage"] if model == "univariable" else ["stage", "age"]
    rows = regression.logistic(frame, "late", names, model=model, interval="profile")
    for field in ("estimate", "conf_low", "conf_high"):
        keys = {"endpoint": "late", "model": model, "covariate": "stage", "field": field}
        claim = NO_KEYS | keys | {"level": "III", "statistic": "odds_ratio", "reference": ""}
        asked = quantity_of(claim, design)
        if field == "estimate":
            assert isinstance(asked, Quantity)
        else:
            assert asked == "profile likelihood limit: the certificate alone computes it"
            wald = replace(design, conventions={**design.conventions, "odds_limits": "wald"})
            assert isinstance(quantity_of(claim, wald), Quantity)
        found = programs.computed(certificate._for_certificate(claim, design), frame, design)
        wanted = pick(rows, "odds_ratio", "stage", "III", field=field)
        assert math.exp(found) == pytest.approx(wanted, rel=1e-7)


def test_a_univariable_p_is_the_likelihood_ratios_where_the_design_says_so(patients):  # noqa: F811
    """A profile limit is 1 where this p is 0.05; Wald's p stood there whatever the design said."""
    design, frame = patients
    design = replace(design, conventions={**design.conventions, "univariable_p": "lr"})
    rule = regression.rule(["stage", "age", "arm"], univariable_p="lr", selection="univariable")
    rows = regression.logistic_table(frame, "late", rule)
    y = (frame["late"] == "1").to_numpy(float)
    for name, level in (("stage", ""), ("age", ""), ("arm", "b")):
        x = frame[[name]] if name == "age" else pd.get_dummies(frame[name]).iloc[:, 1:]
        held = sm.add_constant(x.astype(float).to_numpy())
        wanted = sm.Logit(y, held).fit(disp=0, tol=1e-12).llr_pvalue
        assert pick(rows, "p", name, level) == pytest.approx(wanted, rel=1e-7)
        assert pick(rows, "p", name, level, field="method").endswith("likelihood ratio test")
        keys = {"endpoint": "late", "model": "univariable", "covariate": name, "level": level}
        assert certified(design, frame, **keys) == pytest.approx(wanted, rel=1e-6)
    assert "Wald" in pick(rows, "p", "stage", "III", field="method")
    keys = {"endpoint": "late", "model": "univariable", "covariate": "stage", "level": "III"}
    found = certified(design, frame, **keys)
    assert found == pytest.approx(pick(rows, "p", "stage", "III"), rel=1e-6)


# ---- a whole paper ------------------------------------------------------------


def test_a_report_follows_its_design_and_a_parameter(place, tmp_path, capsys):  # noqa: F811
    frame = with_odds(place, tmp_path)
    path = place[0] / STUDY / "design.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("\n[conventions]\n", '\n[conventions]\nodds_limits = "profile"\n'))
    paper = notebook_run(place, tmp_path / "table.csv")
    assert paper.chosen["odds_limits"] == "profile"
    frame["treated"] = factor((frame["treated"] == "yes").astype(int).tolist())
    frame["early"] = factor((frame["early"] == "yes").astype(int).tolist())
    alone = {"model": "univariable", "interval": "profile"}
    wanted = regression.logistic(frame, "early", ["treated"], **alone)
    ends = ("odds_ratio", "treated", "yes", "univariable")
    rows = paper.results[paper.results["endpoint"] == "early"]
    for field in ("estimate", "conf_low", "conf_high"):
        found = pick(rows, *ends, field=field)
        assert found == pytest.approx(pick(wanted, *ends[:3], field=field))
    assert pick(rows, *ends, field="method") == "logistic regression, profile likelihood CI"
    said = [p.text for p in methods(Done(design=paper.design, rows=paper.results))]
    told = "Limits of odds ratios are those of the profile likelihood."
    assert any(told in paragraph for paragraph in said)
    shown = capsys.readouterr().out
    assert "logistic regression, profile likelihood CI" in shown
    assert "Profile likelihood limits are exact" in shown
    path.write_text(text)
    plain = notebook_run(place, tmp_path / "table.csv")
    assert plain.chosen["odds_limits"] == "wald"
    rows = plain.results[plain.results["endpoint"] == "early"]
    assert pick(rows, *ends, field="method") == "logistic regression, Wald CI"
    said = [p.text for p in methods(Done(design=plain.design, rows=plain.results))]
    assert not any("profile" in paragraph for paragraph in said)
    assert "rofile likelihood" not in capsys.readouterr().out
    of_reader = Paper(STUDY, str(tmp_path / "table.csv"), odds_limits="profile")
    assert of_reader.odds_limits == "profile"
