"""What `crlm run --safe` leaves in its folder: what passed the attack, and no name of a file."""

from __future__ import annotations

import hashlib

import nbformat
import pytest

from crlm import cli, manifest, run
from crlm.batch import grid
from crlm.ledger import CrlmError, ParameterError

PARAMETERS = (
    'cohort_path: str = ""  # the patient table\n'
    "safe: int = 0  # numbers of fewer patients are hidden [0 or more]\n"
    'output_dir: str = ""  # folder for CSV files'
)
ROWS = "from pathlib import Path\nPath(output_dir, 'tiny_rows.csv').write_text('n\\n7\\n')"


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A tiny notebook in place of the papers'; returns a function that gives its last cells."""

    def write(*sources):
        made = nbformat.v4.new_notebook()
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        made.metadata["language_info"] = {"name": "python"}
        for number, source in enumerate((PARAMETERS, *sources)):
            cell = nbformat.v4.new_code_cell(source)
            cell.metadata["tags"] = [] if number else ["parameters"]
            made.cells.append(cell)
        path = tmp_path / "tiny.ipynb"
        nbformat.write(made, path)
        monkeypatch.setattr(run, "notebook_path", lambda _: path)
        return path

    return write


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "hospital_of_springfield.csv"
    path.write_text("patient_id\nP1\n")
    return path


def test_a_safe_run_names_no_file_of_patients_and_no_checksum(notebook, table, tmp_path):
    notebook(ROWS)
    out = tmp_path / "out"
    run.execute("tiny", {"cohort_path": str(table), "safe": "5"}, out)
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    written = [path for path in out.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert {"tiny.html", "tiny.ipynb", "tiny.json", "tiny_rows.csv"} <= {p.name for p in written}
    for path in written:
        text = path.read_text(encoding="utf-8", errors="ignore")
        assert "springfield" not in text and digest not in text, path.name
    run.execute("tiny", {"cohort_path": str(table)}, tmp_path / "plain")
    assert digest in (tmp_path / "plain" / "tiny.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("last", ["1 / 0", "raise RuntimeError('P1 has 3')"])
def test_a_safe_run_that_stops_leaves_nothing(notebook, table, tmp_path, last):
    notebook(ROWS, last)
    out = tmp_path / "out"
    with pytest.raises(CrlmError, match="No report of tiny was written") as refused:
        run.execute("tiny", {"cohort_path": str(table), "safe": "5"}, out)
    assert "P1" not in str(refused.value)
    assert not [path for path in out.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_safe_run_without_its_last_section_leaves_nothing(notebook, table, tmp_path):
    notebook("1 + 1")
    with pytest.raises(CrlmError, match="where the attack runs"):
        run.execute("tiny", {"cohort_path": str(table), "safe": "5"}, tmp_path / "out")


def test_safe_is_five_without_a_number_and_never_below_three():
    parse = cli._parser().parse_args
    assert parse(["run", "ncch_scp", "--safe"]).safe == 5
    assert parse(["run", "ncch_scp", "--safe", "11"]).safe == 11
    assert parse(["run", "ncch_scp"]).safe is None
    for wrong in ("2", "many", "-5"):
        with pytest.raises(SystemExit):
            parse(["run", "ncch_scp", f"--safe={wrong}"])


def test_a_batch_has_one_safe(notebook, tmp_path):
    path = notebook(ROWS)
    text = f"notebook: {path.name}\ngrid: {{safe: [0, 5]}}\n"
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(ParameterError, match="one shows what the other hides"):
        grid.plan(tmp_path / "grid.yaml")
    (tmp_path / "grid.yaml").write_text(f"notebook: {path.name}\nbase: {{safe: 5}}\n")
    found = grid.plan(tmp_path / "grid.yaml").runs
    assert not set(found[0].record["inputs"]) & set(manifest.OF_PATIENTS)
