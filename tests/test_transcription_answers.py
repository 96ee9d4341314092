"""Answers, adjusted p values, ratios of other kinds, and Markdown: what import takes or asks."""

import shlex
from dataclasses import replace

import pytest

from crlm import ledger
from crlm.ledger import ParameterError
from crlm.transcription import claims_of, grid
from crlm.transcription.asking import quoted
from crlm.transcription.cells import cell
from crlm.transcription.corrected import is_adjusted


@pytest.fixture
def mskcc():
    return ledger.load_design("mskcc_hai")


@pytest.fixture
def yes_no(mskcc):
    """The study with a model of a yes-no outcome."""
    mskcc.models["margin"] = {"covariates": ["kras", "age"], "selection": "none"}
    return mskcc


def statistics(made):
    assert not made.questions, made.questions
    return {(c["model"], c["field"]): c["statistic"] for c in made.claims if c["statistic"] != "p"}


@pytest.mark.parametrize(
    ("heads", "cells"),
    [
        (["OR", "95% CI", "P"], ["1.9", "0.55-7.21", "0.3"]),
        (["OR", "Lower 95% CI", "Upper 95% CI", "P"], ["1.9", "0.55", "7.21", "0.3"]),
        (["aOR", "Lower limit", "Upper limit", "P"], ["1.9", "0.55", "7.21", "0.3"]),
        (["Odds ratio (95% CI)", "P"], ["1.9 (0.55-7.21)", "0.3"]),
    ],
)
def test_limits_of_odds_ratios_are_those_of_odds_ratios_wherever_they_stand(yes_no, heads, cells):
    table = [["", *heads], ["KRAS mutant", *cells]]
    found = statistics(claims_of(table, yes_no, "model", place="table3", endpoint="margin"))
    assert len(found) == 3 and set(found.values()) == {"odds_ratio"}


def test_subdistribution_ratios_without_an_incidence_are_asked_with_all_beside_them(mskcc):
    table = [["", "sHR", "95% CI", "P"], ["KRAS mutant", "1.4", "1.1-1.8", "0.01"]]
    made = claims_of(table, mskcc, "model", place="table3", endpoint="OS")
    assert len(made.questions) == 3 and not made.claims
    assert "declare [incidences.NAME]" in made.questions[0] and "'P=-'" in made.questions[2]


def test_a_ratio_of_risks_is_no_odds_ratio(yes_no):
    table = [["", "RR (95% CI)"], ["KRAS mutant", "1.4 (1.1-1.8)"]]
    made = claims_of(table, yes_no, "model", place="table3", endpoint="margin")
    assert "holds ratios of risks" in made.questions[0]


@pytest.mark.parametrize(
    ("head", "model"),
    [
        ("Crude HR (95% CI)", "univariable"),
        ("Unadjusted HR (95% CI)", "univariable"),
        ("Adjusted HR (95% CI)", "multivariable"),
        ("HR per unit (95% CI)", "multivariable"),
    ],
)
def test_the_words_of_a_header_say_its_model(mskcc, head, model):
    table = [["", head], ["KRAS mutant", "1.4 (1.1-1.8)"]]
    made = claims_of(table, mskcc, "model", place="table3", endpoint="OS")
    assert {name for name, _ in statistics(made)} == {model}


def test_a_title_that_speaks_of_a_community_is_not_one_of_a_univariable_table(mskcc):
    table = [["Patients of the community", ""], ["", "HR (95% CI)"], ["KRAS mutant", "1.4 (1-2)"]]
    made = claims_of(table, mskcc, "model", place="table3", endpoint="OS")
    assert {name for name, _ in statistics(made)} == {"multivariable"}


