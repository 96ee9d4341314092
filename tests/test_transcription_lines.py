"""Several rows of a table within one row of a file, and labels in three columns."""

import csv

import docx
import openpyxl
import pytest

from crlm import ledger
from crlm.transcription import claims_of, grid
from crlm.transcription.lines import parted
from tests.test_transcription_surgical import DESIGN, GROUPS, loaded

ROWS = [
    ["Characteristic", "No HAI (n = 308)", "HAI (n = 366)", "P"],
    ["Sex\nMale\nFemale", "179 (58)\n129 (42)", "205 (56)\n161 (44)", ".62"],
    ["Age, median\n(range), y", "58\n(26-84)", "55\n(21-80)", ".01"],
]


def in_word(path):
    page = docx.Document()
    table = page.add_table(3, 4)
    for at, row in enumerate(ROWS):
        for cell, text in zip(table.row_cells(at), row, strict=True):
            cell.text = text
    page.save(path.with_suffix(".docx"))
    return path.with_suffix(".docx")


def in_excel(path):
    page = openpyxl.Workbook()
    for row in ROWS:
        page.active.append(row)
    page.save(path.with_suffix(".xlsx"))
    return path.with_suffix(".xlsx")


def in_csv(path):
    with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(ROWS)
    return path.with_suffix(".csv")


def in_page(path, sign="<br>", ending=".html"):
    cells = [[text.replace("\n", sign) for text in row] for row in ROWS]
    rows = "".join(f"<tr>{''.join(f'<td>{text}</td>' for text in row)}</tr>" for row in cells)
    path = path.with_suffix(ending)
    path.write_text(f"<table>{rows}</table>", encoding="utf-8")
    return path


def in_article(path):
    return in_page(path, "<break/>", ".nxml")


@pytest.mark.parametrize("made_of", [in_word, in_excel, in_csv, in_page, in_article])
def test_lines_of_cells_are_rows(tmp_path, made_of):
    rows = grid(made_of(tmp_path / "t"))
    assert [row[0] for row in rows[1:]] == ["Sex", "Male", "Female", "Age, median (range), y"]
    assert [rows[at][0].row for at in (2, 3, 4)] == [2, 2, 3]
    made = claims_of(rows, ledger.load_design("mskcc_hai"), "two-groups", place="table1")
    assert not made.questions, made.questions
    found = {c["id"]: c["printed"] for c in made.claims}
    assert found["table1-hai-no-sex-female-n"] == "129" and found["table1-hai-sex-p"] == ".62"
    assert found["table1-hai-yes-age-max"] == "80"


def test_a_column_that_sorts_characteristics_is_no_group(tmp_path):
    design = loaded(tmp_path, DESIGN)
    rows = [
        ["", "Characteristic", "Level", *GROUPS[1:]],
        ["Patient", "Menopausal status", "Premenopausal", "200", "100", "0.2"],
        ["", "", "Postmenopausal", "240", "146", ""],
        ["Tumour", "Tumour grade", "I", "100", "60", ""],
        ["Tumour", "Tumour grade", "II", "340", "186", ""],
    ]
    made = claims_of(rows, design, "two-groups", place="t")
    assert not made.questions, made.questions
    found = {c["id"]: c["printed"] for c in made.claims}
    assert found["t-arm-yes-grade-ii-n"] == "186" and found["t-arm-meno-p"] == "0.2"


def test_each_line_of_a_cell_stands_beside_its_own_of_the_label():
    """The p of the third line was that of the heading: of all levels together."""
    rows = parted([["T stage\nT1\nT2", "\n1\n1.4 (1.1-1.9)", "\n\n.01"]])
    assert rows == [["T stage", "", ""], ["T1", "1", ""], ["T2", "1.4 (1.1-1.9)", ".01"]]
    rows = [["Male\nsex", "1.4\n1.1-1.9"], ["Male sex\nn (%)", "40\n(58)"]]
    assert parted(rows) == rows
