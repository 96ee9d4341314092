"""Tables that went wrong at other people's desks, and what is right for each."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from crlm import cohort, endpoints, ledger
from crlm.batch import grid
from crlm.cli import main
from tests.hostile import refused

CASES = Path(__file__).parents[2] / "shared" / "cases" / "intake"
NCCH = ledger.load_design("ncch_scp")
MSKCC = ledger.load_design("mskcc_hai")

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the folder of cases is not part of the repository"
)


def check(name, design=MSKCC, codebook=None):
    return cohort.check(CASES / name, design, CASES / codebook if codebook else None)


@pytest.fixture(scope="module")
def base():
    return cohort.load(CASES / "00_base.csv", MSKCC)


def same(report, base, *but):
    """The report's patients are those of the base table, some columns aside."""
    left, right = report.frame.drop(columns=list(but)), base.drop(columns=list(but))
    pd.testing.assert_frame_equal(left, right[list(left)], check_names=False)


def told(report):
    return " ".join(
        [
            *report.notes,
            *report.doubts,
            *map(str, report.violations["rule"]),
            *map(str, report.violations["remedy"]),
        ]
    )


def test_merged_cells_hold_for_their_range():
    report = check("01_merged_cells.xlsx")
    assert report.ok and report.frame["kras"].notna().all() and len(report.frame) == 60
    assert "B2:B35" in told(report)


@pytest.mark.parametrize("name", ["02_totals_row.xlsx", "02c_mean_row.csv"])
def test_totals_and_means_are_no_patients(name, base):
    report = check(name)
    same(report, base)
    assert "Row 62 is no patient but totals or means." in report.notes


def test_a_total_in_words_is_no_patient():
    report = check("footer_total.csv", NCCH)
    assert report.ok and len(report.frame) == 40
    assert not any("without os_months" in note for note in report.notes)


def test_a_hidden_sheet_is_not_read(base):
    report = check("03_hidden_first_sheet.xlsx")
    same(report, base)
    assert "hidden in Excel and not read ('export 2021')" in told(report)
    named = cohort.check(CASES / "03_hidden_first_sheet.xlsx", MSKCC, {"sheet": "export 2021"})
    assert len(named.frame) == 40 and "is hidden in Excel" in told(named)


def test_points_in_a_german_workbook_are_in_doubt():
    report = check("04_german_text_cells.xlsx", codebook="04_german.yaml")
    assert set(report.violations["column"]) == {"cea"}
    assert report.violations["rule"].str.contains("a point that may separate thousands").all()


def test_a_footnote_mark_is_no_digit():
    report = check("05_superscript.csv")
    found = report.violations[report.violations["rule"].str.contains("raised")]
    assert list(found["row"]) == [5, 9, 11, 14]
    assert len(report.violations) == 4


def test_a_labelled_code_among_measurements_is_asked_about():
    report = check("06_labelled_codes.sav")
    assert set(report.violations["column"]) == {"n_tumours", "cea"}
    assert 'missing: ["99"]' in told(report) and 'missing: ["9999"]' in told(report)


@pytest.mark.parametrize("name", ["08_ctrl_z.csv", "29_pipe.csv", "42_zero_width.csv"])
def test_what_does_not_matter_is_read_past(name, base):
    report = check(name)
    assert report.ok
    same(report, base, *["kras", "age", "sex"] * (name == "42_zero_width.csv"))
    assert list(report.frame["kras"].isna()) == [False] * 60
    assert "vertical bars" in report.how or name != "29_pipe.csv"


def test_further_header_lines_are_named_and_left_out(base):
    report = check("09_qualtrics.csv")
    same(report, base)
    assert "Rows 2, 3 below the headers" in told(report)


def test_the_second_of_two_header_rows_is_found(base):
    report = check("16_two_header_rows.xlsx")
    same(report, base)
    assert "headers were found in row 2" in told(report) and "`header_row:`" in told(report)


def test_limits_and_ranges_are_called_by_their_name():
    report = check("20_counts.csv")
    rules = dict(zip(report.violations["value"], report.violations["rule"], strict=True))
    limits = [value for value, rule in rules.items() if rule == "is a limit, not a number"]
    assert set(limits) == {"3+", ">10", "～8"}
    assert rules["5-10"] == "is a range, not a number"


def test_thousands_are_named():
    report = check("21_thousands.csv")
    rules = report.violations["rule"]
    assert rules.str.contains("may separate thousands").all() and len(rules) == 4
    for mark in ("a comma", "an apostrophe", "a space"):
        assert rules.str.contains(mark).any()


def test_width_and_case_make_no_other_patient():
    report = check("22b_two_rows_width.csv", codebook="22b.yaml")
    assert set(report.violations["row"]) == {5, 7, 62, 63}


def test_a_history_that_lost_its_zeros_is_refused():
    patients = cohort.load(CASES / "25c_cohort.csv", NCCH)
    right = cohort.events(
        str(CASES / "25c_history_right.csv"), str(CASES / "25c_cohort.csv"), NCCH, None, patients
    )
    assert right["patient_id"].nunique() == 60
    with refused("rows 2, 3, 4 and 17 more.*zeros in front") as caught:
        cohort.events(
            str(CASES / "25c_history_zeros_lost.xlsx"),
            str(CASES / "25c_cohort.csv"),
            NCCH,
            None,
            patients,
        )
    assert "098" not in str(caught.value)