@pytest.mark.parametrize("head", ["Adjusted P values", "P (Bonferroni)", "q-value", "P Holm"])
@pytest.mark.parametrize("layout", ["two-groups", "model"])
def test_p_values_adjusted_for_several_tests_are_asked_and_left_out(mskcc, head, layout):
    own = ["20 (5%)", "30 (8%)"] if layout == "two-groups" else ["1.4 (1.1-1.8)"]
    groups = ["No HAI", "HAI"] if layout == "two-groups" else ["Univariable HR (95% CI)"]
    table = [["", *groups, "Raw P value", head], ["KRAS mutant", *own, "0.02", "0.06"]]
    made = claims_of(table, mskcc, layout, place="table3", endpoint="OS")
    assert len(made.questions) == 1 and "adjusted for several tests" in made.questions[0]
    made = claims_of(table, mskcc, layout, place="table3", endpoint="OS", named={head: "-"})
    assert not made.questions
    assert [c["printed"] for c in made.claims if c["statistic"] == "p"] == ["0.02"]


FOREST = [["KRAS", "", "0.30"], ["Wild type", "0.70 (0.50-0.98)", ""]]


def forest(mskcc, head, note="", ratio="HR (95% CI)", title=""):
    table = [["", ratio, head], *FOREST, ["Mutant", "0.80 (0.60-1.07)", ""], [note, "", ""]]
    table = [[title, "", ""], *table] if title else table
    made = claims_of(table, mskcc, "subgroups", place="figure2", endpoint="OS")
    return made, [c["printed"] for c in made.claims if c["statistic"] == "p"]


@pytest.mark.parametrize(
    ("head", "note", "ratio"),
    [
        ("Adjusted P for interaction", "", "HR (95% CI)"),
        ("P for interaction (adjusted)", "", "Adjusted HR (95% CI)"),
        ("Pinteraction*", "*Adjusted for age and sex.", "HR (95% CI)"),
        ("P for interaction", "P values were adjusted for age.", "HR (95% CI)"),
        ("P for interaction*", "*Adjusted for multiple testing.", "Adjusted HR (95% CI)"),
    ],
)
def test_an_adjusted_p_for_interaction_is_asked(mskcc, head, note, ratio):
    """It went in as the unadjusted one, without a word."""
    made, tests = forest(mskcc, head, note, ratio)
    assert tests == [] and len(made.questions) == 1
    assert "holds p values adjusted for" in made.questions[0] and note in made.questions[0]


def test_what_a_line_says_of_ratios_and_denies_of_p_is_read(mskcc):
    made, tests = forest(mskcc, "P for interaction", "No adjustment for multiple testing was made.")
    assert tests == ["0.30"] and not made.questions
    made, _ = forest(mskcc, "P", title="Hazard ratios adjusted for age and sex")
    assert "does not say whether it is adjusted" in made.questions[0]
    made, tests = forest(mskcc, "P for interaction", ratio="Adjusted HR (95% CI)")
    assert tests == ["0.30"] and not made.questions
    assert "'p for interaction beside adjusted ratios' as unadjusted" in made.taken


@pytest.mark.parametrize(
    ("head", "title", "note", "asked"),
    [
        ("P*", "Univariable analysis", "*Adjusted for age and sex.", True),
        ("P", "Univariable analysis", "P values were corrected by Bonferroni.", True),
        ("P*", "Multivariable analysis", "*Adjusted for age and sex.", False),
        ("P", "Univariable analysis", "Ratios of table 3 are adjusted for age.", False),
    ],
)
def test_a_line_below_ratios_says_whose_p_is_adjusted(mskcc, head, title, note, asked):
    row = ["KRAS mutant", "1.4 (1.1-1.8)", "0.01"]
    table = [[title, "", ""], ["", "HR (95% CI)", head], row, [note, "", ""]]
    made = claims_of(table, mskcc, "model", place="table3", endpoint="OS")
    assert bool(made.questions) is asked
    assert any(c["statistic"] == "p" for c in made.claims) is not asked


