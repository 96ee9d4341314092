"""Every file ends as a patient table or in one clear message, and rows keep Excel's numbers."""

from __future__ import annotations

import datetime as dt
import io

import pandas as pd
import pyreadstat
import pytest
from openpyxl import load_workbook
from openpyxl.styles import Font

from crlm import cohort, files, ledger
from tests.hostile import refused
from tests.hostile.files import HOSTILE, workbook
from tests.hostile.tables import patients

DESIGN = ledger.load_design("ncch_scp")


def write(folder, name, content):
    files.forget()
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_table_is_refused_in_one_clear_message(tmp_path, name):
    content, words = HOSTILE[name]
    with pytest.raises(ledger.CohortError) as caught:
        cohort.load(write(tmp_path, name, content), DESIGN)
    message = caught.value.told
    assert words in message
    assert len(message) < 700
    assert "Traceback" not in message and "Error(" not in message


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with refused("no file"):
        cohort.load(tmp_path / "absent.csv", DESIGN)
    with refused("is a folder"):
        cohort.load(str(tmp_path), DESIGN)


TABLE = "patient_id,sex,size_cm,margin\n山田,female,3.5,negative\n佐藤,male,4,positive\n"


@pytest.mark.parametrize(
    ("content", "how"),
    [
        (TABLE.encode(), "UTF-8,"),
        (TABLE.encode("utf-8-sig"), "UTF-8 with BOM"),
        (TABLE.encode("cp932"), "cp932"),
        (TABLE.encode("utf-16"), "UTF-16"),
        (TABLE.replace(",", ";").encode(), "separated by semicolons"),
        (TABLE.replace(",", "\t").encode(), "separated by tabs"),
        (TABLE.replace("\n", "\r\n").encode(), "separated by commas"),
        (TABLE.replace("\n", "\r").encode(), "separated by commas"),
        (b"sep=;\r\n" + TABLE.replace(",", ";").encode(), "separated by semicolons"),
        (TABLE.replace("margin", '"margin"').encode(), "separated by commas"),
    ],
)
def test_encodings_and_separators_are_found_and_said(tmp_path, content, how):
    report = cohort.check(write(tmp_path, "t.csv", content), DESIGN)
    assert report.ok and how in report.how
    assert list(report.frame["patient_id"]) == ["山田", "佐藤"]
    assert list(report.frame["size_cm"]) == [3.5, 4.0]


def test_an_encoding_in_the_codebook_wins_and_a_wrong_one_is_named(tmp_path):
    path = write(tmp_path, "t.csv", "patient_id,age\nMüller,60\n".encode("cp1252"))
    assert cohort.load(path, DESIGN, {"encoding": "cp1252"})["patient_id"][0] == "Müller"
    with refused("is not text in 'utf-8'"):
        cohort.load(path, DESIGN, {"encoding": "utf-8"})
    with refused("does not exist"):
        cohort.load(path, DESIGN, {"encoding": "latin-99"})


def test_rows_are_counted_as_excel_counts_them(tmp_path):
    text = 'patient_id,age,sex\n\na,60,male\n\n"b\nc",61,male\n,,\nd,sixty,male\n'
    report = cohort.check(write(tmp_path, "t.csv", text), DESIGN)
    assert list(report.violations["row"]) == [7]
    assert report.violations["value"][0] == "sixty"
    rows = [[], ["patient_id", "age"], [], ["a", 60], ["b", "sixty"]]
    book = write(tmp_path, "t.xlsx", workbook({"one": rows}))
    assert list(cohort.check(book, DESIGN).violations["row"]) == [5]


def test_excel_cells_keep_their_meaning(tmp_path):
    rows = [
        ["patient_id", "age", "size_cm", "bilobar", "os_event", "os_months", "note", None],
        [7, 60.0, 0.35, True, False, 12, dt.datetime(2020, 1, 31), None],
        ["007", 61, 3, "No", 1, 13.5, None, None],
    ]
    report = cohort.check(write(tmp_path, "t.xlsx", workbook({"any": rows})), DESIGN)
    assert report.ok, report.violations
    frame = report.frame
    assert list(frame["patient_id"]) == ["7", "007"]
    assert frame["size_cm"][0] == 0.35
    assert list(frame["bilobar"]) == ["yes", "no"]
    assert list(frame["os_event"]) == [False, True]
    assert report.unused == ["note"]


def test_the_sheet_is_chosen_aloud(tmp_path):
    good, other = [["patient_id", "age"], ["a", 60]], [["x"], [1]]
    several = write(tmp_path, "a.xlsx", workbook({"first": good, "second": other}))
    assert "the first, 'first', was read" in " ".join(cohort.check(several, DESIGN).notes)
    named = write(tmp_path, "b.xlsx", workbook({"notes": other, "Patients": good}))
    report = cohort.check(named, DESIGN)
    assert "'Patients'" in report.how and report.notes == []
    assert cohort.load(several, DESIGN, {"sheet": "First"})["age"][0] == 60
    with refused(r"no sheet 'fist'.*mean 'first'.*second"):
        cohort.load(several, DESIGN, {"sheet": "fist"})


