"""P for trend: declared once, and meant so from the printed table to the report."""

import csv
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.stats.contingency_tables import Table
from survival import datasets

from crlm import cohort, ledger, reconstruction, regression
from crlm.audit import audit
from crlm.comparison import compare
from crlm.ledger import DesignError
from crlm.paper import Paper
from crlm.transcription import claims_of
from tests.hand_written import copied, edit

REFERENCE = Path(__file__).parent / "reference" / "trend.csv"
STAGES = ["I", "II", "III", "IV"]

# ---- against R ------------------------------------------------------------------------------


def category(levels):
    return {"type": "category", "levels": list(levels), "role": "baseline"}


@pytest.fixture(scope="module")
def colon():
    """Deaths of survival::colon, and a design that counts two of its characteristics."""
    found = pd.DataFrame(datasets.load_colon())
    found = found[found["etype"] == 2]
    frame = pd.DataFrame({"time": found["time"].astype(float), "event": found["status"] == 1})
    for name, levels in (("differ", "123"), ("extent", "1234")):
        text = found[name].map(lambda value: f"{value:.0f}" if value == value else None)
        frame[name] = pd.Categorical(text, categories=list(levels))
    frame["age"], frame["sex"] = found["age"].astype(float), found["sex"].astype(float)
    columns = {"differ": category("123"), "extent": category("1234")}
    scaled = {f"{name}_trend": {"source": name, "per_level": True} for name in ("differ", "extent")}
    design = replace(ledger.load_design("ncch_scp"), columns=columns, factors={}, scaled=scaled)
    return cohort.add_factors(frame, replace(design, eligibility=())), design


def by_r(model, term):
    found = pd.read_csv(REFERENCE)
    return found[(found["model"] == model) & (found["term"] == term)]["value"].to_numpy()


def values_of(rows, name, model, statistic="hazard_ratio"):
    rows = rows[(rows["covariate"] == name) & (rows["model"] == model)]
    ratio, p = (rows[rows["statistic"] == what].iloc[0] for what in (statistic, "p"))
    return [ratio["estimate"], ratio["conf_low"], ratio["conf_high"], p["estimate"]]


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_category_per_level_stands_in_the_place_of_its_levels(colon, ties):
    frame, design = colon
    scores = ["differ_trend", "extent_trend"]
    names = ["differ", "extent", "age", "sex", *scores]
    rule = regression.rule(names, selection="none", left_out=scores, ties=ties)
    table = regression.regression_table(frame, rule)
    rows = regression.with_scores(frame, table, rule, design.scores)
    for name in ("differ", "extent"):
        for model in ("univariable", "multivariable"):
            found = values_of(rows, f"{name}_trend", model)
            np.testing.assert_allclose(found, by_r(f"{model} {ties}", name), rtol=1e-6)
    # The table's own model is untouched, and no reason says that a score is not in it.
    own = rows[~rows["covariate"].isin(scores)].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        own, table[~table["covariate"].isin(scores)].reset_index(drop=True)
    )
    assert not ((rows["model"] == "selection") & rows["covariate"].isin(scores)).any()


def test_odds_per_level_equal_rs(colon):
    frame, design = colon
    frame = frame[(frame["time"] > 731) | frame["event"]]
    frame = frame.assign(early=frame["time"] <= 731)
    names = ["differ", "extent", "age", "sex", "differ_trend"]
    rule = regression.rule(names, selection="none", left_out=["differ_trend"])
    table = regression.logistic_table(frame, "early", rule)
    rows = regression.with_scores(frame, table, rule, design.scores, outcome="early")
    found = values_of(rows, "differ_trend", "multivariable", "odds_ratio")
    np.testing.assert_allclose(found, by_r("logistic", "differ"), rtol=1e-6)


def test_a_score_without_its_category_in_the_model_has_no_row(colon):
    frame, design = colon
    names = ["differ", "age", "sex", "differ_trend"]
    rule = regression.rule(names, selection="fixed", fixed=["age", "sex"])
    table = regression.regression_table(frame, rule)
    pd.testing.assert_frame_equal(regression.with_scores(frame, table, rule, design.scores), table)
    # Where the score itself is the model's, it is a covariate as any other.
    rule = regression.rule(names, selection="fixed", fixed=["age", "differ_trend"])
    table = regression.regression_table(frame, rule)
    assert len(regression.with_scores(frame, table, rule, design.scores)) == len(table)


