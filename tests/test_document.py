"""A report as a Word document: its numbers are the rows', its captions, marks and styles hold."""

import base64
import io
import re
import zipfile
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from crlm import cli, cli_document, document, ledger, numbers, pieces, run
from crlm.comparison import VERDICTS
from crlm.document import leaving, marks
from crlm.document.outline import APPENDIX, Elsewhere, Exhibit, Heading, Told, outline
from crlm.ledger import CrlmError, DocumentError
from crlm.report import html
from tests import cells

docx = pytest.importorskip("docx", reason="python-docx, the extra word, is not installed")

from docx.oxml.ns import qn  # noqa: E402

from crlm.document import word  # noqa: E402

QUICK = {name: str(value) for name, value in cells.QUICK.items()} | {"specifications": "0"}
STUDY = "ncch_scp"


# ---- a notebook by hand -----------------------------------------------------

ROWS = ledger.rows(
    [
        {"endpoint": "OS", "statistic": "p", "model": "logrank", "group": "ras", "estimate": 0.012},
        {"endpoint": "OS", "statistic": "median_survival", "group": "ras=mutant", "estimate": 44.0},
    ]
).to_dict("records")
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAIAAADwyuo0AAAAEklEQVR4nGP8//8/AwwwMSABAEgGAwG0"
    "Rz8LAAAAAElFTkSuQmCC"
)


class Drawn:
    """A picture without a drawing."""

    width, tall = 4, False

    def __init__(self, title):
        self.png = base64.b64decode(PNG)
        self.alt = f"What {title or 'it'} shows."
        self.piece = pieces.Image(f"name-of-{title}", self.alt, title)

    def bundle(self):
        return {
            "image/png": PNG,
            "text/plain": self.alt,
            pieces.MEDIA_TYPE: pieces.dump(self.piece),
        }


def shown(*outputs):
    cell = new_code_cell("paper.section()")
    for one in outputs:
        data = one.bundle() if isinstance(one, Drawn) else {"text/html": one.html}
        if not isinstance(one, Drawn):
            data[pieces.MEDIA_TYPE] = pieces.dump(one.piece)
        cell.outputs.append(new_output("display_data", data))
    return cell


def table(caption="", n=2):
    body = [("", ["RAS mutant", "44.00", "0.012ᵃ"], ROWS)]
    body += [("level", [f"Line {i}", f"{i}.5", "<0.001"]) for i in range(n - 1)]
    return html.table(caption, ["Group", "Median", "p"], body, ["ᵃ log-rank"], numeric=[1])


def notebook(*more):
    names = ["OS|all|ras|||logrank|p|"]
    return new_notebook(
        cells=[
            new_markdown_cell("# The title\n\nAbout *this* paper, `crlm` and [more](other.html)."),
            new_markdown_cell("## Parameters\n\nChange them."),
            new_code_cell("ties = 1", metadata={"tags": ["parameters"]}),
            new_markdown_cell("## Patients\n\n- one\n- two"),
            shown(
                html.banner({"kind": "public", "title": "Of others.", "note": ""}, 197),
                Drawn("Flow"),
                html.say("All of them.", "reading", names),
            ),
            new_markdown_cell("## Figure 2: survival by RAS"),
            shown(Drawn("Survival"), table(), html.say("Median 44.00.", "reading", names)),
            new_markdown_cell("### Supplementary Table 3: more of it"),
            shown(html.fold("Supplementary Table 3: 2 factors", table("Supplementary Table 3"))),
            new_markdown_cell("## All claims"),
            shown(html.fold("All 160 claims", html.joined(html.fold("A", table("Abstract", 160))))),
            new_markdown_cell("## In short"),
            new_code_cell("paper.in_short()", metadata={"tags": ["headline"]}),
            *more,
        ]
    )


def with_answer(found):
    cell = next(c for c in found.cells if "headline" in c.metadata.get("tags", []))
    listed = html.listing(["First `x`.", "Second."], "short", [["OS|all|ras|||logrank|p|"], []])
    cell.outputs = shown(html.joined(listed, html.image(Drawn("Main")))).outputs
    return found


@pytest.fixture
def small():
    return with_answer(notebook())


def made(found, **options):
    written = word.write(outline(found), STUDY, **options)
    return docx.Document(io.BytesIO(written.data)), written


# ---- the outline ------------------------------------------------------------