def test_a_marked_p_of_curves_is_adjusted(mskcc):
    table = [["OS", "5-year, %", "P"], ["No HAI", "40.0", "0.03*"], ["HAI", "50.0", ""]]
    made = claims_of(
        [*table, ["*Adjusted for age.", "", ""]], mskcc, "curves", place="t", endpoint="OS"
    )
    assert "'*Adjusted for age.' stands below" in made.questions[0]
    assert not any(c["statistic"] == "p" for c in made.claims)


def test_the_p_of_adjusted_ratios_is_that_of_the_model(mskcc):
    heads = ["", "Crude HR (95% CI)", "P", "Adjusted HR (95% CI)", "Adjusted P"]
    table = [heads, ["KRAS mutant", "1.4 (1.1-1.8)", "0.01", "1.2 (0.9-1.6)", "0.2"]]
    made = claims_of(table, mskcc, "model", place="table3", endpoint="OS")
    assert not made.questions
    found = {c["model"]: c["printed"] for c in made.claims if c["statistic"] == "p"}
    assert found == {"univariable": "0.01", "multivariable": "0.2"}
    assert not is_adjusted("Unadjusted P") and not is_adjusted("P, adjuvant against none")


def test_a_row_is_left_out_by_an_answer_and_only_a_whole_label_is(mskcc):
    table = [["", "No HAI", "HAI"], ["KRAS mutant", "20 (5%)", "30 (8%)"], ["Lost", "1", "2"]]
    made = claims_of(table, mskcc, "two-groups", place="table1", named={"Lost": "-"})
    assert not made.questions and len(made.claims) == 4
    with pytest.raises(ParameterError, match="named whole, as 'KRAS mutant=-'"):
        claims_of(table, mskcc, "two-groups", place="table1", named={"KRAS": "-"})
    noted = [*table, ["Values are n (%).", "", ""]]
    with pytest.raises(ParameterError, match="no such label; there is: No HAI, HAI, KRAS mut.*Lo"):
        claims_of(noted, mskcc, "two-groups", place="table1", named={"Sides": "-"})


@pytest.mark.parametrize(
    ("said", "told"),
    [("OS_22", "did you mean 'OS_2'"), ("adjusted", "there is: RFS, OS, OS_2, univariable, p, ")],
)
def test_a_misspelt_model_is_refused_with_the_known_ones(mskcc, said, told):
    """The first 25 columns were listed, and no model among them."""
    design = replace(mskcc, models={**mskcc.models, "OS_2": {**mskcc.models["OS"]}})
    heads = ["", "Model 1 HR (95% CI)", "P", "Model 2 HR (95% CI)", "P"]
    table = [heads, ["KRAS mutant", "1.4 (1.1-1.8)", "0.01", "1.2 (0.9-1.6)", "0.2"]]
    with pytest.raises(ParameterError, match=told):
        claims_of(table, design, "model", place="table2", endpoint="OS", named={"Model 2": said})


@pytest.mark.parametrize("label", ["Gender", "Patient's age", 'Patient\'s "age"', "CEA, 5'-$x"])
def test_an_answer_that_is_asked_for_is_one_word_to_a_shell(label):
    assert shlex.split(quoted(label, "sex:male")) == [f"{label}=sex:male"]


def test_a_level_of_two_columns_is_told_with_both(mskcc):
    for name in ("sex", "margin"):
        mskcc.columns[name]["labels"] = {mskcc.levels(name)[0]: "Mixed"}
    table = [["", "No HAI", "HAI"], ["Mixed", "1 (2%)", "3 (4%)"]]
    told = claims_of(table, mskcc, "two-groups", place="table1").questions[0]
    sex, margin = mskcc.levels("sex")[0], mskcc.levels("margin")[0]
    assert f"--is 'Mixed=sex:{sex}'" in told and f"--is 'Mixed=margin:{margin}'" in told


