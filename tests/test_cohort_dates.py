"""Dates as hospitals write them: eras, orders that a cell settles, orders that are asked about."""

from __future__ import annotations

import datetime as dt

import pytest

from crlm import cohort, files, ledger
from crlm.cohort.dates import is_date, order, parse
from tests.hand_written import copied
from tests.hostile import refused
from tests.hostile.files import workbook

NCCH = ledger.load_design("ncch_scp")
MSKCC = ledger.load_design("mskcc_hai")
APRIL = dt.date(2018, 4, 5)


@pytest.mark.parametrize(
    "text",
    [
        "2018-04-05",
        "2018/4/5",
        "2018.04.05",
        "2018年4月5日",
        "２０１８／４／５",
        "20180405",
        "平成30年4月5日",
        "H30.4.5",
        "h30/04/05",
        "H 30.4.5",
        "2018-04-05 00:00:00",
        "5 Apr 2018",
        "05-APR-2018",
        "April 5, 2018",
        "Apr. 5th, 2018",
        "2018 - 4 - 5",
        "㍻30年4月5日",
    ],
)
def test_one_day_in_many_notations(text):
    assert parse(text) == (APRIL, "", "")
    assert is_date(text) or text == "20180405"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("令和5年4月5日", dt.date(2023, 4, 5)),
        ("R5.4.5", dt.date(2023, 4, 5)),
        ("令和元年5月1日", dt.date(2019, 5, 1)),
        ("平成元年1月8日", dt.date(1989, 1, 8)),
        ("H31.4.30", dt.date(2019, 4, 30)),
        ("S63.12.31", dt.date(1988, 12, 31)),
        ("昭和64年1月7日", dt.date(1989, 1, 7)),
    ],
)
def test_eras(text, date):
    assert parse(text)[0] == date


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("H31.5.1", "not within the era"),
        ("平成32年1月1日", "not within the era"),
        ("令和元年4月30日", "not within the era"),
        ("03/04/2020", "may be day and month"),
        ("3.4.2020", "may be day and month"),
        ("03/04/20", "year of two digits"),
        ("5-Apr-18", "year of two digits"),
        ("2018年4月", "has no day"),
        ("2018", "has no day"),
        ("2018/2/30", "does not exist"),
        ("31/04/2018", "does not exist"),
        ("43831", "is a number, not a date"),
        ("1018-01-01", "outside 1950"),
        ("2099-01-01", "in the future"),
        ("unbekannt", "is not a date"),
        ("4/2018", "is not a date"),
        ("12/Foo/2018", "is not a date"),
    ],
)
def test_what_is_no_date_is_called_by_its_name(text, words):
    date, rule, remedy = parse(text)
    assert date is None and words in rule and len(remedy) > 10


def test_an_order_is_told_and_never_guessed():
    assert parse("03/04/2020", "day")[0] == dt.date(2020, 4, 3)
    assert parse("03/04/2020", "month")[0] == dt.date(2020, 3, 4)
    assert parse("04/04/2020")[0] == dt.date(2020, 4, 4)
    assert parse("13/04/2020")[0] == dt.date(2020, 4, 13)
    assert parse("03/04/20", date_format="%d/%m/%y")[0] == dt.date(2020, 4, 3)
    assert parse("2020-04-03", date_format="%d/%m/%Y")[0] == dt.date(2020, 4, 3)
    assert "does not fit" in parse("3 or 4", date_format="%d/%m/%Y")[1]


def test_a_cell_settles_the_order_of_its_column():
    assert order([(2, "01/02/2020"), (3, "13/02/2020")]).first == "day"
    settled = order([(2, "01/02/2020"), (3, "01/13/2020"), (4, "2/20/2020")])
    assert (settled.first, settled.row) == ("month", 3)
    assert order([(2, "01/02/2020"), (3, "5/5/2020")]).first == ""
    assert (
        "first in row 3 and second in row 2" in order([(2, "1/13/2020"), (3, "13/1/2020")]).problem
    )


# ---- times from dates -------------------------------------------------------