def test_the_answer_comes_first_and_folds_become_an_appendix(small):
    found = outline(small)
    heads = [block.text for block in found.blocks if isinstance(block, Heading)]
    assert found.title == "The title" and found.banner.kind == "public"
    assert heads[:2] == ["In short", "Patients"] and "Parameters" not in heads
    assert heads[-2:] == [APPENDIX, "Supplementary Table 3: more of it"]


def test_exhibits_take_the_paper_s_numbers_and_ours_follow_the_order(small):
    labels = [(e.label, e.title) for e in outline(small).exhibits]
    assert labels == [
        ("Figure A1", "Main"),
        ("Figure A2", "Flow"),
        ("Figure 2", "Survival by RAS"),
        ("Table A1", "Survival by RAS: the numbers"),
        ("Supplementary Table 3", "More of it"),
    ]


def test_a_second_table_of_one_printed_table_says_of_which():
    curves = [table(f"Table 4: {name} by RAS") for name in ("OS", "RFS")]
    found = outline(notebook(new_markdown_cell("## Curves"), shown(*curves)))
    told = [(e.label, e.title) for e in found.exhibits if e.section == "Curves"]
    assert told == [("Table 4", "OS by RAS"), ("Table A2", "RFS by RAS, of Table 4")]


def test_a_reading_refers_to_what_it_reads(small):
    told = [block for block in outline(small).blocks if isinstance(block, Told)]
    assert [[e.label for e in one.exhibits] for one in told] == [
        ["Figure A2"],
        ["Figure 2", "Table A1"],
        ["Supplementary Table 3"],
    ]


def test_folds_behind_one_line_stand_in_the_appendix_and_many_lines_in_the_html_report():
    inside = html.fold("To paste: 1 paragraph", html.say("Done.")), html.fold("B", table("B"))
    cells = new_markdown_cell("## Last"), shown(html.fold("Methods and more", *inside))
    found = outline(notebook(*cells)).blocks
    pointers = [b for b in found if isinstance(b, Elsewhere)]
    appendix = Elsewhere("Methods and more", "the appendix")
    assert pointers == [Elsewhere("All 160 claims"), appendix]
    below = found[found.index(Heading(APPENDIX, 1)) :]
    assert [b.sentence.text for b in below if isinstance(b, Told)] == ["Done."]
    assert Heading("To paste", 3) in below
    assert [b.title for b in below if isinstance(b, Exhibit)] == ["More of it", "B"]


def test_folds_within_folds_are_headings_one_below_the_other_with_one_pointer():
    entries = [html.fold(name, html.say("Told.")) for name in ("One", "Two")]
    deep = html.fold("All", html.fold("Paste", html.say("Done.")), html.fold("More", *entries))
    found = outline(notebook(new_markdown_cell("## Last"), shown(deep))).blocks
    assert [b.summary for b in found if isinstance(b, Elsewhere)] == ["All 160 claims", "All"]
    heads = found[found.index(Heading(APPENDIX, 1)) :]
    told = [(b.text, b.level) for b in heads if isinstance(b, Heading)]
    assert told[-4:] == [("Paste", 3), ("More", 3), ("One", 4), ("Two", 4)]


@pytest.mark.parametrize("png", [b"", b"\x89PNG", base64.b64decode(PNG)[:-20]])
def test_a_damaged_drawing_gives_way_to_that_of_the_notebook(png):
    notebook_of = notebook(new_markdown_cell("## Last"), shown(Drawn("One")))
    found = outline(notebook_of)
    written = word.write(found, "ncch_scp", fine={"name-of-One": png})
    assert written.data
    found.exhibits[0].png = png
    with pytest.raises(DocumentError, match="A picture in the notebook is damaged"):
        word.write(found, "ncch_scp", fine={})


def test_words_that_lead_to_a_table_stay_on_its_page():
    cells = [new_markdown_cell("## Last\n\nWords."), shown(html.say("Said."), table("A"))]
    document, _ = made(notebook(*cells))
    held = {p.text: p.paragraph_format.keep_with_next for p in document.paragraphs}
    assert held["Said."] and not held["Words."]


def test_text_that_is_folded_keeps_the_line_that_opens_it():
    deep = [
        html.fold("Methods in sentences", html.say("Done.")),
        html.fold("More", html.say("So.")),
    ]
    found = outline(notebook(new_markdown_cell("## Last"), shown(*deep))).blocks
    heads = [block for block in found[-5:] if isinstance(block, Heading)]
    assert heads == [Heading("Last", 2), Heading("Methods in sentences", 3), Heading("More", 3)]
    assert [b.sentence.text for b in found[-5:] if isinstance(b, Told)] == ["Done.", "So."]


