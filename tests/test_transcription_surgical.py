"""Tables as surgical journals print them: BJS, BJS Open."""

import pytest

from crlm import ledger
from crlm.cohort import suggest
from crlm.transcription import claims_of, grid

DESIGN = """
title = "t"
citation = "c"
question = "q"
exposure = "arm"
main = ["RFS"]
[columns]
use = ["patient_id", "age", "sex", "rfs_months", "rfs_event"]
[columns.arm]
type = "category"
levels = ["no", "yes"]
labels = { no = "Control", yes = "Treatment" }
role = "exposure"
label = "Hormonal treatment"
[columns.meno]
type = "category"
levels = ["pre", "post"]
labels = { pre = "Premenopausal", post = "Postmenopausal" }
label = "Menopausal status"
[columns.grade]
type = "category"
levels = ["I", "II", "III"]
label = "Tumour grade"
[columns.size]
type = "number"
unit = "mm"
label = "Tumour size"
[columns.nodes]
type = "integer"
label = "Number of positive nodes"
[factors.size_band]
source = "size"
rule = ">"
cuts = [20, 30]
levels = ["low", "21-30", "high"]
[factors.node_band]
source = "nodes"
rule = ">"
cuts = [3, 9]
levels = ["1-3", "4-9", "10_up"]
[conventions]
software = "R"
days_per_month = 30.4375
ties = "efron"
conf_type = "log"
median_rule = "first"
univariable_p = "wald"
follow_up = "reverse"
[choices]
[endpoints.RFS]
label = "Recurrence-free survival"
rule = "r"
[table_one]
by = "arm"
continuous_test = "mann-whitney"
categorical_test = "chi-square"
spread = "iqr"
variables = ["age", "sex", "meno", "size", "size_band", "grade", "nodes", "node_band"]
[models.RFS]
covariates = ["arm", "age", "meno", "size_band", "grade", "node_band"]
selection = "none"
"""
GROUPS = ["", "Control (n = 440)", "Treatment (n = 246)", "P§"]


MERGED = """
[factors.grade_group]
source = "grade"
[factors.grade_group.groups]
low = ["I", "II"]
high = ["III"]
"""


