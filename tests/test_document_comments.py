"""What coauthors wrote into a document is found, with its section and its result rows."""

import json
import shutil
import subprocess
import zipfile

import pytest

from crlm import cli
from crlm.document import comments
from crlm.ledger import DocumentError

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SPACES = (
    f'xmlns:w="{W}" xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:w15="http://schemas.microsoft.com/office/word/2012/wordml"'
)
STYLES = (
    f'<w:styles {SPACES}><w:style w:type="paragraph" w:styleId="berschrift1">'
    '<w:name w:val="heading 1"/></w:style><w:style w:type="paragraph" w:styleId="H2">'
    '<w:name w:val="Heading 2"/></w:style></w:styles>'
)
ROW = "OS|all|ras=mutant||||median_survival|"
OURS = '<report xmlns="urn:crlm:document" study="ncch_scp">{"mark_1": ["' + ROW + '"]}</report>'
MARK = '<w:bookmarkStart w:id="9" w:name="mark_1"/><w:bookmarkEnd w:id="9"/>'
WHO = 'w:author="A. Coauthor" w:date="2026-11-28T10:00:00Z"'


def run(text, deleted=False):
    tag = "delText" if deleted else "t"
    return f'<w:r><w:{tag} xml:space="preserve">{text}</w:{tag}></w:r>'


def paragraph(*inside, style=""):
    look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{look}{''.join(inside)}</w:p>"


def commented(number, *inside):
    start, end = (f'<w:commentRange{edge} w:id="{number}"/>' for edge in ("Start", "End"))
    return f'{start}{"".join(inside)}{end}<w:r><w:commentReference w:id="{number}"/></w:r>'


def said(number, text, author="A. Coauthor", paragraph_id="00000001"):
    return (
        f'<w:comment w:id="{number}" w:author="{author}" w:date="2026-11-28T10:00:00Z">'
        f'<w:p w14:paraId="{paragraph_id}">{run(text)}</w:p></w:comment>'
    )


def changed(kind, *inside, who=WHO):
    return f'<w:{kind} w:id="5" {who}>{"".join(inside)}</w:{kind}>'


def file_of(folder, *body, notes=(), threads="", ours=True, name="back.docx"):
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        text = f"<w:document {SPACES}><w:body>{''.join(body)}</w:body></w:document>"
        archive.writestr("word/document.xml", text)
        archive.writestr("word/styles.xml", STYLES)
        if notes:
            archive.writestr(
                "word/comments.xml", f"<w:comments {SPACES}>{''.join(notes)}</w:comments>"
            )
        if threads:
            threads = f"<w15:commentsEx {SPACES}>{threads}</w15:commentsEx>"
            archive.writestr("word/commentsExtended.xml", threads)
        if ours:
            archive.writestr("customXml/item3.xml", OURS)
    return path


HEADS = (
    paragraph(run("Results"), style="berschrift1"),
    paragraph(run("Figure "), run("1"), style="H2"),
)


def test_a_comment_has_its_section_its_words_and_its_row(tmp_path):
    line = paragraph(MARK, run("Median "), commented(0, run("44.0"), run(" months")))
    found = comments.review(file_of(tmp_path, *HEADS, line, notes=[said(0, "Too long?")]))
    (one,) = found.remarks
    assert (one.kind, one.author, one.date[:10]) == ("comment", "A. Coauthor", "2026-11-28")
    assert one.section == ("Results", "Figure 1") and one.rows == (ROW,)
    assert (one.on, one.text, one.note) == ("44.0 months", "Too long?", "")
    assert found.study == "ncch_scp"


def test_a_comment_on_any_cell_of_a_line_has_the_line_s_row(tmp_path):
    cells = [paragraph(MARK, run("RAS mutant")), paragraph(commented(0, run("44.0")))]
    table = "".join(f"<w:tc>{cell}</w:tc>" for cell in cells)
    other = f"<w:tr><w:tc>{paragraph(commented(1, run('x')))}</w:tc></w:tr>"
    body = f"<w:tbl><w:tr>{table}</w:tr>{other}</w:tbl>"
    notes = [said(0, "Sure?"), said(1, "And this?")]
    one, two = comments.review(file_of(tmp_path, body, notes=notes)).remarks
    assert (one.on, one.rows) == ("44.0", (ROW,)) and two.rows == ()


