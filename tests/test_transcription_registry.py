"""Tables as papers of a national registry print them: "Total cohort", T stages as numbers."""

from dataclasses import replace

import pytest

from crlm import ledger
from crlm.transcription import claims_of
from tests.hand_written import copied

ADDED = """
[columns.pt]
type = "category"
levels = ["T1", "T2", "T3", "TX"]
role = "baseline"
label = "T stage"
[columns.pn]
type = "category"
levels = ["N0", "N1", "N2"]
role = "baseline"
label = "N stage"
[columns.grade]
type = "category"
levels = ["1", "2", "3"]
role = "baseline"
label = "Grade"
[columns.her2]
type = "category"
levels = ["no", "yes"]
role = "baseline"
label = "HER2"
[columns.risk]
type = "category"
levels = ["LR", "IR", "HR"]
labels = { LR = "Low", IR = "Intermediate", HR = "High" }
role = "baseline"
label = "Risk"
[factors.pn_pos]
source = "pn"
groups = { negative = ["N0"], positive = ["N1", "N2"] }
labels = { negative = "pN0", positive = "pN+" }
"""
HEAD = ["", "Total cohort", "No HAI (n = 308)", "HAI (n = 366)", "P"]
STAGES = [
    HEAD,
    ["Grade (n = 674)", "", "", "", ""],
    ["1", "100 (14.8)", "40 (13.0)", "60 (16.4)", ""],
    ["2", "574 (85.2)", "268 (87.0)", "306 (83.6)", ""],
    ["T stage (n = 600)", "", "", "", ""],
    ["1", "200 (33.3)", "90 (34.6)", "110 (32.4)", ""],
    ["2", "300 (50.0)", "130 (50.0)", "170 (50.0)", ""],
    ["X", "100 (16.7)", "40 (15.4)", "60 (17.6)", ""],
    ["Unknown/indeterminate", "74", "48", "26", ""],
]


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    path = copied("mskcc_hai", folder) / "design.toml"
    path.write_text(path.read_text(encoding="utf-8") + ADDED, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(folder))
        yield ledger.load_design("mskcc_hai")


def read(rows, design, **given):
    return claims_of(rows, design, "two-groups", place="table1", **given)


def printed(made):
    names = ("group", "covariate", "level", "statistic")
    return {tuple(c[name] for name in names): c["printed"] for c in made.claims}


@pytest.mark.parametrize("head", ["Total cohort", "Overall", "Whole study population", "All cases"])
def test_a_column_of_all_patients_has_many_names(head, design):
    """The only answer that could be given was to leave it out."""
    made = read([["", head, *HEAD[2:]], ["Male", "384", "179", "205", ""]], design)
    assert not made.questions and printed(made)["all", "sex", "male", "n"] == "384"


def test_a_column_of_all_patients_can_be_said(design):
    rows = [["", "NCDB", *HEAD[2:]], ["Male", "384", "179", "205", ""]]
    (question,) = read(rows, design).questions
    assert "'NCDB=all' for one of all patients" in question
    made = read(rows, design, named={"NCDB": "all"})
    assert not made.questions and printed(made)["all", "sex", "male", "n"] == "384"


def test_numbers_below_a_stage_are_its_own_levels(design):
    """ "2" below T stage went in as grade 2."""
    made = read(STAGES, design)
    found = printed(made)
    assert not made.questions
    assert found["all", "grade", "2", "n"] == "574" and found["all", "pt", "T2", "n"] == "300"
    assert found["hai=yes", "pt", "TX", "percent"] == "17.6"
    assert "'T stage (n = 600), 2' as pt:T2" in made.taken


def test_a_number_below_a_heading_is_no_level_of_another_column(design):
    rows = [HEAD, ["N stage", "", "", "", ""], ["3", "9", "4", "5", ""]]
    made = read(rows, design)
    assert not made.claims[2:] and "'3' is no" in made.questions[0]


def test_a_number_is_no_level_by_a_word_of_the_file_alone(design):
    """Rows "1" and "2" of a status were read as the arms arm1 and arm2, and the table turned."""
    columns = design.columns | {
        "arm": {"type": "category", "levels": ["arm1", "arm2"], "label": "Arm", "role": "exposure"}
        | {"labels": {"arm1": "Old", "arm2": "New"}}
    }
    plan = replace(design, columns=columns)
    rows = [["", "Old", "New"], ["Grade", "", ""], ["1", "5", "6"], ["2", "7", "8"]]
    made = read(rows, plan, by="arm")
    assert not made.questions and printed(made)["arm=arm2", "grade", "2", "n"] == "8"