def loaded(folder, text):
    (folder / "breast").mkdir()
    (folder / "breast" / "design.toml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(folder))
        return ledger.load_design("breast")


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    return loaded(tmp_path_factory.mktemp("data"), DESIGN)


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    """With a factor of two grades."""
    return loaded(tmp_path_factory.mktemp("data"), DESIGN + MERGED)


def model(design, *labels):
    rows = [["", "HR*", "P"], *([label, "1.83 (1.12, 2.99)", "0.015"] for label in labels)]
    return claims_of(rows, design, "model", place="table2", endpoint="RFS")


@pytest.mark.parametrize(
    ("label", "keys"),
    [
        ("Tumour grade (III versus I)", ("grade", "III", "")),
        ("Tumour grade (III versus II)", ("grade", "III", "II")),
        ("Tumour grade (III)", ("grade", "III", "")),
        ("Tumour grade (3 v. 1)", ("grade", "III", "")),
        ("Tumour grade 3", ("grade", "III", "")),
        ("Tumour size (> 30 mm)*", ("size_band", "high", "")),
        ("Tumour size (21–30 versus ≤ 20 mm)", ("size_band", "21-30", "")),
        ("Menopausal status (post)", ("meno", "post", "")),
        # It was the ratio of the second level, the other way round.
        ("Menopausal status (premenopausal versus postmenopausal)", ("meno", "pre", "post")),
        ("Menopausal status (premenopausal)", ("meno", "pre", "post")),
        ("Age (years)", ("age", "", "")),
        ("Hormonal treatment (any drug)", ("arm", "yes", "")),
    ],
)
def test_a_level_in_brackets_is_one(design, label, keys):
    made = model(design, label)
    assert not made.questions
    told = {(c["covariate"], c["level"], c.get("reference", "")) for c in made.claims}
    assert told == {keys} and len(made.claims) == 4


def test_a_level_against_two_others_is_two_ratios(design):
    """They had one id, and the advice was to rename a row."""
    made = model(design, "Tumour grade (III versus II)")
    other = claims_of(
        [["", "HR", "P"], ["Tumour grade III versus II", "1.1", ""], ["Tumour grade 3", "2.1", ""]],
        *(design, "model"),
        place="table2",
        endpoint="RFS",
    )
    assert not other.questions
    assert [c.get("reference", "") for c in other.claims] == ["II", ""]
    assert other.claims[0]["id"] == made.claims[0]["id"] != other.claims[1]["id"]


@pytest.mark.parametrize(
    "label",
    [
        "Tumour grade (I/II versus III)",  # It was a ratio of the grade, of no level.
        "Tumour grade (I v. II v. III)",
        "Tumour size (> 50 mm)",  # It was the ratio per mm.
        "Tumour grade",
        "Menopausal status (M)",  # It was the ratio of the second level.
    ],
)
def test_a_ratio_of_no_level_that_the_design_has_is_asked(design, label):
    made = model(design, label)
    assert len(made.questions) == 1 and f"{label}=" in made.questions[0]


def test_grades_are_the_same_in_roman_and_in_arabic_numbers():
    assert [suggest(text, ["I", "II", "III"]) for text in ("1", "3", "iii", "4")] == [
        *("I", "III", "III"),
        "?",
    ]
    assert suggest("II", ["1", "2", "3"]) == "2" and suggest("II", ["0", "1", "2"]) == "?"


AT_RISK = [["Treatment", "246", "223", "58"], ["Control", "440", "379", "63"]]


def curves(design, rows):
    return claims_of(rows, design, "curves", place="figure1", endpoint="RFS")


@pytest.mark.parametrize(
    "above",
    [
        [["No. at risk", "", "", ""], ["Time (years)", "0", "1", "5"]],
        [["Time (years)", "0", "1", "5"], ["No. at risk", "", "", ""]],
        [["", "0", "1", "5"], ["Time (years)", "", "", ""], ["Patients at risk", "", "", ""]],
    ],
)
def test_the_times_of_numbers_at_risk_may_stand_on_the_axis_above_them(design, above):
    made = curves(design, [*above, *AT_RISK])
    assert not made.questions
    told = [(c["group"], c["time"], c["printed"]) for c in made.claims]
    assert told[:3] == [("arm=yes", "0", "246"), ("arm=yes", "12", "223"), ("arm=yes", "60", "58")]
    assert len(told) == 6


def test_numbers_at_risk_without_times_are_asked_and_no_times_are_made_of_a_group(design):
    """The first group's numbers were the months of the second's."""
    for above in ([["No. at risk", "", "", ""]], []):
        made = curves(design, [*above, *AT_RISK])
        assert not made.claims
        assert (
            "'Treatment' is a group, and no row above it says at which times" in (made.questions[0])
        )


def test_rates_of_several_years_stand_in_the_lower_storey_of_a_header(design):
    heads = [["", "n", "Survival (%)*", "", "P†"], ["", "", "3 years", "5 years", ""]]
    row = ["Control", "440", "60.6 (55.9, 65.6)", "43.7 (38.2, –)", ""]
    made = curves(design, [*heads, row])
    assert not made.questions
    told = [(c["time"], c["field"], c["printed"]) for c in made.claims[1:]]
    assert told == [
        ("36", "estimate", "60.6"),
        ("36", "conf_low", "55.9"),
        ("36", "conf_high", "65.6"),
        ("60", "estimate", "43.7"),
        ("60", "conf_low", "38.2"),
    ]
    assert made.claims[-1]["note"] == "no upper limit (–)"


def first(design, rows, **keys):
    return claims_of([GROUPS, *rows], design, "two-groups", place="table1", **keys)


MARKED = [
    ["Age (years)*", "52 (21–80)", "52 (30–77)", "0.3¶"],
    ["Tumour size† (mm)", "25 (20–35)", "25 (21–36)", "0.507¶"],
    ["No. of positive nodes‡", "5.0(5.4)", "5.1(5.3)", "0.9"],
]
NOTE = ["Values are n (%); values are *median (range), †median (i.q.r.) and ‡mean(s.d.).", "", ""]


@pytest.mark.parametrize(
    ("below", "answers"),
    [
        ([[*NOTE, ""]], {}),
        ([], {"*": "median (range)", "†": "median (IQR)", "‡": "mean (SD)"}),
    ],
)
def test_footnote_marks_say_which_statistics_a_row_holds(design, below, answers):
    """The range of a row marked so was read as the quartiles that the design has."""
    made = first(design, [*MARKED, *below], named=answers)
    assert not made.questions
    told = {(c["covariate"], c["statistic"]): c["printed"] for c in made.claims[2:]}
    del told["age", "p"], told["size", "p"], told["nodes", "p"]
    assert told == {
        ("age", "median"): "52",
        ("age", "min"): "30",
        ("age", "max"): "77",
        ("size", "median"): "25",
        ("size", "q1"): "21",
        ("size", "q3"): "36",
        ("nodes", "mean"): "5.1",
        ("nodes", "sd"): "5.3",
    }


def test_marks_that_nothing_explains_are_asked_where_they_differ(design):
    made = first(design, MARKED)
    assert len(made.questions) == 3 and not made.claims[8:]
    assert "--is '*=median (IQR)' or --is '*=median (range)'" in made.questions[0]
    assert "or 'mean (SD)'" in made.questions[2]
    # One mark on all of them says nothing that the design does not.
    assert not first(design, MARKED[1:2]).questions
    with pytest.raises(ledger.ParameterError, match="stands for statistics"):
        first(design, MARKED, named={"*": "rubbish"})
    with pytest.raises(ledger.ParameterError, match="no label of the table has this mark"):
        first(design, MARKED, named={"§": "median (range)"})


def test_a_note_without_a_mark_says_what_stands_beside_every_median(design):
    row = ["Age (years)", "52 (21–80)", "52 (30–77)", ""]
    said = ["Values are median (range) or n (%) unless indicated otherwise", "", "", ""]
    made = first(design, [row, said])
    assert [c["statistic"] for c in made.claims[2:5]] == ["median", "min", "max"]
    assert [c["statistic"] for c in first(design, [row, said], spread="iqr").claims[3:5]] == [
        *("q1", "q3")
    ]


def test_the_note_below_a_word_table_is_read_with_it(tmp_path):
    docx = pytest.importorskip("docx")
    document = docx.Document()
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ["", "All (n = 9)", "Age*", "52 (21–80)"], strict=True):
        cell.text = text
    for text in (NOTE[0], "The median age was 52 years."):
        document.add_paragraph(text)
    document.save(tmp_path / "t.docx")
    assert grid(tmp_path / "t.docx")[2:] == [[NOTE[0], ""]]


