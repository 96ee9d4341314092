"""Ratios per 10 years and per doubling: declared once, and meant so in every room."""

import csv
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg
from survival import datasets

from crlm import cohort, ledger, reconstruction, regression
from crlm.comparison import compare
from crlm.ledger import CohortError, DesignError
from crlm.naming import describe
from crlm.paper import Paper
from crlm.reconstruction.steps import with_printed_steps
from crlm.report import figures, readings
from crlm.transcription import claims_of, otherwise_said
from crlm.transcription.stepped import parted, step_of
from tests.hand_written import copied, edit

REFERENCE = Path(__file__).parent / "reference" / "scaled.csv"
SCALED = """[scaled.age_10]
source = "age"
per = 10
[scaled.cea_2]
source = "cea"
fold = 2
[endpoints.OS]"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("CRLM_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def scaled(data):
    """The second study with two scaled numbers beside its own covariates."""
    edit(copied("mskcc_hai", data) / "design.toml", r"^\[endpoints\.OS\]", SCALED)
    edit(
        data / "mskcc_hai" / "design.toml",
        r'(?<=^\[models\.OS\]\n)covariates = \["hai", "kras", "margin", "age"',
        'covariates = ["hai", "kras", "margin", "age_10", "cea_2"',
    )
    return ledger.load_design("mskcc_hai")


# ---- the design -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            r'^variables = \[\n  "age"',
            'variables = [\n  "age_10"',
            "variables: 'age_10' is for ratios of models; write 'age' here",
        ),
        (
            r'^covariates = \["hai", "kras", "margin", "age", ',
            'covariates = ["hai", "kras", "margin", "age", "age_10", ',
            "covariates: 'age' and 'age_10' are one number in two steps",
        ),
        (r'^cea = "log"', 'cea_2 = "linear"', "'cea_2' is for ratios of models; write 'cea'"),
        (r'^exposure = "hai"', 'exposure = "age_10"', "groups are made by a category"),
    ],
)
def test_a_scaled_number_stands_in_models_alone(data, old, new, told):
    path = copied("mskcc_hai", data) / "design.toml"
    edit(path, r"^\[endpoints\.OS\]", SCALED)
    edit(path, old, new)
    with pytest.raises(DesignError, match=told):
        ledger.load_design("mskcc_hai")


def test_two_steps_of_one_number_may_be_univariable_rows_of_one_table(data):
    """Per year alone, per 10 years in the model: the one that is not in it is left out."""
    path = copied("mskcc_hai", data) / "design.toml"
    edit(path, r"^\[endpoints\.OS\]", SCALED)
    edit(path, r'"margin", "age", ', '"margin", "age", "age_10", ')
    edit(path, r'^left_out = \["nodal', 'left_out = ["age", "nodal')
    assert "age_10" in ledger.load_design("mskcc_hai").models["RFS"]["covariates"]


def test_one_model_of_all_candidates_has_each_number_once():
    design = toy()
    names = ["sex", "age", "cea", "age_10", "cea_2", "cea_10"]
    assert design.together(names) == ["sex", "age", "cea", "cea_2"]
    assert design.together(names, ["cea_10", "age_10"]) == ["sex", "cea", "age_10", "cea_10"]
    assert design.together(["sex"], ["age_10"]) == ["sex"]


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"statistic": "mean", "model": "", "endpoint": "", "unit": "years"}, "write 'age'"),
        ({"level": "10"}, "'10' is a level of age_10, which has none"),
    ],
)
def test_patients_are_described_in_the_columns_own_unit(scaled, cells, told):
    row = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | {
        **{"id": "x", "place": "table2", "locator": "Table 2", "kind": "number", "name": "x"},
        **{"printed": "1.24", "operator": "=", "value": "1.24", "decimals": "2"},
        **{"field": "estimate", "endpoint": "OS", "population": "all", "group": "all"},
        **{"covariate": "age_10", "model": "multivariable", "statistic": "hazard_ratio"},
    }
    path = scaled.folder / "published.csv"
    for extra, fine in (({}, True), (cells, False)):
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, ledger.CLAIM_COLUMNS)
            table.writeheader()
            table.writerow(row | extra)
        if fine:
            assert len(ledger.load_claims("mskcc_hai")) == 1
        else:
            with pytest.raises(ledger.LedgerError, match=told):
                ledger.load_claims("mskcc_hai")


# ---- what a ratio is for --------------------------------------------------------------------


def lung():
    """survival::lung with the columns of a patient table."""
    found = pd.DataFrame(datasets.load_lung())
    return pd.DataFrame(
        {
            "age": found["age"].astype(float),
            "cea": found["meal.cal"].astype(float),
            "weight": found["wt.loss"].astype(float),
            "sex": pd.Categorical(
                found["sex"].map({1: "male", 2: "female"}), categories=["female", "male"]
            ),
            "time": found["time"].astype(float),
            "event": found["status"] == 2,
        }
    )


#: By R's term: the covariate here, and how it is declared.
TERMS = {
    "I(age/10)": ("age_10", {"source": "age", "per": 10}),
    "log2(meal.cal)": ("cea_2", {"source": "cea", "fold": 2}),
    "log10(meal.cal)": ("cea_10", {"source": "cea", "fold": 10}),
    "I(wt.loss/5)": ("weight_5", {"source": "weight", "per": 5}),
    "I(age/sd(age))": ("age_sd", {"source": "age", "per_sd": True}),
    "I(wt.loss/sd(wt.loss, na.rm = TRUE))": ("weight_sd", {"source": "weight", "per_sd": True}),
}


def toy(**scaled):
    number = {"type": "number", "role": "baseline"}
    columns = {
        "age": {**number, "unit": "years", "label": "Age, years"},
        "cea": {**number, "unit": "ng/mL", "label": "CEA"},
        "weight": {**number, "label": "Weight loss"},
    }
    common = dict.fromkeys(("title", "citation", "question"), "")
    return ledger.Design(
        **{"study": "toy", **common, "columns": columns, "factors": {}, "endpoints": {}},
        **{"eligibility": (), "table_one": {}, "models": {}, "conventions": {}},
        folder=Path("."),
        scaled=scaled or dict(TERMS.values()),
    )


def values_of(rows, name, statistic):
    ratio = rows[(rows["covariate"] == name) & (rows["statistic"] == statistic)].iloc[0]
    p = rows[(rows["covariate"] == name) & (rows["statistic"] == "p")].iloc[0]
    return [ratio["estimate"], ratio["conf_low"], ratio["conf_high"], p["estimate"]]


def by_r(model, term):
    """Ratio, its limits and p as tests/reference/scaled.R printed them."""
    found = pd.read_csv(REFERENCE)
    return found[(found["model"] == model) & (found["term"] == term)]["value"].to_numpy()


@pytest.mark.parametrize("model", ["univariable efron", "univariable breslow"])
@pytest.mark.parametrize("term", TERMS)
def test_a_ratio_alone_equals_rs_of_the_number_in_that_step(model, term):
    frame, name = cohort.add_factors(lung(), toy()), TERMS[term][0]
    rows = regression.univariable(frame, [name], ties=model.split()[1])
    np.testing.assert_allclose(values_of(rows, name, "hazard_ratio"), by_r(model, term), rtol=1e-7)


@pytest.mark.parametrize("model", ["multivariable efron", "multivariable breslow", "logistic"])
def test_ratios_of_one_model_equal_rs(model):
    frame, statistic = cohort.add_factors(lung(), toy()), "hazard_ratio"
    names = {"I(age/10)": "age_10", "log2(meal.cal)": "cea_2", "male": "sex"}
    if model == "logistic":
        frame = frame[(frame["time"] > 365) | frame["event"]]
        frame = frame.assign(early=frame["time"] <= 365)
        rows, statistic = regression.logistic(frame, "early", [*names.values()]), "odds_ratio"
    else:
        rows = regression.cox(frame, [*names.values()], ties=model.split()[1])
    for term, name in names.items():
        found = values_of(rows[rows["level"].isin(["", "male"])], name, statistic)
        np.testing.assert_allclose(found, by_r(model, term), rtol=1e-6)


def test_a_ratio_per_10_is_the_tenth_power_of_the_one_per_unit():
    frame = cohort.add_factors(lung(), toy())
    one, ten = (
        values_of(regression.univariable(frame, [name]), name, "hazard_ratio")
        for name in ("age", "age_10")
    )
    np.testing.assert_allclose(np.power(one[:3], 10), ten[:3], rtol=1e-9)
    assert one[3] == pytest.approx(ten[3], rel=1e-9)


def test_one_sd_is_that_of_all_who_are_analysed():
    """Whoever is left out has no part in it, and a subgroup no SD of its own."""
    design = replace(toy(), eligibility=({"name": "in", "column": "status", "keep": "yes"},))
    ages = {"age": [40.0, 50, 60, np.nan, 999], "status": [*["yes"] * 4, "no"]}
    made = cohort.add_factors(pd.DataFrame(ages), design)
    assert made["age_sd"].iloc[:3].tolist() == [4.0, 5.0, 6.0]
    of_some = pd.DataFrame(ages).iloc[:2]
    assert cohort.settled(of_some, design).scaled["age_sd"]["per"] == pytest.approx(50**0.5)
    alike = pd.DataFrame({"age": [50.0, 50.0], "status": ["yes", "yes"]})
    assert cohort.add_factors(alike, design)["age_sd"].tolist() == [50.0, 50.0]


@pytest.mark.parametrize(
    ("stated", "spread"),
    [
        ({"sd all": 9.5}, 9.5),
        # 9 * 4 + 14 * 9 + 10 * 36 + 15 * 16 = 762, by 24.
        ({"n a": 10, "n b": 15, "mean a": 60, "mean b": 70, "sd a": 2, "sd b": 3}, 31.75**0.5),
        ({"n a": 10, "n b": 15, "mean a": 60, "sd a": 2, "sd b": 3}, None),
    ],
)
def test_a_search_takes_the_printed_sd(stated, spread):
    arm = {"type": "category", "levels": ["a", "b"]}
    design = toy(age_sd={"source": "age", "per_sd": True})
    design = replace(design, table_one={"by": "arm"}, columns={**design.columns, "arm": arm})
    rows = []
    for key, value in stated.items():
        statistic, group = key.split()
        keys = {"statistic": statistic, "value": value, "kind": "number", "population": "all"}
        keys |= {"covariate": "" if statistic == "n" else "age", "endpoint": "", "model": ""}
        rows.append({**keys, "group": group if group == "all" else f"arm={group}"})
    if spread is None:
        with pytest.raises(DesignError, match="no SD of age"):
            with_printed_steps(design, pd.DataFrame(rows))
    else:
        made = with_printed_steps(design, pd.DataFrame(rows))
        assert made.scaled["age_sd"] == {"source": "age", "per": pytest.approx(spread)}


def test_nothing_doubles_from_nought():
    frame = lung().assign(cea=lambda found: found["cea"].where(found.index != 3, 0.0))
    with pytest.raises(CohortError, match=r"CEA \(per doubling\) needs values of CEA above 0; 1"):
        cohort.add_factors(frame, toy())
    whole = cohort.add_factors(frame, toy(age_10={"source": "age", "per": 10}))
    assert whole["age_10"].equals(frame["age"] / 10) and "cea_2" not in whole


def test_a_table_with_such_a_value_is_refused_with_its_row(scaled, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("patient_id,kras,hai,age,cea\nA,wild,no,60,3\nB,wild,yes,70,0\nC,wild,no,,\n")
    found = cohort.check(str(table), scaled)
    told = cohort.describe(found)
    assert not found.ok and len(found.violations) == 1
    assert "nothing doubles from there, and the study has CEA (per doubling)" in told
    assert found.violations["row"].tolist() == [3]


def test_a_table_without_the_column_has_no_step_of_it():
    found = cohort.add_factors(lung().drop(columns="cea"), toy())
    assert "age_10" in found and not {"cea_2", "cea_10"} & set(found)


# ---- what it is called ----------------------------------------------------------------------


def test_every_place_names_the_step():
    design = toy(
        **dict(TERMS.values()),
        cea_15={"source": "cea", "fold": 1.5},
        old={"source": "age", "per": 20, "label": "Two decades older"},
    )
    told = {name: design.ratio_label(name) for name in [*design.scaled, "cea", "weight"]}
    assert told == {
        "age_10": "Age (per 10 years)",
        "cea_2": "CEA (per doubling)",
        "cea_10": "CEA (per tenfold increase)",
        "weight_5": "Weight loss (per 5)",
        "age_sd": "Age (per SD)",
        "weight_sd": "Weight loss (per SD)",
        "cea_15": "CEA (per 1.5-fold increase)",
        "old": "Two decades older",
        "cea": "CEA (per ng/mL)",
        "weight": "Weight loss",
    }
    frame = cohort.add_factors(lung(), design)
    rows = regression.cox(frame, ["age_10", "weight"], model="multivariable")
    ratios = rows[rows["statistic"] == "hazard_ratio"]
    picture = figures.forest(ratios, design, title="Death")
    assert "Age (per 10 years): 1.2" in picture.alt and "Weight loss: 1.0" in picture.alt
    assert describe(ratios.iloc[0], design).startswith("Age (per 10 years)")
    text = readings.effects(
        rows, design, readings.Print(pd.DataFrame(columns=list(ledger.CLAIM_COLUMNS)))
    )
    assert "Age (per 10 years): HR 1.2" in text


# ---- a table of a paper ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "unit", "bare", "step"),
    [
        ("Age, per 10 years", "years", "Age", ("per", 10)),
        ("Age (per 10-year increase)", "years", "Age", ("per", 10)),
        ("Age (per decade)", "years", "Age", ("per", 10)),
        ("Age, 10-year increase", "years", "Age", ("per", 10)),
        ("Age, for every ten years", "years", "Age", ("per", 10)),
        ("Age, per unit", "years", "Age", ("per", 1)),
        ("Age, years", "years", "Age, years", ("per", 1)),
        ("Largest metastasis, each 1 cm", "cm", "Largest metastasis", ("per", 1)),
        ("Largest metastasis, per 5 mm", "cm", "Largest metastasis", ("per", 0.5)),
        ("Largest metastasis (per mm)", "cm", "Largest metastasis", ("per", 0.1)),
        ("CEA, per 100 ng/ml", "ng/mL", "CEA", ("per", 100)),
        ("CEA, per 1,000 \u00b5g/L", "ng/mL", "CEA", ("per", 1000)),
        ("CEA, per 10 U/ml", "ng/mL", "CEA", ("", 0)),
        ("BMI, per kg/m2", "kg/m2", "BMI", ("per", 1)),
        ("BMI, per 5 kg/m\u00b2", "kg/m2", "BMI", ("per", 5)),
        ("CEA (per doubling)", "ng/mL", "CEA", ("fold", 2)),
        ("log2 CEA", "ng/mL", "CEA", ("fold", 2)),
        ("CEA, log10-transformed", "ng/mL", "CEA", ("fold", 10)),
        ("CEA, per 1.5-fold increase", "ng/mL", "CEA", ("fold", 1.5)),
        ("Age, per SD", "years", "Age", ("per_sd", 1)),
        ("Age (per 1-SD increase)", "years", "Age", ("per_sd", 1)),
        ("CEA, per standard deviation", "ng/mL", "CEA", ("per_sd", 1)),
        ("Age, per 2 SD", "years", "Age", ("", 0)),
        ("CEA, per log unit", "ng/mL", "CEA", ("", 0)),
        ("Number, per additional tumour", "tumours", "Number", ("per", 1)),
    ],
)
def test_a_label_says_what_its_ratio_is_for(label, unit, bare, step):
    found, said = parted(label)
    assert found == bare and tuple(step_of(said, unit))[1:] == step


def imported(design, label, **more):
    table = [["Variable", "Multivariable HR (95% CI)", "P"], [label, "1.24 (1.14-1.36)", "<0.001"]]
    made = claims_of(table, design, "model", place="table2", endpoint="OS", **more)
    return made, {claim["covariate"] for claim in made.claims}


def read_so(made):
    """What is told of labels, not of covariates that the paper's last model does not hold."""
    return [text for text in made.taken if "no result answers" not in text]