def test_a_comment_over_cells_parts_their_words_and_one_on_a_picture_names_it(tmp_path):
    first = paragraph(MARK, '<w:commentRangeStart w:id="0"/>', run("RAS mutant"))
    last = paragraph(run("44.0"), '<w:commentRangeEnd w:id="0"/>')
    cells = "".join(f"<w:tc>{cell}</w:tc>" for cell in (first, paragraph(run("63")), last))
    drawing = "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"
    picture = f'<w:r><w:drawing><p:docPr xmlns:p="{drawing}" title="Figure 1"/></w:drawing></w:r>'
    body = f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>", paragraph(commented(1, picture))
    notes = [said(0, "The whole line?"), said(1, "Colours?")]
    line, drawn = comments.review(file_of(tmp_path, *body, notes=notes)).remarks
    assert (line.on, line.rows, drawn.on) == ("RAS mutant | 63 | 44.0", (ROW,), "Figure 1")


def test_a_comment_in_a_table_without_rows_names_the_table(tmp_path):
    mark = '<w:bookmarkStart w:id="7" w:name="_Ref_Table_A12"/><w:bookmarkEnd w:id="7"/>'
    caption = paragraph(mark, run("Table A12. Checklist"))
    line = f"<w:tbl><w:tr><w:tc>{paragraph(commented(0, run('1: Title')))}</w:tc></w:tr></w:tbl>"
    body = caption, line, paragraph(commented(1, run("After it.")))
    found = comments.review(file_of(tmp_path, *body, notes=[said(0, "Ours?"), said(1, "So?")]))
    assert [one.exhibit for one in found.remarks] == ["Table A12", ""]
    assert "     in Table A12\n" in comments.as_text(found)
    assert '"exhibit": "Table A12"' in comments.as_json(found)


def test_a_comment_over_two_paragraphs_has_all_its_words(tmp_path):
    first = paragraph('<w:commentRangeStart w:id="0"/>', run("one "))
    second = paragraph(run("two"), '<w:commentRangeEnd w:id="0"/>', run(" three"))
    (one,) = comments.review(file_of(tmp_path, first, second, notes=[said(0, "?")])).remarks
    assert one.on == "one two"


def test_tracked_changes_of_each_kind(tmp_path):
    other = 'w:author="B" w:date="2026-11-29T10:00:00Z"'
    body = [
        paragraph(changed("del", run("long", True)), changed("ins", run("short"))),
        paragraph(changed("ins", run("new ")), changed("ins", run("words"))),
        paragraph(changed("del", run("gone", True)), changed("ins", run("theirs"), who=other)),
        paragraph(changed("moveFrom", run("here", True))),
        f"<w:p><w:pPr><w:rPr>{changed('ins')}</w:rPr></w:pPr></w:p>",
        f"<w:tbl><w:tr><w:trPr>{changed('del')}</w:trPr><w:tc>{paragraph(run('x'))}</w:tc></w:tr></w:tbl>",
        f"<w:p><w:pPr><w:pPrChange w:id='7' {WHO}/></w:pPr></w:p>",
    ]
    told = [
        (r.kind, r.on, r.text, r.note) for r in comments.review(file_of(tmp_path, *body)).remarks
    ]
    assert told == [
        ("replacement", "long", "short", ""),
        ("insertion", "", "new words", ""),
        ("deletion", "gone", "", ""),
        ("insertion", "", "theirs", ""),
        ("deletion", "here", "", ""),
        ("insertion", "", "", "the end of a paragraph"),
        ("deletion", "", "", "a whole line of the table"),
        ("formatting", "", "", ""),
    ]


def test_a_comment_on_deleted_text_says_so(tmp_path):
    line = paragraph(commented(0, changed("del", run("wrong", True))))
    found = comments.review(file_of(tmp_path, line, notes=[said(0, "Out.")])).remarks
    assert ("comment", "wrong", "on text that is deleted by now") in [
        (r.kind, r.on, r.note) for r in found
    ]


def test_a_comment_whose_place_is_gone_comes_last(tmp_path):
    notes = [said(0, "Lost."), said(1, "Here.")]
    found = comments.review(file_of(tmp_path, paragraph(commented(1, run("x"))), notes=notes))
    assert [(r.text, r.note) for r in found.remarks] == [
        ("Here.", ""),
        ("Lost.", "its place is no longer in the document"),
    ]


