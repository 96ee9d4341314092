"""Nothing of a patient in any file that a batch leaves, and no result under a wrong checksum."""

import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from crlm import cli, files, intake, overview
from crlm.batch import driving, folder, grid, workers
from crlm.ledger import CohortError, CrlmError
from crlm.overview import collecting, index

batch = functools.partial(driving.batch, collect=overview.collect_held)
pytestmark = pytest.mark.usefixtures("warm")

SECRETS = ("MURAKAMI", "1957-03-14", "SGOTO77")

#: A notebook under the name of a study, so that its table is one of that study.
PARAMETERS = """\
mode: str = "fine"  # what happens: fine | cell | key | warn | chain | ours | die | sleep
said: int = 0  # which of some texts
cohort_path: str = ""  # a table
history_path: str = ""  # events
codebook_path: str = ""  # what the headers are
output_dir: str = ""  # folder for the rows"""

CELL = """\
import os, signal, time
import pandas as pd
from crlm.ledger import CohortError
table = pd.read_csv(cohort_path, dtype=str)
if mode == "cell":
    float(table.loc[0, "patient_id"])
if mode == "warn":
    import sys; print("row of", table.loc[0, "patient_id"], file=sys.stderr)
if mode == "key":
    {}[table.loc[1, "patient_id"]]
if mode == "chain":
    try:
        float(table.loc[0, "patient_id"])
    except ValueError as error:
        raise RuntimeError(f"no number: {error}") from error
if mode == "ours":
    raise CohortError("age: row 2 is not a number", told=str(table))
if mode == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "sleep":
    time.sleep(60)
rows = dict(endpoint="OS", covariate="hai", level="=cmd|' /C calc'!A0", statistic="hazard_ratio")
path = os.path.join(output_dir, "mskcc_hai_rows.csv")
rows = pd.DataFrame([dict(rows, estimate=len(table) / 4)])
rows.to_csv(path, index=False, encoding="utf-8-sig")"""

TABLE = """\
patient_id,kras,hai,age
MURAKAMI-1957-03-14,wild,yes,61
SGOTO77,mutant,no,70
"""


def laid(folder):
    """A folder with a notebook and a table."""
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "P"}
    first = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    book.cells = [first, nbformat.v4.new_code_cell(CELL)]
    nbformat.write(book, folder / "mskcc_hai.ipynb")
    (folder / "table.csv").write_text(TABLE)
    return folder