def test_hidden_rows_are_read_and_said_and_formulas_without_values_are_refused(tmp_path):
    path = write(tmp_path, "t.xlsx", workbook({"s": [["patient_id", "age"], ["a", 60], ["b", 61]]}))
    book = load_workbook(path)
    book["s"].row_dimensions[3].hidden = True
    book.save(path)
    report = cohort.check(path, DESIGN)
    assert len(report.frame) == 2
    assert any("row 3 is hidden" in note for note in report.notes)
    assert not any("struck" in note for note in report.notes)
    book["s"]["A2"].font = Font(strike=True)
    book.save(path)
    files.forget()
    (told,) = (note for note in cohort.check(path, DESIGN).notes if "struck" in note)
    assert told.startswith("row 2 has cells that are struck through in Excel, and read all the")
    book["s"]["B3"] = "=B2+1"
    book.save(path)
    files.forget()
    with refused("formula in B3"):
        cohort.load(path, DESIGN)


def test_parquet_and_spss_give_the_same_patients_as_csv(tmp_path):
    table = patients(30)
    plain = cohort.load(write(tmp_path, "t.csv", table.to_csv(index=False)), DESIGN)
    typed = plain.assign(
        **{name: plain[name].astype("Int64") for name in plain.select_dtypes("boolean")}
    )
    typed.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(cohort.load(tmp_path / "t.parquet", DESIGN), plain)
    numbers = plain.select_dtypes("number")
    words = plain[["patient_id", *plain.select_dtypes("category")]].astype(str)
    pyreadstat.write_sav(pd.concat([words, numbers], axis=1), str(tmp_path / "t.sav"))
    read = cohort.load(tmp_path / "t.sav", DESIGN)
    for name in read:
        pd.testing.assert_series_equal(read[name], plain[name])


def test_spss_labels_speak_before_bare_codes(tmp_path):
    table = pd.DataFrame(
        {"sex": [1.0, 2.0], "bilobar": [0.0, 1.0], "os_event": [0.0, 1.0], "os_months": [5.0, 6.0]}
    )
    labels = {
        "sex": {1.0: "Male", 2.0: "Female"},
        "bilobar": {0.0: "yes", 1.0: "no"},
        "os_event": {0.0: "alive", 1.0: "dead"},
    }
    pyreadstat.write_sav(table, str(tmp_path / "t.sav"), variable_value_labels=labels)
    frame = cohort.load(tmp_path / "t.sav", DESIGN)
    assert list(frame["sex"]) == ["male", "female"]
    assert list(frame["bilobar"]) == ["yes", "no"]
    assert list(frame["os_event"]) == [False, True]


def test_an_spss_label_that_says_something_else_is_not_guessed_but_may_be_mapped(tmp_path):
    table = pd.DataFrame({"bilobar": [0.0, 1.0], "age": [60.0, 61.0]})
    labels = {"bilobar": {0.0: "Ja", 1.0: "Nein"}}
    path = tmp_path / "t.sav"
    pyreadstat.write_sav(table, str(path), variable_value_labels=labels)
    report = cohort.check(path, DESIGN)
    assert list(report.violations["value"]) == ["0 (Ja)", "1 (Nein)"]
    for values in ({"Ja": "yes", "Nein": "no"}, {"0": "yes", "1": "no"}):
        frame = cohort.load(path, DESIGN, {"columns": {"bilobar": {"values": values}}})
        assert list(frame["bilobar"]) == ["yes", "no"]


def test_headers_are_matched_exactly_or_with_a_note(tmp_path):
    text = "PATIENT ID,Os-Months,os_event,Age,note\na,12,1,60,x\n"
    report = cohort.check(write(tmp_path, "t.csv", text), DESIGN)
    assert list(report.frame) == ["patient_id", "age", "os_months", "os_event"]
    assert "os_months was taken from the header 'Os-Months'." in report.notes
    assert report.unused == ["note"]


def test_a_header_that_stands_twice_matters_only_where_it_is_used(tmp_path):
    unused = write(tmp_path, "a.csv", "patient_id,age,x,x\na,60,1,2\n")
    assert cohort.check(unused, DESIGN).ok
    used = write(tmp_path, "b.csv", "patient_id,age,age\na,60,61\n")
    with refused("'age' stands over 2 columns"):
        cohort.load(used, DESIGN)
    alike = write(tmp_path, "c.csv", "patient_id,AGE,Age\na,60,61\n")
    with refused("'AGE', 'Age'"):
        cohort.load(alike, DESIGN)


def test_values_under_an_empty_header_are_left_out_aloud(tmp_path):
    report = cohort.check(write(tmp_path, "t.csv", "patient_id,age,\na,60,?\n"), DESIGN)
    assert report.notes[0] == "column 3 of the file has values but no header and was left out."


def test_reading_leaves_the_file_as_it_is(tmp_path):
    content = io.BytesIO(patients(25).to_csv(index=False).encode()).getvalue()
    path = write(tmp_path, "t.csv", content)
    cohort.load(path, DESIGN)
    assert path.read_bytes() == content