# ---- the design -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "more", "told"),
    [
        ("age", "", "'age' is of type 'number', and per_level counts levels; write per or fold"),
        ("sex", "", "'sex' has 2 levels, whose ratio is per level already; name sex itself"),
        ("stage", "per = 2", "has per and per_level"),
        ("stage", "", "'stage' and 'stage_trend' are one category twice"),
    ],
)
def test_what_cannot_be_counted_per_level_is_refused(tmp_path, monkeypatch, source, more, told):
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    path = copied("mskcc_hai", tmp_path) / "design.toml"
    lines = f'[scaled.stage_trend]\nsource = "{source}"\nper_level = true\n{more}\n'
    lines += '[columns.stage]\ntype = "category"\nlevels = ["I", "II", "III"]\n'
    edit(path, r"^\[endpoints\.OS\]", f"{lines}[endpoints.OS]")
    edit(path, r"(?<=^\[models\.OS\]\n)covariates = \[", 'covariates = ["stage", "stage_trend", ')
    with pytest.raises(DesignError, match=told):
        ledger.load_design("mskcc_hai")


# ---- a paper, from its tables to a report ---------------------------------------------------

PAPER = """
title = "An invented paper on stages"
citation = "Nobody, 2021"
question = "Does stage matter?"
[columns]
use = ["patient_id", "age", "os_months", "os_event"]
[columns.arm]
type = "category"
levels = ["a", "b"]
role = "exposure"
[columns.stage]
type = "category"
levels = ["I", "II", "III", "IV"]
label = "Stage"
[conventions]
days_per_month = 30.4375
ties = "efron"
conf_type = "log"
median_rule = "first"
univariable_p = "wald"
follow_up = "observed"
[scaled.stage_trend]
source = "stage"
per_level = true
[endpoints.OS]
label = "Overall survival"
rule = "Operation to death from any cause."
[table_one]
by = "arm"
continuous_test = "t"
categorical_test = "chi-square"
tests = { stage = "trend" }
spread = "range"
variables = ["age", "stage"]
[models.OS]
covariates = ["arm", "stage", "age", "stage_trend"]
selection = "fixed"
published = ["arm", "stage", "age"]
left_out = ["stage_trend"]
"""
SEARCH = """
[groups]
columns = ["arm"]
[period]
first = 2000-01-03
last = 2008-05-05
cut_off = 2010-01-03
"""


def patients(n=100):
    """An invented cohort whose numbers the paper prints: arm b has higher stages."""
    rng = np.random.default_rng(4)
    arm, age = np.arange(n) % 2, np.round(rng.normal(64, 10, n)).clip(30, 90)
    stage = (rng.binomial(3, 0.4 + 0.12 * arm)).astype(int)
    rate = np.exp(0.2 * arm + 0.03 * (age - 64) + 0.35 * stage) / 70
    death, end = rng.exponential(1 / rate), rng.uniform(20, 120, n)
    return pd.DataFrame(
        {
            "arm": arm,
            **{"stage": stage, "age": age, "time": np.minimum(death, end), "event": death <= end},
        }
    )