@pytest.fixture
def desk(tmp_path, monkeypatch):
    laid(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield tmp_path
    files.forget()


def written(desk, text):
    path = desk / "grid.yaml"
    path.write_text("notebook: mskcc_hai.ipynb\n" + text, encoding="utf-8")
    return path


def told(*places):
    """The files below these folders that hold a secret, by their names or their bytes."""
    found = [path for place in places for path in place.rglob("*") if path.is_file()]
    words = [secret.encode() for secret in SECRETS]
    return [p for p in found if any(w in p.read_bytes() or w in str(p).encode() for w in words)]


@pytest.mark.usefixtures("cold")
def test_no_file_of_a_batch_tells_of_a_patient(desk, capfd):
    modes = "[fine, cell, key, chain, ours, die, warn]"
    path = written(desk, f"cohorts: {{north: table.csv}}\ngrid: {{mode: {modes}}}\n")
    out = desk / "out"
    assert cli.main(["batch", str(path), "--out", str(out), "-q"]) == 1
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    errors = [line["error"] for line in lines]
    assert [line["cell"] for line in lines] == [0, 3, 3, 3, 3, 3, 0]
    assert errors[1].startswith("ValueError: its message is withheld")
    assert errors[2].startswith("KeyError") and errors[3].startswith("RuntimeError: its message")
    assert errors[4] == "CohortError: age: row 2 is not a number"
    assert "signal 9" in errors[5]
    assert len(list(out.rglob("*.html"))) == 8 and len(list(out.rglob("*.ipynb"))) == 7
    assert told(out, desk / "temporary") == []
    (out / "index.html").unlink()
    assert cli.main(["collect", str(out)]) == 0
    assert told(out, desk / "temporary") == [] and (out / "index.html").is_file()


def test_plain_kernels_keep_messages_out_as_well(desk):
    path = written(desk, "cohorts: [table.csv]\nbase: {mode: cell}\n")
    batch(path, desk / "out", kernels="plain", quiet=True)
    assert told(desk / "out", desk / "temporary") == []


def test_messages_about_the_shipped_cohort_are_told(desk):
    path = written(desk, "base: {mode: ours}\n")
    summary = batch(path, desk / "out", quiet=True)
    assert summary.lines[0]["error"].startswith("ValueError: Invalid file path or buffer") or (
        "FileNotFoundError" in summary.lines[0]["error"]
    )


@pytest.mark.usefixtures("cold")
@pytest.mark.skipif(not workers.can_fork(), reason="warm processes are for Linux")
@pytest.mark.parametrize("victim", ["driver", "worker"])
def test_a_killed_batch_leaves_nothing_of_a_patient(desk, victim):
    path = written(desk, "cohorts: [table.csv]\nbase: {mode: sleep}\n")
    out = desk / "out"
    command = [sys.executable, "-m", "crlm.cli", "batch", str(path), "--out", str(out), "-q"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not list(out.glob("runs/*.part*")) and process.poll() is None:
        time.sleep(0.02)
    time.sleep(1.5)
    if victim == "worker":
        for pid in below(process.pid):
            os.kill(pid, signal.SIGKILL)
    process.kill()
    said = process.communicate()[1]
    assert "Traceback" not in said
    assert told(out, desk / "temporary") == []
    written(desk, "cohorts: [table.csv]\n")
    batch(path, out, quiet=True)
    assert list((desk / "temporary").glob("crlm-*")) == [] and told(out) == []


def below(pid):
    table = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in table.stdout.splitlines()[1:]]
    return [child for child, parent in pairs if parent == pid]


@pytest.mark.skipif(not workers.can_fork(), reason="warm processes are for Linux")
def test_a_driver_killed_while_its_server_starts_leaves_no_process(desk):
    path = written(desk, "cohorts: [table.csv]\n")
    # Without the command's look at the table, which takes longer than all else here.
    driver = "from crlm.batch.driving import batch; from pathlib import Path; import sys; "
    driver += "batch(Path(sys.argv[1]), Path(sys.argv[2]), quiet=True)"
    command = [sys.executable, "-c", driver, str(path), str(desk / "out")]
    for wait in (0.0, 0.4, 0.8, 1.2):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while not (server := below(process.pid)) and process.poll() is None:
            time.sleep(0.005)
        assert server
        time.sleep(wait)
        process.kill()
        end = time.monotonic() + 30
        while [pid for pid in server if Path(f"/proc/{pid}/cmdline").exists()]:
            assert time.monotonic() < end, "the server is left"
            time.sleep(0.05)
        assert "Traceback" not in process.communicate()[1]


# ---- before anything starts -------------------------------------------------


def test_every_table_is_checked_before_anything_starts(desk, capfd):
    (desk / "bad.csv").write_text(TABLE.replace("61", "SGOTO77"))
    (desk / "other.csv").write_text(TABLE.replace("wild", "wilt"))
    (desk / "events.csv").write_text("patient_id,date,event\nX,MURAKAMI,death\n")
    (desk / "book.yaml").write_text("columns: {age: nowhere}\n")
    text = """\
cohorts:
  one: bad.csv
  two: {cohort: other.csv}
  three: {cohort: table.csv, history: events.csv}
  four: {cohort: table.csv, codebook: book.yaml}
"""
    path = written(desk, text)
    for more in ([], ["--dry-run"]):
        assert cli.main(["batch", str(path), "--out", str(desk / "out"), *more]) == 2
        said = capfd.readouterr().err
        for word in ("bad.csv", "SGOTO77", "other.csv", "wilt", "events.csv", "nowhere"):
            assert word in said, word
        assert not (desk / "out").exists()


def test_a_table_is_read_once_however_many_runs_it_has(desk, monkeypatch):
    text = "cohorts: {a: table.csv, b: table.csv}\ngrid: {mode: [fine, cell, key]}\n"
    seen = []

    def look(tables):
        tables = list(tables)
        seen.extend(tables)
        return intake.look(tables)

    planned = driving.planned_of(written(desk, text), desk / "out", look)
    assert len(planned.runs) == 6 and len(seen) == 1
    (kind,) = planned.tables.values()
    assert kind == {"kind": "own", "title": "", "note": "", "n": 2}


def test_all_problems_are_one_error_with_its_values_apart(desk, monkeypatch):
    def refuse(*_):
        raise CohortError("age: row 2", told="age: row 2 is SGOTO77")

    monkeypatch.setattr(intake.cohort, "load", refuse)
    monkeypatch.setattr(intake.cohort, "events", refuse)
    given = {"cohort_path": "a.csv", "history_path": "h.csv"}
    with pytest.raises(CohortError) as error:
        intake.look([("mskcc_hai", given), ("ncch_scp", given)])
    assert str(error.value) == "age: row 2" and error.value.told == "age: row 2 is SGOTO77"


# ---- the bytes that were read -----------------------------------------------

REPLACE = """\
if mode == "die" and open(cohort_path).read().startswith("patient_id"):
    open(cohort_path, "a").write("NEW,wild,no,50\\n") if len(table) == 2 else None
"""


def notebook_with(desk, *cells):
    book = nbformat.read(desk / "mskcc_hai.ipynb", as_version=4)
    first = CELL.replace('if mode == "die":\n    os.kill(os.getpid(), signal.SIGKILL)\n', "")
    book.cells = [book.cells[0], *map(nbformat.v4.new_code_cell, (first, *cells))]
    nbformat.write(book, desk / "mskcc_hai.ipynb")


def test_a_table_replaced_in_mid_run_gives_no_result_and_the_run_is_run_again(desk):
    notebook_with(desk, REPLACE)
    path = written(desk, "cohorts: [table.csv]\nbase: {mode: die}\n")
    first = batch(path, desk / "out", quiet=True)
    assert [line["status"] for line in first.lines] == ["failed"]
    assert "the table was changed while the batch ran" in first.lines[0]["error"]
    assert sorted(p.name for p in (desk / "out" / "runs").glob("*/*")) == ["run.json"]
    assert "estimate" not in (desk / "out" / "results.csv").read_text(encoding="utf-8-sig")
    again = batch(path, desk / "out", quiet=True)
    assert [line["status"] for line in again.lines] == ["finished"] and again.skipped == 0
    rows = pd.read_csv(desk / "out" / "results.csv", encoding="utf-8-sig")
    assert rows["estimate"].tolist() == [0.75]


def test_what_the_notebook_says_it_read_is_held_against_the_plan(desk):
    true = hashlib.sha256(TABLE.encode()).hexdigest()
    texts = {
        json.dumps({"table.csv": [true]}): "finished",
        json.dumps({"table.csv": [true], "another.csv": ["x"]}): "finished",
        json.dumps({"table.csv": ["0" * 64]}): "failed",
        json.dumps({"table.csv": [true, "0" * 64]}): "failed",
        "[]": "failed",
        "{": "failed",
    }
    name = "mskcc_hai_inputs.json"
    notebook_with(desk, f'open(os.path.join(output_dir, "{name}"), "w").write({[*texts]}[said])')
    path = written(desk, f"cohorts: [table.csv]\ngrid: {{said: {[*range(len(texts))]}}}\n")
    summary = batch(path, desk / "out", quiet=True)
    got = {line["parameters"]["said"]: line["status"] for line in summary.lines}
    assert [got[k] for k in range(len(texts))] == [*texts.values()]


def test_checksums_are_those_that_sha256sum_prints(desk):
    (desk / "apart").mkdir()
    (desk / "apart" / "table.csv").write_text("patient_id,date,event\n")
    text = "cohorts: {a: {cohort: table.csv, history: apart/table.csv}}\n"
    record = grid.plan(written(desk, text)).runs[0].record
    for role, data in (("cohort", TABLE), ("history", "patient_id,date,event\n")):
        true = hashlib.sha256(data.encode()).hexdigest()
        assert record["inputs"][role] == {"file": "table.csv", "sha256": true}
    shipped = grid.plan(written(desk, "")).runs[0].record["inputs"]
    study = Path(__file__).parents[1] / "data" / "mskcc_hai"
    assert {"cohort", "history", "notebook", "lock", "columns", "design.toml"} <= set(shipped)
    for role in ("cohort", "history", "design.toml"):
        path = study / shipped[role]["file"]
        assert shipped[role]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    (desk / "apart" / "table.csv").write_text("patient_id,date,event,details\n")
    assert grid.plan(written(desk, text)).runs[0].key != record["key"]


def test_code_that_is_changed_under_a_batch_stops_it(desk, monkeypatch):
    path = written(desk, "cohorts: [table.csv]\n")
    digests = iter(["planned", *["other"] * 99])
    monkeypatch.setattr(driving.manifest, "code_digest", lambda: next(digests))
    with pytest.raises(CrlmError, match="code was changed while the batch ran"):
        batch(path, desk / "out", quiet=True)
    assert not list((desk / "out" / "runs").iterdir())


# ---- damaged by hand --------------------------------------------------------


@pytest.fixture(scope="module")
def done_once(tmp_path_factory):
    """The desk of a finished batch; each test gets a copy."""
    desk = laid(tmp_path_factory.mktemp("done"))
    path = written(desk, "cohorts: [table.csv]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        batch(path, desk / "out", quiet=True, look=intake.look)
    return desk


@pytest.fixture
def finished(desk, done_once):
    shutil.copytree(done_once, desk, dirs_exist_ok=True)
    return desk / "out"


PLANS = ["", "[]", "{", "{}", '{"runs": 3}', '{"runs": [1], "effects": [], "tables": {}}']


def twisted(out, change):
    path = out / "batch.json"
    plan = json.loads(path.read_text())
    change(plan)
    path.write_text(json.dumps(plan))


@pytest.mark.parametrize("text", PLANS)
def test_a_damaged_plan_is_one_sentence_and_costs_no_run(desk, finished, text, capsys):
    (finished / "batch.json").write_text(text)
    assert cli.main(["collect", str(finished)]) == 2
    assert "batch.json is damaged" in capsys.readouterr().err
    assert batch(desk / "grid.yaml", finished, quiet=True, look=intake.look).skipped == 1
    assert collecting.collect(finished) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan["runs"][0].update(key="../../elsewhere"),
        lambda plan: plan["runs"][0].update(study="../x"),
        lambda plan: plan["runs"][0].pop("table"),
        lambda plan: plan["runs"][0].update(parameters=[]),
        lambda plan: plan["runs"][0]["parameters"].update(seed=[1]),
        lambda plan: plan["tables"].clear(),
        lambda plan: plan["runs"][0].update(values=3),
        lambda plan: plan["runs"][0]["values"].update(seed=[1]),
        lambda plan: plan.update(effects=["OS"]),
    ],
)
def test_a_plan_with_a_wrong_entry_is_refused(finished, change):
    twisted(finished, change)
    with pytest.raises(CrlmError, match="batch.json is damaged"):
        collecting.collect(finished)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.json", "[]"),
        ("run.json", '{"status": "finished"}'),
        ("run.json", None),
        ("mskcc_hai_rows.csv", "endpoint,estimate\nOS,9\n"),
        ("mskcc_hai_rows.csv", None),
        ("mskcc_hai.html", None),
    ],
)
def test_a_damaged_run_is_left_out_and_run_again(desk, finished, name, text, capsys):
    whole = {p.name: p.read_bytes() for p in finished.iterdir() if p.suffix in (".csv", ".html")}
    (path,) = finished.glob(f"runs/*/{name}")
    path.unlink() if text is None else path.write_text(text)
    assert collecting.collect(finished) == 0
    assert "is left out: its folder was changed" in capsys.readouterr().err
    assert "1 damaged" in (finished / "index.html").read_text(encoding="utf-8")
    summary = batch(desk / "grid.yaml", finished, quiet=True, look=intake.look)
    assert summary.skipped == 0 and summary.lines[0]["status"] == "finished"
    assert {name: (finished / name).read_bytes() for name in whole} == whole