def test_patients_of_known_value_stand_in_the_label(design):
    """ "Race (n = 8218)" lost its number without a word."""
    found = printed(read(STAGES, design))
    assert found["all", "pt", "", "n"] == "600" and found["all", "grade", "", "n"] == "674"
    assert found["hai=no", "pt", "", "missing"] == "48"
    told = replace(design, table_one={**design.table_one, "percent_of_all": ["grade"]})
    assert ("all", "grade", "", "n") not in printed(read(STAGES, told))


def test_a_stage_by_itself_and_a_sign_name_levels(design):
    rows = [HEAD, *([label, "40", "20", "20", ""] for label in ("pT3", "pN+", "HER2+"))]
    rows.append(["HER2−", "634", "288", "346", ""])
    made = read(rows, design)
    found = printed(made)
    assert not made.questions and found["all", "pt", "T3", "n"] == "40"
    assert found["all", "pn_pos", "positive", "n"] == "40"
    assert found["all", "her2", "yes", "n"] == "40" and found["all", "her2", "no", "n"] == "634"


def test_a_footnote_says_that_p_values_are_adjusted(design):
    """Its p values went in as those of the test."""
    note = ["∗Bonferroni adjustment for multiple comparison was applied.", *[""] * 4]
    rows = [[*HEAD[:4], "P value∗"], ["Male", "384", "179", "205", ".04"], note]
    (question,) = read(rows, design).questions
    assert "adjusted for several tests ('*Bonferroni" in question
    level = ["∗The level of significance is 0.025 (Bonferroni correction).", *[""] * 4]
    assert not read([*rows[:2], level], design).questions
    assert not read(rows, design, named={"P value∗": "-"}).questions


def test_pairs_one_below_the_other_in_one_column_of_p_are_asked(design):
    """Three p values that are alike went in as one, of all groups."""
    rows = [
        ["", "Low", "Intermediate", "High", "P value (LR vs IR) (LR vs HR) (IR vs HR)"],
        ["Sex", "", "", "", "<.001"],
        ["Male", "384", "179", "205", "<.001"],
        ["Female", "384", "179", "205", "<.001"],
    ]
    (question,) = read(rows, design, by="risk").questions
    assert "compares 3 pairs of groups" in question


#: A trial's exploratory table: what is compared in a column of its own, two outcomes above.
TRIAL = [
    ["", "", "Hazard ratio (95% confidence interval)", "", "", ""],
    ["", "", "Node-positive", "", "Overall survival", ""],
    ["Factor", "", "Univariate", "Multivariate", "Univariate", "Multivariate"],
    [
        "Largest liver metastasis, cm",
        ">5 vs ⩽5",
        "1.4 (0.5–3.6)",
        "1.3 (0.5–3.5)",
        "1.2 (0.7–1.8)",
        "",
    ],
    ["Sex", "Male vs female", "2.3 (0.8–6.6)", "2.8 (0.9–8.5)", "1.5 (0.9–2.6)", ""],
]
OUTCOME = """
[models.node_positive]
covariates = ["size_5", "sex"]
selection = "none"
[columns.node_positive]
type = "category"
levels = ["no", "yes"]
role = "outcome"
label = "Node-positive"
[factors.size_5]
source = "size_cm"
rule = ">"
cut = 5.0
levels = ["low", "high"]
"""


def test_what_is_compared_may_stand_beside_and_outcomes_above(tmp_path, monkeypatch):
    """Each was asked; the answer 'Node-positive Univariate=node_positive' was taken and ignored."""
    path = copied("mskcc_hai", tmp_path) / "design.toml"
    path.write_text(path.read_text(encoding="utf-8") + OUTCOME, encoding="utf-8")
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    made = claims_of(TRIAL, ledger.load_design("mskcc_hai"), "model", place="table3")
    assert not made.questions and len(made.claims) == 18
    names = ("endpoint", "covariate", "level", "model", "statistic")
    found = {tuple(c[n] for n in names) for c in made.claims}
    assert ("node_positive", "size_5", "high", "univariable", "odds_ratio") in found
    assert ("OS", "sex", "male", "univariable", "hazard_ratio") in found
    assert {c["locator"].rpartition(", ")[2] for c in made.claims} == {
        "node_positive univariable",
        "node_positive multivariable",
        "OS univariable",
    }
    assert any("'hazard ratios of node_positive' as odds ratios" in text for text in made.taken)
