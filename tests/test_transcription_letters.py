"""Footnotes that are letters: raised, or set on the line by a paste, and what they say is missing.

Beside them levels of a category of which a table merges the last two.
"""

import docx
import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from crlm import ledger
from crlm.transcription import claims_of, doubts, grid
from crlm.transcription.footnotes import lacking

HEADS = [
    "Characteristic",
    "No HAI (n = 308)",
    "HAI (n = 366)",
    "Standardized difference^a",
    "P value^b",
]
ROWS = [
    ["Age, median (IQR), y^c", "58 (50-66)", "55 (47-63)", "0.25", ".04"],
    ["CEA, median (IQR), ng/mL^d", "9 (4-30)", "8 (3-31)", "0.02", ".51"],
]
NOTES = [
    "^a In standard deviations.",
    "^b Wilcoxon rank sum test.",
    "^c Data missing for 1 patient.",
]
NOTES += ["^d Data missing for 14 patients (2.1%)."]


@pytest.fixture
def design():
    made = ledger.load_design("mskcc_hai")
    made.columns["stage"] = {"type": "category", "levels": ["0", "1", "2", "3"], "label": "Stage"}
    merged = {"0": ["0"], "1": ["1"], "2-3": ["2", "3"]}
    made.factors["stage3"] = {"source": "stage", "groups": merged, "levels": [*merged]}
    made.models["OS_2"] = {
        "endpoint": "OS",
        "label": "Model 2",
        "covariates": ["hai", "stage3"],
        "selection": "none",
    }
    made.models["OS"]["label"] = "Model 1"
    return made


def flat(text):
    return text.replace("^", "")


def put(paragraph, text):
    words, _, rest = text.partition("^")
    paragraph.add_run(words)
    if rest:
        paragraph.add_run(rest[0]).font.superscript = True
        paragraph.add_run(rest[1:])


def in_word(folder):
    page = docx.Document()
    table = page.add_table(3, 5)
    for at, row in enumerate([HEADS, *ROWS]):
        for cell, text in zip(table.row_cells(at), row, strict=True):
            put(cell.paragraphs[0], text)
    for note in NOTES:
        put(page.add_paragraph(), note)
    page.save(folder / "t1.docx")
    return folder / "t1.docx"


def pasted(folder):
    lines = ["\t".join(row) for row in [HEADS, *ROWS]] + NOTES
    (folder / "t1.txt").write_text(flat("\n".join(lines)), encoding="utf-8")
    return folder / "t1.txt"


@pytest.mark.parametrize("made_of", [in_word, pasted])
def test_letters_are_footnotes_of_heads_and_labels(design, tmp_path, made_of):
    made = claims_of(grid(made_of(tmp_path)), design, "two-groups", place="table1")
    assert not made.questions, made.questions
    found = {c["id"]: c["printed"] for c in made.claims}
    assert found["table1-hai-age-smd"] == "0.25" and found["table1-hai-age-p"] == ".04"
    assert found["table1-age-missing"] == "1" and found["table1-cea-missing"] == "14"
    assert len(made.claims) == 2 + 2 * (3 + 3 + 2 + 1)


def test_a_letter_on_the_line_is_told_and_no_level_is_read_so(design):
    table = [["", "HR (95% CI)"], ["Stageb", ""], ["0", "1 [Reference]"], ["2-3", "1.9 (1.2-3.0)"]]
    made = claims_of(table, design, "model", place="table2", endpoint="OS_2")
    assert not made.questions and any("with footnote ᵇ" in text for text in made.taken)
    table = [["", "HR (95% CI)"], ["Wilda", "1.9 (1.2-3.0)"]]
    assert claims_of(table, design, "model", place="table2", endpoint="OS").questions
    design.columns["pt"] = {"type": "category", "levels": ["T1", "T2"], "label": "pT"}
    table = [["", "HAI (n = 366)"], ["pTa", "12 (3.3)"]]
    made = claims_of(table, design, "two-groups", place="table1")
    assert made.questions and not any("footnote" in text for text in made.taken)


def test_the_b_of_a_second_model_heads_no_coefficients(design, tmp_path):
    page = openpyxl.Workbook()
    heads = ["", "Model 1 aHR (95% CI)", "P value", "Model 2 aHR (95% CI)", "P value"]
    page.active.append(heads)
    page.active.append(["HAI", "0.60 (0.43-0.83)", 0.04, "0.53 (0.38-0.76)", 0.001])
    raised = InlineFont(vertAlign="superscript")
    for cell, letter in (("B1", "a"), ("D1", "b")):
        text = page.active[cell].value
        page.active[cell].value = CellRichText(text, TextBlock(raised, letter))
    page.active["C2"].number_format, page.active["E2"].number_format = ".00", "#.000"
    page.save(tmp_path / "t2.xlsx")
    rows = grid(tmp_path / "t2.xlsx")
    assert not doubts(tmp_path / "t2.xlsx")
    glued = [["", "Model 1 aHR (95% CI)a", "P value", "Model 2 aHR (95% CI)b", "P value"], rows[1]]
    for table in (rows, glued):
        made = claims_of(table, design, "model", place="table2", endpoint="OS")
        assert not made.questions, made.questions
        found = {(c["model"], c["statistic"], c["field"]): c["printed"] for c in made.claims}
        assert found["multivariable OS_2", "hazard_ratio", "estimate"] == "0.53"
        assert found["multivariable", "p", "estimate"] == ".04"
        assert found["multivariable OS_2", "p", "estimate"] == ".001"


def test_a_note_of_some_patients_is_not_of_all():
    assert (
        lacking(["ᵃ Data missing for 14 patients in the HAI group.", "ᵇ Adjusted for age."]) == {}
    )
    assert lacking(["f Data were not available for three participants"]) == {"ᶠ": "3"}


@pytest.mark.parametrize(
    ("layout", "head", "of_level"),
    [
        ("model", ["", "HR (95% CI)"], ["1 [Reference]", "1.4 (1.0-2.1)", "2.5 (1.6-3.9)"]),
        ("subgroups", ["", "HR (95% CI)"], ["0.5 (0.3-0.9)", "0.6 (0.3-0.9)", "0.7 (0.4-1.3)"]),
        ("curves", ["", "Median OS, months"], ["12.9", "10.1", "6.0"]),
        ("two-groups", ["", "HAI (n = 366)"], ["40", "50", "60"]),
    ],
)
def test_levels_of_which_two_are_merged_are_all_those_of_the_factor(design, layout, head, of_level):
    rows = [["Stage", ""], *zip(["0", "1", "2-3"], of_level, strict=True)]
    endpoint = "OS_2" if layout == "model" else "" if layout == "two-groups" else "OS"
    table = [head, *map(list, rows)]
    made = claims_of(table, design, layout, place="table2", endpoint=endpoint)
    assert not made.questions, made.questions
    named = {c["covariate"] for c in made.claims if not c["group"].startswith("stage3")}
    named |= {c["population"].partition("=")[0] for c in made.claims}
    assert "stage" not in named and not any(c["group"].startswith("stage=") for c in made.claims)
    assert not any(c["population"].startswith("stage=") for c in made.claims)


def test_a_letter_behind_the_head_of_a_group_is_a_footnote(design):
    """ "All other patientsa" of PMC5954168 was asked."""
    table = [["", "No HAIa", "HAI"], ["Male", "20 (40)", "30 (50)"]]
    made = claims_of(table, design, "two-groups", place="table1")
    assert {c["group"] for c in made.claims} == {"hai=no", "hai=yes"}
    assert any("hai:no with footnote ᵃ" in text for text in made.taken)