@pytest.mark.parametrize(
    ("label", "covariate"),
    [
        ("Age, per 10 years", "age_10"),
        ("Age at surgery (per decade)", "age_10"),
        ("age_10", "age_10"),
        ("CEA (per doubling)", "cea_2"),
        ("log2 CEA", "cea_2"),
        ("Age, per year", "age"),
        ("Number of liver metastases, per 1 increase", "n_tumours"),
        ("Largest liver metastasis, per 10 mm", "size_cm"),
    ],
)
def test_a_row_is_the_covariate_whose_ratio_is_for_that(scaled, label, covariate):
    made, covariates = imported(scaled, label)
    assert not made.questions and covariates == {covariate} and not read_so(made)


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (
            "Age, per 5 years",
            r"per 5 years, and the design has age besides as age_10 \(Age \(per 10 years\)\)\. "
            r"Declare \[scaled\.age_5\] with source = 'age' and per = 5, and name age_5 among",
        ),
        ("Largest liver metastasis, per 5 mm", r"\[scaled\.size_cm_0_5\] .* per = 0\.5, and name"),
        ("CEA, per tenfold increase", r"\[scaled\.cea_10\] with source = 'cea' and fold = 10"),
        ("Age, per SD", r"\[scaled\.age_sd\] with source = 'age' and per_sd = true, and name"),
        ("Age, per 2 SD", "neither so many years nor so many times as much"),
    ],
)
def test_a_row_in_another_step_is_asked_once(scaled, label, told):
    made, covariates = imported(scaled, label)
    assert len(made.questions) == 1 and not covariates
    assert re.search(told, made.questions[0]), made.questions[0]


