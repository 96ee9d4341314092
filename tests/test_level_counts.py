"""What a regression table tells of the patients of each level: counts, medians, rates, log-rank."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from crlm import ledger, regression
from crlm.ledger.claim_faults import claim_faults
from crlm.ledger.claim_sizes import size_faults
from crlm.ledger.claim_words import Words
from crlm.paper.levels import Levels
from crlm.paper.odds import level_sizes
from crlm.reconstruction.programs import by_python
from crlm.reconstruction.quantities import fitted, quantity_of
from crlm.report.levels import Beside
from crlm.transcription import claims_of

#: As PMC2817867 prints its Table 2: a median in years and a rate beside each ratio.
TITLE = ["Table 2 Results of univariate analysis of predictors of overall survival.", *[""] * 6]
MEDIANS = [
    ["Male", "2.6", "23", "1.00", "", "", ""],
    ["Female", "3.8", "43", "0.54", "0.32", ".91", ".021"],
]
LIMITS = [
    ["", "Med OS (Yr)", "5-yr OS (%)", "Hazard ratio", "95% confidence interval", "", "P-value"],
    ["", "Med OS (Yr)", "5-yr OS (%)", "Hazard ratio", "95% confidence interval", "P-value", ""],
    ["", "Med OS (Yr)", "5-yr OS (%)", "Hazard ratio", *["95% confidence interval"] * 2, "P-value"],
    ["", "Med OS (Yr)", "5-yr OS (%)", "Hazard ratio", "Lower 95% CI", "Upper 95% CI", "P-value"],
]


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


def read(design, rows, **keys):
    """(statistic, group or covariate and level, model, printed) of each claim, all valid."""
    made = claims_of(rows, design, "model", place="table2", **{"endpoint": "OS"} | keys)
    assert not made.questions, made.questions
    words = Words(design)
    whole = [dict.fromkeys(ledger.CLAIM_COLUMNS, "") | claim for claim in made.claims]
    assert not [str(fault) for claim in whole for fault in claim_faults(claim, words)]
    found = []
    for claim in whole:
        of = claim["group"] if claim["group"] != "all" else claim["covariate"] + claim["level"]
        found.append((claim["statistic"], of, claim["model"], claim["printed"]))
    return found, made


@pytest.mark.parametrize("heads", LIMITS)
def test_a_median_and_a_rate_of_each_level_stand_beside_its_ratio(design, heads):
    """Six columns were asked about, and limits below one head taken for p values."""
    rows = [TITLE, heads, ["Sex", *[""] * 6], *MEDIANS]
    found, made = read(design, rows, endpoint="")
    at = {"field": "conf_high", "statistic": "hazard_ratio", "printed": ".91"}
    assert [c["level"] for c in made.claims if at.items() <= c.items()] == ["female"]
    assert {c["unit"] for c in made.claims if c["statistic"] == "median_survival"} == {"years"}
    assert {c["model"] for c in made.claims} == {"", "univariable"}
    assert [one for one in found if not one[2]] == [
        ("median_survival", "sex=male", "", "2.6"),
        ("survival_rate", "sex=male", "", "23"),
        ("median_survival", "sex=female", "", "3.8"),
        ("survival_rate", "sex=female", "", "43"),
    ]
    assert ("p", "sexfemale", "univariable", ".021") in found and len(found) == 8


def test_limits_of_a_median_are_not_those_of_the_ratio(design):
    heads = ["", "Events/N", "Median, mo", "95% CI", "HR", "95% CI", "P"]
    rows = [heads, ["Sex", *[""] * 6]]
    rows.append(["Male", "40/90", "51.2", "40.1-NR", "1", "", ""])
    rows.append(["Female", "30/80", "Not reached", "", "0.5", "0.3-0.9", "0.02"])
    found, made = read(design, rows)
    limits = [c for c in made.claims if c["field"] != "estimate"]
    assert [(c["statistic"], c["printed"]) for c in limits] == [
        ("median_survival", "40.1"),
        ("median_survival", "NR"),
        ("hazard_ratio", "0.3"),
        ("hazard_ratio", "0.9"),
    ]
    assert found[:2] == [("events", "sex=male", "", "40"), ("n", "sexmale", "", "90")]


def test_counts_of_the_multivariable_model_are_its_own(design):
    """The second column was asked about, and had no row."""
    heads = [["", "Univariable", "", "", "Multivariable", "", ""]]
    heads.append(["", "n", "Events", "HR (95% CI)", "n", "Events", "HR (95% CI)"])
    rows = [["Sex", *[""] * 6], ["Male", "90", "40", "1", "80", "35", "1"]]
    rows.append(["Female", "80", "30", "0.5 (0.3-0.9)", "78", "30", "0.6 (0.3-1.1)"])
    rows.append(["Age", "170", "70", "1.0 (0.9-1.1)", "158", "65", "1.0 (0.9-1.1)"])
    found, made = read(design, [*heads, *rows])
    model = "multivariable"
    assert [one for one in found if one[0] in ("n", "events")] == [
        ("n", "sexmale", "", "90"),
        ("events", "sex=male", "", "40"),
        ("n", "sexmale", model, "80"),
        ("events", "sexmale", model, "35"),
        ("n", "sexfemale", "", "80"),
        ("events", "sex=female", "", "30"),
        ("n", "sexfemale", model, "78"),
        ("events", "sexfemale", model, "30"),
        ("n", "age", "", "170"),
    ]
    assert sum("is of a number" in told for told in made.left_out) == 3


@pytest.mark.parametrize("usual", ["wald", "logrank"])
def test_a_log_rank_p_beside_multivariable_ratios_is_that_of_the_curves(design, usual):
    """It was a second p of the multivariable model, and asked."""
    plan = replace(design, conventions=design.conventions | {"univariable_p": usual})
    rows = [["", "Log-rank p", "HR (95% CI)", "p"], ["Sex", ".021", "", ""]]
    rows += [["Male", "", "1", ""], ["Female", "", "0.6 (0.3-1.1)", ".09"]]
    found, _ = read(plan, rows)
    alone = ("p", "sexfemale", "univariable", ".021")
    assert found[0] == (alone if usual == "logrank" else ("p", "sex", "logrank", ".021"))
    assert [one[2] for one in found[1:]] == ["multivariable"] * 4


def test_a_level_of_no_model_has_no_patients_in_it(design):
    plan = replace(design, models={"OS": {"covariates": ["age"], "selection": "none"}})
    keys = {"kind": "number", "statistic": "events", "endpoint": "OS", "group": "all"}
    claim = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | keys | {"population": "all"}
    claim |= {"covariate": "sex", "level": "male", "model": "multivariable"}
    told = [fault.text for fault in size_faults(claim, Words(plan))]
    assert len(told) == 1 and "write sex=male as group and no model" in told[0]


def test_sizes_of_levels_are_those_of_complete_cases(design):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"time": rng.exponential(30, 60), "event": rng.integers(0, 2, 60)})
    frame["endpoint"] = "OS"
    frame["sex"] = pd.Categorical(rng.choice(["male", "female"], 60), ["male", "female"])
    frame["age"] = np.where(rng.random(60) < 0.2, np.nan, rng.normal(60, 9, 60))
    rule = regression.rule(["sex", "age"], selection="none")
    made = level_sizes(regression.regression_table(frame, rule))
    known = {"univariable": frame, "multivariable": frame.dropna()}
    spec = {"covariates": ["sex", "age"], "published": ["sex", "age"], "selection": "fixed"}
    plan = replace(design, models={"OS": spec})
    assert len(made) == 8
    for row in ledger.as_records(made):
        part = known[row["model"]]
        part = part[part["sex"] == row["level"]]
        expected = len(part) if row["statistic"] == "n" else part["event"].sum()
        asked = {"field": "estimate", "kind": "number", "reference": ""} | row
        assert row["estimate"] == expected
        assert by_python(fitted(asked, plan), {"OS": frame}, plan) == expected
        assert quantity_of(asked, plan).endswith("the certificate alone computes it")


def test_curves_of_levels_beside_ratios_are_of_the_regression_table(design):
    """Ten curves were drawn for them, each behind a line of its own."""
    paper = Levels.__new__(Levels)
    paper.design, paper.claims = design, ledger.load_claims("mskcc_hai")
    assert paper.printed_beside("OS") == []
    keys = {"endpoint": "OS", "model": "univariable", "place": "table9", "population": "all"}
    model = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | keys
    events = model | {"model": "", "group": "sex=male", "statistic": "events", "time": 60.0}
    paper.claims = pd.concat([paper.claims, pd.DataFrame([model, events])])
    assert paper.printed_beside("OS") == ["sex"]


def test_the_log_rank_p_of_the_text_is_computed_with_the_table_that_has_the_curves(design):
    """Where the table had its medians, a p in the text was of no section."""
    paper = Levels.__new__(Levels)
    paper.curve_rules = {"conf_type": "log-log", "median_rule": "first"}
    paper.release = SimpleNamespace(on=False)
    spec = {**design.models["OS"], "population": "margin=negative"}
    paper.design = replace(design, models={"OS": spec})
    keys = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | {"endpoint": "OS"}
    keys |= {"population": "margin=negative"}
    ratio = keys | {"model": "univariable", "covariate": "sex", "place": "table2"}
    median = keys | {"group": "sex=male", "statistic": "median_survival", "place": "table2"}
    p = keys | {"group": "sex", "statistic": "p", "model": "logrank", "place": "results"}
    paper.claims = pd.DataFrame([ratio, median, p])
    frame = pd.DataFrame({"time": [5.0, 7, 9, 11, 13, 15], "event": [True, True, False] * 2})
    frame = frame.assign(endpoint="OS", sex=pd.Categorical(["male", "female"] * 3))
    made = paper.level_curves("OS", ["sex"], frame, "margin=negative")
    assert (made["statistic"] == "p").sum() == 1 and (made["model"] == "logrank").any()


def test_the_table_has_a_median_and_a_rate_a_level_and_one_p_a_covariate():
    curve = {"endpoint": "OS", "population": "all", "covariate": "", "model": "", "level": ""}
    rows = [
        curve | {"group": "sex=male", "statistic": "median_survival", "estimate": 31.24},
        curve
        | {"group": "sex=male", "statistic": "survival_rate", "estimate": 23.14, "time": 60.0},
        curve | {"group": "sex", "statistic": "p", "model": "logrank", "estimate": 0.0213},
    ]
    beside = Beside(ledger.rows(rows))
    assert beside.heads == ["Median, months", "60-month rate, %", "p (log-rank)"]
    assert beside.cells("sex", "male", True) == ["31.24", "23.1", "0.021"]
    assert beside.cells("sex", "female", False) == ["–", "–", ""]
    assert len(beside.records("sex", "male", True)) == 3


def test_ratios_between_two_p_values_are_of_the_second(design):
    """HR between "P (univariate)" and "P (multivariate)" went in as univariable, unasked."""
    heads = ["", "No. of cases", "MST (months)", "P value (univariate)", "HR", "95% CI"]
    rows = [[*heads, "P value (multivariate)"], ["Sex", "", "", "0.34", "", "", ""]]
    rows += [["Male", "90", "45.2", "", "1", "", ""]]
    rows += [["Female", "80", "NR", "", "0.6", "0.3-1.1", "0.09"]]
    found, _ = read(design, rows)
    own = [(one[0], one[2]) for one in found if one[0] in ("hazard_ratio", "p")]
    ratio = ("hazard_ratio", "multivariable")
    assert own == [("p", "univariable"), ratio, ratio, ratio, ("p", "multivariable")]
    assert [one[3] for one in found if one[0] == "median_survival"] == ["45.2", "NR"]


@pytest.mark.parametrize("title", [True, False])
def test_the_table_may_say_that_univariable_p_is_log_rank(design, title):
    """It stood against Wald's p, and differed."""
    line = "Univariate (log-rank test) and multivariate analysis" if title else "*Log-rank test"
    rows = [["", "Univariate P*", "Multivariate HR (95% CI)", "P"]]
    rows += [["Female vs male", "0.34", "0.6 (0.3-1.1)", "0.09"]]
    rows = [[line, "", "", ""], *rows] if title else [*rows, [line, "", "", ""]]
    found, made = read(design, rows)
    assert found[0] == ("p", "sex", "logrank", "0.34") and len(found) == 5
    assert "as log-rank, as the table says" in made.taken[0]


