"""A codebook that writes itself, asks where it must, and keeps what was written."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from crlm import cohort, files, ledger
from crlm.cli import main
from tests.hostile import refused
from tests.hostile.files import workbook
from tests.hostile.tables import patients

NCCH = ledger.load_design("ncch_scp")
MSKCC = ledger.load_design("mskcc_hai")


def put(folder, table, name="t.csv"):
    files.forget()
    path = folder / name
    table.to_csv(path, index=False)
    return path


def hospital(n=30):
    """A table in a hospital's own words."""
    table = patients(n)
    return pd.DataFrame(
        {
            "MRN": table["patient_id"],
            "# mets": table["n_tumours"],
            "Gender": table["sex"].map({"male": "M", "female": "F"}),
            "Max size (mm)": (table["size_cm"].astype(float) * 10).astype(str),
            "Margin": ["R0", "R1", "RX"] * (n // 3),
            "Vital status": ["alive", "dead"] * (n // 2),
            "CEA preop": ["<0.5", "n.d.", *table["cea"][2:]],
            "Synchronous?": ["Y", "no", "1", "0", "Yes"] * (n // 5),
            "HAI": ["1", "2"] * (n // 2),
            "OS (days)": (table["os_months"].astype(int) * 30),
        }
    )


def test_every_proposal_that_can_be_made_is_made(tmp_path):
    text = cohort.propose(put(tmp_path, hospital()), MSKCC)
    for line in (
        'patient_id: "MRN"',
        'from: "# mets"',
        'values: {"M": male, "F": female}',
        "unit: mm",
        '"R0": negative, "R1": positive, "RX": "?"',
        'values: {"alive": 0, "dead": 1}',
        'values: {"<0.5": 0.5}',
        'missing: ["n.d."]',
        '"Y": synchronous, "no": metachronous, "1": synchronous, "0": metachronous',
        'values: {"1": "?", "2": "?"}',
        "unit: days",
        "# R0 10, R1 10, RX 10",
    ):
        assert line in text, f"{line}\n{text}"
    assert cohort.questions(text) == 3


def test_a_header_that_suggests_nothing_is_a_line_that_asks(tmp_path, capsys):
    names = [f"name of patient {i}" for i in range(30)]
    few = {
        "call": ["2019-03-02", "2019-03-09"] * 15,
        "said": ["wishes to be called by her daughter", "none"] * 15,
        "odd": ["usual"] * 29 + ["John Doe"],
    }
    table = hospital().assign(drn=["none", "endo", "perc"] * 10, who=names, blank="", **few)
    path, book = put(tmp_path, table), tmp_path / "book.yaml"
    assert main(["codebook", str(path), "--study", "mskcc_hai", "--out", str(book)]) == 0
    text, told = book.read_text(encoding="utf-8"), capsys.readouterr().out
    assert '  # ?: "drn"   # none 10, endo 10, perc 10' in text.splitlines()
    alone = {f'  # ?: "{name}"' for name in ("who", "blank", *few)}
    assert alone <= set(text.splitlines()), text
    assert "patient 3" not in text and "6 headers that suggest nothing" in told
    # Another call keeps it, whether it was answered or not.
    answered = text.replace('  # ?: "drn"', '  hai_timing: "drn"')
    assert cohort.propose(path, MSKCC, answered) == answered
    assert not any(f'"{name}"' in text.partition("# ?")[2] for name in ("MRN", "Gender", "HAI"))


def test_an_open_question_is_refused_and_an_answer_is_taken(tmp_path):
    path = put(tmp_path, hospital())
    book = tmp_path / "book.yaml"
    assert main(["codebook", str(path), "--study", "mskcc_hai", "--out", str(book)]) == 0
    with refused("still asks 3 questions"):
        cohort.load(path, MSKCC, book)
    text = book.read_text(encoding="utf-8")
    text = text.replace('"RX": "?"', '"RX": ""').replace('"1": "?", "2": "?"', '"1": no, "2": yes')
    book.write_text(text, encoding="utf-8")
    files.forget()
    frame = cohort.load(path, MSKCC, book)
    assert list(frame["hai"][:2]) == ["no", "yes"] and frame["margin"].isna().sum() == 10
    assert frame["size_cm"][0] == 1.5 and frame["os_months"][0] == 12 * 30 / 30.4375
    before = book.read_text(encoding="utf-8")
    assert main(["codebook", str(path), "--study", "mskcc_hai", "--out", str(book)]) == 0
    assert book.read_text(encoding="utf-8") == before


def test_a_second_call_adds_only_what_is_not_mentioned(tmp_path):
    path = put(tmp_path, hospital())
    written = "study: mskcc_hai   # ours\ncolumns:\n  # by hand\n  sex: ~\n  margin: Margin\n"
    text = cohort.propose(path, MSKCC, written)
    assert text.startswith(written.rstrip("\n"))
    assert "  hai:" in text and text.count("  sex:") == 1 and text.count("  margin:") == 1


def test_a_canonical_table_needs_no_answer(tmp_path):
    path = put(tmp_path, patients(30))
    text = cohort.propose(path, NCCH)
    assert cohort.questions(text) == 0
    book = tmp_path / "b.yaml"
    book.write_text(text, encoding="utf-8")
    pd.testing.assert_frame_equal(cohort.load(path, NCCH, book), cohort.load(path, NCCH))


def test_times_come_from_dates_and_an_open_order_is_asked(tmp_path):
    table = pd.DataFrame(
        {
            "ID": list("abcdefgh"),
            "Date of surgery": "01/02/2018",
            "Date of recurrence": "",
            "Date of death": ["03/04/2019", ""] * 4,
            "Last F/U": "05/06/2019",
            "age": "60",
        }
    )
    text = cohort.propose(put(tmp_path, table), NCCH)
    assert 'os_months: {from: "Date of surgery", to: ["Date of death", "Last F/U"]}' in text
    assert 'os_event: {filled: "Date of death"}' in text
    assert 'rfs_event: {filled: "Date of recurrence", or: os_event}' in text
    assert 'date_format: "?"' in text
    table.loc[0, "Last F/U"] = "25/06/2019"
    assert "date_format" not in cohort.propose(put(tmp_path, table), NCCH)


def test_an_empty_value_is_asked_about_and_a_hash_is_quoted(tmp_path):
    path = put(tmp_path, hospital())
    book = tmp_path / "b.yaml"
    book.write_text("columns:\n  n_tumours: # mets\n", encoding="utf-8")
    with refused("`from` is empty. If the header begins with #"):
        cohort.load(path, MSKCC, book)


def test_sheet_and_header_row_are_written_down(tmp_path):
    table = hospital()
    lines = [["Export of 2024"], [], list(table), *table.astype(str).to_numpy().tolist()]
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook({"Legend": [["code", "means"], ["M", "male"]], "data": lines}))
    text = cohort.propose(path, MSKCC)
    assert 'sheet: "data"' in text and "header_row: 3" in text


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["age"], "- Overall survival: no, needs os_months and os_event"),
        (["os_months", "os_event"], "+ Overall survival: 40 patients, 20 events."),
        (["age"], "- Table 1 and every comparison by RAS: no, needs ras."),
        (["ras", "age"], "+ Table 1: without sex, sidedness"),
        (["ras"], "- Sites of the first recurrence: no, needs"),
    ],
)
def test_check_says_what_the_table_can_feed(tmp_path, names, words, capsys):
    path = put(tmp_path, patients(40)[["patient_id", *names]])
    assert main(["check", str(path), "--study", "ncch_scp"]) == 0
    assert words in capsys.readouterr().out