@pytest.mark.parametrize(
    ("label", "text", "keys"),
    [
        ("Mean(s.d.) age (years)", "51.1(10.0)", [("age", "", "mean"), ("age", "", "sd")]),
        ("Median (range) no. of positive nodes", "3 (1–51)", [("nodes", "", "median")]),
        ("Sex ratio (M : F)", "120 : 80", [("sex", "male", "n"), ("sex", "female", "n")]),
        ("Menopausal status (pre/post)", "9/8", [("meno", "pre", "n"), ("meno", "post", "n")]),
        (
            "Tumour grade (I : II : III)",
            "4 : 2 : 1",
            [("grade", g, "n") for g in "I II III".split()],
        ),
        ("Postmenopausal (%)", "48", [("meno", "post", "percent")]),  # It was 48 patients.
        ("Postmenopausal, n (%)", "48", [("meno", "post", "n")]),
    ],
)
def test_labels_as_surgeons_word_them(design, label, text, keys):
    made = first(design, [[label, text, text, "0.4"]])
    assert not made.questions
    held = [c for c in made.claims if c["group"] == "arm=no"][1:]
    told = [(c["covariate"], c["level"], c["statistic"]) for c in held]
    assert told[: len(keys)] == keys
    assert sum(c["statistic"] == "p" for c in made.claims) == 1


def test_a_heading_of_bands_may_say_group_and_one_column_may_count_everybody(design):
    heads = ["", "No. of patients*", *GROUPS[1:]]
    rows = [["Tumour size group (mm)", "", "", "", "0.6"], ["> 30", "19 (9)", "7", "12", ""]]
    made = claims_of([heads, *rows], design, "two-groups", place="table1")
    assert not made.questions
    told = [(c["group"], c["covariate"], c["level"]) for c in made.claims]
    assert ("all", "size_band", "high") in told and ("arm", "size_band", "") in told


