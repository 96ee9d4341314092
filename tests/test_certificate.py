"""The certificate's programs follow the conventions of a design, as the report does."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from crlm import ledger, regression, survival
from crlm.ledger.vocabulary import CONF_TYPES, MEDIAN_RULES, UNIVARIABLE_TESTS
from crlm.reconstruction import certificate, programs, targets
from crlm.reconstruction.quantities import Beyond, Quantity, quantity_of

LIMITS = ("estimate", "conf_low", "conf_high")


def courses(seed, n=40):
    """Times with ties whose curve often stands at one half for a while."""
    rng = np.random.default_rng(seed)
    time = np.ceil(rng.exponential(30, n))
    end = np.where(rng.random(n) < 0.3, np.ceil(rng.uniform(1, 80, n)), 200)
    frame = {"time": np.minimum(time, end), "event": time <= end, "endpoint": "OS"}
    return pd.DataFrame({**frame, "patient_id": [f"p{k}" for k in range(n)]})


def told_of(design, frame, **what):
    quantities = [Quantity(**what, limit=limit) for limit in LIMITS]
    return [programs.computed(quantity, frame, design) for quantity in quantities]


@pytest.mark.parametrize(("conf", "rule"), itertools.product(CONF_TYPES, MEDIAN_RULES))
def test_limits_of_medians_and_rates_are_those_of_the_design(conf, rule):
    """The certificate once had log-log limits for every paper that is not SPSS's."""
    design = ledger.load_design("ncch_scp")
    more = {"conf_type": conf, "median_rule": rule, "follow_up": "reverse"}
    design = replace(design, conventions={**design.conventions, **more})
    rules = {"conf_type": conf, "median_rule": rule}
    frames = [courses(1), courses(2), courses(3, 12), courses(4, 6)]
    # Eight events on eight days: at one half from the fourth to the fifth.
    frames.append(courses(5, 8).assign(time=np.arange(1.0, 9.0), event=True))
    for frame in frames:
        rows = survival.kaplan_meier(frame, times=[12, 24, 100], **rules)
        follow = survival.follow_up(frame, method="reverse", **rules)
        wanted = [
            (rows[rows["statistic"] == "median_survival"], "km", None),
            (rows[rows["time"] == 12], "km", 12.0),
            (rows[rows["time"] == 24], "km", 24.0),
            (rows[rows["time"] == 100], "km", 100.0),
            (follow[follow["statistic"] == "median_follow_up"], "followup", None),
        ]
        for row, kind, time in wanted:
            part = row["statistic"].iloc[0]
            found = told_of(design, frame, kind=kind, part=part, time=time)
            np.testing.assert_allclose(found, row[list(LIMITS)].iloc[0].astype(float), rtol=1e-9)
        told = survival.curve(frame)
        error = 100 * told.loc[told["time"] <= 12, "std_error"].iloc[-1]
        found = told_of(design, frame, kind="km", part="standard_error", time=12.0)
        np.testing.assert_allclose(found[0], error, rtol=1e-9)


COLUMNS = {"stage": ["I", "II", "III"], "arm": ["a", "b"], "site": ["x", "y"], "late": ["0", "1"]}
NO_KEYS = {"group": "all", "population": "all", "level": "", "kind": "number", "time": np.nan}


@pytest.fixture(scope="module")
def patients():
    """A design of four categories, and patients."""
    design = ledger.load_design("ncch_scp")
    rng = np.random.default_rng(3)
    held = {name: {"type": "category", "levels": levels} for name, levels in COLUMNS.items()}
    model = {"covariates": ["stage", "arm", "age"], "selection": "fixed"}
    model |= {"published": model["covariates"], "strata": ["site"], "products": [["stage", "arm"]]}
    odds = {"covariates": ["stage", "age"], "selection": "fixed", "published": ["stage", "age"]}
    held = {**design.columns, **held}
    design = replace(design, columns=held, models={"OS": model, "late": {**odds}}, factors={})
    frame = courses(6, 200).assign(age=np.round(rng.normal(60, 9, 200)))
    for name, levels in COLUMNS.items():
        frame[name] = pd.Categorical(rng.choice(levels, 200), categories=levels)
    return design, frame


def p_of(rows, model, covariate):
    found = rows[(rows["statistic"] == "p") & (rows["model"] == model) & (rows["level"] == "")]
    return float(found.loc[found["covariate"] == covariate, "estimate"].iloc[0])


def certified(design, frame, **claim):
    claim = {**NO_KEYS, "statistic": "p", "reference": "", "field": "estimate", **claim}
    quantity = certificate._for_certificate(claim, design)
    assert not isinstance(quantity, str)
    quantity = certificate._by_own_test(claim, quantity, design)
    z = programs.computed(quantity, frame, design)
    return 2 * norm.sf(abs(z))