TABLE = [
    ["ID", "op", "rec", "died", "last", "status"],
    ["a", dt.datetime(2018, 1, 1), None, None, "2018-12-27", "alive"],
    ["b", "2018/1/1", "平成30年3月2日", "2018.6.30", None, "dead"],
    ["c", "H30.1.1", None, "2019年1月1日", "2018-06-01", "dead"],
    ["d", "不明", None, None, None, None],
]
BOOK = {
    "columns": {
        "patient_id": "ID",
        "os_months": {"from": "op", "to": ["died", "last"]},
        "os_event": {"filled": "died"},
        "rfs_months": {"from": "op", "to": ["rec", "died", "last"]},
        "rfs_event": {"filled": "rec", "or": "os_event"},
        "os_after_recurrence_months": {"from": "rec", "to": ["died", "last"]},
        "os_after_recurrence_event": {"or": "os_event"},
    }
}


def put(folder, rows, name="t.xlsx"):
    files.forget()
    path = folder / name
    path.write_bytes(workbook({"s": rows}))
    return path


def test_times_and_events_come_from_dates_in_mixed_notations(tmp_path):
    frame = cohort.load(put(tmp_path, TABLE), NCCH, BOOK)
    assert list(frame["os_months"][:3]) == [12.0, 6.0, 365 / 30]
    assert list(frame["os_event"][:3]) == [False, True, True]
    assert list(frame["rfs_months"][:3]) == [12.0, 2.0, 365 / 30]
    assert list(frame["rfs_event"][:3]) == [False, True, True]
    assert list(frame["os_after_recurrence_months"].isna()) == [True, False, True, True]
    assert frame["os_after_recurrence_event"].isna().sum() == 3
    assert frame["os_months"].isna()[3] and frame["os_event"].isna()[3]
    per_month = cohort.load(put(tmp_path, TABLE), MSKCC, BOOK)["os_months"][0]
    assert per_month == 360 / 30.4375


def test_the_end_may_depend_on_the_event(tmp_path):
    rows = [
        ["op", "fail", "fdate", "last"],
        ["2018-01-01", "1", "2018-03-02", "2019-01-01"],
        ["2018-01-01", "0", "2018-03-02", "2018-12-27"],
    ]
    columns = {
        "scp_months": {"from": "op", "to": {"1": "fdate", "0": "last"}},
        "scp_event": "fail",
    }
    frame = cohort.load(put(tmp_path, rows), NCCH, {"columns": columns})
    assert list(frame["scp_months"]) == [2.0, 12.0]


def test_impossible_orders_name_their_rows(tmp_path):
    rows = [list(row) for row in TABLE]
    rows[2][3] = "2017-12-31"
    report = cohort.check(put(tmp_path, rows), NCCH, BOOK)
    found = report.violations
    assert found[found["row"] == 3]["rule"].str.contains("ends before it begins").any()
    rows = [list(row) for row in TABLE]
    rows[2][2] = "2018-07-30"
    found = cohort.check(put(tmp_path, rows), NCCH, BOOK).violations
    assert {"rfs_months", "os_after_recurrence_months"} <= set(found[found["row"] == 3]["column"])


def test_day_and_month_are_asked_about_or_settled_aloud(tmp_path):
    rows = [
        ["op", "last", "dead"],
        ["01/02/2018", "03/04/2018", "0"],
        ["02/03/2018", "05/06/2018", "1"],
    ]
    book = {"columns": {"os_months": {"from": "op", "to": "last"}, "os_event": "dead"}}
    with refused("rows 2, 3, os_months.*may be day and month.*date_format"):
        cohort.load(put(tmp_path, rows), NCCH, book)
    settled = [*rows, ["20/03/2018", "5/6/2018", "1"]]
    report = cohort.check(put(tmp_path, settled), NCCH, book)
    assert report.frame["os_months"][0] == 61 / 30
    assert any("Dates in 'op': day before month, as row 4 shows." in note for note in report.notes)
    assert any("as row 4 of 'op' shows" in note for note in report.notes)
    told = cohort.load(put(tmp_path, rows), NCCH, {**book, "date_format": "%m/%d/%Y"})
    assert told["os_months"][0] == 61 / 30
    by_column = {"from": "op", "to": "last", "date_format": "%d/%m/%Y"}
    told = cohort.load(
        put(tmp_path, rows), NCCH, {"columns": {**book["columns"], "os_months": by_column}}
    )
    assert told["os_months"][0] == 61 / 30


