"""One run of a notebook: strict parameters, what is written, what a failure leaves."""

import asyncio
import errno
import hashlib
import json
import os
import platform
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest

from crlm import engine, files, manifest, run
from crlm.ledger import CohortError, CrlmError, ParameterError

CELLS = [
    ("# A study", None),
    (
        "months: float = 12.0  # cut-off in months\n"
        'cohort_path: str = ""  # the patient table\n'
        'output_dir: str = ""  # folder for CSV files',
        "parameters",
    ),
    ("## First section", None),
    ("months * 2", None),
    (
        "from pathlib import Path\n"
        "Path(output_dir, 'tiny_rows.csv').write_text(f'months\\n{months}\\n')",
        None,
    ),
]


def write_notebook(path, last=None):
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
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A tiny notebook in place of the papers'; returns a function that adds a last cell."""

    def write(last=None):
        path = write_notebook(tmp_path / "tiny.ipynb", last)
        monkeypatch.setattr(run, "notebook_path", lambda name: path)
        return path

    return write


def test_a_file_that_is_not_there_is_refused_before_anything_starts(study, tmp_path):
    study()
    out = tmp_path / "out"
    with pytest.raises(ParameterError, match="file 'nowhere.csv' is not there"):
        run.execute("tiny", {"cohort_path": "nowhere.csv"}, out)
    assert not out.exists()


def test_a_run_shows_its_section_and_what_is_left(study, tmp_path, monkeypatch, capfd):
    study("import time; time.sleep(0.3)")
    monkeypatch.setenv("COLUMNS", "120")
    run.execute("tiny", {}, tmp_path / "out", progress=True)
    last = capfd.readouterr().err.rstrip().split("\r")
    shown = [line for line in last if "First section" in line]
    # Cells done of all, the time so far, and what is left.
    assert any(re.search(r"tiny: +\d+%.*\d/7 \[\d\d:\d\d<\d\d:\d\d", line) for line in shown), last


