"""Labels in two rows, sizes in labels, headings in other words, endpoints below subgroups."""

import pytest

from crlm import ledger
from crlm.transcription import claims_of

GROUPS = ["", "No HAI (n = 308)", "HAI (n = 366)", "P"]


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


def told(made, *names):
    assert not made.questions, made.questions
    return [tuple(claim[name] for name in names) for claim in made.claims]


def test_a_label_goes_on_in_the_row_below_its_numbers(design):
    """The spread stood in the second line, and the design's was taken (PMC5010179)."""
    rows = [["Number of liver metastases at the time of", "2 (1, 3)", "2 (1, 4)", ".79"]]
    rows += [["operation†, median (IQR)", "", "", ""]]
    named = {"Number of liver metastases at the time of": "n_tumours"}
    made = claims_of([GROUPS, *rows], design, "two-groups", place="t", spread="range", named=named)
    assert told(made, "statistic", "printed")[2:5] == [("median", "2"), ("q1", "1"), ("q3", "3")]


def test_a_heading_in_other_words_is_that_of_its_levels(design):
    rows = [["Location of it, n (%)", "", "", ".02"], ["Node-positive", "100", "90", ""]]
    rows += [["Node-negative", "208", "276", ""]]
    made = claims_of([GROUPS, *rows], design, "two-groups", place="t")
    assert ("nodal_status", "", "p") in told(made, "covariate", "level", "statistic")
    assert "'Location of it, n (%)' as nodal_status" in made.taken


@pytest.mark.parametrize(
    ("layout", "head", "rows", "sizes"),
    [
        (
            "model",
            ["", "Univariable HR (95% CI)"],
            [["Sex (n = 670)", ""], ["Male (n = 412)", "1 (ref)"], ["Female", "0.9 (0.8-1.1)"]],
            [("all", "sex", "", "670"), ("all", "sex", "male", "412")],
        ),
        (
            "subgroups",
            ["", "HR (95% CI)"],
            [["All patients (n = 674)", "0.8 (0.7-0.9)"], ["Male (n = 412)", "0.7 (0.6-0.9)"]],
            [("all", "", "", "674"), ("all", "sex", "male", "412")],
        ),
        (
            "curves",
            ["", "Median, months"],
            [["HAI (n = 366)", "60"], ["No HAI", "50"]],
            [("hai=yes", "", "", "366")],
        ),
        (
            "two-groups",
            ["", "No HAI", "HAI"],
            [["Sex", "", ""], ["Male (n = 412)", "200", "212"]],
            [("all", "sex", "male", "412")],
        ),
    ],
)
def test_patients_in_a_label_are_a_claim(design, layout, head, rows, sizes):
    """They were lost without a word."""
    endpoint = "" if layout == "two-groups" else "OS"
    made = claims_of([head, *rows], design, layout, place="t", endpoint=endpoint)
    whole = [c for c in made.claims if c["statistic"] == "n" and c["locator"].endswith(")")]
    assert told(made, "id") and sizes == [
        (c["group"], c["covariate"], c["level"], c["printed"]) for c in whole
    ]


def test_patients_of_a_level_that_no_label_says_are_told(design):
    rows = [["", "Univariable HR (95% CI)"], ["Sex (n = 412)", "0.9 (0.8-1.1)"]]
    made = claims_of(rows, design, "model", place="t", endpoint="OS")
    assert not [c for c in made.claims if c["statistic"] == "n"]
    assert "says how many patients and not of which level" in made.left_out[0]


BESIDE = [
    ["Population", "Response subgroup", "Unadjusteda", "", "", "Adjustedb", "", ""],
    ["", "", "HR", "(95% CI)", "P", "HR", "(95% CI)", "P"],
    ["All patients", "RFS", "1.35", "(1.12–1.63)", "0.002", "1.29", "(1.06–1.58)", "0.01"],
    ["(N = 674)", "OS", "1.34", "(1.07–1.68)", "0.01", "1.25", "(0.99–1.60)", "0.07"],
    ["Male", "RFS", "1.27", "(1.04–1.55)", "0.02", "1.28", "(1.03–1.57)", "0.02"],
    ["(N = 412)", "OS", "1.24", "(0.97–1.58)", "0.08", "1.23", "(0.95–1.58)", "0.11"],
]


def test_endpoints_below_each_subgroup_are_read(design):
    """It wanted one endpoint of all rows (PMC5668343, Table 3)."""
    made = claims_of(BESIDE, design, "subgroups", place="table3")
    ratios = [c for c in made.claims if c["statistic"] == "hazard_ratio"]
    keys = ("endpoint", "population", "model", "printed")
    assert [tuple(c[k] for k in keys) for c in ratios if c["field"] == "estimate"] == [
        ("RFS", "all", "univariable", "1.35"),
        ("RFS", "all", "multivariable", "1.29"),
        ("RFS", "sex=male", "univariable", "1.27"),
        ("RFS", "sex=male", "multivariable", "1.28"),
        ("OS", "all", "univariable", "1.34"),
        ("OS", "all", "multivariable", "1.25"),
        ("OS", "sex=male", "univariable", "1.24"),
        ("OS", "sex=male", "multivariable", "1.23"),
    ]
    sizes = [c["printed"] for c in made.claims if c["statistic"] == "n"]
    assert not made.questions and sizes == ["674", "412"]
    places = {c["locator"] for c in ratios if c["model"] == "univariable"}
    assert {
        "table3, OS, Male (N = 412), univariable",
        "table3, RFS, Male (N = 412), univariable",
    } <= places


def test_subgroups_of_another_column_than_the_exposure(design):
    """Of a marker's paper the effect of the treatment could not be read (the same, Table 4)."""
    rows = [["Response", "Subgroup", "Adjusteda", "", "", ""]]
    rows += [["", "", "HR", "(95% CI)", "P", "P heterogeneityb"]]
    rows += [["Overall survival", "All", "0.95", "(0.75–1.21)", "0.68", ""]]
    rows += [["", "Node-negative", "0.85", "(0.61–1.18)", "", "0.32"]]
    rows += [["", "Node-positive", "1.08", "(0.76–1.54)", "", ""]]
    made = claims_of(rows, design, "subgroups", place="table4", by="sex")
    found = told(made, "population", "covariate", "level", "model", "statistic", "printed")
    assert (
        "nodal_status=positive",
        "sex",
        "female",
        "multivariable",
        "hazard_ratio",
        "1.08",
    ) in found
    assert ("all", "sex:nodal_status", "female:positive", "interaction", "p", "0.32") in found
