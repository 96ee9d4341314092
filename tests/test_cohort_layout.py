"""Where the headers stand, which rows are patients, and which sheet is the table."""

from __future__ import annotations

import csv
import io

import pytest
from openpyxl import load_workbook

from crlm import cohort, files, ledger
from tests.hostile import refused
from tests.hostile.files import workbook
from tests.hostile.tables import patients

NCCH = ledger.load_design("ncch_scp")
NAMES = ["patient_id", "age", "sex", "cea", "margin", "size_cm"]


def rows(n=12):
    table = patients(n)[NAMES]
    return [list(row) for row in table.to_numpy().tolist()]


def check(folder, lines, form="csv", codebook=None, **sheets):
    files.forget()
    path = folder / f"t.{form}"
    if form == "csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(lines)
    else:
        path.write_bytes(workbook({"s": lines, **sheets}))
    return cohort.check(path, NCCH, codebook)


def padded(*cells):
    return [*cells, *[""] * (len(NAMES) - len(cells))]


@pytest.mark.parametrize(
    "extra",
    [
        padded("Total"),
        padded("TOTAL n=12"),
        padded("合計", "12例"),
        padded("Mean", "58.3"),
        padded("Mean (SD)", "58.3", "", "12"),
        padded("n = 12"),
        padded("平均", "58.3"),
        padded("Summe:", "700"),
        padded("Median", "58", "", "10"),
        padded("Gesamt n=12"),
        padded("* CEA before surgery in ng/mL"),
        padded("Notes: data as of 2024"),
        padded("注：術前の値"),
        ["", "", "", "", "", "printed by the clinic's system"],
        padded("R0", "negative margin"),
        list(NAMES),
    ],
)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_is_no_patient_is_named_and_left_out(tmp_path, form, extra):
    report = check(tmp_path, [NAMES, *rows(), extra], form)
    assert report.ok, report.violations.to_string()
    assert len(report.frame) == 12
    assert len(report.notes) == 1 and "14" in report.notes[0] and "no patient" in report.notes[0]


@pytest.mark.parametrize(
    "extra",
    [
        padded("P099"),
        padded("P099", "61"),
        ["Max", "61", "male", "3", "negative", "2"],
        ["P099", "61", "male", "3", "negative", "2"],
        padded("P099", "61", "male"),
    ],
)
def test_a_sparse_patient_stays_a_patient(tmp_path, extra):
    report = check(tmp_path, [NAMES, *rows(), extra])
    assert len(report.frame) == 13 and not any("no patient" in note for note in report.notes)


@pytest.mark.parametrize(
    "lines",
    [
        [
            [
                "Identifier of the patient",
                "How old (years)?",
                "Male or female?",
                "CEA in ng/mL",
                "Margin",
                "Largest (cm)",
            ]
        ],
        [["", "years", "", "ng/mL", "", "cm"]],
        [["問1", "歳は", "性別は", "術前の値は", "断端は", "径は"], ['{"ImportId":"QID0"}'] * 6],
    ],
)
def test_lines_below_the_headers_are_no_patients(tmp_path, lines):
    report = check(tmp_path, [NAMES, *lines, *rows()])
    assert report.ok, report.violations.to_string()
    assert len(report.frame) == 12 and len(report.notes) == 1


def test_a_line_of_units_is_obeyed(tmp_path):
    table = [[*row[:5], f"{float(row[5]) * 10:g}"] for row in rows()]
    report = check(tmp_path, [NAMES, ["", "years", "", "pg/mL", "", "mm"], *table])
    assert list(report.frame["size_cm"]) == [float(row[5]) for row in rows()]
    assert report.frame["cea"][0] == float(rows()[0][3]) / 1000
    assert report.understood.set_index("column").loc["size_cm", "unit"] == "mm to cm"


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_headers_below_a_title_are_found_or_declared(tmp_path, form):
    above = [padded("Patients 2015 to 2020"), padded(), padded("Export", "", "", "v2")]
    report = check(tmp_path, [*above, NAMES, *rows()], form)
    assert report.ok and len(report.frame) == 12
    assert "headers were found in row 4" in report.notes[0]
    foreign = [f"Kopf {name}" for name in NAMES]
    book = {"columns": {name: f"Kopf {name}" for name in NAMES}}
    assert check(tmp_path, [*above, foreign, *rows()], form, book).ok
    declared = check(tmp_path, [*above, NAMES, *rows()], form, {"header_row": "4"})
    assert declared.ok and declared.notes == []
    with refused("no filled row 2"):
        check(tmp_path, [*above, NAMES, *rows()], form, {"header_row": "2"})


