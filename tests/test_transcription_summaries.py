"""Rows of Table 1 that say which statistic of a number they hold, from import to audit."""

import pandas as pd
import pytest

from crlm import audit, baseline, cohort, ledger
from crlm.paper import as_printed
from crlm.paper.base import Base
from crlm.reconstruction import programs
from crlm.reconstruction.quantities import Beyond, quantity_of, standardised
from crlm.transcription import claims_of

HEAD = ["", "No HAI", "HAI", "P"]


@pytest.fixture
def design():
    return ledger.load_design("mskcc_hai")


def read(design, *rows, **more):
    return claims_of([HEAD, *rows], design, "two-groups", place="table1", **more)


def told(made):
    assert not made.questions, made.questions
    assert {c["covariate"] for c in made.claims} == {"age"}
    return [(c["statistic"], c["printed"]) for c in made.claims if c["group"] == "hai=yes"]


@pytest.mark.parametrize(
    ("label", "text", "want"),
    [
        ("Mean", "64", [("mean", "64")]),
        ("Average", "64", [("mean", "64")]),
        ("SD", "12.2", [("sd", "12.2")]),
        ("Standard deviation", "12.2", [("sd", "12.2")]),
        ("Std. Dev.", "12.2", [("sd", "12.2")]),
        ("Median", "65", [("median", "65")]),
        ("IQR", "18", [("iqr", "18")]),
        ("Interquartile range", "18", [("iqr", "18")]),
        ("IQR", "55-73", [("q1", "55"), ("q3", "73")]),
        ("Minimum", "38", [("min", "38")]),
        ("Min", "38", [("min", "38")]),
        ("Maximum", "80", [("max", "80")]),
        ("Range", "42", [("range", "42")]),
        ("Range", "38–80", [("min", "38"), ("max", "80")]),
        ("Min, Max", "38, 80", [("min", "38"), ("max", "80")]),
        ("Q1", "55", [("q1", "55")]),
        ("75th percentile", "73", [("q3", "73")]),
        ("Mean (SD)", "64 (12)", [("mean", "64"), ("sd", "12")]),
        ("Mean ± SD", "64.1 ± 12", [("mean", "64.1"), ("sd", "12")]),
        ("Mean (SD), years", "64.1 (12)", [("mean", "64.1"), ("sd", "12")]),
        ("Median (range)", "65 (38-80)", [("median", "65"), ("min", "38"), ("max", "80")]),
        ("Median [Q1, Q3]", "65 [55, 73]", [("median", "65"), ("q1", "55"), ("q3", "73")]),
        ("Range (min-max)", "38-80", [("min", "38"), ("max", "80")]),
        ("IQR [Q1, Q3]", "[55, 73]", [("q1", "55"), ("q3", "73")]),
        ("Median (IQR)", "65 (18)", [("median", "65"), ("iqr", "18")]),
        ("N", "16", [("n", "16")]),
        ("N missing", "2", [("missing", "2")]),
        ("Missing", "2", [("missing", "2")]),
    ],
)
@pytest.mark.parametrize("among", ["a heading", "a label"])
def test_each_word_gives_its_statistic(design, label, text, want, among):
    if among == "a heading":
        found = told(read(design, ["Age, years", "", "", "0.3"], [label, "", text, ""]))
    elif "missing" in label.casefold() or label == "Min":
        return  # "Age, min" may be minutes.
    else:
        found = told(read(design, [f"Age, {label}", "", text, ""]))
    assert found == want


@pytest.mark.parametrize(
    ("label", "text", "want"),
    [
        ("Mean age, years", "64", [("mean", "64")]),
        ("Median age (range)", "65 (38-80)", [("median", "65"), ("min", "38"), ("max", "80")]),
        ("Patient's age, mean (SD)", "64 (12)", [("mean", "64"), ("sd", "12")]),
        (
            "Age, mean (SD) [range]",
            "64.5 (12.0) [38-80]",
            [("mean", "64.5"), ("sd", "12.0"), ("min", "38"), ("max", "80")],
        ),
    ],
)
def test_words_before_and_behind_a_characteristic_are_read(design, label, text, want):
    assert told(read(design, [label, "", text, ""])) == want


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("Age", "64"),
        ("Age (range)", "64"),
        ("Age, mean", "64 (38-80)"),
        ("Age, median", "64 ± 12"),
        ("Age, geometric mean", "64"),
        ("Age, mean (95% CI)", "64 (61-67)"),
        ("Age, mean (SE)", "64 (1.2)"),
    ],
)
def test_numbers_that_their_label_does_not_settle_are_asked(design, label, text):
    assert read(design, [label, "", text, ""]).questions


def test_an_answer_names_the_column_and_leaves_the_statistic(design):
    found = read(design, ["Mean", "60", "64", ""], named={"Mean": "age"})
    assert told(found) == [("mean", "64")]


def test_a_statistic_within_a_label_of_the_design_is_none_of_its_row(design):
    design.columns["age"]["label"] = "Mean age of both visits"
    made = read(design, ["Mean age of both visits, median (range)", "", "65 (38-80)", ""])
    assert told(made) == [("median", "65"), ("min", "38"), ("max", "80")]


# ---- what is computed ---------------------------------------------------------------------------


