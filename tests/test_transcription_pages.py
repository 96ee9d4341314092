"""Tables out of a saved web page, or out of an article's XML, invented for the mskcc_hai study."""

import pytest

from crlm import ledger
from crlm.cli import main
from crlm.ledger import LedgerError
from crlm.transcription import claims_of, grid

JATS = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE article [<!ENTITY x "pages expand none">]>
<article xmlns:xlink="http://www.w3.org/1999/xlink"><body><p>As <xref ref-type="table">Table 1
</xref> shows, all was well.</p>
<table-wrap id="T1"><object-id>10.1/x</object-id><label>Table 1</label>
<caption><title>Patients <italic>and</italic> tumours</title></caption>
<alternatives><graphic xlink:href="t1.gif"/><table frame="hsides"><thead>
<tr><th align="left"/><th rowspan="1" colspan="1">No HAI (n = 308)</th><th>HAI (n = 366)</th>
<th><italic>P</italic> value<xref ref-type="table-fn" rid="f2"><sup>b</sup></xref></th></tr>
</thead><tbody>
<tr><td>Age, median (range), y<xref ref-type="table-fn" rid="f1"><sup>1</sup></xref></td>
<td>58 (26&#x02013;84)</td><td>55 (21&#x02013;80)<sup>2</sup></td>
<td>0&#x000b7;011<xref ref-type="table-fn" rid="f2">a</xref></td></tr>
<tr><td colspan="4">Sex, n&#160;(%)</td></tr>
<tr><td>&#x02003;Male</td><td>179<sup>1</sup> (58)</td><td>205 (56)</td>
<td rowspan="2">&lt;10<sup>&#x02212;<italic>4</italic></sup></td></tr>
<tr><td>&#x02003;Female</td><td>129 (42)</td><td>161 (44)</td></tr>
</tbody></table></alternatives>
<table-wrap-foot><fn id="f1"><label>1</label><p>Data missing for 3 patients.</p></fn>
<fn id="f2"><p><sup>b</sup>Fisher&#x2019;s exact test.</p></fn></table-wrap-foot></table-wrap>
<table-wrap id="T2"><label>Table 2.</label><caption><p>Overall survival</p></caption><table>
<thead><tr><th rowspan="2">Factor</th><th colspan="2">Univariable</th><th colspan="3">
Multivariable</th></tr>
<tr><td>HR (95% CI)</td><td>P</td><td>HR</td><td>95% CI</td><td>P</td></tr></thead><tbody>
<tr><td colspan="6"><bold>HAI</bold></td></tr>
<tr><td>No</td><td colspan="2">1.00</td><td colspan="3">Reference</td></tr>
<tr><td>Yes</td><td>0.61 (0.49&#x2212;0.76)</td><td>&lt;.001</td><td>0.60</td><td>0.43 to 0.83</td>
<td>.002</td></tr></tbody></table></table-wrap>
<table-wrap><label>Table 3</label><graphic xlink:href="t3.gif"/></table-wrap></body></article>"""

WEB = """<html><head><meta charset="iso-8859-1"><title>Table 9 of a journal</title>
<style>td { color: red }</style></head><body><table><tr><td><p>Home<td>About us</table>
<div><p>Table 1 shows them.<p>See it.
<section class="tw xbox" id="T1"><h4>Table 1</h4><div class="caption p"><p>Curves</p></div>
<table><tr><th>Overall survival<th>Deaths<th>Median, months (95% CI)
<tr><td>HAI<td>197<sup>&#8224;</sup><td>67\xb79 (58\xb78-77\xb70)<span style="display: none"
>9</span>
<tr><td>No HAI<td>218<td>44&middot;4 (39&middot;5-51&middot;0)</table>
<div class="tw-foot"><div class="fn"><sup>&#8224;</sup>To June.</div></div></section>
<p>Values are medians in all of the text.<table><tr><td>x<td>1<tr><td>y<td>2</table></body>"""


@pytest.fixture
def paper(tmp_path):
    path = tmp_path / "paper.nxml"
    path.write_text(JATS, encoding="utf-8")
    return path


def test_a_baseline_table_of_an_article(paper):
    made = claims_of(
        grid(paper, "1"), ledger.load_design("mskcc_hai"), "two-groups", place="table1"
    )
    assert not made.questions, made.questions
    found = {c["id"]: (c["operator"], c["value"], c["decimals"]) for c in made.claims}
    assert found["table1-hai-yes-age-median"] == ("=", "55", "0")
    assert found["table1-hai-yes-age-max"] == ("=", "80", "0")
    assert found["table1-hai-age-p"] == ("=", "0.011", "3")
    assert found["table1-hai-no-sex-male-n"] == ("=", "179", "0")
    assert found["table1-hai-sex-p"] == ("<", "0.0001", "4")
    assert found["table1-age-missing"][1] == "3"
    rows = grid(paper, "1")
    assert rows[0][0] == "Table 1 Patients and tumours" and rows[2][0] == "Age, median (range), y¹"
    assert [row[0].row for row in rows] == list(range(8))


def test_a_model_of_an_article_with_its_header_in_storeys(paper):
    made = claims_of(grid(paper, "2"), ledger.load_design("mskcc_hai"), "model", place="table2")
    assert not made.questions, made.questions
    found = {(c["model"], c["statistic"], c["field"]): c["printed"] for c in made.claims}
    assert found["univariable", "hazard_ratio", "conf_low"] == "0.49"
    assert found["multivariable", "hazard_ratio", "conf_high"] == "0.83"
    assert found["multivariable", "p", "estimate"] == ".002" and len(found) == 8


def test_a_web_page_that_closes_nothing(tmp_path):
    path = tmp_path / "page.htm"
    path.write_bytes(WEB.encode("latin-1"))
    rows = grid(path, "Table 1")
    assert rows[0][0] == "Table 1 Curves" and rows[-1][0] == "† To June."
    made = claims_of(rows, ledger.load_design("mskcc_hai"), "curves", place="table3")
    assert not made.questions, made.questions
    found = {c["id"]: c["printed"] for c in made.claims}
    assert found["table3-hai-yes-os-events"] == "197" and "67.9" in found.values()
    assert len(grid(path, "x1")) == 2  # No text of the page is a note of a table without a caption.
    assert "x2" not in str(pytest.raises(LedgerError, grid, path).value)


def test_several_tables_are_listed_with_what_to_type(paper, capsys):
    command = ["ledger", "import", str(paper), "--study", "mskcc_hai", "--layout", "model"]
    assert main([*command, "--place", "table2"]) == 2
    told = capsys.readouterr().err
    assert "has 3 tables" in told and "--table 2: Table 2. Overall survival" in told
    assert main([*command, "--place", "table2", "--table", "2"]) == 0
    for wanted, word in (("3", "is a picture"), ("7", "no table '7'")):
        with pytest.raises(LedgerError, match=word):
            grid(paper, wanted)
    with pytest.raises(LedgerError, match="are counted"):
        sheet = paper.with_suffix(".csv")
        sheet.write_text("a,b\n1,2\n", encoding="utf-8")
        grid(sheet, "S1")


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        ("<td><s>12</s> 13</td><td>4</td>", "struck through"),
        ("<td><inline-graphic xlink:href='x'/> 12</td><td>4</td>", "picture"),
    ],
)
def test_what_a_page_does_not_settle_is_refused(tmp_path, cell, word):
    path = tmp_path / "t.html"
    head = "<tr><td></td><td>HAI</td><td>No HAI</td></tr>"
    path.write_text(f"<table>{head}<tr><td>Male</td>{cell}</tr></table>", encoding="utf-8")
    with pytest.raises(LedgerError, match=word):
        grid(path)


def test_a_number_over_several_columns_is_of_none(tmp_path):
    """PMC3281242, Table 1: "20 (9–43)" over both groups. A 1 is a reference, a band a label."""
    path = tmp_path / "t.html"
    head = "<tr><td colspan='3'></td><td>HAI</td><td>No HAI</td></tr>"
    rows = [
        "<tr><td colspan='3'>CEA</td><td colspan='2'>20 (9–43)</td></tr>",
        "<tr><td></td><td colspan='2'>&lt;20</td><td colspan='2'>1.00</td></tr>",
    ]
    path.write_text(f"<table>{head}{''.join(rows)}</table>", encoding="utf-8")
    one, two = grid(path)[1:]
    assert "over several columns" in one[3] and not one[4] and not any(map(str.isdigit, one[3]))
    assert two == ["", "<20", "", "1.00", ""]


@pytest.mark.parametrize("text", ["", "<table>", "<div>" * 5000 + "<table>", "<![x[ <!-- <td <"])
def test_a_page_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "t.html"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LedgerError, match="holds no table"):
        grid(path)


def test_a_page_of_odd_spans_signs_and_bytes(tmp_path):
    path = tmp_path / "bytes.html"
    path.write_bytes(b"\xff<table>")
    with pytest.raises(LedgerError, match="UTF-8"):
        grid(path)
    path = tmp_path / "wide.html"
    wide = (
        "<table><tr><td>a<td colspan=x rowspan=0>2<td colspan=999999>b<tr><td>3<td>4<td>5</table>"
    )
    path.write_text(wide, encoding="utf-8")
    assert len(grid(path)) == 2
    path = tmp_path / "signs.html"
    sign = "<table><tr><td><td>HAI<tr><td>CEA <img alt='≥'> 20<td><![CDATA[4]]></table>"
    path.write_text(sign, encoding="utf-8")
    assert grid(path)[1] == ["CEA ≥ 20", "4"]


def cells_of(folder, page):
    path = folder / "t.html"
    path.write_text(page, encoding="utf-8")
    return [[str(text) for text in row] for row in grid(path)]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        # A row that the page did not begin was lost, as the header may be.
        ("<td>A<td>HAI<tr><td>Male<td>5", [["A", "HAI"], ["Male", "5"]]),
        (
            "<tr><td>A</td><td>HAI</td></tr><td>Male</td><td>5</td></tr><tr><td>Old<td>6",
            [["A", "HAI"], ["Male", "5"], ["Old", "6"]],
        ),
        # A cell of the header does not reach into the body: labels stood a column further on.
        (
            "<thead><tr><th rowspan=2>A<th>HAI</thead><tbody><tr><td>Male<td>5</tbody>",
            [["A", "HAI"], ["Male", "5"]],
        ),
        (
            "<tbody><tr><td>A<td>P<tr><td>Male<td rowspan=0>.5<tr><td>Old</tbody>"
            "<tbody><tr><td>Big<td>.6</tbody>",
            [["A", "P"], ["Male", ".5"], ["Old", ""], ["Big", ".6"]],
        ),
        (
            "<tr><td>A<td colspan='2 '>HAI<tr><td>Male<td>5<td>6",
            [["A", "HAI", "HAI"], ["Male", "5", "6"]],
        ),
        # A table that another one ends: its first rows were lost.
        (
            "<tr><td>A<td>HAI<tr><td>Male<td>5</tr><table><tr><td>Next<td>x</table>",
            [["A", "HAI"], ["Male", "5"]],
        ),
        # What belongs to no text beside it.
        (
            "<tr><td>A<td>HAI<tr><td>Male<td>5<button>6</button><textarea>7</textarea>",
            [["A", "HAI"], ["Male", "5 6 7"]],
        ),
        # Hidden by the page's own style sheet, but in print.
        (
            "<style>@media print { .all {display: none} } td.x, .y { display:none }</style>"
            "<tr><td>A<td class=all>HAI<td class='x b'>9<tr class='y'><td>B<td>7<tr><td>Male<td>5",
            [["A", "HAI"], ["Male", "5"]],
        ),
        ("<tr><td>A<td>HAI<tr><td>WBC, 10<sup>9</sup>/L<td>5", [["A", "HAI"], ["WBC, 10⁹/L", "5"]]),
    ],
)
def test_cells_are_those_that_a_browser_shows(tmp_path, rows, found):
    assert cells_of(tmp_path, f"<p>Age<table>{rows}</table>") == found


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        # As Excel saves a web page.
        ("<col><col style='display:none'><col><tr><td>A<td><td>HAI<tr><td>B<td>9<td>5", "'9'"),
        (
            "<tr><td>A<td>HAI<td>No<tr><td>Male<td>5<td>6<tr><td><table><tr><td>Old<td>7</table>"
            "<td>8<td>9",
            "holds a table",
        ),
    ],
)
def test_what_a_page_hides_or_sets_into_a_cell_is_refused(tmp_path, rows, word):
    with pytest.raises(LedgerError, match=word):
        cells_of(tmp_path, f"<p>Age<table>{rows}</table>")


def test_a_span_of_nought_is_none_in_an_article(tmp_path):
    """PMC5956569, Table 3: over all rows of its part, as in a page, it hid their numbers."""
    rows = "<tr><td>A</td><td rowspan='0'>HAI</td></tr><tr><td>Male</td><td>5</td></tr>"
    path = tmp_path / "t.xml"
    path.write_text(f"<table-wrap><table>{rows}</table></table-wrap>", encoding="utf-8")
    assert [list(row) for row in grid(path)] == [["A", "HAI"], ["Male", "5"]]
