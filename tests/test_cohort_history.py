"""Histories are parsed to the letter: dates, events, details, each problem with its row."""

from __future__ import annotations

import datetime as dt
import re

import pandas as pd
import pytest

from crlm import cohort, files, intake, ledger
from tests.hostile import refused
from tests.hostile.files import workbook
from tests.hostile.tables import HISTORY

NCCH = ledger.load_design("ncch_scp")


def save(folder, text, name="history.csv"):
    files.forget()
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_history_is_parsed_and_not_interpreted(tmp_path):
    history = cohort.load_history(save(tmp_path, HISTORY), NCCH)
    assert list(history) == ["patient_id", "date", "event", "details", "row"]
    assert list(history.index) == list(range(7))
    assert list(history["row"]) == [2, 3, 4, 5, 6, 8, 9]
    assert str(history["date"].dtype) == "datetime64[ns]"
    assert history["date"][1] == pd.Timestamp(2016, 8, 15)
    assert history["date"][5] == pd.Timestamp(2017, 4, 3)
    assert list(history["event"]) == [
        "hepatectomy",
        "recurrence",
        "p_nac",
        "assessment",
        "death",
        "hepatectomy",
        "last_contact",
    ]
    assert history["details"][1] == "site=liver+lung; resectable=yes"
    assert history["details"][3] == "response=progression; resectable=no"
    assert history["details"][5] == "R0" and history["details"][0] == ""


def test_excel_dates_and_days_from_surgery(tmp_path):
    rows = [["patient_id", "date", "event"], [1, dt.datetime(2016, 3, 1), "hepatectomy"]]
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook({"patients": [["patient_id", "age"], [1, 60]], "History": rows}))
    history = cohort.load_history(path, NCCH)
    assert history["patient_id"][0] == "1" and history["date"][0] == pd.Timestamp(2016, 3, 1)
    assert history["details"][0] == ""
    days = save(tmp_path, "patient_id,day,event\na,0,hepatectomy\na,365,death\n")
    assert list(cohort.load_history(days, NCCH)["day"]) == [0.0, 365.0]
    both = save(tmp_path, "patient_id,date,day,event\na,2020-01-01,,hepatectomy\na,,9,death\n")
    assert cohort.check_history(both, NCCH).ok


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        ("a,03/04/2020,death,", "date", "may be day and month or month and day"),
        ("a,43831,death,", "date", "is a number, not a date"),
        ("a,2021-02-29,death,", "date", "does not exist"),
        ("a,1020-02-28,death,", "date", "outside 1950 to 2100"),
        ("a,,death,", "date", "is empty"),
        (",2020-01-01,death,", "patient_id", "is empty"),
        ("a,2020-01-01,,", "event", "is empty"),
        ("a,2020-01-01,recurence,", "event", "Did you mean 'recurrence'?"),
        ("a,2020-01-01,recurrence,liver", "details", "is not `key=value`"),
        ("a,2020-01-01,recurrence,size=liver", "details", "Did you mean 'site'?"),
        ("a,2020-01-01,recurrence,site=livr", "details", "Did you mean 'liver'?"),
        ("a,2020-01-01,recurrence,site=spleen", "details", "is none of liver, lung"),
        ("a,2020-01-01,recurrence,site=liver; site=lung", "details", "stands twice"),
        ("a,2020-01-01,recurrence,resectable=maybe", "details", "is none of yes, no"),
        ("a,2020-01-01,assessment,site=liver", "details", "is no key here"),
        ("a,2020-01-01,assessment,response=better", "details", "progression, control"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_row(tmp_path, line, column, words):
    path = save(tmp_path, f"patient_id,date,event,details\nb,2020-01-01,death,\n\n{line}\n")
    found = cohort.check_history(path, NCCH).violations
    assert list(found["row"]) == [4] and list(found["column"]) == [column]
    assert words in found["rule"][0] + found["remedy"][0]
    with refused("row 4"):
        cohort.load_history(path, NCCH)


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        ("site=Lymph Node", "site=lymph_node"),
        ("resectable=0", "resectable=no"),
        ("resectable=TRUE;", "resectable=yes"),
        ("site=unknown; resectable=yes", "resectable=yes"),
        ("site=lung+liver+lung", "site=lung+liver"),
    ],
)
def test_details_come_in_one_spelling(tmp_path, told, understood):
    path = save(tmp_path, f"patient_id,day,event,details\na,10,recurrence,{told}\n")
    assert cohort.load_history(path, NCCH)["details"][0] == understood


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("patient_id,date,what", "no column 'event'"),
        ("who,date,event", "no column 'patient_id'"),
        ("patient_id,when,event", "neither `date` nor `day`"),
    ],
)
def test_a_history_without_its_columns_is_refused(tmp_path, header, words):
    with refused(words):
        cohort.load_history(save(tmp_path, f"{header}\na,2020-01-01,death\n"), NCCH)