def test_answers_and_what_is_done(tmp_path):
    notes = [said(0, "Why?"), said(1, "Because.", "B", "00000002")]
    threads = (
        '<w15:commentEx w15:paraId="00000001" w15:done="1"/>'
        '<w15:commentEx w15:paraId="00000002" w15:paraIdParent="00000001" w15:done="0"/>'
    )
    line = paragraph(commented(0, run("x")), commented(1, run("y")))
    one, two = comments.review(file_of(tmp_path, line, notes=notes, threads=threads)).remarks
    assert one.done and not one.reply_to and two.reply_to == "A. Coauthor: Why?" and not two.done


def test_text_and_json_say_the_same(tmp_path, capsys):
    line = paragraph(MARK, commented(0, run("44.0")))
    path = file_of(tmp_path, *HEADS, line, notes=[said(0, "Too long?")])
    assert cli.main(["comments", str(path)]) == 0
    text = capsys.readouterr().out
    assert "back.docx: 1 comment, 0 tracked changes" in text and "Results > Figure 1" in text
    assert "A. Coauthor, 2026-11-28: on “44.0”: Too long?" in text
    assert "row: OS, ras=mutant, median_survival" in text
    assert cli.main(["comments", str(path), "--json"]) == 0
    held = json.loads(capsys.readouterr().out)
    row = held["remarks"][0]["rows"][0]
    assert (row["endpoint"], row["group"], row["statistic"]) == (
        "OS",
        "ras=mutant",
        "median_survival",
    )


def test_a_line_with_many_rows_is_told_by_what_they_share():
    rows = [f"|all|{group}|sex|male||{kind}|" for group in ("a", "b") for kind in ("n", "percent")]
    rows.append("|all|ras|sex|||p|")
    assert comments._places(rows) == ["sex, male: 5 numbers"]


def test_a_document_from_elsewhere_is_read_and_said_in_one_line(tmp_path, capsys):
    path = file_of(tmp_path, paragraph(commented(0, run("x"))), notes=[said(0, "?")], ours=False)
    assert cli.main(["comments", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "1 comment," in out and err.count("\n") == 1 and "not of crlm" in err


def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 50_000_000)


def laughing(path):
    with zipfile.ZipFile(path, "w") as archive:
        text = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + f"<w:document {SPACES}/>"
        archive.writestr("word/document.xml", text)
        archive.writestr("word/styles.xml", STYLES)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda path: path.write_bytes(b""), "no Word document"),
        (lambda path: path.write_bytes(b"text"), "no Word document"),
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600), "password"),
        (lambda path: zipfile.ZipFile(path, "w").close(), "damaged or no Word document"),
        (laughing, "damaged or no Word document"),
        (bomb, "unpacks to more"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, capsys, made, told):
    path = tmp_path / "x.docx"
    made(path)
    with pytest.raises(DocumentError, match=told):
        comments.review(path)
    assert cli.main(["comments", str(path)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "Traceback" not in err


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert cli.main(["comments", str(tmp_path / "no.docx")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


# ---- another program --------------------------------------------------------


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Turns a document by LibreOffice into its own OpenDocument format and back."""
    office = shutil.which("soffice")
    if not office:
        pytest.skip("LibreOffice is not installed")
    folder = tmp_path_factory.mktemp("office")

    def turn(path):
        for kind in ("odt", "docx"):
            command = [office, f"-env:UserInstallation={(folder / 'profile').as_uri()}"]
            command += ["--headless", "--convert-to", kind, "--outdir", str(folder), str(path)]
            subprocess.run(command, check=True, capture_output=True, timeout=300)
            path = folder / f"{path.stem}.{kind}"
        return path

    return turn


def test_comments_survive_another_program_and_its_own_format(converted, tmp_path):
    docx = pytest.importorskip("docx", reason="python-docx, the extra word, is not installed")
    from crlm.document import fields

    mine = docx.Document()
    mine.add_paragraph("Results", style="Heading 1")
    line = mine.add_paragraph("Median 44.0 months")
    fields.Bookmarks().around(line, fields.bookmark_name(ROW))
    mine.add_comment(line.runs[0], text="Too long?", author="A. Coauthor", initials="A")
    mine.save(tmp_path / "mine.docx")
    (one,) = comments.review(converted(tmp_path / "mine.docx")).remarks
    assert (one.author, one.text, one.on) == ("A. Coauthor", "Too long?", "Median 44.0 months")
    assert one.section == ("Results",)