def patients():
    arm = pd.Categorical(["a"] * 4 + ["b"] * 4, categories=["a", "b"])
    return pd.DataFrame({"arm": arm, "size": [1.0, 2, 4, 8, 3, 5, 6, None]})


def test_widths_are_those_between_quartiles_and_between_ends():
    made = baseline.table_one(patients(), "arm", ["size"], spread="both", widths=["size"])
    of_a = made[made["group"] == "arm=a"].set_index("statistic")["estimate"]
    assert of_a["iqr"] == of_a["q3"] - of_a["q1"] and of_a["range"] == 7
    assert "iqr" not in set(baseline.table_one(patients(), "arm", ["size"])["statistic"])


def test_ends_beside_a_median_are_those_that_print_has():
    """The range of one number had no result where the design has quartiles."""
    paper = Base.__new__(Base)
    told = [("size", "min"), ("size", "max"), ("age", "q1"), ("cea", "q3"), ("cea", "max")]
    paper.claims = pd.DataFrame(told, columns=["covariate", "statistic"])
    names = ["size", "age", "cea", "sex"]
    assert paper.printed_spreads(names, "iqr") == {"size": "both", "cea": "both"}
    assert paper.printed_spreads(names, "range") == {"age": "both", "cea": "both"}
    assert paper.printed_spreads(names, "both") == {}
    made = baseline.table_one(patients(), "arm", ["size"], spread="iqr", spreads={"size": "range"})
    assert {"min", "max"} <= set(made["statistic"]) and "q1" not in set(made["statistic"])


def test_known_values_are_counted_where_print_counts_them():
    made = as_printed.known(baseline.table_one(patients(), "arm", ["size"]), ["size"])
    assert dict(zip(made["group"], made["estimate"], strict=True)) == {
        "all": 7,
        "arm=a": 4,
        "arm=b": 3,
    }


def claim(design, statistic, printed, **more):
    row = dict.fromkeys(ledger.CLAIM_COLUMNS, "")
    row |= {"id": f"c-{statistic}", "place": "table1", "locator": "Table 1", "kind": "number"}
    row |= {"printed": printed, "operator": "=", "value": printed, "decimals": "0"}
    row |= {"field": "estimate", "population": "all", "group": "hai=yes", "covariate": "age"}
    return row | {"statistic": statistic, "unit": "years", "name": statistic} | more


@pytest.mark.parametrize(
    ("printed", "wrong"),
    [
        ({"q1": "50", "q3": "68", "iqr": "18"}, False),
        ({"q1": "50", "q3": "68", "iqr": "81"}, True),
        ({"min": "34", "max": "80", "range": "46"}, False),
        ({"min": "34", "max": "80", "range": "64"}, True),
        ({"iqr": "46", "range": "18"}, True),
    ],
)
def test_the_audit_holds_widths_against_quartiles_and_ends(design, tmp_path, printed, wrong):
    rows = [claim(design, name, text) for name, text in printed.items()]
    frame = pd.DataFrame(rows).astype({"value": float, "decimals": float})
    frame["time"] = float("nan")
    found = audit.audit(design, frame).findings
    assert (found["verdict"] == "inconsistent").any() == wrong


@pytest.mark.parametrize("statistic", ["iqr", "range"])
def test_the_search_says_that_it_does_not_know_a_width(design, statistic):
    row = {**claim(design, statistic, "18"), "time": float("nan")}
    found = quantity_of(row, design)
    assert isinstance(found, Beyond) and "no search" in found


@pytest.mark.parametrize("head", ["SMD", "Standardized difference", "Standardised mean difference"])
def test_a_column_of_standardised_differences_is_read(design, head):
    """Once it was asked which group it is."""
    made = claims_of(
        [[*HEAD, head], ["Age, median (IQR)", "65 (55-73)", "64 (54-72)", "0.3", "0.08"]]
        + [["Male", "179 (58%)", "205 (56%)", "0.6", "0.04"], ["Female", "129", "161", "", ""]],
        design,
        "two-groups",
        place="table1",
    )
    assert not made.questions, made.questions
    found = [c for c in made.claims if c["statistic"] == "smd"]
    assert [(c["group"], c["covariate"], c["level"], c["printed"]) for c in found] == [
        ("hai", "age", "", "0.08"),
        ("hai", "sex", "", "0.04"),
    ]
    asked = claims_of(
        [[*HEAD, head], ["Male", "179 (58%)", "205 (56%)", "0.6", "4.1%"]],
        design,
        "two-groups",
        place="table1",
    )
    assert "0.12 for 12 %" in asked.questions[0]


@pytest.mark.parametrize("name", ["age", "sex", "nodal_status", "margin"])
def test_the_certificate_has_the_standardised_differences_of_table_1(design, name):
    frame = cohort.load(ledger.data_folder() / "mskcc_hai" / "cohort.csv", design)
    rows = baseline.table_one(frame, "hai", [name])
    ours = rows.loc[rows["statistic"] == "smd", "estimate"].item()
    claim = {"statistic": "smd", "covariate": name, "group": "hai", "population": "all"}
    claim |= {"level": "", "model": "", "time": float("nan"), "endpoint": "", "kind": "number"}
    assert "the certificate alone" in quantity_of(claim, design)
    found = programs.by_python(standardised(claim), {"patients": frame}, design)
    assert found == pytest.approx(ours, rel=1e-12) and 0 < ours < 1
