"""Year of surgery, gene test, HAI, examinations and causes of death: in the row or the history."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crlm import cohort, endpoints, files, ledger
from tests.hostile import refused

NCCH = ledger.load_design("ncch_scp")
MSKCC = ledger.load_design("mskcc_hai")
HEAD = "patient_id,hai,os_months,os_event,rfs_months,rfs_event"
MONTH = 30.4375


def read(folder, text, design=MSKCC, codebook=None):
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return cohort.check(path, design, codebook)


def rules(report):
    return list(zip(report.violations["column"], report.violations["rule"], strict=True))


# ---- in the patient's row ---------------------------------------------------


def test_of_the_date_of_surgery_only_the_year_is_kept(tmp_path):
    report = read(tmp_path, "patient_id,age,surgery_date\na,60,2009-12-31\nb,61,H30.4.5\nc,62,\n")
    assert report.ok and list(report.frame) == ["patient_id", "surgery_year", "age"]
    np.testing.assert_array_equal(report.frame["surgery_year"], [2009, 2018, np.nan])
    assert report.understood.set_index("column").loc["surgery_year", "source"] == "surgery_date"


def test_a_year_beside_the_date_has_to_be_its_year(tmp_path):
    text = "patient_id,surgery_date,surgery_year\na,2009-12-31,2009\nb,,2010\nc,2011-01-01,2012\n"
    report = read(tmp_path, text)
    assert rules(report) == [("surgery_year", "is not the year of surgery_date")]
    assert list(report.frame["surgery_year"])[:2] == [2009, 2010] and report.unused == []


def test_a_date_of_surgery_is_asked_about_and_bounded_like_any_other(tmp_path):
    found = read(tmp_path, "patient_id,age,surgery_date\na,60,05/04/2018\n")
    assert "may be day and month" in found.violations["rule"][0]
    found = read(tmp_path, "patient_id,age,surgery_date\na,60,1979-04-05\n")
    assert rules(found) == [("surgery_year", "is below 1980")]


def test_hai_and_gene_test_come_from_dates(tmp_path):
    text = (
        "patient_id,hai,op,start,stop,gene\n"
        "a,yes,2010-01-01,2010-02-01,2010-08-01,2009-06-01\n"
        "b,no,2010-01-01,,,2014-01-01\n"
    )
    book = {
        "columns": {
            "hai_start_months": {"from": "op", "to": "start"},
            "hai_stop_months": {"from": "op", "to": "stop"},
            "genetic_test_months": {"from": "op", "to": "gene"},
        }
    }
    report = read(tmp_path, text, codebook=book)
    assert report.ok, report.violations
    np.testing.assert_allclose(report.frame["hai_start_months"], [31 / MONTH, np.nan])
    np.testing.assert_allclose(report.frame["hai_stop_months"], [212 / MONTH, np.nan])
    np.testing.assert_allclose(report.frame["genetic_test_months"], [-214 / MONTH, 1461 / MONTH])
    early = read(tmp_path, text.replace("2010-02-01", "2009-02-01"), codebook=book)
    assert ("hai_start_months", "ends before it begins") in rules(early)


@pytest.mark.parametrize(
    ("cells", "column", "rule"),
    [
        ({"hai": "no", "hai_start_months": 1}, "hai_start_months", "without HAI"),
        ({"hai": "no", "hai_stop_months": 1}, "hai_stop_months", "without HAI"),
        ({"hai_start_months": 5, "hai_stop_months": 2}, "hai_start_months", "ends before"),
        ({"hai_start_months": 41}, "hai_start_months", "after the last contact"),
        ({"hai_stop_months": 41}, "hai_stop_months", "after the last contact"),
        ({"hai_start_months": -1}, "hai_start_months", "is before the hepatectomy"),
        ({"last_negative_months": 21}, "last_negative_months", "without recurrence after"),
        ({"os_event": 0, "cause_of_death": "cancer"}, "cause_of_death", "patient who lives"),
        ({"performance_status": 5}, "performance_status", "is above 4"),
        ({"genetic_test_months": -700}, "genetic_test_months", "is below -600"),
    ],
)
def test_what_cannot_be_true_of_one_patient(tmp_path, cells, column, rule):
    row = {
        "patient_id": "a",
        "hai": "yes",
        "os_months": 40,
        "os_event": 1,
        "rfs_months": 20,
        "rfs_event": 1,
        **cells,
    }
    report = read(tmp_path, f"{','.join(row)}\n{','.join(map(str, row.values()))}\n")
    assert column in set(report.violations["column"])
    assert rule in report.violations.loc[report.violations["column"] == column, "rule"].iloc[0]


def test_hai_without_its_start_is_counted(tmp_path):
    text = f"{HEAD},hai_start_months\na,yes,40,1,20,1,\nb,yes,40,0,40,0,1\nc,no,9,1,9,1,\n"
    report = read(tmp_path, text)
    assert report.ok
    assert any("row 2: HAI without the time at which it began" in note for note in report.notes)
    files.forget()
    empty = read(tmp_path, text.replace("0,40,0,1", "0,40,0,"))
    assert empty.ok and not any("HAI" in note for note in empty.notes)
    patients = PATIENTS.assign(hai=["yes", "yes"])
    assert cohort.pair(patients, COURSE, MSKCC)[1] == [
        "HAI without its start in 1 patient (row 3)."
    ]
    told_both = pd.concat([COURSE, told(("B", 9, "hai_start"))])
    assert cohort.pair(patients, told_both, MSKCC)[1] == []


def test_an_unknown_cause_is_a_level_and_the_columns_belong_to_the_studies(tmp_path):
    report = read(tmp_path, f"{HEAD},cause_of_death\na,yes,4,1,2,1,unknown\nb,no,5,0,5,0,\n")
    assert report.ok and list(report.frame["cause_of_death"].astype(object))[0] == "unknown"
    assert "hai_start_months" not in NCCH.columns and "surgery_year" in NCCH.columns


# ---- in the history ---------------------------------------------------------


def told(*lines):
    rows = [(who, float(day), event, [*rest, ""][0]) for who, day, event, *rest in lines]
    return pd.DataFrame(rows, columns=["patient_id", "day", "event", "details"])


COURSE = told(
    ("A", 0, "hepatectomy"),
    ("A", -90, "genetic_test"),
    ("A", 31, "hai_start"),
    ("A", 120, "visit"),
    ("A", 180, "hai_stop"),
    ("A", 240, "visit"),
    ("A", 240, "recurrence", "site=liver; resectable=yes"),
    ("A", 300, "visit"),
    ("A", 400, "death", "cause=other"),
    ("B", 0, "hepatectomy"),
    ("B", 100, "visit"),
    ("B", 500, "visit"),
    ("B", 700, "last_contact"),
    ("B", 900, "genetic_test"),
)
PATIENTS = pd.DataFrame({"patient_id": ["A", "B"], "hai": ["yes", "no"]})


def test_two_courses_by_hand():
    """Days / 30.4375; the visit that found the recurrence is not a clear one."""
    found = endpoints.from_history(PATIENTS, COURSE, MSKCC)
    np.testing.assert_allclose(found["hai_start_months"], [31 / MONTH, np.nan])
    np.testing.assert_allclose(found["hai_stop_months"], [180 / MONTH, np.nan])
    np.testing.assert_allclose(found["genetic_test_months"], [-90 / MONTH, 900 / MONTH])
    np.testing.assert_allclose(found["last_negative_months"], [120 / MONTH, 500 / MONTH])
    assert list(found["cause_of_death"].astype(object)) == ["other", np.nan]
    np.testing.assert_allclose(found["os_months"], [400 / MONTH, 700 / MONTH])


def test_a_history_without_them_adds_no_column():
    plain = COURSE[COURSE["event"].isin(["hepatectomy", "recurrence", "last_contact"])]
    plain = pd.concat([plain, told(("A", 400, "death"))])
    assert not set(endpoints.from_history(PATIENTS, plain, MSKCC)) & {
        "hai_start_months",
        "hai_stop_months",
        "genetic_test_months",
        "last_negative_months",
        "cause_of_death",
        "surgery_year",
    }


@pytest.mark.parametrize(
    ("column", "ready", "shown"),
    [
        ("hai_start_months", 3.0, "hai_start_months is 3, but .* gives 1.01848"),
        ("hai_stop_months", 3.0, "gives 5.91376 months of 30.4375 days"),
        ("genetic_test_months", 3.0, "gives -2.95688"),
        ("last_negative_months", 7.88501, "gives 3.94251"),
        ("cause_of_death", "cancer", "cause_of_death is cancer, but .* gives other"),
    ],
)
def test_ready_columns_and_history_must_agree(column, ready, shown):
    with refused(shown):
        endpoints.from_history(PATIENTS.assign(**{column: [ready, None]}), COURSE, MSKCC)


def test_a_ready_column_stands_where_the_history_is_silent():
    ready = PATIENTS.assign(cause_of_death=[None, None], last_negative_months=[np.nan, np.nan])
    ready = ready.assign(hai_start_months=[31 / MONTH, np.nan])
    silent = COURSE[~COURSE["event"].isin(["hai_start", "hai_stop"])]
    found = endpoints.from_history(ready, silent, MSKCC)
    np.testing.assert_allclose(found["hai_start_months"], [31 / MONTH, np.nan])


def test_the_year_follows_from_the_history_where_the_table_asks_for_it():
    days = pd.to_timedelta(COURSE["day"], unit="D")
    dated = COURSE.assign(date=pd.Timestamp(2011, 12, 31) + days).drop(columns="day")
    assert "surgery_year" not in endpoints.from_history(PATIENTS, dated, MSKCC)
    asked = PATIENTS.assign(surgery_year=[np.nan, 2011.0])
    found = endpoints.from_history(asked, dated, MSKCC)
    assert list(found["surgery_year"]) == [2011, 2011]
    with refused("surgery_year is 2012, but the event history gives 2011"):
        endpoints.from_history(asked.fillna(2012.0), dated, MSKCC)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (("B", 31, "hai_start"), "hai is no, but the event history has its start"),
        (("B", 31, "hai_stop"), "hai_stop without a hai_start before it"),
        (("B", -5, "visit"), "before the hepatectomy"),
        (("A", 401, "visit"), "after the death"),
        (("A", 20, "hai_stop"), "hai_stop without a hai_start before it"),
    ],
)
def test_what_a_history_cannot_say(extra, words):
    with refused(words):
        endpoints.from_history(PATIENTS, pd.concat([COURSE, told(extra)]), MSKCC)


@pytest.mark.parametrize(
    ("details", "kept", "wrong"),
    [
        ("cause=cancer", "cause=cancer", ""),
        ("Cause = Other", "cause=other", ""),
        ("cause=unknown", "", ""),
        ("liver failure", "liver failure", ""),
        ("couse=cancer", "", "did you mean 'cause'"),
        ("cause=disease", "", "is none of cancer, other"),
    ],
)
def test_details_of_a_death(tmp_path, details, kept, wrong):
    path = tmp_path / "h.csv"
    path.write_text(
        "patient_id,date,event,details\na,2020-01-01,hepatectomy,\n"
        f"a,2020-01-01,Genetic test,\na,2021-01-01,death,{details}\n",
        encoding="utf-8",
    )
    report = cohort.check_history(path, MSKCC)
    assert list(report.frame["event"]) == ["hepatectomy", "genetic_test", "death"]
    assert report.ok == (not wrong)
    if wrong:
        told = report.violations["rule"][0] + report.violations["remedy"][0]
        assert wrong.lower() in told.lower()
    else:
        assert report.frame["details"].iloc[-1] == kept


# ---- proposed ---------------------------------------------------------------


def test_the_codebook_proposes_them(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "MRN,Date of surgery,ECOG,Pump start date,HAI end,KRAS test date,Cause of death,DLFU\n"
        "1,2010-01-01,0,2010-02-01,2010-09-01,2009-12-01,CRC,2012-01-01\n",
        encoding="utf-8",
    )
    text = cohort.propose(path, MSKCC)
    for line in (
        'surgery_date: "Date of surgery"',
        'hai_start_months: {from: "Date of surgery", to: "Pump start date"}',
        'hai_stop_months: {from: "Date of surgery", to: "HAI end"}',
        'genetic_test_months: {from: "Date of surgery", to: "KRAS test date"}',
        'values: {"CRC": cancer}',
        'from: "ECOG"',
    ):
        assert line in text
    book = tmp_path / "book.yaml"
    book.write_text(text, encoding="utf-8")
    report = cohort.check(path, MSKCC, book)
    assert report.frame["surgery_year"][0] == 2010 and report.frame["performance_status"][0] == 0
    assert cohort.propose(path, MSKCC, text) == text


def test_the_scp_is_proposed_from_its_date_and_offered_from_the_first_recurrence(tmp_path):
    path = tmp_path / "t.csv"
    head, row = "患者ID,手術日,初再発日,最終確認日", "1,2018-01-01,2019-01-01,2020-01-01"
    path.write_text(f"{head},切除不能日\n{row},2019-06-01\n", encoding="utf-8")
    text = cohort.propose(path, NCCH)
    assert 'scp_months: {from: "手術日", to: ["切除不能日", "最終確認日"]}' in text
    assert 'scp_event: {filled: "切除不能日"}' in text
    path = tmp_path / "first.csv"
    path.write_text(f"{head},再発切除可否\n{row},不可\n", encoding="utf-8")
    text = cohort.propose(path, NCCH)
    offered = [line for line in text.splitlines() if "scp_" in line]
    assert all(line.startswith("  # ") for line in offered)
    assert "1: 初再発日" in offered[0].replace('"', "") and '{"不可": 1, "": 0}' in offered[1]
    assert cohort.propose(path, NCCH, text) == text
