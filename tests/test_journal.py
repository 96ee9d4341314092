"""Figures and tables as a journal takes them: formats, widths, letters, data, names."""

import json
import re
import zipfile

import pandas as pd
import pytest
from openpyxl import load_workbook
from PIL import Image

from crlm import ledger, pieces, survival
from crlm.document import folder
from crlm.document.outline import Exhibit, Outline
from crlm.report import figures
from crlm.report.figures import journal

DESIGN = ledger.load_design("ncch_scp")
FRAME = pd.DataFrame(
    {
        "time": [5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 60.0, 61.0],
        "event": [True, True, False, True, True, False, True, False],
        "ras": ["wild", "mutant"] * 4,
    }
)
FRAME.attrs["endpoint"] = "OS"


def ordered(monkeypatch, out, **order):
    out.mkdir(exist_ok=True)
    order = {"folder": str(out), "kinds": ["png", "tiff", "svg"], "dpi": 300, "columns": 2} | order
    monkeypatch.setenv(journal.ORDER, json.dumps(order))


def curves():
    rows = survival.summary(FRAME, "ras", times=[12])
    return figures.kaplan_meier(survival.curve(FRAME, "ras"), rows, DESIGN, title="OS by RAS")


def forest():
    base = {"endpoint": "OS", "covariate": "ras", "level": "mutant", "model": "multivariable"}
    value = {"statistic": "hazard_ratio", "estimate": 2.0, "conf_low": 1.0, "conf_high": 4.0}
    return figures.forest(ledger.rows([base | value]), DESIGN, title="OS")


def test_without_an_order_a_picture_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.delenv(journal.ORDER, raising=False)
    monkeypatch.chdir(tmp_path)
    curves()
    assert not list(tmp_path.iterdir())


def test_an_order_changes_nothing_that_the_notebook_shows(monkeypatch, tmp_path):
    monkeypatch.delenv(journal.ORDER, raising=False)
    before = curves()
    ordered(monkeypatch, tmp_path / "out")
    assert curves().png == before.png


@pytest.mark.parametrize("dpi", [300, 600])
@pytest.mark.parametrize(("columns", "wide"), [(1, 3.5), (2, 7.2)])
def test_pixels_are_as_fine_and_as_wide_as_asked(monkeypatch, tmp_path, dpi, columns, wide):
    ordered(monkeypatch, tmp_path, dpi=dpi, columns=columns)
    name = curves().piece.name
    for kind in ("png", "tiff"):
        with Image.open(tmp_path / f"{name}.{kind}") as image:
            assert image.width == pytest.approx(wide * dpi, abs=1)
            assert image.info["dpi"][0] == pytest.approx(dpi, abs=0.1)
    svg = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
    assert float(re.search(r'width="([\d.]+)pt"', svg)[1]) == pytest.approx(72 * wide, abs=0.5)
    assert (tmp_path / f"{name}.columns").read_text() == str(columns)


def test_vectors_need_no_font_of_the_reader_and_name_no_day(monkeypatch, tmp_path):
    ordered(monkeypatch, tmp_path)
    name = curves().piece.name
    svg = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
    pdf = (tmp_path / f"{name}.pdf").read_bytes()
    assert "<text" not in svg and "<dc:date" not in svg
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf and b"CreationDate" not in pdf


def test_a_forest_plot_has_no_room_in_one_column_and_takes_two(monkeypatch, tmp_path):
    ordered(monkeypatch, tmp_path, columns=1)
    name = forest().piece.name
    assert (tmp_path / f"{name}.columns").read_text() == "2"
    with Image.open(tmp_path / f"{name}.png") as image:
        assert image.width == pytest.approx(7.2 * 300, abs=1)


def test_lettering_is_never_smaller_than_a_journal_prints(monkeypatch):
    from matplotlib.text import Text

    monkeypatch.delenv(journal.ORDER, raising=False)
    kept = []
    monkeypatch.setattr(journal, "deliver", lambda figure, *rest: kept.append(figure))
    curves()
    assert journal.fit(kept[0], 1) == 1
    assert min(text.get_fontsize() for text in kept[0].findobj(Text) if text.get_text()) >= 5.5


