"""The empty workbook asks for the study's columns and is read back as it is."""

from __future__ import annotations

import datetime as dt

import pytest
from openpyxl import load_workbook

from crlm import cohort, files, ledger
from crlm.cohort.codebook import read_codebook
from tests.hostile import refused
from tests.hostile.tables import patients

STUDIES = ledger.studies()


@pytest.mark.parametrize("study", STUDIES)
def test_the_template_holds_every_column_with_its_levels(tmp_path, study):
    design = ledger.load_design(study)
    path = cohort.template(tmp_path / "t.xlsx", design)
    book = load_workbook(path)
    assert book.sheetnames == ["patients", "history", "data dictionary", "example codebook"]
    assert [cell.value for cell in book["patients"][1]] == list(design.columns)
    rows = list(book["data dictionary"].iter_rows(min_row=2, values_only=True))
    assert [row[0] for row in rows] == list(design.columns)
    lists = {
        str(rule.sqref).partition(":")[0].rstrip("2"): rule.formula1
        for rule in book["patients"].data_validations.dataValidation
        if rule.type == "list"
    }
    for cell in book["patients"][1]:
        spec = design.columns[cell.value]
        if spec["type"] == "category":
            assert lists[cell.column_letter] == f'"{",".join(spec["levels"])}"'
    events = book["history"].data_validations.dataValidation[0]
    assert events.formula1 == f'"{",".join(cohort.EVENTS)}"'


def test_the_template_with_rows_filled_in_is_a_cohort_and_a_history(tmp_path):
    design = ledger.load_design("ncch_scp")
    path = cohort.template(tmp_path / "t.xlsx", design)
    with refused("no patient below it"):
        cohort.load(path, design)
    book = load_workbook(path)
    sheet = book["patients"]
    filled = patients(2).iloc[1].to_dict()
    for cell in sheet[1]:
        sheet.cell(2, cell.column).value = filled.get(cell.value)
    book["history"].append(["P001", dt.datetime(2020, 1, 1), "hepatectomy", None])
    book.save(path)
    files.forget()
    report = cohort.check(path, design)
    assert report.ok, report.violations.to_string()
    assert report.frame["ras"][0] == "mutant" and len(report.frame) == 1
    assert cohort.load_history(path, design)["event"][0] == "hepatectomy"


@pytest.mark.parametrize("study", STUDIES)
def test_the_example_codebook_is_a_codebook(tmp_path, study):
    design = ledger.load_design(study)
    book = load_workbook(cohort.template(tmp_path / "t.xlsx", design))
    lines = [row[0] for row in book["example codebook"].iter_rows(values_only=True)]
    path = tmp_path / "codebook.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    read = read_codebook(path, design.columns, study)
    assert list(read.columns) == list(design.columns)
    assert read.columns["size_cm"].unit == "mm"


def test_an_existing_file_is_never_touched(tmp_path):
    design = ledger.load_design("ncch_scp")
    path = tmp_path / "t.xlsx"
    path.write_text("precious")
    with refused("exists and is left as it is"):
        cohort.template(path, design)
    assert path.read_text() == "precious"
    with refused(r"name it t\.xlsx"):
        cohort.template(tmp_path / "t.csv", design)
    with refused("no folder"):
        cohort.template(tmp_path / "nowhere" / "t.xlsx", design)
    assert [file.name for file in tmp_path.iterdir()] == ["t.xlsx"]