def printed_tables(found):
    """Table 1, curves and regression as a paper prints them, by other programs than crlm."""
    counts = pd.crosstab(found["arm"], found["stage"]).to_numpy()
    groups = [part for _, part in found.groupby("arm")]
    heads = [f"{'ab'[name]} (n = {len(part)})" for name, part in found.groupby("arm")]
    trend = Table(counts, shift_zeros=False).test_ordinal_association().pvalue
    first = [["", *heads, "P for trend"]]
    first += [["Age, years, mean \u00b1 SD"] + [_mean(part["age"]) for part in groups] + [""]]
    first += [["Stage", "", "", f"{trend:.3f}"]]
    first += [[level, *(str(counts[g, k]) for g in (0, 1)), ""] for k, level in enumerate(STAGES)]
    curves = [["", "n", "Events"]]
    curves += [["ab"[n], str(len(p)), str(p["event"].sum())] for n, p in found.groupby("arm")]
    dummies = {level: (found["stage"] == k + 1) * 1.0 for k, level in enumerate(STAGES[1:])}
    terms = {"Arm b": found["arm"] * 1.0, **dummies, "Age, per year": found["age"]}
    together = dict(zip(terms, _ratios(found, pd.DataFrame(terms)), strict=True))
    alone = {name: _ratios(found, values.to_frame())[0] for name, values in terms.items()}
    alone |= dict(zip(dummies, _ratios(found, pd.DataFrame(dummies)), strict=True))
    score = found["stage"].to_frame().astype(float)
    trends = [_ratios(found, score)[0][1]]
    trends += [_ratios(found, score.assign(arm=found["arm"], age=found["age"]))[0][1]]
    head = ["", "Univariable HR (95% CI)", "P", "P for trend"]
    model = [[*head, "Multivariable HR (95% CI)", "P", "P for trend"]]
    model.append(["Arm b", *alone["Arm b"], "", *together["Arm b"], ""])
    model.append(["Stage", "", "", trends[0], "", "", trends[1]])
    model.append(["I", "1.00", "", "", "1.00", "", ""])
    model += [[name, *alone[name], "", *together[name], ""] for name in [*dummies, "Age, per year"]]
    return first, curves, model


def _mean(values):
    return f"{values.mean():.1f} \u00b1 {values.std():.1f}"


def _ratios(found, x):
    status = found["event"].astype(int)
    fit = PHReg(found["time"], x.to_numpy(float), status=status, ties="efron").fit(disp=0)
    limits = np.exp(fit.conf_int())
    return [
        (f"{np.exp(b):.2f} ({low:.2f}-{high:.2f})", f"{p:.3f}" if p >= 0.001 else f"{p:.5f}")
        for b, (low, high), p in zip(fit.params, limits, fit.pvalues, strict=True)
    ]


@pytest.fixture(scope="module")
def third(tmp_path_factory):
    """The paper's tables read into a ledger, and a cohort searched for it."""
    folder = tmp_path_factory.mktemp("data")
    shutil.copy(ledger.data_folder() / "columns.toml", folder)
    study = folder / "staged"
    study.mkdir()
    (study / "design.toml").write_text(PAPER)
    (study / "reconstruction.toml").write_text(SEARCH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(folder))
        design, rows = ledger.load_design("staged"), []
        first, curves, model = printed_tables(patients())
        for table, layout, keys in (
            (first, "two-groups", {"place": "table1"}),
            (curves, "curves", {"place": "table2", "endpoint": "OS"}),
            (model, "model", {"place": "table3", "endpoint": "OS"}),
        ):
            made = claims_of(table, design, layout, **keys)
            assert not made.questions, made.questions
            rows += made.claims
        with (study / "published.csv").open("w", newline="") as file:
            out = csv.DictWriter(file, [n for n in ledger.CLAIM_COLUMNS if n != "name"])
            out.writeheader()
            out.writerows(rows)
        done = reconstruction.reconstruct("staged", folder / "made", effort=0.012)
        yield design, ledger.load_claims("staged"), done


def test_a_model_of_all_its_covariates_is_without_those_left_out(third, tmp_path, monkeypatch):
    shutil.copytree(third[0].folder.parent, tmp_path / "data")
    monkeypatch.setenv("CRLM_DATA", str(tmp_path / "data"))
    chosen = 'selection = "fixed"\npublished = ["arm", "stage", "age"]\n'
    edit(tmp_path / "data" / "staged" / "design.toml", re.escape(chosen), 'selection = "none"\n')
    design = ledger.load_design("staged")
    (model,) = reconstruction.models.models_of(design)
    assert model.covariates() == ("arm", "stage", "age")
    assert "stage_trend" not in design.models["OS"]["published"]


def trends_of(claims):
    return claims[
        (claims["statistic"] == "p")
        & (
            (claims["covariate"] == "stage_trend")
            | ((claims["covariate"] == "stage") & (claims["model"] == ""))
        )
    ]