def test_a_row_without_a_step_is_the_one_that_its_model_has_and_told(scaled):
    made, covariates = imported(scaled, "Age")
    assert covariates == {"age_10"} and read_so(made) == ["'Age' as age_10, Age (per 10 years)"]
    made, covariates = imported(scaled, "Age (years)")
    assert not covariates and "--is 'Age (years)=age_10'" in made.questions[0]
    _, covariates = imported(scaled, "Age (years)", named={"Age (years)": "age_10"})
    assert covariates == {"age_10"}
    table = [["Variable", "Multivariable HR"], ["Age", "1.02"]]
    made = claims_of(table, scaled, "model", place="table2", endpoint="RFS")
    assert {claim["covariate"] for claim in made.claims} == {"age"} and not read_so(made)


@pytest.mark.parametrize(
    ("product", "label", "read"),
    [
        ('["hai", "age_10"]', "HAI × age, per 10 years", True),
        ('["hai", "age_10"]', "HAI × age, per 5 years", False),
        ('["hai", "age_10"]', "HAI × age", True),
        ('["hai", "age"]', "HAI × age, per 10 years", False),
        ('["hai", "age"]', "HAI × age, per year", True),
    ],
)
def test_a_product_of_a_number_is_in_the_step_of_its_row(scaled, product, label, read):
    names = product.strip("[]")
    model = f"covariates = [{names}]\nselection = 'fixed'\npublished = [{names}]\n"
    model = f"[models.OS]\n{model}products = [{product}]\n"
    edit(scaled.folder / "design.toml", r"^\[models\.OS\]\n(?:[^\n]+\n)+", model)
    made, covariates = imported(ledger.load_design("mskcc_hai"), label)
    number = "age_10" if "age_10" in product else "age"
    assert covariates == ({f"hai:{number}"} if read else set())
    assert len(made.questions) == (0 if read else 1)


