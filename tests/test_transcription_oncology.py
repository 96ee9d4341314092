"""Tables as surgical oncology prints them: half a header merged, parts below endpoints."""

import pytest

from crlm import ledger
from crlm.ledger import LedgerError, ParameterError
from crlm.transcription import claims_of, grid
from tests.hand_written import copied

#: "All patients" stands over its size, and the names of the groups beside that size.
FIRST = [
    ["Characteristic", "All patients", "Adjuvant HAI", "", "p Value"],
    ["", "(n = 674)", "No HAI (n = 308)", "HAI (n = 366)", ""],
    ["Male", "384 (57.0)", "179 (58.1)", "205 (56.0)", "0.58"],
]
#: A header without a corner, and rows without a p value: as many cells in other columns.
CURVES = """TABLE 4 Survival by HAI
                   No.   Events   5-year (95% CI), %   p
Overall survival                                       0.77
  No HAI           308   163      62.6 (51.3–76.4)
  HAI              366   125      67.8 (55.6–82.7)
"""
MODEL = [
    ["Variable", "HR (95% CI)", "p"],
    ["Overall survival", "", ""],
    ["Age", "1.01 (0.99–1.03)", "0.31"],
    ["KRAS, mutant", "1.50 (1.20–1.90)", "0.006"],
    ["Recurrence-free survival", "", ""],
    ["Age", "0.98 (0.96–1.00)", "0.05"],
]
SIZES = [
    ["", "No HAI", "HAI", "p"],
    ["Largest metastasis, cm, median (range)", "3.0 (0.2–20.0)", "2.8 (0.3–22.0)", "0.31"],
    ["  Missing", "3", "5", ""],
    ["Largest metastasis, cm", "", "", ""],
    ["  ≤ 5", "200 (65.6)", "250 (69.3)", ""],
    ["  > 5", "105 (34.4)", "111 (30.7)", ""],
    ["  Missing", "3", "5", ""],
]
SIZE_CAT = """
[factors.size_cat]
source = "size_cm"
rule = ">"
cut = 5.0
levels = ["low", "high"]
label = "Largest metastasis"
labels = { low = "≤ {cut}", high = "> {cut}" }
"""


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


def test_a_size_beside_the_names_of_the_groups_is_of_the_head_above_it(design):
    """Three questions, one of them on a row without a label as a level of every column."""
    made = claims_of(FIRST, design, "two-groups", place="table1")
    sizes = {c["group"]: c["printed"] for c in made.claims if c["statistic"] == "n"}
    assert not made.questions and len(made.claims) == 10
    assert sizes["all"] == "384" and {c["printed"] for c in made.claims[:3]} == {
        "674",
        "308",
        "366",
    }
    third = [
        FIRST[0],
        ["", "", "No HAI", "HAI", ""],
        ["", *["(n = 674)"], "(n = 308)", "(n = 366)", ""],
    ]
    assert claims_of([*third, FIRST[2]], design, "two-groups", place="table1").claims == made.claims
    (question,) = claims_of(
        [["", "No HAI", "HAI", "p"], ["", "12", "13", ""], ["Male", "9 (3)", "8 (2)", ""]],
        design,
        "two-groups",
        place="table1",
    ).questions
    assert "row 2: has numbers and no label" in question


def test_a_header_without_a_corner_is_above_what_stands_below_it(design, tmp_path):
    """Each head was taken for that of the cells right of it."""
    path, other = tmp_path / "t.txt", tmp_path / "u.txt"
    path.write_text(CURVES, encoding="utf-8")
    made = claims_of(grid(path), design, "curves", place="table4")
    told = {(c["statistic"], c["group"], c["field"]): c["printed"] for c in made.claims}
    assert not made.questions and len(made.claims) == 11
    assert told["n", "hai=no", "estimate"] == "308" and told["p", "hai", "estimate"] == "0.77"
    assert told["survival_rate", "hai=yes", "conf_high"] == "82.7"
    # Below no p value nothing says where the cells belong; nor do labels that are indented.
    lines = CURVES.splitlines()
    other.write_text("\n".join([*lines[:2], *lines[3:]]), encoding="utf-8")
    with pytest.raises(LedgerError, match="Put tabs or bars between the columns"):
        grid(other)


def test_a_regression_table_in_parts_below_its_endpoints_is_read_as_of_each(design):
    """Its columns were asked for their endpoints, as if none were named."""
    made = claims_of(MODEL, design, "model", place="table3")
    ages = {c["endpoint"]: c["printed"] for c in made.claims if c["statistic"] == "p"}
    assert not made.questions and ages["RFS"] == "0.05"
    ratios = {
        (c["endpoint"], c["covariate"], c["printed"])
        for c in made.claims
        if c["field"] == "estimate"
    }
    assert {("OS", "age", "1.01"), ("OS", "kras", "1.50"), ("RFS", "age", "0.98")} <= ratios
    with pytest.raises(ParameterError, match="names RFS, and --endpoint says OS"):
        claims_of(MODEL, design, "model", place="table3", endpoint="OS")
    alone = claims_of(MODEL[:4], design, "model", place="table3", endpoint="OS")
    assert alone.claims == made.claims[: len(alone.claims)]


def test_who_has_no_value_below_a_number_is_of_the_number(tmp_path, monkeypatch):
    """They were those of the factor that has the number's label."""
    path = copied("mskcc_hai", tmp_path) / "design.toml"
    path.write_text(path.read_text(encoding="utf-8") + SIZE_CAT, encoding="utf-8")
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    made = claims_of(SIZES, ledger.load_design("mskcc_hai"), "two-groups", place="table1")
    missing = [c["covariate"] for c in made.claims if c["statistic"] == "missing"]
    assert not made.questions and missing == ["size_cm"] * 2 + ["size_cat"] * 2
