"""One run of a notebook: strict parameters, what is written, what a failure leaves."""

import json

import nbformat
import pytest

from crlm import parameters, run
from crlm.ledger import ParameterError

CELLS = [
    ("# A study", None),
    ('months: float = 12.0  # cut-off in months\nlabel: str = "a"  # a name\n'
     "count: int = 3  # how many\nlate: bool = False  # late entry honoured\n"
     'ties: str = "efron"  # tied times: efron | breslow\n'
     'cohort_path: str = ""  # the patient table\n'
     'output_dir: str = ""  # folder for CSV files', "parameters"),
    ("## First section", None),
    ('months * 2', None),
]  # fmt: skip


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A tiny notebook in place of the papers'; returns a function that adds a last cell."""

    def write(last=None):
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        notebook.metadata["language_info"] = {"name": "python"}
        for source, tag in [*CELLS, *([(last, None)] if last else [])]:
            if source.startswith("#"):
                notebook.cells.append(nbformat.v4.new_markdown_cell(source))
            else:
                cell = nbformat.v4.new_code_cell(source)
                cell.metadata["tags"] = [tag] if tag else []
                notebook.cells.append(cell)
        path = tmp_path / "tiny.ipynb"
        nbformat.write(notebook, path)
        monkeypatch.setattr(run, "notebook_path", lambda name: path)
        return path

    return write


def test_parameters_are_read_with_type_default_and_help(study):
    known = parameters.declared_in(study())
    assert known["months"] == parameters.Parameter("months", "float", 12.0, "cut-off in months")
    assert known["late"].default is False


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"months": "18"}, {"months": 18.0}), ({"count": "4"}, {"count": 4}),
     ({"late": "yes"}, {"late": True}), ({"label": "007"}, {"label": "007"})],
)  # fmt: skip
def test_text_becomes_the_declared_type(study, given, expected):
    assert parameters.held(given, parameters.declared_in(study())) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [({"month": 18}, "Did you mean 'months'"), ({"months": "many"}, "not of type float"),
     ({"count": 3.5}, "not of type int"), ({"count": True}, "not of type int"),
     ({"late": "perhaps"}, "not of type bool"), ({"months": "nan"}, "not a finite number"),
     ({"ties": "exact"}, "efron, breslow")],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_a_remedy(study, given, words):
    with pytest.raises(ParameterError, match=words):
        parameters.held(given, parameters.declared_in(study()))


def test_a_file_that_is_not_there_is_refused_before_anything_starts(study, tmp_path):
    study()
    out = tmp_path / "out"
    with pytest.raises(ParameterError, match="no file 'nowhere.csv'"):
        run.execute("tiny", {"cohort_path": "nowhere.csv"}, out)
    assert not out.exists()


def test_a_run_leaves_report_notebook_and_manifest(study, tmp_path):
    study()
    table = tmp_path / "private" / "table.csv"
    table.parent.mkdir()
    table.write_text("patient_id\n")
    outcome = run.execute("tiny", {"months": "18", "cohort_path": str(table)}, tmp_path / "out")
    assert outcome.error == ""
    page = outcome.report.read_text(encoding="utf-8")
    assert "36.0" in page and 'href="#First-section"' in page
    record = json.loads(outcome.manifest.read_text(encoding="utf-8"))
    assert record["parameters"] == {"months": 18.0, "cohort_path": "table.csv"}
    assert record["status"] == "finished" and len(record["data_sha256"]["cohort_path"]) == 64
    for path in (outcome.report, outcome.notebook, outcome.manifest):
        assert str(tmp_path) not in path.read_text(encoding="utf-8")


def test_a_failing_cell_leaves_a_report_that_shows_where(study, tmp_path):
    study("raise ValueError('the fifth cell')")
    outcome = run.execute("tiny", {}, tmp_path / "out")
    assert "the fifth cell" in outcome.error and not outcome.readers_error
    page = outcome.report.read_text(encoding="utf-8")
    assert "the fifth cell" in page and "First section" in page
    assert json.loads(outcome.manifest.read_text())["status"] == "failed"


def test_a_message_for_the_reader_is_told_from_a_fault(study, tmp_path):
    study("from crlm.ledger import CohortError\nraise CohortError('row 3 of your table')")
    outcome = run.execute("tiny", {}, tmp_path / "out")
    assert outcome.readers_error and "row 3 of your table" in outcome.error


def test_an_unknown_study_is_refused_with_a_suggestion():
    with pytest.raises(ParameterError, match="Did you mean 'ncch_scp'"):
        run.notebook_path("nchc_scp")