def test_two_exhibits_never_share_a_number():
    cells = [new_markdown_cell("## Figure 1: a"), shown(Drawn("One"), Drawn("Two"))]
    labels = [e.label for e in outline(notebook(*cells)).exhibits]
    assert labels.count("Figure 1") == 1 and len(set(labels)) == len(labels)


def test_a_picture_inside_a_fold_keeps_its_own_pixels():
    drawn = [Drawn("One"), Drawn("Two")]
    drawn[0].png = b"first"
    drawn[1].png = b"second"
    deep = html.fold("Deep", html.joined(html.fold("Deeper", drawn[0])), drawn[1])
    found = outline(notebook(new_markdown_cell("## Last"), shown(deep)))
    assert found.exhibits[-1].png == b"second"


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (new_output("error", ename="CohortError", evalue="x"), "stopped before its end"),
        (new_output("display_data", {"text/html": "<p>old</p>"}), "an earlier version"),
    ],
)
def test_a_notebook_that_makes_no_document_is_refused(output, told):
    cells = [new_markdown_cell("# T"), new_code_cell("x", outputs=[output])]
    with pytest.raises(DocumentError, match=told):
        outline(new_notebook(cells=cells))


# ---- the document -----------------------------------------------------------


def test_paragraphs_stand_in_styles_by_name(small):
    document, _ = made(small)
    styles = [(p.style.name, p.text) for p in document.paragraphs if p.text]
    assert styles[0] == ("Title", "The title")
    assert styles[1][0] == "Kind of Cohort" and "197 rows" in styles[1][1]
    assert ("Body Text", "About this paper, crlm and more.") in styles
    assert ("List Bullet", "First x.") in styles and ("List Bullet", "two") in styles
    assert ("Caption", "Figure 2. Survival by RAS") in styles
    assert ("Body Text", "Median 44.00. See Figure 2, Table A1.") in styles


def test_lines_of_a_table_stay_whole_and_its_head_comes_again(small):
    document, _ = made(small)
    for made_table in document.tables:
        rows = made_table.rows
        assert rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None
        assert all(row._tr.trPr.find(qn("w:cantSplit")) is not None for row in rows)


def test_an_empty_cell_is_no_higher_than_the_letters_beside_it():
    cells = ["Characteristic of a long name", *["114.35 (37.03–300.43)"] * 6, ""]
    wide = html.table("Wide", ["Head of it"] * 8, [("", cells)] * 3)
    document, _ = made(notebook(new_markdown_cell("## X"), shown(wide)))
    row = next(t for t in document.tables if len(t.columns) == 8).rows[1]
    size = row.cells[0].paragraphs[0].runs[0].font.size
    mark = row.cells[7].paragraphs[0]._p.pPr.find(qn("w:rPr")).find(qn("w:sz"))
    assert size.pt < 8.5 and int(mark.get(qn("w:val"))) == round(2 * size.pt)
    assert [child.tag for child in row.cells[7].paragraphs[0]._p.pPr][-1] == qn("w:rPr")


def test_a_cell_that_names_a_heading_leads_to_it():
    cell = html.Linked("See Last one; also Nowhere.", ["Last one", "Nowhere"])
    shown_table = html.table("Checklist", ["Item", "Where"], [("", ["1", cell])])
    document, _ = made(notebook(new_markdown_cell("## Last one"), shown(shown_table)))
    links = list(document.element.iter(qn("w:hyperlink")))
    assert [(words(link), document.tables[-2].cell(1, 1).text) for link in links] == [
        ("Last one", "See Last one; also Nowhere.")
    ]
    starts = document.element.iter(qn("w:bookmarkStart"))
    at = {mark.get(qn("w:name")): mark.getparent() for mark in starts}
    assert words(at[links[0].get(qn("w:anchor"))]) == "Last one"


def test_sentences_of_a_wide_table_stand_below_its_lines():
    heads = [f"Column {i}" for i in range(9)] + ["Reading"]
    told = "Too small to say: with 6 events this cohort finds little of that."
    wide = html.table("Wide", heads, [("", ["Effect", *["1.00 (0.50–2.00)"] * 8, told], ROWS)])
    document, written = made(notebook(new_markdown_cell("## X"), shown(wide)))
    table_of = next(t for t in document.tables if t.cell(0, 0).text == "Column 0")
    assert [len(set(row.cells)) for row in table_of.rows] == [9, 9, 1]
    assert table_of.rows[2].cells[0].text == told
    with zipfile.ZipFile(io.BytesIO(written.data)) as archive:
        rows = list(marks.read(archive).rows.values())
    assert rows.count([ledger.row_name(row) for row in ROWS]) == 4


