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
    of_parts = [{**c, "locator": c["locator"].replace("OS, ", "")} for c in made.claims]
    assert alone.claims == of_parts[: len(alone.claims)]


def test_who_has_no_value_below_a_number_is_of_the_number(tmp_path, monkeypatch):
    """They were those of the factor that has the number's label."""
    path = copied("mskcc_hai", tmp_path) / "design.toml"
    path.write_text(path.read_text(encoding="utf-8") + SIZE_CAT, encoding="utf-8")
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    made = claims_of(SIZES, ledger.load_design("mskcc_hai"), "two-groups", place="table1")
    missing = [c["covariate"] for c in made.claims if c["statistic"] == "missing"]
    assert not made.questions and missing == ["size_cm"] * 2 + ["size_cat"] * 2


#: Tabs that became two blanks: nothing stands below its head, and blank cells left no trace.
LOST = {
    "two-groups": """Characteristic  No HAI (n = 308)  HAI (n = 366)  p
Sex, n (%)  0.58
Male  179 (58.1)  205 (56.0)
Female  129 (41.9)  161 (44.0)
Nodal status of the primary, node-positive, n (%)  177 (63.9)  200 (60.4)  0.38
Missing  31  35
""",
    "curves": """Group  No.  Events  Median, months (95% CI)  5-year (95% CI), %  p
Overall survival  0.77
No HAI  308  163  62.3 (55.1–71.0)  62.6 (51.3–76.4)
HAI  366  125  102.6 (90.1–NR)  67.8 (55.6–82.7)
""",
    "model": """Univariable  Multivariable
Variable  HR (95% CI)  p  HR (95% CI)  p
Sex
Male  Reference
Female  1.17 (0.79–1.71)  0.43
Age  1.01 (0.99–1.03)  0.31  1.02 (1.00–1.04)  0.04
""",
}


@pytest.mark.parametrize("layout", LOST)
def test_a_paste_whose_tabs_are_lost_is_read_by_what_its_cells_hold(design, tmp_path, layout):
    """Cells went to the column that they happened to stand below, and were asked or misread."""
    path, tabs = tmp_path / "lost.txt", tmp_path / "tabs.txt"
    path.write_text(LOST[layout], encoding="utf-8")
    width = max(line.count("  ") for line in LOST[layout].splitlines())
    of_p = {"Sex, n (%)": width, "Overall survival": width}
    lines = [line.split("  ") for line in LOST[layout].splitlines()]
    whole = [[one[0], *[""] * (of_p.get(one[0], 1) - 1), *one[1:]] for one in lines]
    if layout == "model":
        whole[0] = ["", "Univariable", "", "Multivariable", ""]
    tabs.write_text("\n".join(map("\t".join, whole)), encoding="utf-8")
    of = {"endpoint": "OS"} if layout == "model" else {}
    made, wanted = (claims_of(grid(p), design, layout, place="t", **of) for p in (path, tabs))
    assert (made.claims, made.questions) == (wanted.claims, []) and len(made.claims) > 9
    # Below a level that stands by itself they were those of the heading before it.
    missing = {c["covariate"] for c in made.claims if c["statistic"] == "missing"}
    assert missing <= {"nodal_status"} and bool(missing) == (layout == "two-groups")


def test_a_row_of_a_paste_without_tabs_that_fits_several_columns_is_refused(tmp_path):
    text = "Group  Events  No.  p\nHAI at the first operation  12  308  0.2\nNone  163  0.4\n"
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    with pytest.raises(LedgerError, match="of the row 'None | 163 | 0.4' it cannot be told"):
        grid(tmp_path / "t.txt")