def test_the_codebook_has_a_section_for_the_history(tmp_path):
    path = save(tmp_path, "番号,日付,出来事\n1,2020-01-01,肝切除\n1,2021-01-01,死亡\n")
    text = """
        columns: {age: 年齢}
        history:
          columns:
            patient_id: 番号
            date: 日付
            event: {from: 出来事, values: {肝切除: hepatectomy, 死亡: death}}
        """
    book = save(tmp_path, text, "codebook.yaml")
    assert list(cohort.load_history(path, NCCH, book)["event"]) == ["hepatectomy", "death"]
    own = save(tmp_path, "columns: {patient_id: 番号, date: 日付, event: 出来事}", "h.yaml")
    assert cohort.check_history(path, NCCH, own).violations["rule"].str.contains("no event").all()


def test_the_codebook_of_the_patients_leaves_a_canonical_history_alone(tmp_path):
    book = save(
        tmp_path, "columns: {age: 年齢, patient_id: 番号}\nmissing: [-999]", "codebook.yaml"
    )
    assert len(cohort.load_history(save(tmp_path, HISTORY), NCCH, book)) == 7


def test_a_history_is_described_like_a_patient_table(tmp_path):
    text = cohort.describe(cohort.check_history(save(tmp_path, HISTORY), NCCH))
    assert "2016-03-01 to 2020-02-29" in text and "No problem found." in text


# ---- what courses tell together ---------------------------------------------


def courses(change=lambda days: days, swap=False):
    """Thirty patients: half recurred after a third of their time and died, half live on."""
    words = ("last_contact", "death") if swap else ("death", "last_contact")
    lines = ["patient_id,day,event,details"]
    for i in range(30):
        end = 200 + 40 * i if i % 2 else 900 + 60 * i
        lines.append(f"p{i},0,hepatectomy,")
        if i % 2:
            lines.append(f"p{i},{change(end // 3)},recurrence,site=liver; resectable=no")
        lines.append(f"p{i},{change(end)},{words[0] if i % 2 else words[1]},")
    return "\n".join(lines) + "\n"


def test_plain_courses_are_in_no_doubt(tmp_path):
    assert cohort.check_history(save(tmp_path, courses()), NCCH).doubts == []


@pytest.mark.parametrize(
    ("text", "words", "confirm"),
    [
        (courses(lambda d: d // 30), "are its days in another unit", "os_months"),
        (courses(lambda d: d / 7), "`day` is no whole number", ""),
        (courses(swap=True), "The history: os_event: .* exchanged", "os_event"),
        (courses().replace("p1,80", "p1,0"), "Row 5: a recurrence on the day of the hep", ""),
    ],
)
def test_odd_courses_are_doubts_of_the_report_as_well(tmp_path, text, words, confirm):
    path = save(tmp_path, text)
    found = cohort.check_history(path, NCCH)
    assert found.ok and any(re.search(words, doubt) for doubt in found.doubts), found.doubts
    assert set(found.discreet) <= set(cohort.load_history(path, NCCH).attrs["notes"])
    if confirm:
        assert cohort.check_history(path, NCCH, {"confirm": [confirm]}).doubts == []


def test_a_history_that_contradicts_itself_stops_a_run_before_it_begins(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("patient_id,age\np0,60\np1,61\n", encoding="utf-8")
    twice = "patient_id,day,event\n" + "".join(
        f"{who},0,hepatectomy\n{who},400,last_contact\n" for who in ("p0", "p1")
    )
    paths = {"cohort_path": str(table)}
    good = save(tmp_path, twice)
    assert intake.look([("mskcc_hai", {**paths, "history_path": str(good)})])[0]["n"] == 2
    bad = save(tmp_path, twice + "p1,0,hepatectomy\n", "twice.csv")
    with refused("row 4, 6: hepatectomy given twice"):
        intake.look([("mskcc_hai", {**paths, "history_path": str(bad)})])
