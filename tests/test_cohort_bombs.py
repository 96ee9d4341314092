"""A file that stands for more than a table is refused before room is made for it."""

from __future__ import annotations

import tracemalloc

import pytest

from crlm import cohort, ledger
from crlm.cohort import columnar, delimited, workbook
from tests.hostile import bombs, refused
from tests.hostile.tables import patients

NCCH = ledger.load_design("ncch_scp")


def peak_of(act):
    """Bytes that Python makes room for at most."""
    tracemalloc.start()
    try:
        act()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def put(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("cell", "row"), [("A1048576", 1_048_576), ("XFD1048576", 1_048_576), ("XFD9", 9)]
)
def test_a_stray_cell_costs_nothing(tmp_path, cell, row):
    path = put(tmp_path, "t.xlsx", bombs.stray(cell, row))
    loaded = []
    assert peak_of(lambda: loaded.append(cohort.load(path, NCCH))) < 30_000_000
    assert list(loaded[0]["age"]) == [60, 61]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bombs.many_strings(300_000), "would unpack to"),
        (bombs.many_rows(300_000), "would unpack to"),
        (bombs.stray("A2000000", 2_000_000), "row 2,000,000"),
        (bombs.stray("XFE9", 9), "column 16,385"),
        (bombs.in_sheet(b"</sheetData>", b'<row r="2"/>'), "row 2 behind row 3"),
        (bombs.entities(8), "is damaged"),
        (
            bombs.in_sheet(b"</worksheet>", b'<mergeCells><mergeCell ref="A:"/></mergeCells>'),
            "is damaged",
        ),
    ],
    ids=["strings", "rows", "row", "column", "order", "entities", "merge"],
)
def test_a_workbook_that_is_none_is_refused(tmp_path, content, words):
    path = put(tmp_path, "t.xlsx", content)

    def act():
        with refused(words):
            cohort.load(path, NCCH)

    assert peak_of(act) < 30_000_000


def test_cells_are_counted_and_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "MOST_CELLS", 1000)
    rows = "".join(f'<row r="{n}"><c r="A{n}"/></row>' for n in range(4, 2000)).encode()
    with refused("more than 1,000 cells"):
        cohort.load(put(tmp_path, "t.xlsx", bombs.in_sheet(b"</sheetData>", rows)), NCCH)


def test_what_a_sheet_says_of_its_size_is_not_believed(tmp_path):
    tiny = bombs.rewritten(
        bombs.stray("A9", 9),
        "xl/worksheets/sheet1.xml",
        lambda data: data.replace(b'ref="A1:B3"', b'ref="A1:XFD1048576"'),
    )
    small = bombs.rewritten(
        bombs.stray("A9", 9),
        "xl/worksheets/sheet1.xml",
        lambda data: data.replace(b'ref="A1:B3"', b'ref="A1"'),
    )
    for name, content in (("a.xlsx", tiny), ("b.xlsx", small)):
        path = put(tmp_path, name, content)
        assert peak_of(lambda: cohort.load(path, NCCH)) < 30_000_000  # noqa: B023
        assert list(cohort.load(path, NCCH)["age"]) == [60, 61]


def test_a_workbook_of_plain_repetition_is_no_bomb(tmp_path):
    rows = [["patient_id", "age", "sex", "bilobar", "margin"]]
    rows += [[f"p{n}", 60, "male", "no", "negative"] for n in range(20_000)]
    path = put(tmp_path, "t.xlsx", bombs.workbook({"patients": rows}))
    assert len(cohort.load(path, NCCH)) == 20_000


def test_a_parquet_file_that_repeats_itself_is_refused_or_stays_small(tmp_path):
    with refused("more than a table of patients"):
        cohort.load(put(tmp_path, "a.parquet", bombs.repeated_parquet(6_000_000)), NCCH)
    long = put(tmp_path, "b.parquet", bombs.repeated_parquet(50_000, "x" * 30_000))
    columns = columnar.read_parquet(long.name, long.read_bytes())
    assert len({id(text) for text in columns.texts[0]}) <= 2
    with refused("column 1, has a cell below row 1 with more than 32,767"):
        cohort.load(put(tmp_path, "c.parquet", bombs.repeated_parquet(9, "x" * 40_000)), NCCH)