def test_bands_below_a_heading_of_nothing_are_of_no_other_column(design):
    """They were taken for those of the one column that has bands of that wording."""
    rows = [["Fancy marker", "", "", ""], ["> 30", "5 (1)", "6 (2)", ""]]
    made = first(design, rows)
    assert "'Fancy marker'" in made.questions[0] and len(made.claims) == 2


def test_the_p_of_headings_alone_is_that_of_interactions(design):
    rows = [["Menopausal status", "", "0.891"], ["Pre", "0.69 (0.43, 1.10)", ""]]
    for head in ("P†", "Pinteraction", "P for interaction"):
        made = claims_of(
            [["", "HR*", head], *rows], design, "subgroups", place="figure2", endpoint="RFS"
        )
        assert not made.questions
        assert [c["covariate"] for c in made.claims if c["model"] == "interaction"] == ["arm:meno"]
    # Beside a ratio as well it may be that of the ratio.
    rows.append(["Overall", "0.69 (0.54, 0.89)", "0.004"])
    made = claims_of(
        [["", "HR*", "P†"], *rows], design, "subgroups", place="figure2", endpoint="RFS"
    )
    assert "name the column 'P for interaction'" in made.questions[0]


def test_a_count_of_events_may_have_its_percentage_without_a_sign(design):
    made = curves(
        design, [["", "No. of events", "5-year RFS (%)"], ["Control", "205 (46.6)", "44"]]
    )
    assert not made.questions
    assert [c["printed"] for c in made.claims] == ["205", "44"]
    assert "'46.6' is a percentage" in made.left_out[0]
    made = curves(design, [["", "No. of patients", "5-year RFS (%)"], ["Control", "440 (205)", ""]])
    assert "is not one number; give each its column" in made.questions[0]


@pytest.mark.parametrize("label", ["I–II", "I/II", "I or II", "Tumour grade I–II"])
def test_two_grades_are_no_third(design, label):
    """I–II was read as III."""
    rows = [["Tumour grade", "", "", ""], [label, "329 (74.8)", "196 (79.7)", ""]]
    made = first(design, rows if label[0] == "I" else rows[1:])
    assert len(made.claims) == 2 and len(made.questions) == 1
    assert "merges levels of grade, and no factor" in made.questions[0] or label[0] == "T"


def test_percentages_below_a_heading_that_says_so_are_no_counts(design):
    rows = [
        ["Menopausal status, %", "", "", "0.3"],
        ["Pre", "53", "24", ""],
        ["Post", "47", "76", ""],
    ]
    made = first(design, rows)
    assert not made.questions
    assert [c["statistic"] for c in made.claims[2:]] == ["p", *["percent"] * 4]


def test_a_band_with_another_cut_is_not_told_as_one_of_the_design(design):
    rows = [["Tumour size (mm)", "", "", ""], ["≤ 20", "5", "6", ""], ["> 20", "5", "6", ""]]
    (asked,) = first(design, rows).questions
    assert "is no band of size as the design cuts it" in asked and "did you mean" not in asked


HAZARD = ["Tumour grade 3", "2.04 (1.21, 3.46)", "0.008"]


def test_limits_in_words_are_those_of_95_per_cent_alone(design):
    """Those of 90 per cent in words, and of 99 % by a note below, went in as limits of 95 %."""

    def asked(head, *below):
        rows = [["", head, "P"], HAZARD, *([note, "", ""] for note in below)]
        return claims_of(rows, design, "model", place="table2", endpoint="RFS").questions

    assert not asked("HR (95 per cent c.i.)", "*Values in parentheses are 95 per cent c.i.")
    assert "limits of 90 %" in asked("HR (90 per cent c.i.)")[0]
    # EORTC 40983 adjusts for its interim analysis: 95·66 % went in as 95 %.
    assert "limits of 95.66 %" in asked("HR (95·66% CI)")[0].replace("·", ".")
    assert not asked("HR (95.0% CI)")
    assert "limits of 99 %" in asked("HR*", "*Values in parentheses are 99 per cent c.i.")[0]
    apart = [["", "HR", "95 per cent c.i.", "P"], [HAZARD[0], "2.04", "1.21 to 3.46", "0.008"]]
    made = claims_of(apart, design, "model", place="table2", endpoint="RFS")
    assert not made.questions and len(made.claims) == 4