def test_a_ratio_beside_an_adjusted_one_is_crude_and_numbers_of_footnotes_are_none(design):
    """Both were asked; "95% CI1" of a pasted gtsummary became the column 1."""
    rows = [["", "Event N", "HR1", "95% CI1", "p-value", "aHR1", "95% CI1", "p-value"]]
    rows += [["Sex", *[""] * 7], ["Male", "40", "—", "—", "", "—", "—", ""]]
    rows += [["Female", "30", "0.5", "0.3, 0.9", "0.02", "0.6", "0.3, 1.1", "0.09"]]
    rows += [["1 HR = Hazard Ratio, CI = Confidence Interval", *[""] * 7]]
    found, _ = read(design, rows)
    models = [one[2] for one in found if one[0] == "p"]
    assert models == ["univariable", "multivariable"] and len(found) == 10


def test_yes_no_behind_a_label_is_no_level_where_yes_is_the_reference(design):
    """1.9 of "Bilateral (yes/no)" was the ratio of no against yes."""
    columns = {**design.columns, "sex": design.columns["sex"] | {"levels": ["yes", "no"]}}
    plan = replace(design, columns=columns)
    rows = [["", "HR (95% CI)"], ["Sex (yes/no)", "1.9 (1.1-3.0)"]]
    made = claims_of(rows, plan, "model", place="table2", endpoint="OS")
    assert not made.claims and "names no level" in made.questions[0]