def test_headers_are_known_by_the_designs_labels_and_endpoints_by_what_ends_them(tmp_path):
    """A status of inclusion was proposed for death beside "Dead", and DFS was left to the user."""
    own = {"label": "Spread of disease", "type": "category", "levels": ["near", "far"]}
    time, event = MSKCC.columns["rfs_months"], MSKCC.columns["rfs_event"]
    columns = {"spread": own, "dfs_months": time, "dfs_event": event}
    ends = {"DFS": {"label": "DFS", "first_of": ["recurrence", "death"]}}
    columns |= {"ttr_months": time, "ttr_event": event}
    ends["TTR"] = {"label": "TTR", "first_of": ["recurrence"]}
    study = replace(MSKCC, columns=MSKCC.columns | columns, endpoints={**MSKCC.endpoints, **ends})
    table = pd.DataFrame(
        {
            "Status": ["included", "lost"] * 5,
            "Dead": ["yes", "no"] * 5,
            "Spread of Disease": ["near", "far"] * 5,
            "Date of surgery": ["2012-01-20"] * 10,
            "Date of recurrence": ["", "2013-01-20"] * 5,
            "Last contact": ["2014-01-20"] * 10,
        }
    )
    lines = [line.strip() for line in cohort.propose(put(tmp_path, table), study).splitlines()]
    assert 'from: "Dead"' in lines and 'from: "Spread of Disease"' in lines
    assert any(line.startswith('# ?: "Status"') for line in lines)
    assert 'dfs_event: {filled: "Date of recurrence", or: os_event}' in lines
    assert 'ttr_event: {filled: "Date of recurrence"}' in lines