def test_what_a_note_says_of_a_median_is_no_limit_of_it(design):
    rows = [["", "Median RFS (months)*"], ["Control", "50.2 (42.6, 59.6)"]]
    for note in ("*Values in parentheses are i.q.r.", "Values in parentheses are ranges"):
        made = curves(design, [*rows, [note, ""]])
        assert "is no limit of 95 %" in made.questions[0]
    made = curves(design, [*rows, ["*Values in parentheses are 95 per cent c.i.", ""]])
    assert not made.questions and len(made.claims) == 3


def test_a_cell_may_say_what_its_limits_are(design):
    text = "58.1 (95 per cent c.i. 51.4 to 65.7) per cent"
    made = curves(design, [["", "5-year RFS"], ["Control", text]])
    assert not made.questions
    assert [c["printed"] for c in made.claims] == ["58.1", "51.4", "65.7"]


def test_patients_beside_ratios_are_those_of_each_level(design):
    """The column was asked about, and left out."""
    heads = [["", "Univariable", "", "", "Multivariable", "", ""]]
    heads.append(["", "n", "HR", "P", "n", "HR", "P"])
    rows = [
        ["Menopausal status", *[""] * 6],
        ["Pre", "290 (42.3)", "1.00 (reference)", "", "290 (42.3)", "1.00 (reference)", ""],
        ["Post", "396 (57.7)", "1.06 (0.84, 1.34)", "0.6", "396 (57.7)", "1.1 (0.8, 1.4)", "0.5"],
        ["Age (years)", "686", "0.99 (0.98, 1.01)", "0.4", "", "", ""],
    ]
    made = claims_of([*heads, *rows], design, "model", place="table2", endpoint="RFS")
    assert not made.questions and len(made.claims) == 17
    told = [(c["covariate"], c["level"], c["statistic"], c["printed"]) for c in made.claims]
    assert told[:4] == [
        ("meno", "pre", "n", "290"),
        ("meno", "pre", "percent", "42.3"),
        ("meno", "post", "n", "396"),
        ("meno", "post", "percent", "57.7"),
    ]
    assert ("age", "", "n", "686") in told
    # One that names no model is asked, and of a comparison nobody can tell whose it is.
    rows[2][4] = "390 (57.6)"
    heads[0][4] = "Model"
    made = claims_of([*heads, *rows[:3]], design, "model", place="table2", endpoint="RFS")
    assert "'Model n': counts other patients than 'Univariable n'" in made.questions[0]
    heads[0][4], rows[2][4] = "Multivariable", rows[2][1]
    rows.append(["Tumour grade III versus I", "161", "3.1 (1.9, 5.2)", "0.01", "", "", ""])
    made = claims_of([*heads, *rows[:3], rows[4]], design, "model", place="table2", endpoint="RFS")
    assert not made.questions and "names no level, or two" in made.left_out[0]


@pytest.mark.parametrize("labels", [("I–II", "III"), ("1 or 2", "3")])
def test_a_level_beside_merged_ones_is_of_the_factor_that_merges_them(merged, labels):
    """III beside I–II was grade III against I, and the p of the heading that of three grades."""
    rows = [["Tumour grade", "", "", "0.15"], *([label, "9", "8", ""] for label in labels)]
    told = [(c["covariate"], c["level"], c["statistic"]) for c in first(merged, rows).claims[2:]]
    assert told[::2] == [("grade_group", "", "p"), *[("grade_group", "low", "n")], told[4]]
    assert told[4] == ("grade_group", "high", "n") and len(told) == 5
    rows = [["", "HR", "P"], ["Tumour grade", "", ""], [labels[0], "1.00", ""]]
    rows.append([labels[1], "1.5 (1.1, 2.0)", "0.01"])
    made = claims_of(rows, merged, "model", place="table2", endpoint="RFS")
    assert {(c["covariate"], c["level"]) for c in made.claims} == {("grade_group", "high")}
    made = model(merged, f"Tumour grade ({labels[1]} versus {labels[0]})")
    assert not made.questions
    assert {(c["covariate"], c["level"]) for c in made.claims} == {("grade_group", "high")}
    rows = [["", "5-year RFS (%)", "P"], ["Tumour grade", "", "0.4"]]
    made = curves(merged, [*rows, *([label, "51.1", ""] for label in labels)])
    assert not made.questions
    assert [c["group"] for c in made.claims] == [
        *("grade_group", "grade_group=low", "grade_group=high")
    ]