@pytest.mark.parametrize(
    ("place", "covariate", "told"),
    [
        ("Table 2, Age, per 10 years, multivariable", "age", "place says per 10 years"),
        ("Table 2, Age (per 5 years)", "age_10", "covariate is age_10"),
        ("Table 2, Age, per 10 years, multivariable", "age_10", ""),
        ("Table 2, Age (per year)", "age", ""),
        ("Table 2, Age, multivariable", "age_10", ""),
        ("Table 2, CEA, per 1,000 ng/mL", "cea", "place says per 1,000 ng/mL"),
        ("Table 2, HAI, per 10 years", "hai", ""),
    ],
)
def test_a_row_typed_by_hand_is_held_against_what_its_place_says(scaled, place, covariate, told):
    claim = {"id": "x", "covariate": covariate, "model": "multivariable", "locator": place}
    found = dict(otherwise_said([claim], scaled))
    assert told in found["x"] if told else not found
    shipped = ledger.load_claims("mskcc_hai").to_dict("records")
    assert not dict(otherwise_said(shipped, scaled))


def test_an_answer_may_name_a_scaled_number_but_not_against_its_row(scaled):
    made, covariates = imported(
        scaled, "Life, per 10 years", named={"Life, per 10 years": "age_10"}
    )
    assert covariates == {"age_10"} and not made.questions
    made, covariates = imported(scaled, "Life, per 5 years", named={"Life, per 5 years": "age_10"})
    assert not covariates and "per 5 years" in made.questions[0]