def test_the_ledger_has_a_p_for_trend_of_the_table_and_of_each_model(third):
    design, claims, _ = third
    found = trends_of(claims)
    assert sorted(found["model"]) == ["", "multivariable", "univariable"]
    assert not list(ledger.outside_models(claims, design))
    checks = audit(design, claims).checks
    mine = checks[checks["claims"].map(lambda names: bool(set(names) & set(found["id"])))]
    assert "counted_p" in set(mine["kind"]) and not (mine["verdict"] == "inconsistent").any()


def test_the_search_aims_at_each_and_the_certificate_finds_them(third):
    design, claims, done = third
    ids = set(trends_of(claims)["id"])
    aim = reconstruction.goal(design, claims, {})
    assert ids <= {name for target in aim.targets for name in target.claims}
    verdicts = done.verdicts[done.verdicts["id"].isin(ids)]
    assert verdicts["computed"].notna().all()
    away = (verdicts["computed"] - verdicts["value"]).abs()
    assert (away < 0.03).all(), verdicts[["id", "printed", "computed"]]


def test_the_report_gives_what_the_certificate_gives(third, capsys):
    design, claims, done = third
    paper = Paper("staged", str(done.folder / "cohort.csv"), str(done.folder / "history.csv"))
    paper.patients()
    paper.endpoints()
    rule = {"selection": "fixed", "entry_p": 0.05, "univariable_p": "wald", "table": "Table 3"}
    rows = [paper.table_one("arm", test="chi-square", spread="range").rows]
    rows.append(paper.regression("OS", **rule).rows)
    verdicts = compare(pd.concat(rows), claims).set_index("id")
    certified = done.verdicts.set_index("id")
    for name in trends_of(claims)["id"]:
        want = certified.loc[name, "computed"]
        assert verdicts.loc[name, "computed"] == pytest.approx(want, rel=1e-4)
    assert "Stage (per level)" in capsys.readouterr().out
    # The model itself is the one of the levels: what goes on from it never sees the score.
    held = paper.models["OS"]
    held = held[held["model"] == "multivariable"]
    assert set(held["covariate"]) - {""} == {"arm", "stage", "age"}


# ---- what a table asks ----------------------------------------------------------------------

HEAD = ["", "HR (95% CI)", "P", "P for trend"]
BODY = [
    ["I", "1.00", "", "0.012"],
    ["II", "1.20 (0.80-1.80)", "0.4", ""],
    ["III", "1.50 (0.90-2.50)", "0.1", ""],
    ["IV", "1.90 (1.10-3.28)", "0.02", ""],
]


def test_a_p_for_trend_may_stand_in_any_row_of_its_covariate(third):
    design = third[0]
    bare = [[*row[:3], ""] for row in BODY]
    for table in (
        [HEAD, ["Stage", "", "", ""], *BODY],
        [HEAD, ["Stage", "", "", "0.012"], *bare],
        [HEAD[:3], ["Stage", "", ""], *(row[:3] for row in bare), ["P for trend", "", "0.012"]],
        [HEAD[:3], ["Stage, per level", "1.22 (1.05-1.42)", "0.012"]],
    ):
        made = claims_of(table, design, "model", place="table3", endpoint="OS")
        assert not made.questions, made.questions
        found = [c for c in made.claims if c["covariate"] == "stage_trend"]
        assert [c["printed"] for c in found if c["statistic"] == "p"] == ["0.012"]
        assert all(c["level"] == "" and c["model"] == "multivariable" for c in found)


def test_a_p_for_trend_that_the_design_does_not_have_is_asked_with_its_lines(third):
    design = replace(third[0], scaled={})
    table = [
        HEAD,
        ["Stage", "", "", ""],
        *BODY,
        ["Age, per year", "1.02 (1.00-1.04)", "0.1", "0.2"],
    ]
    stage, age = claims_of(table, design, "model", place="table3", endpoint="OS").questions
    assert "[scaled.stage_trend] with source = 'stage' and per_level = true" in stage
    assert "in its left_out where the model has the levels" in stage
    assert "age is no category, and has no p for trend" in age