def test_marks_of_footnotes_are_raised_letters(small):
    document, _ = made(small)
    runs = document.tables[0].cell(1, 2).paragraphs[0].runs
    assert [(r.text, bool(r.font.superscript)) for r in runs] == [("0.012", False), ("a", True)]


def test_decimals_stand_in_line(small):
    """What stands behind a number, its decimals and marks, is as wide in every line."""
    document, _ = made(with_answer(notebook(new_markdown_cell("## X"), shown(table("X", 4)))))
    ends = []
    for row in document.tables[-2].rows[1:]:
        paragraph = row.cells[1].paragraphs[0]
        digits = len(paragraph.text.partition(".")[2])
        ends.append(paragraph.paragraph_format.right_indent.pt + 0.55 * 8.5 * digits)
    assert max(ends) - min(ends) < 0.1


def test_captions_count_by_fields_and_references_find_them(small):
    document, _ = made(small)
    xml = document.element.xml
    codes = re.findall(r"<w:instrText[^>]*>\s*(.*?)\s*</w:instrText>", xml)
    targets = {code.split()[1] for code in codes if code.startswith("REF")}
    named = re.findall(r'<w:bookmarkStart[^>]*w:name="([^"]*)"', xml)
    assert targets and targets <= set(named)
    assert r"SEQ Figure \* ARABIC \r 2" in codes and r"SEQ Figure_A \* ARABIC" in codes
    assert len(set(named)) == len(named) and all(len(name) <= 40 for name in named)
    assert (
        len(re.findall('fldCharType="begin"', xml)) == len(re.findall('"end"', xml)) == len(codes)
    )


def test_pictures_have_words_and_the_fine_one_is_taken(small):
    fine = {"name-of-Survival": base64.b64decode(PNG)}
    document, written = made(small, fine=fine)
    told = [one.docPr.get("descr") for one in document.element.iter(qn("wp:inline"))]
    assert told == ["What Main shows.", "What Flow shows.", "What Survival shows."]
    assert written.coarse == 2