@pytest.mark.parametrize(
    ("text", "printed", "decimals"),
    [
        ("7e-04", "7e-4", 4),
        ("3E-5", "3e-5", 5),
        ("1.2×10−4", "1.2e-4", 5),
        ("1.2 x 10^-4", "1.2e-4", 5),
        ("1.2*10^(-4)", "1.2e-4", 5),
        ("1.2 × 10⁻⁴", "1.2e-4", 5),
        ("<10−4", "<1e-4", 4),
        ("<2.2e-16", "<2.2e-16", 17),
    ],
)
def test_powers_of_ten_are_one_number_with_the_decimals_of_its_last_digit(text, printed, decimals):
    found = cell(text)
    assert found.kind == "single"
    assert (found.parts[0].text, found.parts[0].decimals) == (printed, decimals)


def test_a_power_of_ten_stands_for_what_rounds_to_it():
    part = cell("7e-04").parts[0]
    assert ledger.compatible_interval(part.value, part.decimals) == pytest.approx(
        (0.00065, 0.00075)
    )


def test_a_markdown_table_is_read_without_its_rules_and_its_signs(tmp_path):
    text = (
        "|  | **No HAI** (n = 308) | HAI |  |\n|:---|:-:|--:|---|\n"
        "| Age,  years |   | 58 (34-80) | 0.3 |\n|&nbsp;&nbsp;Male\\|boy | 1<br>(2) | | |\n"
    )
    (tmp_path / "t.md").write_text(text, encoding="utf-8")
    assert grid(tmp_path / "t.md") == [
        ["", "No HAI (n = 308)", "HAI", ""],
        ["Age, years", "", "58 (34-80)", "0.3"],
        ["Male|boy", "1 (2)", "", ""],
    ]


def test_a_header_whose_corner_is_blank_stands_above_its_columns(tmp_path):
    lines = ["              OR    95% CI    P", "-----------  ----  --------  ----"]
    lines += ["KRAS mutant  1.90  0.5-7.2   0.32", "Age          1.01  0.9-1.1   0.60"]
    (tmp_path / "t.txt").write_text("\n".join(lines), encoding="utf-8")
    assert grid(tmp_path / "t.txt")[0] == ["", "OR", "95% CI", "P"]


@pytest.mark.parametrize("head", ["Events/patients (%)", "n/N (%)", "Incidence (%)", ""])
def test_counts_beside_ratios_are_no_ratios(yes_no, head):
    """18/74 (24.3) was an odds ratio of 18 with limits of 74 and 24.3; then it was asked out."""
    rows = [
        ["Variable", head, "OR (95% CI)", "P"],
        ["KRAS mutant", "18/74 (24.3)", "1.33 (0.72-2.48)", "0.36"],
    ]
    made = claims_of(rows, yes_no, "model", place="table3", endpoint="margin")
    if "/" not in head:
        assert len(made.questions) == 1 and "neither a ratio" in made.questions[0]
        return
    names = ("group", "covariate", "level", "statistic", "printed", "endpoint")
    outcome = ("kras=mutant", "margin", "positive")
    assert not made.questions
    assert [tuple(c[name] for name in names) for c in made.claims[:3]] == [
        (*outcome, "n", "18", ""),
        ("all", "kras", "mutant", "n", "74", ""),
        (*outcome, "percent", "24.3", ""),
    ]


def test_a_ratio_of_unknown_values_is_asked_and_a_level_called_so_is_one(mskcc):
    """It was the ratio of the second level, or one of no level that no command took."""
    rows = [
        ["Variable", "HR (95% CI)", "P"],
        ["KRAS status", "", ""],
        ["Wild type", "1.00", ""],
        ["Unknown", "1.04 (0.59-1.83)", "0.902"],
    ]
    made = claims_of(rows, mskcc, "model", place="table5", endpoint="OS")
    assert len(made.questions) == 1 and "is no level of kras" in made.questions[0]
    kras = mskcc.columns["kras"]
    kras["levels"] = [*kras["levels"], "untested"]
    kras["labels"] = {**kras["labels"], "untested": "Unknown"}
    made = claims_of(rows, mskcc, "model", place="table5", endpoint="OS")
    assert not made.questions and {c["level"] for c in made.claims} == {"untested"}