# ---- a third paper, from its tables to the certificate --------------------------------------

PAPER = """
title = "An invented paper on age"
citation = "Nobody, 2021"
question = "Does age matter?"
[columns]
use = ["patient_id", "age", "cea", "os_months", "os_event"]
[columns.arm]
type = "category"
levels = ["a", "b"]
role = "exposure"
[conventions]
days_per_month = 30.4375
ties = "efron"
conf_type = "log"
median_rule = "first"
univariable_p = "wald"
follow_up = "observed"
[scaled.age_10]
source = "age"
per = 10
[scaled.cea_2]
source = "cea"
fold = 2
[endpoints.OS]
label = "Overall survival"
rule = "Operation to death from any cause."
[table_one]
by = "arm"
continuous_test = "t"
categorical_test = "chi-square"
spread = "range"
variables = ["age", "cea"]
[models.OS]
covariates = ["arm", "age", "age_10", "cea_2"]
selection = "fixed"
published = ["arm", "age_10", "cea_2"]
"""
SEARCH = """
[groups]
columns = ["arm"]
[period]
first = 2000-01-03
last = 2010-12-31
cut_off = 2014-06-30
"""


def patients(n=100):
    """An invented cohort whose numbers the paper prints."""
    rng = np.random.default_rng(11)
    arm, age = np.arange(n) % 2, np.round(rng.normal(64, 10, n)).clip(30, 90)
    cea = np.round(np.exp(rng.normal(2.2, 1.1, n)), 1).clip(0.1)
    rate = np.exp(0.3 * arm + 0.04 * (age - 64) + 0.2 * np.log2(cea / 9)) / 50
    death, end = rng.exponential(1 / rate), rng.uniform(20, 120, n)
    return pd.DataFrame(
        {
            "arm": np.where(arm == 1, "b", "a"),
            **{"age": age, "cea": cea, "time": np.minimum(death, end), "event": death <= end},
        }
    )