@pytest.mark.parametrize("test", UNIVARIABLE_TESTS)
def test_p_values_of_a_whole_covariate_are_those_of_the_report(patients, test):
    """They were "no result" in every certificate; where the report has "lr", others were Wald's."""
    design, frame = patients
    design = replace(design, conventions={**design.conventions, "univariable_p": test})
    names, ties = ("stage", "arm", "age"), design.conventions["ties"]
    rule = regression.rule(
        names,
        selection="fixed",
        fixed=names,
        univariable_p=test,
        ties=ties,
        strata=["site"],
        products=[("stage", "arm")],
    )
    rows = regression.regression_table(frame, rule)
    asked = [("univariable", "stage"), ("univariable", "age"), ("multivariable", "stage")]
    for model, name in [*asked, ("multivariable", "stage:arm")]:
        found = certified(design, frame, endpoint="OS", model=model, covariate=name)
        assert found == pytest.approx(p_of(rows, model, name), rel=1e-5), (model, name)


def test_p_values_of_a_whole_covariate_in_a_logistic_model(patients):
    design, frame = patients
    for model, names in (("univariable", ["stage"]), ("multivariable", ["stage", "age"])):
        rows = regression.logistic(frame, "late", names, model=model)
        found = certified(design, frame, endpoint="late", model=model, covariate="stage")
        assert found == pytest.approx(p_of(rows, model, "stage"), rel=1e-5)


@pytest.mark.parametrize(
    "keys",
    [
        {"model": "landmark", "population": "from month 6", "covariate": "arm"},
        {"model": "bootstrap selection", "covariate": "arm"},
        {"model": "univariable", "population": "from month 6", "covariate": "arm"},
        {"model": "multivariable"},
        {"model": "multivariable", "group": "arm"},
        {"model": "logrank", "statistic": "se", "group": "arm"},
        {"model": "", "statistic": "se", "covariate": "age"},
        {"model": "", "statistic": "z", "group": "arm"},
        # The limit of a mean was dropped as the mean itself, printed otherwise.
        {"model": "", "statistic": "mean", "covariate": "age", "field": "conf_low"},
    ],
)
def test_what_neither_search_nor_certificate_knows_is_said(patients, keys):
    """A landmark's ratio was searched as that of all, and an empty name asked for knots."""
    claim = {**NO_KEYS, "endpoint": "OS", "covariate": "", "statistic": "hazard_ratio"}
    claim |= {"reference": "", "field": "estimate", **keys}
    assert isinstance(quantity_of(claim, patients[0]), Beyond)
    assert isinstance(certificate._for_certificate(claim, patients[0]), Beyond)


def test_what_the_certificate_does_not_know_has_that_reason(patients, monkeypatch):
    """Once "no section of the notebook computes it", of a certificate, which has no notebook."""
    design, frame = patients
    frames = {"patients": frame, "flow": ledger.rows([])}
    monkeypatch.setattr(certificate, "analysis_frames", lambda *_: frames)
    keys = {"endpoint": "late", "covariate": "age", "level": "", "model": "multivariable"}
    asked = [{**keys, "statistic": "e_value"}]
    asked += [{**keys, "statistic": "concordance", "covariate": ""}]
    asked += [{**keys, "statistic": "power"}]
    more = {"kind": "number", "field": "estimate", "reference": "", "value": 2.0, "decimals": 1}
    records = [{**NO_KEYS, "operator": "=", "unit": "", **more, **claim} for claim in asked]
    claims = pd.DataFrame(records).assign(id=["e", "c", "s"])
    aim = targets.goal(design, claims, {})
    found = certificate.certify(design, claims, aim, Path("none"), Path("none"))
    assert found["verdict"].tolist() == ["no result"] * 3
    assert found["reason"].str.contains("no search and no certificate knows it").all()


def test_a_percentage_of_the_flow_is_none_of_a_characteristic(patients):
    """Once a search of such a paper was refused: "cannot be computed from a cohort"."""
    design = patients[0]
    design = replace(design, table_one={**design.table_one, "percent_of_all": ["stage"]})
    keys = {"endpoint": "", "model": "", "statistic": "percent", "field": "estimate"}
    flow = {**NO_KEYS, **keys, "covariate": "flow", "level": "followed_excluded"}
    assert "flow chart" in certificate._for_certificate(flow, design)
    stage = {**flow, "covariate": "stage", "level": "I"}
    assert certificate._for_certificate(stage, design).part == "percent_of_all"