UNITS = [
    ("two-groups", ["", "No HAI (n = 308)", "HAI (n = 366)"], ["30 (10-80)", "35 (10-90)"]),
    ("model", ["", "HR (95% CI)", "P"], ["1.1 (1.0-1.2)", ".01"]),
]


@pytest.mark.parametrize(("layout", "head", "cells"), UNITS)
@pytest.mark.parametrize("label", ["Tumour size (mm)", "Tumour size, mm, median (range)"])
def test_a_misprinted_unit_is_overruled_by_its_own_answer_alone(mskcc, layout, head, cells, label):
    """Nothing did in Table 1; a ratio per mm went in as one per cm without a word."""
    table, how = [head, [label, *cells]], {"place": "table1"}
    how |= {"endpoint": "OS"} if layout == "model" else {"spread": "range"}
    for said in ({}, {label: "size_cm"}):
        (question,) = claims_of(table, mskcc, layout, named=said, **how).questions
        assert "in mm, and the design has size_cm in cm" in question
        assert f"--is '{label}=size_cm:cm'" in question
    made = claims_of(table, mskcc, layout, named={label: "size_cm:cm"}, **how)
    assert not made.questions and "size_cm" in {c["covariate"] for c in made.claims}
    with pytest.raises(ParameterError, match="Its unit is cm"):
        claims_of(table, mskcc, layout, named={label: "size_cm:km"}, **how)


def test_a_ratio_in_another_unit_is_that_of_the_scaled_number_of_the_design(mskcc):
    scaled = {"size_mm": {"source": "size_cm", "per": 0.1}}
    own = {**mskcc.models["OS"], "covariates": ["hai", "size_mm"]}
    design = replace(mskcc, scaled=scaled, models={"OS": own})
    table = [["", "HR (95% CI)", "P"], ["Tumour size (mm)", "1.1 (1.0-1.2)", ".01"]]
    made = claims_of(table, design, "model", place="table2", endpoint="OS")
    assert not made.questions and {c["covariate"] for c in made.claims} == {"size_mm"}


def test_an_answer_for_a_label_with_a_sign_is_for_that_sign(mskcc):
    """One for "CD34 +" was taken for "CD34 −" too, and two had one key."""
    table = [["", "No HAI", "HAI"], ["Cell yield", "", ""]]
    table += [["CD34 +", "60 (20%)", "70 (20%)"], ["CD34 −", "240 (80%)", "280 (80%)"]]
    named = {"CD34 +": "margin:positive"}
    made = claims_of(table, mskcc, "two-groups", place="t", named=named)
    assert len(made.questions) == 1 and "'CD34 −' stands below" in made.questions[0]
    named |= {"CD34 −": "margin:negative"}
    made = claims_of(table, mskcc, "two-groups", place="t", named=named)
    found = {(c["level"], c["printed"]) for c in made.claims if c["statistic"] == "n"}
    assert found == {("positive", n) for n in ("60", "70")} | {
        ("negative", n) for n in ("240", "280")
    }
    assert not made.questions


def test_a_group_over_two_columns_is_left_out_by_its_name(mskcc):
    """It had to be said of "Excluded (n = 30) n" and of "Excluded (n = 30) %"."""
    table = [["", "No HAI (n = 308)", "", "Excluded (n = 30)", ""], ["", "n", "%", "n", "%"]]
    table += [["Male", "179", "58", "20", "66"]]
    for label in ("Excluded", "Excluded (n = 30)"):
        made = claims_of(table, mskcc, "two-groups", place="t", named={label: "-"})
        assert not made.questions and len(made.left_out) == 2
        assert {c["group"] for c in made.claims} == {"hai=no"}