def test_a_damaged_manifest_or_times_cost_nothing(desk, finished):
    whole = (finished / "manifest.jsonl").read_bytes()
    (finished / "manifest.jsonl").write_bytes(b"\xff\xfe{")
    (finished / "times.jsonl").write_bytes(b'\xff\n[]\n{"key": 1}\n{"key": "a", "status": 2}\n')
    assert batch(desk / "grid.yaml", finished, quiet=True, look=intake.look).skipped == 1
    assert (finished / "manifest.jsonl").read_bytes() == whole
    assert folder.seconds_a_run(finished) is None and folder.days(finished, ["a"]) == []


def test_a_folder_that_cannot_be_written_to_is_said(desk, finished):
    (desk / "file").write_text("")
    with pytest.raises(CrlmError, match="cannot be written to"):
        batch(desk / "grid.yaml", desk / "file" / "out", quiet=True)
    with pytest.raises(CrlmError, match="cannot be written to"):
        batch(desk / "grid.yaml", desk / "file", quiet=True)


@pytest.mark.skipif(os.name != "posix", reason="limits are of POSIX")
def test_too_few_open_files_are_refused_before_a_run(desk):
    path = written(desk, "cohorts: [table.csv]\n")
    command = [sys.executable, "-m", "crlm.cli", "batch", str(path), "--out", str(desk / "out")]
    limited = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *command]
    done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and "ulimit -n" in done.stderr and "Traceback" not in done.stderr
    assert not list((desk / "out" / "runs").iterdir())


# ---- spreadsheets -----------------------------------------------------------


def test_results_open_in_excel_and_hold_no_formula(desk, finished):
    data = (finished / "results.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") and b"'=cmd" in data
    rows = pd.read_csv(finished / "results.csv", encoding="utf-8-sig")
    assert rows.columns[0] == "run" and rows["level"].tolist() == ["'=cmd|' /C calc'!A0"]
    path = written(desk, "cohorts: {'=1+1': table.csv}\n")
    batch(path, desk / "formula", quiet=True)
    rows = pd.read_csv(desk / "formula" / "results.csv", encoding="utf-8-sig")
    assert rows["cohort"].tolist() == ["'=1+1"]


def test_a_page_is_never_left_from_before(desk, finished, monkeypatch):
    """Killed while it collects, a batch has no page, and so writes it when it is started again."""

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(index, "page", killed)
    with pytest.raises(KeyboardInterrupt):
        collecting.collect(finished)
    monkeypatch.undo()
    assert not (finished / "index.html").exists()
    batch(desk / "grid.yaml", finished, quiet=True, look=intake.look)
    assert (finished / "index.html").is_file()