def printed_tables(found):
    """Table 1, curves and regression as a paper prints them, by other programs than crlm."""
    groups = [part for _, part in found.groupby("arm")]
    heads = [f"{name} (n = {len(part)})" for name, part in found.groupby("arm")]
    first = [["", *heads, "p"]]
    first += [["Age, years, mean \u00b1 SD"] + [_mean(part["age"]) for part in groups] + [""]]
    first += [["CEA, median (range)"] + [_range(part["cea"]) for part in groups] + [""]]
    curves = [["", "n", "Events"]]
    curves += [[n, str(len(p)), str(p["event"].sum())] for n, p in found.groupby("arm")]
    terms = {
        "Arm b": (found["arm"] == "b").astype(float),
        "Age, per 10 years": found["age"] / 10,
        "CEA, per doubling": np.log2(found["cea"]),
    }
    together = _ratios(found, pd.DataFrame(terms).to_numpy())
    alone = [_ratios(found, x.to_numpy()[:, None])[0] for x in [*terms.values(), found["age"]]]
    model = [["", "Univariable HR (95% CI)", "P", "Multivariable HR (95% CI)", "P"]]
    for at, name in enumerate(terms):
        model.append([name, *alone[at], *together[at]])
    model.append(["Age, per year", *alone[-1], "", ""])
    return first, curves, model


def _mean(values):
    return f"{values.mean():.1f} \u00b1 {values.std():.1f}"


def _range(values):
    return f"{values.median():.1f} ({values.min():.1f}-{values.max():.1f})"


def _ratios(found, x):
    fit = PHReg(found["time"], x, status=found["event"].astype(int), ties="efron").fit(disp=0)
    limits = np.exp(fit.conf_int())
    return [
        (f"{np.exp(b):.2f} ({low:.2f}-{high:.2f})", f"{p:.3f}" if p >= 0.001 else "<0.001")
        for b, (low, high), p in zip(fit.params, limits, fit.pvalues, strict=True)
    ]


@pytest.fixture(scope="module")
def third(tmp_path_factory):
    """The paper's tables read into a ledger, and a cohort searched for it."""
    folder = tmp_path_factory.mktemp("data")
    shutil.copy(ledger.data_folder() / "columns.toml", folder)
    study = folder / "aged"
    study.mkdir()
    (study / "design.toml").write_text(PAPER)
    (study / "reconstruction.toml").write_text(SEARCH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(folder))
        design, rows = ledger.load_design("aged"), []
        layouts = ({"place": "table1"}, {"place": "table2", "endpoint": "OS"})
        first, curves, model = printed_tables(patients())
        for table, layout, keys in (
            (first, "two-groups", layouts[0]),
            (curves, "curves", layouts[1]),
            (model, "model", {"place": "table3", "endpoint": "OS"}),
        ):
            made = claims_of(table, design, layout, **keys)
            assert not made.questions, made.questions
            rows += made.claims
        with (study / "published.csv").open("w", newline="") as file:
            out = csv.DictWriter(file, [n for n in ledger.CLAIM_COLUMNS if n != "name"])
            out.writeheader()
            out.writerows(rows)
        done = reconstruction.reconstruct("aged", folder / "made", effort=0.012)
        yield design, ledger.load_claims("aged"), done