def test_rows_may_be_skipped(tmp_path):
    report = check(tmp_path, [NAMES, *rows()], codebook={"skip_rows": ["2", "5"]})
    assert len(report.frame) == 10 and report.frame["patient_id"][0] == "P001"


def test_two_header_rows_tell_names_apart(tmp_path):
    upper = ["", "Before surgery", "", "After surgery", ""]
    lower = ["ID", "CEA", "age", "CEA", "margin"]
    lines = [upper, lower, *[[str(i), "5", "60", "2", "negative"] for i in range(8)]]
    book = {"columns": {"patient_id": "ID", "cea": "Before surgery CEA"}}
    assert list(check(tmp_path, lines, "xlsx", book).frame["cea"]) == [5.0] * 8


def merged(folder, lines, *ranges):
    book = load_workbook(io.BytesIO(workbook({"s": lines})))
    for one in ranges:
        book["s"].merge_cells(one)
    files.forget()
    book.save(folder / "m.xlsx")
    return cohort.check(folder / "m.xlsx", NCCH)


def test_a_merged_header_and_a_merged_body(tmp_path):
    lines = [
        ["patient_id", "Findings", "", ""],
        ["", "age", "sex", "margin"],
        *[[f"p{i}", 60, "male", "negative" if i in (0, 4) else None] for i in range(8)],
    ]
    report = merged(tmp_path, lines, "A1:A2", "B1:D1", "D3:D6", "D7:D10")
    assert report.ok and list(report.frame["margin"]) == ["negative"] * 8
    assert list(report.frame["patient_id"]) == [f"p{i}" for i in range(8)]
    assert any("D3:D6, D7:D10" in note for note in report.notes)


def test_a_merged_identifier_is_not_two_patients(tmp_path):
    lines = [
        NAMES,
        *[[f"p{i // 2}" if i % 2 == 0 else None, 60, "male", 2, "negative", 3] for i in range(8)],
    ]
    report = merged(tmp_path, lines, "A2:A3", "A4:A5", "A6:A7", "A8:A9")
    assert set(report.violations["rule"]) == {"stands in more than one row"}


def test_the_sheet_with_known_headers_is_taken_and_hidden_ones_are_not(tmp_path):
    legend = [["code", "meaning"], ["1", "male"], ["2", "female"]]
    report = check(tmp_path, legend, "xlsx", data=[NAMES, *rows()])
    assert report.ok and "'data'" in report.how and "headers that are known" in report.notes[0]
    path = tmp_path / "t.xlsx"
    for state in ("hidden", "veryHidden"):
        book = load_workbook(path)
        book["data"].sheet_state = state
        files.forget()
        book.save(path)
        with refused("no column that ncch_scp knows"):
            cohort.load(path, NCCH)
        assert len(cohort.load(path, NCCH, {"sheet": "data"})) == 12


def test_blank_blocks_and_stray_cells(tmp_path):
    lines = [
        NAMES,
        *rows(6),
        padded(),
        padded(),
        *rows(12)[6:],
        padded(),
        padded(),
        padded("x", "see file 7"),
    ]
    report = check(tmp_path, lines)
    assert report.ok and len(report.frame) == 12
    assert "Row 18 is no patient" in report.notes[0]


def test_nothing_but_totals_is_no_table(tmp_path):
    with refused("no patient below it"):
        check(tmp_path, [NAMES])
