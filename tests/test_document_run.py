"""What a run leaves beside its report belongs to its set, and never costs the report itself."""

import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest

from crlm import document, files, run
from crlm.document import leaving
from crlm.ledger import DocumentError
from crlm.report.figures import journal

docx = pytest.importorskip("docx", reason="python-docx, the extra word, is not installed")

SHOW = """from matplotlib.figure import Figure
from crlm.report import figures, html
figure = Figure((7.6, 2))
figure.subplots().plot([1, 2])
picture = figures.Picture(figure, "What it shows.", "Survival")
table = html.table("Table 1", ["a", "b"], [("", ["c", "1.5"])])
html.show(picture, table, html.say("Read.", "reading"))"""
ASKED = document.Asked(docx=True, figures=True)


def write_notebook(path, last=SHOW):
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    notebook.metadata["language_info"] = {"name": "python"}
    cell = nbformat.v4.new_code_cell('output_dir: str = ""  # folder for CSV files')
    cell.metadata["tags"] = ["parameters"]
    notebook.cells = [nbformat.v4.new_markdown_cell("# T"), cell]
    notebook.cells.append(nbformat.v4.new_markdown_cell("## Figure 1: survival"))
    notebook.cells.append(nbformat.v4.new_code_cell(last))
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A tiny notebook in place of the papers'; returns a function that gives it its last cell."""

    def write(last=SHOW):
        path = write_notebook(tmp_path / "tiny.ipynb", last)
        monkeypatch.setattr(run, "notebook_path", lambda name: path)

    write()
    return write


def names(out):
    return {path.name for path in out.iterdir() if path.name != ".tiny.lock"}


PLAIN = {"tiny.html", "tiny.ipynb", "tiny.json"}
WHOLE = PLAIN | {"tiny.docx", "tiny_figures"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folder with a run that left everything; each test gets a copy."""
    top = tmp_path_factory.mktemp("whole")
    path = write_notebook(top / "tiny.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "notebook_path", lambda name: path)
        outcome = run.execute("tiny", {}, top / "out", asked=ASKED)
    assert not outcome.error and not outcome.told
    return top / "out"


@pytest.fixture
def before(study, whole, tmp_path):
    """Folder with a run that left everything."""
    return Path(shutil.copytree(whole, tmp_path / "out"))


def test_documents_are_of_the_run_s_set(before):
    assert names(before) == WHOLE
    record = json.loads((before / "tiny.json").read_text())["files_sha256"]
    stem = "tiny_figures/figure_1_survival"
    kinds = ("svg", "pdf", "png", "tiff", "txt")
    assert {"tiny.docx", "tiny_figures/tables.xlsx"} <= set(record)
    assert {f"{stem}.{kind}" for kind in kinds} <= set(record)
    assert record["tiny.docx"] == files.checksum(before / "tiny.docx")


def test_a_run_that_is_not_asked_takes_them_away(before):
    outcome = run.execute("tiny", {}, before)
    assert names(before) == PLAIN and outcome.documents == ()


def test_a_document_of_the_run_has_its_fine_pictures(before):
    document_of = docx.Document(before / "tiny.docx")
    (part,) = [p for p in document_of.part.package.parts if p.partname.endswith(".png")]
    assert part.image.horz_dpi == 300 and part.image.px_width == pytest.approx(2160, abs=1)
    path, told = document.from_report(before / "tiny.html", before / "again.docx", None)
    assert told == [] and path.read_bytes()[:2] == b"PK"


def test_what_a_coauthor_wrote_outlives_the_next_run(before):
    changed = docx.Document(before / "tiny.docx")
    changed.paragraphs[0].add_run(" (see my remarks)")
    changed.save(before / "tiny.docx")
    kept = (before / "tiny.docx").read_bytes()
    run.execute("tiny", {}, before)
    assert (before / "tiny.docx").read_bytes() == kept and names(before) == PLAIN | {"tiny.docx"}
    page = (before / "tiny.html").stat().st_mtime_ns
    with pytest.raises(DocumentError, match="somebody's changes"):
        run.execute("tiny", {}, before, asked=document.Asked(docx=True))
    assert (before / "tiny.docx").read_bytes() == kept
    assert (before / "tiny.html").stat().st_mtime_ns == page


def test_a_figure_of_the_reader_s_in_the_folder_is_never_lost(before):
    (before / "tiny_figures" / "mine.png").touch()
    with pytest.raises(DocumentError, match="no run of crlm made it"):
        run.execute("tiny", {}, before, asked=ASKED)
    run.execute("tiny", {}, before)
    assert (before / "tiny_figures" / "mine.png").exists()


def test_a_document_that_fails_leaves_the_report(study, tmp_path, monkeypatch):
    def fails(*args, **options):
        raise DocumentError("It cannot be made.")

    monkeypatch.setattr("crlm.document.word.write", fails)
    outcome = run.execute("tiny", {}, tmp_path / "out", asked=ASKED)
    assert outcome.told == ("It cannot be made.",) and outcome.documents == ()
    assert not outcome.error and names(tmp_path / "out") == PLAIN


def test_a_notebook_without_pieces_leaves_the_report(study, tmp_path):
    study("1 + 1")
    outcome = run.execute("tiny", {}, tmp_path / "out", asked=ASKED)
    assert "no results that a document can be made of" in outcome.told[0]
    assert names(tmp_path / "out") == PLAIN


def test_a_run_that_fails_leaves_no_document(before, study):
    study(SHOW + "\n1 / 0")
    outcome = run.execute("tiny", {}, before, asked=ASKED)
    assert "ZeroDivisionError" in outcome.error and outcome.documents == ()
    assert names(before) == PLAIN


def test_a_full_disk_costs_what_stands_beside_and_never_the_report(before, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("crlm.document.word.write", full)
    outcome = run.execute("tiny", {}, before, asked=ASKED)
    (line,) = outcome.told
    assert line.startswith("No room on the disk for tiny.docx and tiny_figures")
    assert names(before) == PLAIN and outcome.documents == () and not outcome.error


def test_a_limit_on_the_size_of_files_costs_what_is_larger(study, tmp_path):
    resource = pytest.importorskip("resource", reason="no limits on this system")
    study(SHOW.replace("7.6, 2", "7.6, 7"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (45_000, before[1]))
    try:
        outcome = run.execute("tiny", {}, tmp_path / "out", asked=ASKED)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(outcome.told) == 1 and "room" in outcome.told[0]
    assert names(tmp_path / "out") == PLAIN and not outcome.error


def test_a_crate_is_named_among_what_was_left(study, tmp_path):
    pytest.importorskip("rocrate", reason="the extra crate is not installed")
    outcome = run.execute("tiny", {}, tmp_path, asked=document.Asked(docx=True, crate=True))
    assert [path.name for path in outcome.documents] == ["tiny.docx", "tiny_crate.zip"]


def test_the_order_is_gone_when_the_kernel_is(tmp_path, monkeypatch):
    assert leaving.ORDER == journal.ORDER
    monkeypatch.setenv(leaving.ORDER, "mine")
    with leaving.ordering(ASKED, tmp_path):
        assert json.loads(os.environ[leaving.ORDER])["kinds"] == ["png", "tiff", "svg"]
    assert os.environ[leaving.ORDER] == "mine"