@pytest.mark.parametrize("head", ["Events HAI (n = 158)", "3-year KM%, placebo", "% (events)"])
def test_counts_of_an_arm_or_shares_are_none_of_a_level(design, head):
    """In a real forest they would have been events and rates of each level."""
    rows = [["", head, "HR (95% CI)"], ["Female vs male", "12", "0.6 (0.3-1.1)"]]
    made = claims_of(rows, design, "model", place="table2", endpoint="OS")
    assert len(made.questions) == 1 and "neither a ratio" in made.questions[0]


@pytest.mark.parametrize("layout", ["model", "curves"])
def test_deaths_are_no_events_of_what_ends_with_recurrence_too(design, layout):
    """They went in as events of RFS."""
    heads = ["", "Deaths", "HR (95% CI)" if layout == "model" else "5-year RFS"]
    label = "Female" if layout == "model" else "HAI"
    rows = [heads, [label, "12", "0.6 (0.3-1.1)" if layout == "model" else "60.0"]]
    made = claims_of(rows, design, layout, place="table2", endpoint="RFS")
    assert "counts deaths, and RFS ends with death or recurrence" in made.questions[0]
    made = claims_of(rows, design, layout, place="table2", endpoint="OS")
    assert layout == "curves" or not made.questions


def test_counts_beside_no_ratio_are_those_of_the_reference_where_no_heading_stands_above(design):
    """As PMC5797014 prints its Table 3: 546 came in as the patients of whom a number is known."""
    rows = [
        ["", "Patients", "Deaths", "Median OS (months)", "P value", "HR (95% CI)"],
        ["Male", "546", "170", "28.45", "", ""],
        ["Female", "237", "146", "15.17", "<0.001", "2.792 (2.234, 3.491)"],
    ]
    found, made = read(design, rows)
    assert not made.left_out
    assert [(what, of, said) for what, of, _, said in found][:3] == [
        ("n", "sexmale", "546"),
        ("events", "sex=male", "170"),
        ("median_survival", "sex=male", "28.45"),
    ]


def test_counts_above_yes_and_no_are_those_of_a_heading(design):
    rows = [
        ["", "Patients", "HR (95% CI)"],
        ["Multiple metastases", "674", ""],
        ["No", "300", ""],
        ["Yes", "374", "1.50 (1.20-1.90)"],
    ]
    found, made = read(design, rows)
    assert ("n", "multipleno", "", "300") in found and ("n", "multipleyes", "", "374") in found