def test_a_date_in_a_column_of_months_is_called_a_date(tmp_path):
    rows = [["os_months", "os_event"], ["2018-01-01", 1], ["04/30/2018", 0]]
    found = cohort.check(put(tmp_path, rows), NCCH).violations
    assert found["rule"].str.contains("is a date where a number").sum() == 2
    assert found["remedy"].str.contains("os_months: {from: header of the first date, to:").all()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"os_months": {"to": "last"}}, "`to` needs `from`"),
        ({"age": {"from": "op", "to": "last"}}, "`to` is for times"),
        ({"sex": {"filled": "rec"}}, "`filled` and `or` are for events"),
        ({"os_event": {"filled": "died", "from": "status"}}, "exclude each other"),
        ({"os_months": {"from": "op", "to": "last", "unit": "days"}}, "has no `unit`"),
        ({"rfs_event": {"filled": "rec", "or": "sex"}}, "`or` is 'sex'"),
        ({"os_months": {"from": "op", "to": "lost"}}, "Did you mean 'last'"),
        ({"os_months": {"from": "", "to": "last"}}, "`from` is empty.*begins with #"),
    ],
)
def test_what_cannot_be_meant_of_dates_is_refused(tmp_path, columns, words):
    with refused(words):
        cohort.load(put(tmp_path, TABLE), NCCH, {"columns": columns})


def test_a_history_has_its_dates_in_any_notation(tmp_path):
    text = (
        "patient_id,date,event\na,平成30年1月1日,hepatectomy\na,R1.5.5,death\n"
        "b,13/01/2018,hepatectomy\nb,02/03/2018,last_contact\n"
    )
    path = tmp_path / "h.csv"
    path.write_text(text, encoding="utf-8")
    report = cohort.check_history(path, NCCH)
    assert report.ok
    assert [f"{day:%Y-%m-%d}" for day in report.frame["date"]] == [
        "2018-01-01",
        "2019-05-05",
        "2018-01-13",
        "2018-03-02",
    ]
    assert "day before month, as row 4 shows" in report.notes[0]
    path.write_text("patient_id,date,event\na,02/03/2018,hepatectomy\n", encoding="utf-8")
    files.forget()
    with refused("may be day and month"):
        cohort.load_history(path, NCCH)
    files.forget()
    book = {"history": {"date_format": "%m/%d/%Y"}}
    assert f"{cohort.load_history(path, NCCH, book)['date'][0]:%m-%d}" == "02-03"


def test_a_design_that_has_the_date_of_surgery_has_its_year(tmp_path, monkeypatch):
    """`check` ended in a traceback where `use` named the date without the year."""
    path = copied("mskcc_hai", tmp_path) / "design.toml"
    text = path.read_text(encoding="utf-8")
    assert '"surgery_year", ' in text
    path.write_text(text.replace('"surgery_year", ', "", 1), encoding="utf-8")
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    design = ledger.load_design("mskcc_hai")
    assert {"surgery_date", "surgery_year"} <= set(design.columns)
    table = tmp_path / "t.csv"
    table.write_text("patient_id,surgery_date,age\n1,2012-04-05,60\n2,2014-05-06,70\n")
    made = cohort.check(table, design)
    assert made.frame["surgery_year"].tolist() == [2012.0, 2014.0]


@pytest.mark.parametrize(("seen", "told"), [("2013-01-01", True), ("2014-01-01", False)])
def test_a_recurrence_on_the_day_of_death_is_told(tmp_path, seen, told):
    """Cumulative incidences of RFS counted it as a death without recurrence, in silence."""
    book, table = tmp_path / "b.yaml", tmp_path / "t.csv"
    book.write_text(
        "study: mskcc_hai\ncolumns:\n  patient_id: id\n  os_months: {from: op, to: last}\n"
        "  os_event: {from: dead, values: {'0': 0, '1': 1}}\n"
        "  rfs_months: {from: op, to: [rec, last]}\n  rfs_event: {filled: rec, or: os_event}\n",
        encoding="utf-8",
    )
    rows = ["id,op,rec,last,dead", f"1,2012-01-01,2013-01-01,{seen},1"]
    rows += ["2,2012-01-01,,2013-01-01,1", "3,2012-01-01,2013-01-01,2013-01-01,0"]
    table.write_text("\n".join([*rows, ""]), encoding="utf-8")
    notes = [note for note in cohort.check(table, MSKCC, book).notes if "rfs_event:" in note]
    assert [("rec" in note and "competing event" in note) for note in notes] == [True] * told