def test_a_long_heading_is_shortened_and_none_is_none():
    made = [nbformat.v4.new_markdown_cell("# Title\n\nText\n\n### " + "very " * 20 + "long")]
    made += [nbformat.v4.new_markdown_cell("Text alone"), nbformat.v4.new_code_cell("1")]
    assert engine.heading(made, 2).startswith("very very") and len(engine.heading(made, 2)) <= 32
    assert engine.heading(made, 0) == ""


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
    assert record["status"] == "finished"
    digest = hashlib.sha256(b"patient_id\n").hexdigest()
    assert record["inputs"]["cohort"] == {"file": "table.csv", "sha256": digest}
    assert record["kernel"] == f"CPython {platform.python_version()}"
    for name, known in record["files_sha256"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == known
    assert set(record["files_sha256"]) == {"tiny.html", "tiny.ipynb", "tiny_rows.csv"}
    for path in (outcome.report, outcome.notebook, outcome.manifest):
        assert str(tmp_path) not in path.read_text(encoding="utf-8")


def test_a_failing_cell_leaves_a_report_that_shows_where(study, tmp_path):
    study("raise ValueError('the fifth cell')")
    outcome = run.execute("tiny", {}, tmp_path / "out")
    assert "the fifth cell" in outcome.error and not outcome.readers_error
    page = outcome.report.read_text(encoding="utf-8")
    assert "the fifth cell" in page and "First section" in page
    record = json.loads(outcome.manifest.read_text())
    assert record["status"] == "failed" and record["cell"] == 7


def test_a_message_for_the_reader_is_told_from_a_fault(study, tmp_path):
    study("from crlm.ledger import CohortError\nraise CohortError('row 3 of your table')")
    outcome = run.execute("tiny", {}, tmp_path / "out")
    assert outcome.readers_error and "row 3 of your table" in outcome.error


def test_a_kind_of_error_is_known_however_far_down():
    class Unreadable(CohortError):
        pass

    assert "Unreadable" in run._family(CrlmError)


# ---- one set of files -------------------------------------------------------


def held_by(out):
    """What a reader finds in a folder: names and contents, hidden ones but the lock included."""
    return {p.name: p.read_bytes() for p in out.iterdir() if p.name != ".tiny.lock"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder that holds a finished run; each test gets a copy."""
    top = tmp_path_factory.mktemp("finished")
    path = write_notebook(top / "tiny.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "notebook_path", lambda name: path)
        run.execute("tiny", {"months": 9}, top / "out")
    return top / "out"


@pytest.fixture
def before(study, finished, tmp_path):
    """A folder that holds a finished run, and what is in it."""
    study()
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    return out, held_by(out)


def test_a_failed_run_leaves_no_rows_beside_its_report(before, study):
    out, old = before
    assert "tiny_rows.csv" in old
    (out / "tiny_audit.html").write_text("of another command")
    study("raise ValueError('so')")
    run.execute("tiny", {}, out)
    assert set(held_by(out)) == {"tiny.html", "tiny.ipynb", "tiny.json", "tiny_audit.html"}


def test_what_a_notebook_wrote_beyond_the_usual_goes_with_its_run(before, study):
    out, _ = before
    folder = "Path(output_dir, 'tiny_more').mkdir()\nPath(output_dir, 'tiny_more/a').write_text('')"
    study(folder)
    run.execute("tiny", {}, out)
    assert (out / "tiny_more" / "a").is_file()
    study()
    run.execute("tiny", {}, out)
    assert not (out / "tiny_more").exists()


def test_two_runs_cannot_work_in_one_folder(before):
    out, old = before
    with files.locked(out / ".tiny.lock", ""):
        with pytest.raises(CrlmError, match="Another run of tiny is at work") as refused:
            run.execute("tiny", {}, out)
    assert "--out" in str(refused.value) and held_by(out) == old


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE])
def test_a_notebook_without_room_is_no_run(before, study, code):
    out, old = before
    study(f"import os\nraise OSError({code}, os.strerror({code}), 'tiny_rows.csv')")
    with pytest.raises(OSError) as refused:
        run.execute("tiny", {}, out)
    assert refused.value.errno == code and held_by(out) == old


@pytest.mark.parametrize("ending", ["ipynb", "html", "json"])
def test_a_page_without_room_leaves_the_earlier_run(before, monkeypatch, ending):
    out, old = before
    write = run._write

    def full(path, text):
        if path.suffix == f".{ending}":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, text)

    monkeypatch.setattr(run, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        run.execute("tiny", {}, out)
    assert held_by(out) == old


def test_an_interrupted_run_leaves_the_earlier_one(before, monkeypatch):
    out, old = before

    def interrupted(notebook):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.execute("tiny", {}, out)
    assert held_by(out) == old


def test_a_killed_run_leaves_the_earlier_one_and_the_next_one_sweeps(before, study, tmp_path):
    out, old = before
    slow = study("import time\ntime.sleep(60)")
    code = (
        f"from pathlib import Path\nfrom crlm import run\n"
        f"run.notebook_path = lambda name: Path({str(slow)!r})\n"
        f"run.execute('tiny', {{}}, Path({str(out)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 60
    while not list(out.glob(".tiny.part-*/tiny_rows.csv")) and time.monotonic() < end:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert visible(out) == old
    assert list(out.glob(".tiny.part-*"))
    study()
    assert run.execute("tiny", {"months": 4}, out).error == ""
    assert visible(out)["tiny_rows.csv"] == b"months\n4.0\n"
    assert [path.name for path in out.glob(".*")] == [".tiny.lock"]


def visible(out):
    return {path.name: path.read_bytes() for path in out.glob("[!.]*")}


def test_the_output_folder_is_given_once(study, tmp_path):
    study()
    with pytest.raises(ParameterError, match="--out"):
        run.execute("tiny", {"output_dir": "elsewhere"}, tmp_path / "out")


# ---- the kernel -------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("import os\nos._exit(3)", "the kernel died with exit code 3"),
        ("import os\nos.kill(os.getpid(), 9)", "killed (signal 9)"),
    ],
)
def test_a_dead_kernel_is_a_failed_cell(study, tmp_path, cell, words):
    study(cell)
    outcome = run.execute("tiny", {}, tmp_path / "out")
    assert outcome.error.startswith("cell 7: the kernel ") and words in outcome.error
    assert words in outcome.report.read_text(encoding="utf-8")


def test_the_kernel_is_the_interpreter_that_runs(study, tmp_path, monkeypatch):
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/bin/false"], "display_name": "x", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    notebook, failure = run.in_memory(
        study("import sys\nsys.executable"), {"output_dir": str(tmp_path)}
    )
    assert failure is None and Path(eval(said(notebook))).samefile(sys.executable)


def said(notebook):
    return notebook.cells[-1].outputs[0].data["text/plain"]


def test_braces_in_a_path_are_no_parameter(study, tmp_path, monkeypatch):
    scratch = tmp_path / "{t}"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    path = study().rename(scratch / "tiny{}.ipynb")
    monkeypatch.setattr(run, "notebook_path", lambda name: path)
    outcome = run.execute("tiny", {}, scratch / "{out}")
    assert outcome.error == "" and outcome.report.is_file()


def test_nothing_is_written_but_the_output_folder(study, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    run.in_memory(study(), {"output_dir": str(tmp_path)})
    assert not list(scratch.iterdir())


@pytest.fixture
def both_at_work(monkeypatch):
    """A second process works ahead, and is the kernel."""
    monkeypatch.setattr("crlm.cores.available", lambda: 2)
    monkeypatch.delenv("CRLM_CORES", raising=False)


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux")
@pytest.mark.usefixtures("both_at_work")
def test_neither_odd_folders_nor_files_in_them_hinder_a_run(study, tmp_path, monkeypatch):
    study()
    there = tmp_path / ("a" * 90)
    there.mkdir()
    for name in ("json", "queue", "types", "zmq"):
        (there / f"{name}.py").write_text("raise SystemExit('a file of the reader')\n")
    monkeypatch.chdir(there)
    monkeypatch.setenv("TMPDIR", str(there))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert not run.execute("tiny", {}, tmp_path / "out").error
    assert [path for path in there.iterdir() if path.suffix != ".py"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux")
@pytest.mark.usefixtures("both_at_work")
def test_a_kernel_that_ends_before_it_is_there_is_said(study, tmp_path, monkeypatch):
    study()
    dead = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    monkeypatch.setattr("crlm.lifeline.command", lambda module: dead)
    with pytest.raises(ChildProcessError, match=r"kernel did not start .*ended with code -9"):
        run.execute("tiny", {}, tmp_path / "out")


def test_few_file_handles_are_one_line(study, tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        with pytest.raises(OSError) as refused:
            run.execute("tiny", {}, tmp_path / "out") if study() else None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert refused.value.errno == errno.EMFILE
    assert not [p for p in (tmp_path / "out").iterdir() if p.name != ".tiny.lock"]


# ---- nothing of a patient in a file -----------------------------------------

QUOTING = {
    "a fault": "raise ValueError(cell)",
    "a chain": "from crlm.ledger import CohortError\ntry:\n    int(cell)\n"
    "except ValueError as error:\n    raise CohortError('a cell is no number') from error",
    "a warning": "import warnings\nwarnings.warn(cell)\nraise ValueError('x')",
    "an exit": "import sys\nsys.exit(cell)",
    "a fault that cannot be shown": "class Odd(Exception):\n    def __str__(self):\n"
    "        raise ValueError(cell)\nraise Odd(cell)",
}


@pytest.mark.parametrize("kind", sorted(QUOTING))
def test_a_failing_run_on_a_table_of_ones_own_quotes_nothing(study, tmp_path, kind):
    study("cell = Path(cohort_path).read_text().splitlines()[1]\n" + QUOTING[kind])
    table = tmp_path / "table.csv"
    table.write_text("patient_id\nP0042 Tanaka\n")
    outcome = run.execute("tiny", {"cohort_path": str(table)}, tmp_path / "out")
    assert outcome.error and outcome.report.is_file()
    for path in (tmp_path / "out").iterdir():
        assert "Tanaka" not in path.read_text(encoding="utf-8"), path.name
    record = json.loads(outcome.manifest.read_text())
    assert ("withheld" in record["error"]) == (kind != "a chain")


def test_a_message_on_the_shipped_cohort_stands_without_folders(study, tmp_path):
    study("open('/nowhere/at/all.csv')")
    outcome = run.execute("tiny", {}, tmp_path / "out")
    page = outcome.report.read_text(encoding="utf-8")
    error = json.loads(outcome.manifest.read_text())["error"]
    assert error == "FileNotFoundError: [Errno 2] No such file or directory: 'all.csv'"
    assert "all.csv" in page and page.count("/nowhere/at/") == 1


# ---- the bytes that are read are the bytes that are hashed ------------------

REPLACE = """\
import json
from crlm import files
files.read(cohort_path)
Path(output_dir, "tiny_inputs.json").write_text(json.dumps(files.everything_read()))"""


@pytest.mark.parametrize(
    "cell",
    [
        "Path(cohort_path).write_text('b')",
        "Path(cohort_path).write_text('b')\nraise ValueError('so')",
        f"Path(cohort_path).write_text('b')\n{REPLACE}\nPath(cohort_path).write_text('a')",
        f"{REPLACE}\nPath(cohort_path).write_text('b')",
    ],
    ids=["replaced", "replaced, then failed", "replaced and put back", "replaced once read"],
)
def test_a_table_that_changes_under_a_run_is_refused(before, study, tmp_path, cell):
    out, old = before
    study(cell)
    table = tmp_path / "table.csv"
    table.write_text("a")
    with pytest.raises(CohortError, match="^table.csv changed while tiny was running"):
        run.execute("tiny", {"cohort_path": str(table)}, out)
    assert held_by(out) == old


def test_what_was_read_in_one_piece_is_what_the_manifest_holds(study, tmp_path):
    study(REPLACE)
    table = tmp_path / "table.csv"
    table.write_text("a")
    outcome = run.execute("tiny", {"cohort_path": str(table)}, tmp_path / "out")
    record = json.loads(outcome.manifest.read_text())
    assert record["inputs"]["cohort"]["sha256"] == hashlib.sha256(b"a").hexdigest()
    assert not (tmp_path / "out" / "tiny_inputs.json").exists()


def test_the_code_is_known_by_each_of_its_bytes(tmp_path, monkeypatch):
    """Files that shape no run do not count; one that changes in size or time is read again."""
    for name in ("a.py", "rooms/b.py", "templates/c.css"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(manifest, "_HOUSE", tmp_path)
    first = manifest.code_digest()
    lines = (f"{files.checksum(tmp_path / n)}  {n}\n" for n in ("a.py", "rooms/b.py"))
    listed = "".join([*lines, f"{files.checksum(tmp_path / 'templates/c.css')}  templates/c.css\n"])
    assert first == hashlib.sha256(listed.encode()).hexdigest()
    for name in (".hidden.py", "__pycache__/a.pyc", "rooms/.x/d.py", "cli.py", "rooms/b.py~"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("any")
    assert manifest.code_digest() == first
    (tmp_path / "rooms/b.py").write_text("two")
    os.utime(tmp_path / "rooms/b.py", ns=(1, 1))
    assert manifest.code_digest() != first


def test_every_input_of_a_shipped_study_is_known():
    used = manifest.input_files("ncch_scp", run.notebook_path("ncch_scp"), {})
    assert {path.name for path in used.values()} >= {
        "cohort.csv",
        "cohort.source.toml",
        "history.csv",
        "design.toml",
        "published.csv",
        "columns.toml",
        "ncch_scp.ipynb",
        "requirements.lock",
        "certificate.json",
    }


def test_a_table_of_ones_own_has_not_the_shipped_history(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a")
    used = manifest.input_files("ncch_scp", run.notebook_path("ncch_scp"), {"cohort_path": table})
    assert used["cohort"] == table and "history" not in used and "cohort source" not in used


# ---- names and pages --------------------------------------------------------


@pytest.mark.parametrize("name", ["../notebooks/ncch_scp", "a/b", ".", "", "NCCH_SCP", "*"])
def test_a_study_is_a_name(name):
    with pytest.raises(ParameterError, match="mskcc_hai, ncch_scp"):
        run.notebook_path(name)


def test_an_unknown_study_is_refused_with_a_suggestion():
    with pytest.raises(ParameterError, match="Did you mean 'ncch_scp'"):
        run.notebook_path("nchc_scp")


# ---- a kernel that has answered ---------------------------------------------


class Answering(engine._Kernel):
    """A client of a kernel that says this on its second channel, and dies when asked five times."""

    def __init__(self, *said):
        super().__init__()
        self.said, self.asked = list(said), 0

    def kernel_info(self):
        self.asked += 1
        return str(self.asked)

    async def get_shell_msg(self, timeout):
        return {"content": {"protocol_version": "5.3"}}

    async def get_iopub_msg(self, timeout):
        if not self.said:
            raise queue.Empty
        state, parent = self.said.pop(0)
        return {"content": {"execution_state": state}, "parent_header": {"msg_id": parent}}

    async def _async_is_alive(self):
        return self.asked < 5


PRINTING = """\
import sys, time
print("a warning", file=sys.stderr)
print("one")
time.sleep({pause})
print("two")
time.sleep({pause})
print("another", file=sys.stderr)
display(3)
print("four")"""


@pytest.mark.parametrize("pause", [0, 0.5])
def test_what_is_printed_is_one_piece_however_slow_the_machine(study, tmp_path, pause):
    study(PRINTING.format(pause=pause))
    made = run.execute("tiny", {}, tmp_path / "out")
    outputs = nbformat.read(made.notebook, 4).cells[-1].outputs
    told = [(o.get("name"), o.get("text")) for o in outputs]
    first = [("stdout", "one\ntwo\n"), ("stderr", "a warning\nanother\n")]
    assert told == [*first, (None, None), ("stdout", "four\n")]


def test_a_kernel_is_ready_as_soon_as_it_has_answered():
    client = Answering(("idle", "0"), ("busy", "1"), ("idle", "1"), ("busy", "2"))
    asyncio.run(client.wait_for_ready(timeout=60))
    assert client.asked == 1 and client.said == [("busy", "2")]


def test_what_was_said_before_anybody_listened_is_asked_again():
    client = Answering(("starting", ""), ("idle", "1"))
    client.asked = 1
    with pytest.raises(RuntimeError, match="died"):
        asyncio.run(client.wait_for_ready(timeout=60))
    assert client.asked == 5
    with pytest.raises(RuntimeError, match="respond"):
        asyncio.run(Answering().wait_for_ready(timeout=1e-9))
