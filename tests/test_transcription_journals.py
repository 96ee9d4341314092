"""Tables as the NEJM and the Lancet print them."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crlm import audit, baseline, ledger, regression
from crlm.ledger.claim_faults import claim_faults
from crlm.ledger.claim_words import Words
from crlm.paper import as_printed
from crlm.paper.base import Base
from crlm.transcription import claims_of


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


def keyed(made, *names):
    return [tuple(claim[name] for name in names) for claim in made.claims]


GROUPS = ["", "No HAI (N=308)", "HAI (N=366)"]


def test_counts_over_their_denominators_are_two_numbers_and_a_percentage(design):
    rows = [
        GROUPS,
        ["Male sex — no./total no. (%)", "179/308 (58·1)", "205/366 (56·0)"],
        ["Median age (IQR) — yr", "62·5 (54–71)", "55 (47–63)"],
    ]
    made = claims_of(rows, design, "two-groups", place="table9", spread="iqr")
    assert not made.questions
    told = keyed(made, "group", "covariate", "level", "statistic", "printed")
    assert told[2:5] == [
        ("hai=no", "sex", "", "n", "308"),
        ("hai=no", "sex", "male", "n", "179"),
        ("hai=no", "sex", "male", "percent", "58.1"),
    ]
    assert ("hai=yes", "age", "", "q3", "63") in told


@pytest.mark.parametrize("label", ["CEA — ng/ml", "CEA, ng/ml", "CEA† — ng/ml‡"])
def test_a_dash_before_a_unit_is_a_comma(design, label):
    made = claims_of(
        [GROUPS, [label, "9 (3–30)", "8 (3–28)"]], design, "two-groups", place="t", spread="iqr"
    )
    assert not made.questions and {claim["covariate"] for claim in made.claims} == {"", "cea"}


def test_a_dash_between_stages_stays_a_range(design):
    made = claims_of([GROUPS, ["Stage II – III", "9", "8"]], design, "two-groups", place="table9")
    assert "'Stage II – III'" in made.questions[0]


@pytest.mark.parametrize(("share", "wrong"), [("58.7", False), ("58.1", True)])
def test_the_audit_holds_percentages_against_their_printed_denominator(design, share, wrong):
    rows = [GROUPS, ["Male — n/N (%)", f"179/305 ({share})", "205/366 (56.0)"]]
    made = claims_of(rows, design, "two-groups", place="table9")
    frame = pd.DataFrame(made.claims).assign(name="", reference="")
    frame = frame.astype({"value": float, "decimals": float}).assign(time=float("nan"))
    found = audit.audit(design, frame).findings
    assert (found["verdict"] == "inconsistent").any() == wrong


def test_known_values_of_a_category_are_counted(design):
    patients = pd.DataFrame({"arm": list("aabb"), "sex": ["m", None, "f", "m"]})
    made = as_printed.known(baseline.table_one(patients, "arm", ["sex"]), ["sex"])
    found = dict(zip(made["group"], made["estimate"], strict=True))
    assert found == {"all": 3, "arm=a": 1, "arm=b": 2}


MODEL = ["", "β", "SE", "HR (95% CI)", "p value"]


def test_a_coefficient_is_no_ratio(design):
    rows = [
        MODEL,
        ["HAI", "−0·511", "0·120", "0·60 (0·47–0·76)", "<0·0001"],
        ["Male", "0", "..", "1 (ref)", ".."],
        ["Female", "0·113", "0·115", "1·12 (0·89–1·40)", "0·33"],
    ]
    made = claims_of(rows, design, "model", place="table9", endpoint="OS")
    assert not made.questions
    told = keyed(made, "covariate", "statistic", "field", "printed")
    assert told[:3] == [
        ("hai", "coefficient", "estimate", "-0.511"),
        ("hai", "se", "estimate", "0.120"),
        ("hai", "hazard_ratio", "estimate", "0.60"),
    ]
    assert [one for one in told if one[0] == "sex" and one[1] == "coefficient"] == [
        ("sex", "coefficient", "estimate", "0.113")
    ]


@pytest.mark.parametrize(
    ("head", "statistic"),
    [
        ("B", "coefficient"),
        ("log(HR)", "coefficient"),
        ("Exp(B)", "hazard_ratio"),
        ("exp(coef)", "hazard_ratio"),
        ("se(coef)", "se"),
    ],
)
def test_coefficients_by_their_heads(design, head, statistic):
    made = claims_of([["", head], ["HAI", "0.61"]], design, "model", place="t", endpoint="OS")
    assert keyed(made, "statistic") == [(statistic,)]


def test_an_unknown_column_of_single_numbers_is_asked(design):
    made = claims_of([["", "Weight"], ["HAI", "0.61"]], design, "model", place="t", endpoint="OS")
    assert not made.claims and "'Weight'" in made.questions[0]


@pytest.mark.parametrize(
    ("heads", "told"),
    [
        (["", "HR per unit (95% CI)", "P", "HR per SD (95% CI)", "P"], "for another step. Make it"),
        (["", "HR (95% CI)", "P", "HR, model 2 (95% CI)", "P"], "write Univariable and Multivar"),
    ],
)
def test_ratios_that_stand_twice_are_asked_for_what_they_are(design, heads, told):
    rows = [heads, ["Age", "1.02 (1.01-1.03)", "0.002", "1.25 (1.09-1.44)", "0.002"]]
    made = claims_of(rows, design, "model", place="table9", endpoint="OS")
    assert told in made.questions[0] and len(made.claims) == 4


@pytest.mark.parametrize(
    "heads",
    [
        ["No HAI, events/n", "HAI, events/n"],
        ["No HAI (n/N)", "HAI (n/N)"],
        ["No. of events/total no. No HAI", "No. of events/total no. HAI"],
        ["No HAI", "HAI"],
    ],
)
def test_a_forest_has_events_and_patients_of_each_arm(design, heads):
    rows = [
        ["Subgroup", *heads, "HR (95% CI)", "p for interaction"],
        ["All patients", "180/308", "150/366", "0·60 (0·47–0·76)", ""],
        ["Sex", "", "", "", "0·31"],
        ["Male", "100/179", "80/205", "0·58 (0·43–0·78)", ""],
    ]
    made = claims_of(rows, design, "subgroups", place="figure9", endpoint="OS")
    assert not made.questions
    told = keyed(made, "population", "group", "statistic", "printed")
    assert ("sex=male", "hai=yes", "events", "80") in told
    assert ("sex=male", "hai=yes", "n", "205") in told
    assert ("all", "hai=no", "events", "180") in told and len(told) == 15


def test_a_forest_with_more_events_than_patients_is_asked(design):
    rows = [["", "HAI, events/n", "HR (95% CI)"], ["Male", "205/80", "0.58 (0.43-0.78)"]]
    made = claims_of(rows, design, "subgroups", place="figure9", endpoint="OS")
    assert "'205/80' has more events than patients" in made.questions[0]


def test_a_band_is_found_with_its_point_at_half_height(design):
    rows = [["", "HR (95% CI)"], ["Clinical risk score", ""], ["≥ 3·0", "0.58 (0.43-0.78)"]]
    made = claims_of(rows, design, "subgroups", place="figure9", endpoint="OS")
    assert not made.questions and made.claims[0]["population"] == "crs_high=high"


ARMS = ["", "No HAI (n=308)", "HAI (n=366)", "Hazard ratio (95% CI)", "Difference", "p value"]
OUTCOMES = [
    ARMS,
    ["Overall survival", "", "", "0·60 (0·47–0·76)", "", "<0·0001"],
    ["  Events — no./total no. (%)", "180/308 (58·4)", "150/366 (41·0)", "", "", ""],
    ["  5-year rate, % (95% CI)", "45·0 (39–51)", "60·1 (54–66)", "", "15·1 (7·0 to 23·2)", ""],
    [
        "Restricted mean survival time at 5 years, months",
        "40·1",
        "48·0",
        "",
        "7·9 (5 to 11)",
        "0·01",
    ],
    ["Recurrence-free survival", "", "", "", "", ""],
    ["  Median, months (95% CI)", "12·0 (10–14)", "18 (15–NR)", "", "", "0·02"],
]


def test_end_points_are_rows_and_arms_columns(design):
    made = claims_of(OUTCOMES, design, "curves", place="table9")
    assert not made.questions
    told = keyed(made, "endpoint", "group", "covariate", "statistic", "time", "field", "printed")
    assert told[:2] == [
        ("", "hai=no", "", "n", "", "estimate", "308"),
        ("", "hai=yes", "", "n", "", "estimate", "366"),
    ]
    for row in (
        ("OS", "all", "hai", "hazard_ratio", "", "conf_low", "0.47"),
        ("OS", "hai", "", "p", "", "estimate", "<0.0001"),
        ("OS", "hai=yes", "", "events", "", "estimate", "150"),
        ("OS", "hai=no", "", "survival_rate", "60", "conf_high", "51"),
        ("OS", "hai", "", "difference", "60", "estimate", "15.1"),
        ("OS", "hai", "", "rmst_difference", "60", "conf_high", "11"),
        ("OS", "hai", "", "p", "60", "estimate", "0.01"),
        ("RFS", "hai=yes", "", "median_survival", "", "conf_low", "15"),
        ("RFS", "hai", "", "p", "", "estimate", "0.02"),
    ):
        assert row in told, row
    assert made.taken == ["'each ratio and difference' as HAI against no HAI"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            ["Patients alive without stoma", "86", "82", "", "", ""],
            "is neither events, n, a median",
        ),
        (["5-year rate, %", "45", "60", "", "15", "0.01"], "is p of the rates in '5-year rate, %'"),
        (["Median, months", "12", "18", "", "6", ""], "is neither a hazard ratio, a difference"),
    ],
)
def test_what_a_table_of_end_points_states_otherwise_is_asked(design, row, told):
    made = claims_of([ARMS, row], design, "curves", place="table9", endpoint="OS")
    assert any(told in question for question in made.questions), made.questions


def test_a_ledger_takes_the_known_values_of_a_category(design):
    row = dict.fromkeys(ledger.CLAIM_COLUMNS, "")
    row |= {"id": "c", "name": "c", "place": "table1", "locator": "Table 1", "kind": "number"}
    row |= {"printed": "305", "operator": "=", "value": "305", "decimals": "0", "field": "estimate"}
    row |= {"population": "all", "group": "hai=no", "covariate": "sex", "unit": "patients"}
    told = {
        name: [fault.text for fault in claim_faults({**row, "statistic": name}, Words(design))]
        for name in ("n", "percent")
    }
    assert not told["n"] and any("percent of sex needs one" in text for text in told["percent"])


def test_coefficients_and_errors_are_those_behind_the_ratios():
    ratios = ledger.rows(
        [
            {"statistic": "hazard_ratio", "estimate": 0.5, "conf_low": 0.25, "conf_high": 1.0},
            {"statistic": "p", "estimate": 0.05},
            {
                "statistic": "hazard_ratio",
                "estimate": 2.0,
                "conf_low": 1.0,
                "conf_high": 3.0,
                "method": "profile likelihood CI",
            },
        ]
    )
    made = as_printed.logged(ratios, ["coefficient", "se"])
    assert made["statistic"].tolist() == ["coefficient", "se"]
    assert made["estimate"].tolist() == pytest.approx([math.log(0.5), math.log(2) / 1.959964])


def test_a_number_per_sd_stands_in_the_place_of_the_one_in_the_model(design):
    scaled = {"age_sd": {"source": "age", "per_sd": True}, "cea_2": {"source": "cea", "fold": 2}}
    made = replace(design, scaled=scaled)
    spec = {"covariates": ["age", "age_sd", "cea_2", "sex"], "left_out": ["age_sd", "cea_2"]}
    assert ledger.stand_ins(made, spec, ["age", "sex"]) == {"age_sd": "age"}


def test_its_ratio_is_that_of_the_same_model():
    rng = np.random.default_rng(1)
    age, cea = rng.normal(60, 10, 60), rng.normal(size=60)
    frame = pd.DataFrame({"age": age, "age_10": age / 10, "cea": cea, "endpoint": "OS"})
    frame = frame.assign(time=rng.exponential(20, 60), event=rng.random(60) < 0.7)
    rule = regression.rule(
        ["age", "age_10", "cea"], selection="fixed", fixed=["age", "cea"], left_out=["age_10"]
    )
    table = regression.regression_table(frame, rule)
    made = regression.with_scores(frame, table, rule, {"age_10": "age"})
    found = made[(made["model"] == "multivariable") & (made["statistic"] == "hazard_ratio")]
    ratio = found.set_index("covariate")["estimate"]
    assert math.isclose(ratio["age"] ** 10, ratio["age_10"], rel_tol=1e-6)


def test_events_of_a_forest_ask_for_no_curves(design):
    paper = Base.__new__(Base)
    paper.design = design
    told = [("sex=male", "events"), ("sex=female", "events"), ("margin=negative", "events")]
    told += [("site=left", "events"), ("site=right", "survival_rate")]
    asked = pd.DataFrame(told, columns=["population", "statistic"]).assign(group="hai=yes")
    assert paper._of_forests(asked) == {("hai", "sex=male"), ("hai", "sex=female")}


def test_a_second_is_no_plural(design):
    columns = {**design.columns, "pt": {"type": "number", "unit": "s", "label": "Prothrombin time"}}
    made = replace(design, columns=columns)
    assert made.ratio_label("pt") == "Prothrombin time (per s)"