def test_a_document_names_nobody_and_is_the_same_twice(small, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    document, written = made(small)
    core = document.core_properties
    assert (core.author, core.last_modified_by, core.comments) == ("", "", "")
    assert core.title == "The title" and core.subject.startswith("Public cohort")
    assert written.data == made(small)[1].data
    with zipfile.ZipFile(io.BytesIO(written.data)) as archive:
        assert len(set(archive.namelist())) == len(archive.namelist())
        core = archive.read("docProps/core.xml").decode()
        assert "python-docx" not in core
        assert str(Path.home()) not in core and str(Path.cwd()) not in core


def test_a_bookmark_leads_to_the_rows_it_stands_for(small):
    _, written = made(small)
    with zipfile.ZipFile(io.BytesIO(written.data)) as archive:
        found = marks.read(archive)
        named = re.findall(
            rb'w:bookmarkStart[^>]*w:name="([^"]*)"', archive.read("word/document.xml")
        )
    assert found.study == STUDY and set(found.rows) <= {name.decode() for name in named}
    names = tuple(map(ledger.row_name, ROWS))
    assert sorted(map(tuple, found.rows.values())) == sorted([names] * 2 + [names[:1]] * 3)


# ---- a template -------------------------------------------------------------


def template_of(path, *, without=()):
    mine = docx.Document()
    mine.add_paragraph("Old text of the department.")
    mine.sections[0].header.paragraphs[0].text = "Department of Surgery"
    mine.styles["Body Text"].font.name = "Garamond"
    for name in without:
        mine.styles.element.remove(mine.styles[name].element)
    mine.save(path)
    return path


def test_a_template_gives_page_and_styles_and_loses_its_text(small, tmp_path):
    document, written = made(small, template=template_of(tmp_path / "my.docx"))
    words = [p.text for p in document.paragraphs]
    assert "Old text of the department." not in words and words[0] == "The title"
    assert document.sections[0].header.paragraphs[0].text == "Department of Surgery"
    assert document.styles["Body Text"].font.name == "Garamond"
    assert written.missing == ["Kind of Cohort", "Table Text", "Table Note", "Three Lines"]


def test_styles_that_a_template_lacks_are_named_and_ours_stand_in(small, tmp_path):
    path = template_of(tmp_path / "my.docx", without=["Caption", "List Bullet", "Heading 2"])
    told = leaving.check_word(tmp_path / "out.docx", path)
    assert len(told) == 1 and "my.docx has no style Heading 2, List Bullet, Caption" in told[0]
    document, _ = made(small, template=path)
    assert "• First x." in [p.text for p in document.paragraphs]


def test_a_template_of_another_program_has_its_headings_found(small, tmp_path):
    path = template_of(tmp_path / "my.docx")
    office = docx.Document(path)
    for style in office.styles.element.style_lst:
        style.name_val = style.name_val[:1].upper() + style.name_val[1:]
    office.save(path)
    document, written = made(small, template=path)
    assert "Heading 1" not in written.missing
    heads = [p for p in document.paragraphs if p.text == "In short"]
    assert heads[0].style.name == "Heading 1"


@pytest.mark.parametrize("content", [b"", b"no zip", "dotx"])
def test_what_is_no_template_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "my.docx"
    if content == "dotx":
        template_of(tmp_path / "real.docx")
        with zipfile.ZipFile(tmp_path / "real.docx") as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                kind = (b"wordprocessingml.document.main", b"wordprocessingml.template.main")
                new.writestr(name, old.read(name).replace(*kind))
    else:
        path.write_bytes(content)
    with pytest.raises(DocumentError, match="save it as .docx") as caught:
        leaving.check_word(tmp_path / "out.docx", path)
    assert "\n" not in str(caught.value)


# ---- bad ends ---------------------------------------------------------------


def test_a_document_that_somebody_changed_is_never_overwritten(small, tmp_path):
    path = tmp_path / f"{STUDY}.docx"
    path.write_bytes(made(small)[1].data)
    assert leaving.check_word(path, None) == [] and document.replaceable(tmp_path, STUDY)
    changed = docx.Document(path)
    changed.paragraphs[3].add_run(" I doubt it.")
    changed.save(path)
    with pytest.raises(DocumentError, match="somebody's changes"):
        leaving.check_word(path, None)
    assert document.replaceable(tmp_path, STUDY) == set()


@pytest.mark.parametrize("lock", ["~$ncch_scp.docx", ".~lock.ncch_scp.docx#", "~$ch_scp.docx"])
def test_a_document_that_is_open_elsewhere_is_refused(tmp_path, lock):
    (tmp_path / lock).touch()
    with pytest.raises(DocumentError, match="open in Word"):
        leaving.check_word(tmp_path / f"{STUDY}.docx", None)


def test_without_python_docx_one_line_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CrlmError, match=r"python-docx.*\[word\]") as caught:
        document.check(document.Asked(docx=True), tmp_path, STUDY)
    assert "\n" not in str(caught.value)


def test_a_folder_of_the_reader_s_is_never_taken(tmp_path):
    mine = tmp_path / f"{STUDY}_figures"
    mine.mkdir()
    (mine / "my_own.png").touch()
    with pytest.raises(DocumentError, match="no run of crlm made it"):
        document.check(document.Asked(figures=True), tmp_path, STUDY)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--template", "x.docx"], "add --docx"),
        (["--figures", "--template", "x.docx"], "add --docx"),
        (["--docx", "--dpi", "600"], "are for --figures"),
        (["--columns", "1"], "are for --figures"),
    ],
)
def test_an_option_without_the_one_it_is_for_is_refused(tmp_path, capsys, options, told):
    assert cli.main(["run", STUDY, "--out", str(tmp_path / "out"), *options]) == 2
    assert told in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_options_are_passed_on_as_they_were_typed():
    typed = ["--docx", "--figures", "--dpi", "600", "--template", "x.docx"]
    arguments = cli._parser().parse_args(["run", STUDY, *typed])
    assert sorted(cli_document.passed_on(arguments)) == sorted(typed)


def test_a_document_of_a_finished_run_says_how_coarse_its_pictures_are(small, tmp_path):
    nbformat.write(small, tmp_path / f"{STUDY}.ipynb")
    path, told = document.from_report(tmp_path / f"{STUDY}.html", None, None)
    assert path == tmp_path / f"{STUDY}.docx" and marks.untouched(path)
    assert len(told) == 1 and told[0].startswith("3 pictures")


@pytest.mark.parametrize("text", [None, "", "{}", "[1]", '{"cells": 3}'])
def test_a_report_without_its_notebook_is_refused_in_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / "x.ipynb").write_text(text)
    with pytest.raises(DocumentError) as caught:
        document.from_report(tmp_path / "x.html", None, None)
    assert "\n" not in str(caught.value) and not list(tmp_path.glob("*.docx"))


