"""Patients and events of a regression table's models, where the table has them: read or told."""

from dataclasses import replace

import pytest

from crlm import ledger
from crlm.transcription import claims_of

AGE = ["Age", "1.1 (1.0-1.2)", "0.1", "1.2 (1.0-1.3)", "0.2"]
UPPER = ["", "Univariable", "", "Multivariable (n = 213, 98 events)", ""]
LOWER = ["", "HR (95% CI)", "P", "HR (95% CI)", "P"]
NOTE = "In the multivariable model were 213 patients with complete data (98 events)."
BOTH = [("n", "multivariable", "213"), ("events", "multivariable", "98")]


@pytest.fixture(scope="module")
def design():
    found = ledger.load_design("mskcc_hai")
    models = {"OS": found.models["OS"] | {"label": "Model 1"}}
    models["OS_2"] = models["OS"] | {"endpoint": "OS", "label": "Model 2"}
    return found, replace(found, models=models)


def counts(rows, design):
    made = claims_of(rows, design, "model", place="table2", endpoint="OS")
    assert not made.questions, made.questions
    own = [c for c in made.claims if c["statistic"] in ("n", "events")]
    assert all(c["endpoint"] == "OS" and not c["covariate"] for c in own)
    return [(c["statistic"], c["model"], c["printed"]) for c in own], made.left_out


@pytest.mark.parametrize(
    "rows",
    [
        [UPPER, LOWER, AGE],
        [["", "HR (95% CI)", "P"], AGE[:3], ["No. of patients", "213", ""], ["Events", "98", ""]],
        [["", "Univariable", "P", "Multivariable", "P"], AGE, [NOTE, *[""] * 4]],
        [["", "Multivariable (n = 213; events = 98)", "P"], AGE[:3]],
    ],
)
def test_the_patients_and_events_of_a_model_are_read(design, rows):
    assert counts(rows, design[0]) == (BOTH, [])


def test_of_several_models_each_has_its_own(design):
    rows = [["", "Model 1 (n = 328)", "Model 2 (n = 213)"], ["Age", AGE[1], AGE[3]]]
    rows.append(["Model 1: 120 events; Model 2: 98 events", "", ""])
    second = "multivariable OS_2"
    assert counts(rows, design[1])[0] == [
        ("n", "multivariable", "328"),
        ("n", second, "213"),
        ("events", "multivariable", "120"),
        ("events", second, "98"),
    ]


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("The model has 213 patients.", "nobody can tell which model"),
        ("In Model 1, 37 patients were excluded for missing values.", "nobody can tell"),
    ],
)
def test_a_line_that_may_be_of_other_patients_is_told(design, note, told):
    rows = [["", "Model 1", "Model 2"], ["Age", AGE[1], AGE[3]], [note, "", ""]]
    found, left = counts(rows, design[1])
    assert not found and told in left[0]


def test_patients_over_univariable_columns_are_told(design):
    rows = [["", "Univariable (n = 250)", "", "Multivariable", ""], LOWER, AGE]
    found, left = counts(rows, design[0])
    assert not found
    assert left == ["'Univariable': 250 stands behind no multivariable model."]