def test_the_data_beside_a_figure_are_what_it_draws(monkeypatch, tmp_path):
    ordered(monkeypatch, tmp_path)
    name = curves().piece.name
    data = pd.read_csv(tmp_path / f"{name}.csv", encoding="utf-8-sig")
    steps = data[(data["drawn"] == "curve") & (data["group"] == "ras=wild")]
    assert steps["time"].tolist() == [0, 5, 34, 60]
    assert steps["survival"].round(6).tolist() == [1, 0.75, 0.375, 0]
    below = data[data["drawn"] == "numbers at risk"]
    assert below.loc[below["time"] == 0, "n_at_risk"].tolist() == [4, 4]


# ---- the folder -------------------------------------------------------------

LINES = (pieces.Line(("=1+1", "3.50", "1,204")), pieces.Line(("RAS", "<0.001", "12")))
TABLE = pieces.Table("Table 2: OS", ("What", "", ""), LINES, ("A note.",), (1,))


@pytest.fixture
def written(monkeypatch, tmp_path):
    ordered(monkeypatch, tmp_path / "drawn")
    picture = curves()
    shown = Exhibit("Figure", 1, "Overall survival by RAS", picture.piece, b"x", "")
    tabled = Exhibit("Supplementary Table", 2, "OS: a/b", TABLE, b"", "")
    folder.write(Outline("T", None, [shown, tabled]), tmp_path / "drawn", tmp_path / "out")
    return tmp_path / "out"


def test_names_follow_the_paper(written):
    figure, table = "figure_1_overall_survival_by_ras", "supplementary_table_2_os_a_b"
    kinds = ("svg", "pdf", "tiff", "png", "csv", "txt")
    expected = {f"{figure}.{kind}" for kind in kinds} | {f"{table}.csv", f"{table}.txt"}
    assert {path.name for path in written.iterdir()} == expected | {"tables.xlsx"}


def test_a_long_name_ends_with_a_whole_word():
    title = "Surgically controllable period by KRAS codon: the numbers"
    shown = Exhibit("Table A", 28, title, TABLE, b"", "")
    assert folder.stem(shown) == "table_a28_surgically_controllable_period_by_kras_codon_the"


def test_a_caption_says_what_is_shown_and_how_wide(written):
    lines = (written / "figure_1_overall_survival_by_ras.txt").read_text().splitlines()
    assert lines[0] == "Figure 1. Overall survival by RAS"
    assert "RAS wild type" in lines[1] and lines[2] == "Width: two columns, 18.3 cm."


def test_tables_hold_the_printed_numbers_and_no_formula(written):
    data = pd.read_csv(
        written / "supplementary_table_2_os_a_b.csv", dtype=str, encoding="utf-8-sig"
    )
    assert data.iloc[0].tolist() == ["'=1+1", "3.50", "1,204"]
    sheet = load_workbook(written / "tables.xlsx")["Supplementary Table 2"]
    assert sheet["A3"].value == "=1+1" and sheet["A3"].data_type == "s"
    assert (sheet["B3"].value, sheet["B3"].number_format) == (3.5, "0.00")
    assert sheet["C3"].value == 1204 and sheet["B4"].value == "<0.001"
    with zipfile.ZipFile(written / "tables.xlsx") as book:
        assert b"<dc:creator>openpyxl" not in book.read("docProps/core.xml")


def test_the_fine_pictures_of_a_folder_are_found_again(written):
    shown = Exhibit("Figure", 1, "Overall survival by RAS", pieces.Image("n", "a"), b"x", "")
    found = folder.pictures(Outline("T", None, [shown]), written)
    assert found["n"] == (written / "figure_1_overall_survival_by_ras.png").read_bytes()