def test_lists_in_a_parquet_file_are_named(tmp_path):
    import pandas as pd

    pd.DataFrame({"patient_id": ["a"], "age": [[1, 2]]}).to_parquet(tmp_path / "t.parquet")
    with refused("column 2: the cells hold lists"):
        cohort.load(tmp_path / "t.parquet", NCCH)


@pytest.mark.parametrize(("cases", "size"), [(2**31 - 1, 1), (-1, 2**31 - 1)])
def test_absurd_counts_of_an_spss_file_are_refused(tmp_path, cases, size):
    path = put(tmp_path, "t.sav", bombs.absurd_sav(cases, size))
    with refused("more than a table of patients"):
        cohort.load(path, NCCH)
    assert peak_of(lambda: refusal(path)) < 30_000_000


def refusal(path):
    with refused("more than a table"):
        cohort.load(path, NCCH)


def test_rows_of_an_spss_file_are_counted(tmp_path, monkeypatch):
    import pyreadstat

    pyreadstat.write_sav(patients(30)[["patient_id", "age"]], str(tmp_path / "t.sav"))
    monkeypatch.setattr(columnar, "MOST_ROWS", 20)
    monkeypatch.setattr(columnar, "_refuse_absurd", lambda *_: None)
    with refused("more than a table"):
        cohort.load(tmp_path / "t.sav", NCCH)


@pytest.mark.parametrize(
    "text",
    [
        "patient_id,age\na," + "9" * 40_000 + "\n",
        'patient_id,age\na,"' + "9\n" * 40_000 + "\n",
        "patient_id,age\n" + "a" * 5_000_000,
    ],
)
def test_one_giant_field_is_refused(tmp_path, text):
    with refused(f"more than {delimited.LONGEST_CELL:,} characters"):
        cohort.load(put(tmp_path, "t.csv", text.encode()), NCCH)


def test_more_columns_than_excel_has_are_refused(tmp_path):
    text = "patient_id,age" + ",x" * 20_000 + "\na,60" + ",1" * 20_000 + "\n"
    with refused("20,002 columns; 16,384 is the most"):
        cohort.load(put(tmp_path, "t.csv", text.encode()), NCCH)


def test_separators_without_end_are_refused(tmp_path, monkeypatch):
    text = "patient_id,ras\n1,wild" + "," * 20_000 + "\n"
    with refused("row 2 has 20,002 columns; 16,384 is the most"):
        cohort.load(put(tmp_path, "t.csv", text.encode()), NCCH)
    monkeypatch.setattr(delimited, "LONGEST_LINE", 10_000)
    with refused("line 2 has 20,007 characters; 10,000 is the most"):
        cohort.load(put(tmp_path, "u.csv", text.encode()), NCCH)


def test_columns_that_nothing_fills_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "MOST_EMPTY", 50_000)
    rows = "".join(f"{row},wild{',' * 1000}\n" for row in range(200))
    with refused("rows have .* columns, and none of the first 100 fills more than 2"):
        cohort.load(put(tmp_path, "t.csv", f"patient_id,ras\n{rows}".encode()), NCCH)
    wide = "".join(f"{row},wild{',1' * 500}\n" for row in range(200))
    head = "patient_id,ras" + "".join(f",x{column}" for column in range(500))
    assert len(cohort.load(put(tmp_path, "u.csv", f"{head}\n{wide}".encode()), NCCH)) == 200


def test_more_lines_than_a_table_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "MOST_ROWS", 1000)
    with refused("2,001 lines; 1,000 is the most"):
        cohort.load(put(tmp_path, "t.csv", b"patient_id,age\n" + b"\n" * 2000), NCCH)


def test_a_file_larger_than_any_table_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "t.csv"
    with path.open("wb") as stream:
        stream.truncate(3_000_000_000)
    assert peak_of(lambda: too_large(path)) < 1_000_000


def too_large(path):
    with refused("3,000 MB; 256 MB is the most"):
        cohort.load(path, NCCH)


@pytest.mark.parametrize("text", ["x = " + "[" * 60_000, "x = 1" * 60_000, "x = 5\n", "\xff"])
def test_a_note_of_origin_that_is_none_is_refused(tmp_path, text):
    path = put(tmp_path, "t.csv", b"patient_id,age\na,60\n")
    (tmp_path / "t.source.toml").write_bytes(text.encode("latin-1"))
    with refused("cannot be read as TOML"):
        cohort.source(path)
