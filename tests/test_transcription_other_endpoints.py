"""Tables that name another endpoint than the one which the reader says they are of."""

import pytest

from crlm import ledger
from crlm.transcription import claims_of
from tests.test_transcription_surgical import DESIGN, GROUPS, loaded

OS = """
[columns.os_months]
type = "number"
unit = "months"
role = "time"
[columns.os_event]
type = "category"
levels = ["0", "1"]
role = "event"
[endpoints.OS]
label = "Overall survival"
rule = "r"
"""
HEADS = ["", "HR (95% CI)", "P"]
AGE = ["Age", "1.02 (1.00-1.04)", "0.02"]


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    return loaded(tmp_path_factory.mktemp("data"), DESIGN + OS)


@pytest.mark.parametrize(
    ("title", "among"),
    [
        ("Overall survival in KRAS-mutated patients", "kras=mutant"),
        ("Table 3. OS of 120 patients with synchronous metastases", "timing=synchronous"),
        ("Survival of patients who received HAI", "hai=yes"),
        ("Survival of patients without HAI", "hai=no"),
        ("Survival in the KRAS wild-type cohort", "kras=wild"),
        ("Prognostic factors in women", "sex=female"),
        ("Survival of patients with colorectal liver metastases", ""),
        ("Survival of 674 patients by HAI", ""),
        ("Survival in patients with positive margins", ""),  # A row compares them.
    ],
)
def test_a_title_that_names_some_patients_is_held_against_the_population(title, among):
    """Its rows went in as of all."""
    design = ledger.load_design("mskcc_hai")
    row = ["Positive margin", "1.40 (1.10-1.78)", "0.01"]
    table = [[title, "", ""], ["", "Univariable HR (95% CI)", "P"], row]
    given = {"place": "t", "endpoint": "OS"}
    asked = claims_of(table, design, "model", **given).questions
    if not among:
        assert not asked
        return
    assert len(asked) == 1 and f"Say --population {among}, or" in asked[0]
    assert not claims_of(table, design, "model", population=among, **given).questions
    phrase = asked[0].partition("--is ")[2].strip("'.").partition("=")[0]
    assert not claims_of(table, design, "model", named={phrase: "all"}, **given).questions


def read(design, rows, layout="model", **named):
    answers = {label.replace("_", " "): name for label, name in named.items()}
    made = claims_of(rows, design, layout, place="t", endpoint="RFS", named=answers)
    return {c["endpoint"] for c in made.claims if c["endpoint"]}, made.questions


@pytest.mark.parametrize(
    ("words", "declared"),
    [("Overall survival", "--endpoint OS"), ("Disease-free survival", "[endpoints.NAME]")],
)
def test_a_title_of_another_endpoint_is_asked(design, words, declared):
    """It went in as --endpoint said."""
    rows = [[f"Table 3. {words} of all patients", "", ""], HEADS, AGE]
    asked = read(design, rows)[1]
    assert len(asked) == 1 and declared in asked[0] and f"'{words}=RFS'" in asked[0]
    answer = {words.replace(" ", "_"): "RFS"}
    assert read(design, rows, **answer) == ({"RFS"}, [])


@pytest.mark.parametrize(
    "title",
    [
        "Recurrence-free and overall survival",
        "RFS",
        "Predictors of survival",
        "Relapse-free or overall survival",
    ],
)
def test_a_title_that_may_be_of_the_endpoint_is_not_asked(design, title):
    assert read(design, [[title, "", ""], HEADS, AGE]) == ({"RFS"}, [])


@pytest.mark.parametrize(
    ("rows", "layout"),
    [
        ([["", "DFS HR (95% CI)", "P"], AGE], "model"),
        ([HEADS, ["DFS", "", ""], AGE], "model"),
        ([["", "1-year DFS, %"], ["Control", "90.1"]], "curves"),
        ([["", "Median disease-free survival"], ["Control", "31"]], "curves"),
    ],
)
def test_an_endpoint_that_the_design_has_not_is_asked(design, rows, layout):
    """They went in as RFS."""
    asked = read(design, rows, layout)[1]
    assert len(asked) == 1 and "is no endpoint of the design, and --endpoint says RFS" in asked[0]


def test_no_row_is_of_the_identifier(design):
    """A heading "Patient" went in as the column of identifiers, with numbers and ratios."""
    rows = [GROUPS, ["Patient", "12 (1-15)", "13 (2-18)", ""]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert made.questions and not any(c["covariate"] for c in made.claims)
    assert read(design, [HEADS, ["Study ID", *AGE[1:]]])[1]
