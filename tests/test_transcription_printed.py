"""Wordings of headers and cells that many journals print, each where it once was asked or misread.

The cells of a paper are named where they stand; everything else is invented for mskcc_hai.
"""

import pytest

from crlm import ledger
from crlm.transcription import claims_of, grid
from crlm.transcription.model_columns import held


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


def read(table, design, layout="two-groups", **more):
    made = claims_of(table, design, layout, place="table1", **more)
    assert not made.questions, made.questions
    return {c["id"]: c["printed"] for c in made.claims}


@pytest.mark.parametrize(
    ("head", "texts", "wanted"),
    [
        ("95 % CI for HR", ["(0.57, 2.54)", "", "(0.94, 3.34)"], "limits"),  # Clinical trial, PFS.
        ("95% confidence interval for hazard ratio", ["1.01–1.49", "1"], "limits"),
        ("HR 95% CI", ["1.2 (0.9-1.6)"], "ratio"),
        ("Grade 3 or 4", ["12"], ""),
        ("EGFR wild type or unknown", ["3 (60.0)"], ""),
        ("OR", ["1.2"], "odds"),
        ("Adjusted OR (95% CI)", ["1.2 (0.9-1.6)"], "odds"),
        ("High risk (n = 50)", ["12"], ""),
        ("95% CI High", ["1.6"], "upper"),
        ("Multivariable Low", ["0.9"], "lower"),
        ("P value log10 CEC", ["0.69"], "p"),
        ("P value for interaction", ["0.69"], ""),
        ("Parameter estimate", ["-0.158"], "coefficient"),
        ("p-value+*", ["0.454"], "p"),
        ("Sig.", ["0.454"], "p"),
    ],
)
def test_what_a_column_of_a_model_holds(head, texts, wanted):
    assert held(head, texts) == wanted


def test_hyphens_of_a_page_and_dashes_in_brackets(design, tmp_path):
    path = tmp_path / "t.csv"
    lines = ["Factor,HR (95% CI),P\u2010value", "HAI,,", "No,(–),(–)", "Yes,0.60 (0.43-0.83),.002"]
    path.write_text("\n".join(lines), encoding="utf-8")
    found = read(grid(path), design, "model", endpoint="OS")
    assert found["table1-hai-yes-multivariable-os-p"] == ".002" and len(found) == 4


def test_storeys_whose_merged_cells_hold_their_text(design):
    """An empty cell of the upper storey beside them is empty, and a corner may stand below it."""
    table = [
        ["", "Arms", "Arms", ""],
        ["Characteristic", "No HAI", "HAI", "P³"],
        ["Male", "179 (58)", "205 (56)", "0.5"],
    ]
    found = read(table, design)
    assert found["table1-hai-sex-p"] == "0.5" and found["table1-hai-yes-sex-male-n"] == "205"


def test_p_below_the_name_of_a_group_is_between_groups_where_it_is_alone(design):
    table = [
        ["", "No HAI", "HAI", ""],
        ["", "n = 308", "n = 366", "p"],
        ["Male", "179 (58)", "205 (56)", "0.5"],
    ]
    found = read(table, design)
    assert found["table1-hai-sex-p"] == "0.5" and found["table1-hai-no-n"] == "308"
    table[0:2] = [["", "No HAI", "No HAI", "HAI", "HAI"], ["", "n (%)", "P", "n (%)", "P"]]
    table[2] = ["Male", "179 (58)", "0.1", "205 (56)", "0.2"]
    assert claims_of(table, design, "two-groups", place="table1").questions


@pytest.mark.parametrize(
    ("head", "size"),
    [
        ("HAI (No. 366 pts)", "366"),
        ("HAI (366 patients)", "366"),
        ("HAI, No. (%) (N = 366)", "366"),
        ("HAI (n: 366)", "366"),
    ],
)
def test_sizes_behind_a_group(design, head, size):
    found = read([["", "No HAI", head], ["Male", "179 (58)", "205 (56)"]], design)
    assert found["table1-hai-yes-n"] == size


@pytest.mark.parametrize("heads", [["N", "%"], ["No. of patients (N = 674)", "(%)"]])
def test_one_group_in_columns_of_its_own(design, heads):
    """PMC3456942, Table 1: "No. of patients (N = 47)" beside "%"."""
    table = [["", *heads], ["Sex", "", ""], ["Male", "384", "57"], ["Female", "290", "43"]]
    found = read(table, design)
    assert found["table1-sex-male-n"] == "384" and found["table1-sex-male-percent"] == "57"


@pytest.mark.parametrize("label", ["Evaluable patients", "Randomised", "Eligible patients, N"])
def test_a_first_row_of_sizes(design, label):
    found = read([["", "No HAI", "HAI"], [label, "308", "366"], ["Male", "179", "205"]], design)
    assert found["table1-hai-no-n"] == "308" and len(found) == 4


@pytest.mark.parametrize(
    ("label", "cell"), [("Sex, male/female", "205/161"), ("Males/Females, n", "205/161")]
)
def test_levels_side_by_side_without_brackets(design, label, cell):
    """PMC3571894, Table 1: "Sex male/female"."""
    found = read([["", "HAI", "P"], [label, cell, "0.5"]], design)
    assert found["table1-hai-yes-sex-female-n"] == "161" and found["table1-hai-sex-p"] == "0.5"
    strange = [["", "HAI", "P"], ["Pressure, systolic/diastolic", "120/80", ""]]
    assert claims_of(strange, design, "two-groups", place="table1").questions