def test_a_full_disk_leaves_what_was_there(small, tmp_path, monkeypatch):
    nbformat.write(small, tmp_path / f"{STUDY}.ipynb")
    path, _ = document.from_report(tmp_path / f"{STUDY}.html", None, None)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        document.from_report(tmp_path / f"{STUDY}.html", None, None)
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {f"{STUDY}.ipynb", f"{STUDY}.docx"}


# ---- a real run -------------------------------------------------------------


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """Folder with a run of NCCH, its document and its figures."""
    out = tmp_path_factory.mktemp("left")
    asked = document.Asked(docx=True, figures=True, dpi=100)
    outcome = run.execute(STUDY, QUICK, out, asked=asked)
    assert not outcome.error and [p.name for p in outcome.documents] == [
        f"{STUDY}.docx",
        f"{STUDY}_figures",
    ]
    return out


NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?")


def forms(row):
    """Every way in which this house writes the numbers of a row."""
    told = set()
    for name in ("estimate", "conf_low", "conf_high", "n", "events", "time", "p"):
        value = float(row[name]) if row.get(name) else float("nan")
        told |= {numbers.number(value, k) for k in range(4)}
        told |= {numbers.short(value), numbers.ratio(value), numbers.p_text(value), f"{value:g}"}
    return {form for text in told for form in NUMBER.findall(text)}


def read(path):
    rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    months = pd.to_numeric(rows["time"])
    names = [ledger.row_name(r) for r in rows.assign(time=months).to_dict("records")]
    return rows, names


def allowed_numbers(folder):
    """By the name of a row: what a line may show of it, and what a sentence may beside."""
    allowed, printed = {}, set()
    for kind in ("rows", "claims"):
        rows, names = read(folder / f"{STUDY}_{kind}.csv")
        for name, row in zip(names, rows.to_dict("records"), strict=True):
            found = NUMBER.findall(row.get("printed", ""))
            allowed.setdefault(name, set()).update(forms(row), found)
            printed |= set(found)
    return allowed, printed


def alien_numbers(path, allowed, printed):
    """Numbers of lines and sentences with a bookmark that its rows do not have.

    Of a sentence the numbers with a decimal point; cut-offs and counts are words of it.
    """
    with zipfile.ZipFile(path) as archive:
        known = marks.read(archive).rows
    wrong, checked = [], 0
    for block in docx.Document(path).element.iter(qn("w:tr"), qn("w:p")):
        names = [mark.get(qn("w:name")) for mark in block.iter(qn("w:bookmarkStart"))]
        rows = [row for name in names for row in known.get(name, ())]
        if not rows or (block.tag == qn("w:p") and block.getparent().tag == qn("w:tc")):
            continue
        own = set().union(*(allowed[row] for row in rows))
        for text, may in told(block, own, printed):
            found = NUMBER.findall(text.replace("–", " "))
            checked += len(found)
            wrong += [(rows[0], text) for number in found if number not in may]
    return wrong, checked


def told(block, own, printed):
    """Texts of a line or sentence, and the numbers that may stand in each."""
    cells = [words(cell) for cell in block.iter(qn("w:tc"))]
    if not cells:
        decimals = NUMBER.sub(lambda n: n.group() if "." in n.group() else "", words(block))
        return [(decimals, own | printed | {"0.05"})]
    verdict = len(cells) == 5 and cells[3] in VERDICTS
    return [(cell, own) for cell in (cells[1:-1] if verdict else cells[1:])]


def words(element):
    return "".join(t.text or "" for t in element.iter(qn("w:t")))


def test_every_number_of_a_line_or_reading_is_that_of_its_rows(left, tmp_path):
    allowed, printed = allowed_numbers(left)
    wrong, checked = alien_numbers(left / f"{STUDY}.docx", allowed, printed)
    assert checked > 1000 and not wrong, wrong[:10]
    other = docx.Document(left / f"{STUDY}.docx")
    cells = [cell for made_table in other.tables for cell in made_table.columns[1].cells]
    cell = next(cell for cell in cells if re.fullmatch(r"\d+ \(\d+ %\)", cell.text))
    cell.paragraphs[0].runs[0].text = "61,234 (91 %)"
    other.save(tmp_path / "other.docx")
    assert alien_numbers(tmp_path / "other.docx", allowed, printed)[0]