def test_the_ledger_holds_both_steps_and_the_audit_compares_them(third):
    from crlm.audit import audit

    design, claims, _ = third
    held = set(claims.loc[claims["statistic"] == "hazard_ratio", "covariate"])
    assert held == {"arm", "age", "age_10", "cea_2"}
    checks = audit(design, claims).checks
    mine = checks[checks["kind"] == "two_steps"]
    assert len(mine) == 4 and (mine["verdict"] == "consistent").all()


def test_the_search_meets_a_ratio_per_10_years_and_the_certificate_finds_it(third):
    design, claims, done = third
    ratios = done.verdicts[done.verdicts["statistic"] == "hazard_ratio"]
    steps = ratios[ratios["covariate"].isin(["age", "age_10", "cea_2"])]
    assert len(steps) == 15 and (steps["verdict"] == "matches").sum() >= 13
    multi = steps[steps["model"] == "multivariable"]
    assert len(multi) == 6 and (multi["verdict"] == "matches").all(), multi


def test_the_search_and_the_certificate_mean_the_same_number(third, tmp_path):
    from crlm.reconstruction import annealing, certificate, histories, programs, search

    design, claims, _ = third
    wishes = reconstruction.wishes_of(design)
    found = search.prepare(design, wishes, claims, seed=3, effort=0.0005)
    state = search.run(found, effort=0.0005).state
    paths = histories.write(design, wishes, found.columns, state, 3, tmp_path)
    frames, got = certificate.analysis_frames(design, *paths), annealing.attained(found, state)
    cea = state.x[found.columns.at("cea")]
    assert cea.min() > 0 and np.allclose(state.x[found.columns.at("cea_2")], np.log2(cea))
    assert np.allclose(state.x[found.columns.at("age_10")], state.x[found.columns.at("age")] / 10)
    seen = set()
    for k, target in enumerate(found.targets):
        if {"age_10", "cea_2"} & set(target.quantity.columns):
            again = programs.by_python(target.quantity, frames, design)
            again = abs(again) if target.absolute else again
            assert again == pytest.approx(got[k], rel=1e-5, abs=1e-5), target
            seen.add(target.quantity.covariate)
    assert seen == {"arm", "age_10", "cea_2"}


def test_a_product_with_a_number_has_the_level_of_the_other_alone(third):
    """Once such a claim ended the search by a fault of the program."""
    from crlm.reconstruction.models import indicator

    design = third[0]
    assert indicator(design, "arm:age_10", "b") == "arm&age_10"
    assert indicator(design, "age:arm", "b") == "age&arm"
    assert indicator(design, "age:age_10", "") == "age&age_10"


def test_a_search_keeps_a_number_per_doubling_above_nought():
    from crlm.reconstruction import spreads

    assert spreads.allowed(toy(), "cea", 0.5)[0] == 0.5
    assert spreads.allowed(toy(age_10=TERMS["I(age/10)"][1]), "cea", 0.5)[0] == 0.0


def test_a_report_on_that_cohort_matches_and_names_the_step(third, capsys):
    design, claims, done = third
    paper = Paper("aged", str(done.folder / "cohort.csv"), str(done.folder / "history.csv"))
    paper.patients()
    paper.endpoints()
    rule = {"selection": "fixed", "entry_p": 0.05, "univariable_p": "wald", "table": "Table 3"}
    found = paper.regression("OS", **rule)
    verdicts = compare(found.rows, claims)
    mine = verdicts[verdicts["covariate"].isin(["age", "age_10", "cea_2"])]
    mine = mine[(mine["statistic"] == "hazard_ratio") & (mine["model"] == "multivariable")]
    assert len(mine) == 6 and (mine["verdict"] == "matches").all()
    assert (
        "Age (per 10 years): HR 1.75, 95 % CI 1.33–2.29 (paper 1.75, 1.33–2.29)"
        in capsys.readouterr().out
    )
    table = paper.table_one("arm", test="chi-square", spread="range").rows
    assert set(table["covariate"]) - {""} == {"age", "cea"}
    mean = table[(table["statistic"] == "mean") & (table["covariate"] == "age")]
    assert mean["estimate"].between(55, 75).all() and len(mean) >= 2