def test_grades_in_arabic_numbers_are_proposed_for_roman_levels(tmp_path):
    grade = {"type": "category", "levels": ["I", "II", "III"], "label": "Grade", "role": "baseline"}
    study = replace(MSKCC, columns=MSKCC.columns | {"grade": grade})
    table = pd.DataFrame(
        {"pid": range(9), "grade": [1, 2, 3] * 3, "sex": ["male", "female", 2] * 3}
    )
    text = cohort.propose(put(tmp_path, table), study)
    assert 'values: {"1": I, "2": II, "3": III}' in text and '"2": "?"' in text
    assert 'patient_id: "pid"' in text


def test_a_unit_behind_a_header_needs_no_brackets(tmp_path):
    table = patients(9)[["patient_id", "os_months", "age"]]
    for head, aged in (
        ("os_days", "age_years"),
        ("OS.days", "Age, years"),
        ("survival days", "age"),
    ):
        named = table.rename(columns={"os_months": head, "age": aged})
        text = cohort.propose(put(tmp_path, named), MSKCC)
        assert f'from: "{head}"\n    unit: days' in text and f'from: "{aged}"' in text


JAPANESE = {
    "HAI療法": "hai",
    "肝動注療法": "hai",
    "KRAS変異": "kras",
    "腫瘍数": "n_tumours",
    "腫瘍径": "size_cm",
    "N因子": "nodal_status",
    "原発リンパ節転移": "nodal_status",
    "同時性異時性": "timing",
    "同時性・異時性": "timing",
    "術前化学療法": "preop_chemo",
    "切除断端": "margin",
    "R0/R1": "margin",
    "両葉性": "bilobar",
    "肝切除術式": "resection_extent",
    "無再発生存期間": "rfs_months",
    "再発": "rfs_event",
    "転帰": "os_event",
    "死亡": "os_event",
    "観察期間": "os_months",
    "性別": "sex",
    "年齢": "age",
}


@pytest.mark.parametrize(("header", "column"), JAPANESE.items())
def test_headers_of_a_tokyo_hospital_suggest_their_columns(header, column):
    assert cohort.column_for(header, MSKCC.columns) == column


def test_a_header_of_a_column_that_the_study_lacks_says_so(tmp_path):
    table = pd.DataFrame({"症例番号": range(12), "原発部位": ["結腸"] * 12, "身長": ["170"] * 12})
    lines = cohort.propose(put(tmp_path, table), MSKCC).splitlines()
    told = "sidedness, which this study does not have; 結腸 12"
    assert f'  # ?: "原発部位"   # {told}' in lines
    assert '  # ?: "身長"   # 170 12' in lines