def test_durations_are_days():
    report = check("26b_timedelta.parquet")
    assert report.ok and "a month is 30.4375 days here" in told(report)
    assert report.frame["os_months"].between(0, 120).all()


def test_french_is_not_japanese():
    with refused("`encoding:`.*cp1252"):
        check("28_french_cp1252.csv", codebook="28_french.yaml")


def test_two_index_operations_are_said_by_check(capsys):
    table, history = CASES / "10_cohort.csv", CASES / "34_two_hepatectomies.csv"
    code = main(["check", str(table), "--study", "ncch_scp", "--history", str(history)])
    assert code == 2 and "hepatectomy given twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "design", "words"),
    [
        ("36_mixed_units.csv", MSKCC, "size_cm: rows 2, 3, 4, 5, 6 and 7 more may be in millim"),
        ("37_ninety_nine.csv", MSKCC, "n_tumours is 99 in rows 5, 11"),
        ("times_in_weeks_ncch.csv", NCCH, "os_months: the median is 138"),
        ("cea_div1000.csv", NCCH, "cea: the median is 0.0245"),
        ("ten_patients_twice_new_ids.csv", NCCH, "Rows 2 and 42; 3 and 43"),
    ],
)
def test_what_is_hardly_ever_meant_is_a_doubt(name, design, words):
    report = check(name, design)
    assert report.ok and len(report.doubts) == 1
    assert words in report.doubts[0]
    assert len(report.discreet) >= 1


def test_every_code_is_asked_about_with_its_count():
    report = check("39_status_1_2.csv")
    assert set(report.violations["column"]) == {"os_event", "rfs_event"}
    assert 'values: {"1": ?, "2": ?}' in told(report) and "1: 19, 2: 41" in told(report)


def test_a_column_with_a_map_takes_no_code_from_elsewhere():
    report = check("40_hai_1_2.csv", codebook="40_as_suggested.yaml")
    assert set(report.violations["value"]) == {"1"} and len(report.violations) == 29
    assert 'values: {"1": ?, "2": yes}' in told(report)


def test_a_stray_row_costs_nothing():
    assert len(check("stray_row.xlsx").frame) == 150


@pytest.mark.parametrize("name", ["laughs_codebook.yaml", "deep.yaml"])
def test_a_codebook_without_end_is_one_line(name):
    with pytest.raises(ledger.CohortError, match=r"^[^\n]{20,150}$"):
        check("00_base.csv", codebook=name)


def test_a_grid_reads_numbers_as_p_reads_them():
    with pytest.raises(ledger.ParameterError, match="is not of type"):
        grid.plan(CASES / "13b_grid_octal.yaml")


# ---- two hospitals, from the file to the endpoints --------------------------

#: What a person typed after `crlm codebook`: lines that were changed or added.
TYPED = {
    "jp_hospital.xlsx": [
        (r"skip_rows: \[154\]", "skip_rows: [154, 63]"),
        (r'"NRAS Q61K": "\?"', '"NRAS Q61K": other'),
        (r'to: "最終確認日"\}\n  os_event', 'to: "最終確認日", missing: [2018/4/31]}\n  os_event'),
        (r"\Z", "confirm: [os_months, rfs_months]\n"),
    ],
    "us_hospital.xlsx": [(r'"Nx": "\?"', '"Nx": ""')],
}


@pytest.mark.parametrize(
    ("name", "study"), [("jp_hospital.xlsx", "ncch_scp"), ("us_hospital.xlsx", "mskcc_hai")]
)
def test_a_hospital_with_a_few_typed_lines(tmp_path, name, study, capsys):
    """The sheets were made from the shipped cohorts, so every cell has a right answer."""
    design = ledger.load_design(study)
    book = tmp_path / "book.yaml"
    assert main(["codebook", str(CASES / name), "--study", study, "--out", str(book)]) == 0
    command = ["check", str(CASES / name), "--study", study, "--codebook", str(book)]
    assert main(command) == 2
    assert "still asks 1 question" in capsys.readouterr().err
    text = book.read_text(encoding="utf-8")
    for old, new in TYPED[name]:
        assert re.search(old, text)
        text = re.sub(old, new, text, count=1)
    book.write_text(text, encoding="utf-8")
    from crlm import files

    files.forget()
    assert main(command) == 0
    patients = cohort.load(CASES / name, design, book)
    right = shipped(design)
    assert len(patients) == 150
    if study == "ncch_scp":
        ids = "R" + (patients["patient_id"].astype(int) - 100000).astype(str).str.zfill(4)
        right = right.set_index("patient_id").loc[ids].reset_index()
    else:
        right = right.head(150).reset_index(drop=True)
    for column in ("os_months", "rfs_months", "age", "size_cm", "dfi_months"):
        if column in patients and column in right:
            both = patients[column].notna()
            apart = (patients[column] - right[column])[both].abs()
            assert apart.max() < 0.06, column
            assert (~both).sum() <= 2
    for column in ("os_event", "rfs_event", "sex", "margin", "site_liver", "timing", "hai", "ras"):
        if column in patients:
            both = patients[column].notna()
            assert (patients[column].astype(str) == right[column].astype(str))[both].all(), column
            assert (~both).sum() <= 2


def shipped(design):
    patients = cohort.load(design.folder / "cohort.csv", design)
    history = cohort.load_history(design.folder / "history.csv", design)
    timed = endpoints.from_history(patients, history, design)
    return timed[cohort.eligibility(timed, design).all(axis=1)]