def test_what_a_cell_says_behind_a_mean_is_no_deviation(design):
    """PMC1913177, Table 1: "Age (mean)" beside "58.7 (range: 42–82)"."""
    found = read([["", "HAI"], ["Age (mean)", "58.7 (range: 42–82)"]], design)
    assert found["table1-hai-yes-age-mean"] == "58.7" and found["table1-hai-yes-age-min"] == "42"


def test_minutes_behind_a_time_are_no_minimum(design):
    made = ledger.load_design("mskcc_hai")
    made.columns["op_time"] = {"type": "number", "label": "Operating time", "unit": "min"}
    table = [["", "HAI"], ["Operating time (min)", "240 (120-400)"]]
    found = read(table, made, spread="range")
    assert found["table1-hai-yes-op-time-median"] == "240"
    for label in ("Operating time, min", "Operating time (min)"):
        told = claims_of([["", "HAI"], [label, "240"]], made, "two-groups", place="t")
        assert told.questions and not told.claims


@pytest.mark.parametrize("label", ["n.k.", "Unavailable", "Unknown or missing", "Unknown/missing"])
def test_patients_of_unknown_value(design, label):
    table = [["", "HAI"], ["Sex", ""], ["Male", "205 (56)"], ["Female", "161"], [label, "3"]]
    assert read(table, design)["table1-hai-yes-sex-missing"] == "3"


@pytest.mark.parametrize("heads", [["N", "%"], ["HAI n", "HAI %"]])
@pytest.mark.parametrize("share", ["", "100"])
def test_a_row_of_sizes_beside_percentages(design, heads, share):
    """PMC5013640, Table 1: "All Patients", 66 and 100; PMC3681405, Table 1: 169 and nothing."""
    table = [["", *heads], ["All patients", "366", share], ["Male", "205", "56"]]
    found = read(table, design)
    assert [text for name, text in found.items() if name.endswith("-n")] == ["366", "205"]


def test_no_before_yes_in_brackets_is_asked(design):
    """PMC5534217, Table 3: "Chronic cardiac disease (no/yes)"."""
    for label, asked in (("HAI (no/yes)", True), ("HAI (yes/no)", False)):
        table = [["", "HR (95% CI)"], [label, "0.60 (0.43-0.83)"]]
        made = claims_of(table, design, "model", place="table2", endpoint="OS")
        assert bool(made.questions) == asked and bool(made.claims) != asked


@pytest.mark.parametrize(
    ("label", "asked"),
    [
        ("Extrahepatic disease (never/ever)", True),
        ("Extrahepatic disease (absent/present)", True),
        ("Extrahepatic disease (−/+)", True),
        ("Extrahepatic disease, −/+", True),
        ("Extrahepatic disease (0/1)", True),
        ("Extrahepatic disease (no or yes)", True),
        ("Nodal status (-/+)", True),
        ("Nodal status (N0/N+)", True),
        ("Sex (male/female)", True),
        ("Extrahepatic disease (ever/never)", False),
        ("Extrahepatic disease (+/−)", False),
        ("Extrahepatic disease (lung/bone)", False),
    ],
)
def test_a_label_with_two_sides_is_asked_or_told(design, label, asked):
    """ "Smoking (never/ever)" went in as yes against no, and nothing was told."""
    table = [["", "Univariable HR (95% CI)"], [label, "1.60 (1.43-1.83)"]]
    made = claims_of(table, design, "model", place="table2", endpoint="OS")
    if asked:
        assert "names no level of" in made.questions[0] and not made.claims
    else:
        assert not made.questions and made.taken == [f"{label!r} as extrahepatic:yes"]


@pytest.mark.parametrize("cell", ["17/30/2", "1 13 3", "83. 2 (11.4)", "53.9 (33–37)"])
def test_three_numbers_that_are_no_median_with_its_ends(design, cell):
    """PMC4332717, PMC4914313, PMC1693922 (Table 4) and PMC1913177: each was read in silence."""
    made = claims_of([["", "HAI"], ["Age", cell]], design, "two-groups", place="table1")
    assert made.questions


def test_a_ratio_outside_its_limits_is_asked_or_as_printed(design):
    table = [["", "HR (95% CI)"], ["HAI", "1.60 (0.43-0.83)"]]
    of = {"place": "table2", "endpoint": "OS"}
    made = claims_of(table, design, "model", **of)
    assert "low 0.43, estimate 1.60, high 0.83" in made.questions[0]
    made = claims_of(table, design, "model", as_printed=True, **of)
    assert not made.questions and any("as printed" in told for told in made.taken)


def test_bands_in_a_column_of_their_own_are_levels():
    """PMC4804575, Table 2: "Age, years" beside "30–39"."""
    made = ledger.load_design("mskcc_hai")
    made.columns["band"] = {"type": "category", "levels": ["30–39", "40–49"], "label": "Band"}
    table = [["Total", "", "HAI"], ["Sex", "Male", "205"], ["Band", "30–39", "8"]]
    found = read([*table, ["", "40–49", "9"]], made)
    assert found["table1-hai-yes-band-40-49-n"] == "9"
