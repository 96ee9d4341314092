"""Many runs: what a grid means, that runs cannot touch each other, and that none is lost."""

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from crlm import overview
from crlm.batch import driving, folder, grid, workers
from crlm.ledger import CrlmError, ParameterError
from crlm.overview import collecting

ROOT = Path(__file__).parents[1]
batch = functools.partial(driving.batch, collect=overview.collect_held)
forking = pytest.mark.skipif(not workers.can_fork(), reason="warm processes are for Linux")
pytestmark = pytest.mark.usefixtures("warm")
cold = pytest.mark.usefixtures("cold")

PARAMETERS = """\
factor: float = 1.0  # multiplies the hazard ratio
seed: int = 1  # of the sample
mode: str = "fine"  # what the notebook does: fine | raise | exit | kill | sleep | disturb
cohort_path: str = ""  # a table
output_dir: str = ""  # folder for the rows"""

WORK = """\
import os, signal, sys, time
import pandas as pd
if mode == "raise":
    raise ValueError("the table <b>has</b> no column 'hai'")
if mode == "exit":
    os._exit(3)
if mode == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "sleep":
    try:
        time.sleep(60)
    finally:
        # As IPython does where it was at an error's traceback.
        print("\\nKeyboardInterrupt\\n", file=sys.stderr)"""

# What the notebook can tell of the state it found, beside a number that it computes.
STATE = """\
import random, sys, matplotlib
import numpy as np
print(matplotlib.rcParams["font.size"], os.environ.get("CRLM_TRACE"), "colorsys" in sys.modules)
print(pd.get_option("display.precision"), hasattr(np, "trace_left"), os.path.basename(os.getcwd()))
random.seed(seed); np.random.seed(seed)
print(random.random(), np.random.rand())"""

DISTURB = """\
if mode == "disturb":
    import colorsys
    matplotlib.rcParams["font.size"] = 77; os.environ["CRLM_TRACE"] = "1"; np.trace_left = True
    pd.set_option("display.precision", 2); os.chdir("/"); np.random.seed(0)"""

ROWS = """\
keys = dict(endpoint="OS", population="all", group="all", covariate="hai", level="yes")
row = dict(**keys, model="multivariable", statistic="hazard_ratio", time=None, unit="",
    estimate=0.53 * factor, conf_low=0.4 * factor, conf_high=0.7 * factor, n=9, events=5, method="")
pd.DataFrame([row]).to_csv(os.path.join(output_dir, "tiny_rows.csv"), index=False)
row["estimate"]"""


def write_notebook(path, cells=(WORK, ROWS)):
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "P"}
    first = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    book.cells = [first, *(nbformat.v4.new_code_cell(cell) for cell in cells)]
    for number, cell in enumerate(book.cells):
        cell["id"] = f"cell-{number}"
    nbformat.write(book, path)


@pytest.fixture
def desk(tmp_path):
    write_notebook(tmp_path / "tiny.ipynb")
    return tmp_path


def written(desk, text):
    path = desk / "grid.yaml"
    path.write_text("notebook: tiny.ipynb\n" + text, encoding="utf-8")
    return path


def compared(out):
    """Every file of a batch but the one that holds times."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("times.jsonl", "dates.js", ".lock")
    }


# ---- the grid ---------------------------------------------------------------


def given(plan):
    return [run.parameters for run in plan.runs]


def test_a_grid_is_a_product_and_a_list_stands_beside_it(desk):
    text = "base: {seed: 5}\ngrid: {factor: [1, 2], mode: [fine, raise]}\nlist: [{factor: 9}]\n"
    assert given(grid.plan(written(desk, text))) == [
        {"seed": 5, "factor": 1.0, "mode": "fine"},
        {"seed": 5, "factor": 1.0, "mode": "raise"},
        {"seed": 5, "factor": 2.0, "mode": "fine"},
        {"seed": 5, "factor": 2.0, "mode": "raise"},
        {"seed": 5, "factor": 9.0},
    ]


def test_a_range_holds_both_ends_in_exact_decimals(desk):
    plan = grid.plan(written(desk, "grid: {factor: {from: 0.1, to: 0.4, step: 0.1}}\n"))
    assert [run.parameters["factor"] for run in plan.runs] == [0.1, 0.2, 0.3, 0.4]


def test_a_grid_without_values_is_one_run_on_the_defaults(desk):
    assert given(grid.plan(written(desk, ""))) == [{}]


def test_repetitions_are_one_run(desk):
    plan = grid.plan(written(desk, "list: [{seed: 1}, {seed: 2}, {seed: 1}]\n"))
    assert len(plan.runs) == 2 and plan.repeated == 1


def test_cohorts_are_crossed_with_the_parameters_and_known_by_content(desk):
    for name in ("a", "b"):
        (desk / name).mkdir()
        (desk / name / "table.csv").write_text("same\n")
    text = "grid: {seed: [1, 2]}\ncohorts: {north: a/table.csv, south: {cohort: b/table.csv}}\n"
    plan = grid.plan(written(desk, text))
    assert [run.cohort for run in plan.runs] == ["north", "north", "south", "south"]
    assert len({run.key for run in plan.runs}) == 4
    assert str(desk) not in json.dumps([run.record for run in plan.runs])
    (desk / "a" / "table.csv").write_text("other\n")
    changed = grid.plan(desk / "grid.yaml")
    assert [a.key == b.key for a, b in zip(plan.runs, changed.runs, strict=True)] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {factr: [1]}", "Did you mean 'factor'"),
        ("grid: {factor: [wide]}", "not of type float"),
        ("grid: {mode: [fien]}", "'fien'"),
        ("grid: {mode: [1]}", "none of its choices"),
        ("grid: {seed: [1, null]}", "seed = None"),
        ("grid: {seed: []}", "the list is empty"),
        ("grid: {seed: 3}", "a list is wanted"),
        ("grid: {seed: {from: 1, till: 3}}", "a range is"),
        ("gird: {seed: [1]}", "Did you mean 'grid'"),
        ("base: {output_dir: x}", "output_dir is set by the batch"),
        ("base: {seed: 1, seed: 2}", "stands twice"),
        ("cohorts: [nowhere.csv]", "no file 'nowhere.csv'"),
        ("study: mskcc_hai", "either `study`"),
        ("base: [", "not YAML"),
        ("cohorts: {a: {history: tiny.ipynb}}", "a file is wanted"),
        ("cohorts: []", "asks for no run"),
        ("grid: {mode: fine}", "one value goes under `base`"),
        ("grid: {1: [2]}", "no parameter '1'"),
        ("grid: {seed: [1_2]}", "not of type int"),
        ("grid: {seed: [1:30]}", "not of type int"),
        ("grid: {factor: [0x10]}", "not of type float"),
        ("grid: {seed: [[1, 2]]}", "is not one value"),
        ("grid: {seed: {from: 5, to: 1}}", "0 values"),
        ("grid: {factor: {from: 0, to: .inf}}", "needs numbers"),
        (
            "grid: {seed: {from: 1, to: 3000}, factor: {from: 1, to: 3000}}",
            "9,000,000 combinations",
        ),
        ("seed: [1, 2]", "Parameters stand under"),
        ("effects: [{endpnt: OS}]", "Did you mean 'endpoint'"),
        ("seconds: true", "above 0"),
        ("seconds: -1", "above 0"),
        ("seconds: 1e12", "up to 10,000,000"),
        ("grid: {seed: {from: 1, to: 1e30}}", "too many values"),
        ("grid: {factor: {from: 1, to: 2, step: 1e-30}}", "too many values"),
        ('cohorts: ["a\\0b"]', "There is no file"),
        ('blocks: [{notebook: "a\\0b"}]', "There is no notebook"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_before_anything_starts(desk, text, message):
    path = written(desk, text)
    if text.startswith("blocks"):
        path.write_text(text)
    with pytest.raises(ParameterError, match=re.escape(message)):
        grid.plan(path)


@pytest.mark.parametrize("text", ["", "- 1", "study:", "study: [", "blocks: [{effects: []}]"])
def test_a_file_that_is_no_grid_is_refused(tmp_path, text):
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(ParameterError):
        grid.plan(tmp_path / "grid.yaml")


def test_a_file_that_is_no_notebook_is_refused(desk):
    (desk / "tiny.ipynb").write_text("{]")
    with pytest.raises(ParameterError, match="cannot be read as a notebook"):
        grid.plan(written(desk, ""))


def test_yaml_may_merge_and_speak_any_language(tmp_path):
    write_notebook(tmp_path / "ein Heft ü.ipynb")
    text = "notebook: ein Heft ü.ipynb\nlist:\n  - &a {seed: 7}\n  - {<<: *a, factor: 2}\n"
    (tmp_path / "grid.yaml").write_text(text + "cohorts: {Köln Süd: grid.yaml}\n", encoding="utf-8")
    plan = grid.plan(tmp_path / "grid.yaml")
    assert [run.parameters["seed"] for run in plan.runs] == [7, 7]
    assert {run.cohort for run in plan.runs} == {"Köln Süd"}


def test_numbers_are_read_as_p_reads_them(desk):
    plan = grid.plan(written(desk, "grid: {factor: [010, 1e-3, '.5'], seed: [007]}\n"))
    assert [(run.parameters["factor"], run.parameters["seed"]) for run in plan.runs] == [
        (10.0, 7),
        (0.001, 7),
        (0.5, 7),
    ]


def test_words_of_yaml_stay_words(desk):
    read = grid._read(written(desk, "base: {a: no, b: 2020-01-02, c: true, d: 1e-3}\n"))
    assert read["base"] == {"a": "no", "b": "2020-01-02", "c": "true", "d": "1e-3"}


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_examples_can_be_run(path):
    plan = grid.plan(path)
    assert len(plan.runs) >= 10 and plan.effects


# ---- runs -------------------------------------------------------------------


def outputs(path):
    """What each stream says: between two pipes no order is kept, within one it is."""
    said = {"stdout": "", "stderr": ""}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if "text" in output:
                said[output["name"]] += output["text"]
    return said


@forking
def test_runs_cannot_touch_each_other(desk):
    """A run's files are the same after one that disturbs all it can, and from a plain kernel."""
    write_notebook(desk / "tiny.ipynb", (WORK, STATE, DISTURB, ROWS))
    text = "list: [{mode: disturb}, {seed: 2, mode: fine}]\n"
    batch(written(desk, text), desk / "forked", workers=1, quiet=True)
    alone = written(desk, "list: [{seed: 2, mode: fine}]\n")
    batch(alone, desk / "plain", kernels="plain", quiet=True)
    key = next((desk / "plain" / "runs").iterdir()).name
    for path in (desk / "plain" / "runs" / key).iterdir():
        assert path.read_bytes() == (desk / "forked" / "runs" / key / path.name).read_bytes()
    assert "None False" in outputs(desk / "forked" / "runs" / key / "tiny.ipynb")["stdout"]


#: With `first` in front; an import within quotes is not seen beforehand.
SHOWN = """\
exec("import pandas as pd; import matplotlib.pyplot as plt")
print(plt.isinteractive()); plt.plot([1, 2]); plt.title(f"{plt.isinteractive()}")
pd.DataFrame([range(30)] * 2).add_prefix("column_")"""


@cold
@forking
@pytest.mark.parametrize(
    "first", ["import matplotlib.pyplot, pandas", "import pandas", "import matplotlib", "1"]
)
def test_libraries_show_the_same_in_forked_and_plain_kernels(desk, first):
    """They were imported before there was a kernel, or were not; figures and tables are shown."""
    write_notebook(desk / "tiny.ipynb", (f"seed\n{first}", SHOWN))
    for kernels in ("forked", "plain"):
        batch(written(desk, ""), desk / kernels, kernels=kernels, quiet=True)
    assert compared(desk / "forked") == compared(desk / "plain")
    (path,) = (desk / "forked").glob("runs/*/tiny.ipynb")
    shown = [o for c in nbformat.read(path, 4).cells for o in c.get("outputs", [])]
    assert [o for o in shown if "image/png" in o.get("data", {})]


@pytest.mark.parametrize("kernels", [pytest.param("forked", marks=forking), "plain"])
def test_the_cell_of_a_dead_kernel_has_its_number_whenever_it_died(desk, kernels):
    cells = ["import os, time", "time.sleep(0.5 * (seed - 1)); os._exit(3)"]
    write_notebook(desk / "tiny.ipynb", cells)
    path = written(desk, "grid: {seed: [1, 2]}\n")
    batch(path, desk / "out", kernels=kernels, quiet=True)
    for made in (desk / "out").glob("runs/*/tiny.ipynb"):
        numbers = [c.get("execution_count") for c in nbformat.read(made, 4).cells]
        assert numbers[-1] == 4


NOISY = """\
import os
os.system("echo from a child; echo as an error >&2")
os.write(2, b"past all streams")"""


@cold
@forking
def test_what_a_notebook_says_comes_out_in_its_cells_alone(desk, capfd, monkeypatch):
    write_notebook(desk / "tiny.ipynb", (NOISY, ROWS))
    path = written(desk, "")
    with monkeypatch.context() as patch:
        # A kernel that finds this leaves what children say alone.
        patch.delenv("PYTEST_CURRENT_TEST")
        for kernels in ("forked", "plain"):
            batch(path, desk / kernels, kernels=kernels, quiet=True)
    assert capfd.readouterr() == ("", "")
    key = next((desk / "plain" / "runs").iterdir()).name
    forked, plain = (desk / name / "runs" / key for name in ("forked", "plain"))
    said = {"stdout": "from a child\n", "stderr": "as an error\npast all streams"}
    assert outputs(forked / "tiny.ipynb") == outputs(plain / "tiny.ipynb") == said


@cold
@forking
def test_a_temporary_folder_of_a_long_path_is_no_hindrance(desk, monkeypatch):
    """A socket's path has room for about 100 letters."""
    there = desk / ("a" * 90)
    there.mkdir()
    monkeypatch.setenv("TMPDIR", str(there))
    monkeypatch.setattr("tempfile.tempdir", None)
    summary = batch(written(desk, ""), desk / "out", quiet=True)
    assert [line["error"] for line in summary.lines] == [""]
    assert list(there.iterdir()) == []


@cold
@pytest.mark.parametrize("kernels", [pytest.param("forked", marks=forking), "plain"])
def test_files_in_the_current_folder_are_not_taken_for_libraries(desk, kernels, monkeypatch):
    for name in ("json", "queue", "types", "zmq"):
        (desk / f"{name}.py").write_text("raise SystemExit('a file of the reader')\n")
    monkeypatch.chdir(desk)
    path = written(desk, "")
    summary = batch(path, desk / "out", kernels=kernels, quiet=True)
    assert [line["error"] for line in summary.lines] == [""]


def test_one_that_dies_does_not_stop_the_others(desk):
    path = desk / "grid.yaml"
    path.write_text("""\
blocks:
  - {notebook: tiny.ipynb, list: [{mode: raise}, {mode: exit}, {mode: kill}]}
  - {notebook: tiny.ipynb, list: [{mode: sleep}], seconds: 6}
  - {notebook: tiny.ipynb}
""")
    summary = batch(path, desk / "out", quiet=True)
    assert [line["status"] for line in summary.lines] == ["failed"] * 4 + ["finished"]
    assert [line["cell"] for line in summary.lines] == [3, 3, 3, 3, 0]
    why = [line["error"] for line in summary.lines]
    assert why[0] == "ValueError: the table <b>has</b> no column 'hai'"
    assert "exit code 3" in why[1] or "died" in why[1]
    assert "killed" in why[2] or "died" in why[2]
    assert "time allowed" in why[3]
    for line in summary.lines[1:4]:
        made = nbformat.read(desk / "out" / "runs" / line["key"] / "tiny.ipynb", 4).cells
        put_out = [output for cell in made for output in cell.get("outputs", [])]
        errors = [o for o in put_out if o.output_type == "error"]
        assert [f"{o.ename}: {o.evalue}" for o in errors] == [line["error"]]
        assert "KeyboardInterrupt" not in str(put_out)
    told = driving.tell_failures(summary)
    assert "4 of 5 runs failed" in told and "cell 3: ValueError" in told
    page = (desk / "out" / "index.html").read_text(encoding="utf-8")
    assert "the table &lt;b&gt;has&lt;/b&gt;" in page
    report = desk / "out" / "runs" / summary.lines[0]["key"] / "tiny.html"
    assert "ValueError" in report.read_text(encoding="utf-8")


def test_many_short_cells_do_not_outlast_the_limit(desk):
    write_notebook(desk / "tiny.ipynb", ["import time; time.sleep(0.5)"] * 40)
    summary = batch(written(desk, "seconds: 4\n"), desk / "out", quiet=True)
    assert "time allowed" in summary.lines[0]["error"] and 2 < summary.lines[0]["cell"] < 12


def test_finished_runs_are_skipped_and_failed_ones_run_again(desk):
    path = written(desk, "list: [{mode: raise}, {}]\n")
    first = batch(path, desk / "out", quiet=True)
    again = batch(path, desk / "out", quiet=True)
    assert (first.skipped, again.skipped) == (0, 1)
    timed = (desk / "out" / "times.jsonl").read_text().splitlines()
    assert [json.loads(line)["key"] for line in timed].count(first.lines[0]["key"]) == 2
    keys = {run.key for run in grid.plan(path).runs}
    write_notebook(desk / "tiny.ipynb", (WORK, STATE, ROWS))
    assert not keys & {run.key for run in grid.plan(path).runs}


def test_two_batches_on_one_folder_exclude_each_other(desk):
    with folder.locked(desk / "out"), pytest.raises(CrlmError, match="Another batch is at work"):
        batch(written(desk, ""), desk / "out", quiet=True)


def start(path, out):
    # Tests that run in the background inherit an ignored Ctrl-C.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from crlm.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "batch", str(path), "--out", str(out), "--workers", "2"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def children_of(pid):
    table = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in table.stdout.splitlines()[1:]]
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in pairs if parent in new} - found
        found |= new
    return found


def gone(pids, seconds=60):
    """Whether processes end; what they do is ended long before, so the time is no measure."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not [pid for pid in pids if is_alive(pid)]:
            return True
        time.sleep(0.05)
    return False


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_killed_at_any_moment_it_ends_with_the_same_bytes(desk):
    path = written(desk, "grid: {seed: [1, 2]}\nlist: [{mode: raise}]\n")
    batch(path, desk / "calm", quiet=True)
    process = start(path, desk / "killed")
    while len(list((desk / "killed").glob("runs/*"))) <= 2 and process.poll() is None:
        time.sleep(0.01)
    below = children_of(process.pid)
    process.kill()
    process.communicate()
    assert gone(below)
    batch(path, desk / "killed", quiet=True)
    assert compared(desk / "killed") == compared(desk / "calm")


@forking
def test_a_killed_worker_is_replaced(desk):
    process = start(written(desk, "grid: {seed: [1, 2]}\n"), desk / "out")
    while not list((desk / "out").glob("runs/*.part*")) and process.poll() is None:
        time.sleep(0.01)
    for pid in children_of(process.pid):
        os.kill(pid, signal.SIGKILL)
        break
    _, said = process.communicate()
    assert process.returncode == 0, said


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@forking
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_batch_ends_what_its_notebooks_have_started(desk, how):
    cell = "import subprocess; child = subprocess.Popen(['sleep', '600'])\n"
    cell += f"open({str(desk / 'pid')!r}, 'w').write(str(child.pid)); child.wait()"
    write_notebook(desk / "tiny.ipynb", (cell,))
    process = start(written(desk, ""), desk / "out")
    pid = awaited(desk / "pid", process)
    process.send_signal(how)
    process.communicate()
    assert gone([pid])


def awaited(path, process):
    while process.poll() is None and not (path.exists() and path.read_text()):
        time.sleep(0.05)
    return path.read_text()


def test_ctrl_c_stops_at_once_and_leaves_a_folder_to_go_on_from(desk):
    process = start(written(desk, "list: [{}, {mode: sleep}]\n"), desk / "out")
    while not (desk / "out" / "times.jsonl").exists() and process.poll() is None:
        time.sleep(0.02)
    below = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130 and "interrupted" in said
    # The sleeper was not waited for: it would have been a second run with its time.
    assert len((desk / "out" / "times.jsonl").read_text().splitlines()) == 1
    assert gone(below)
    assert not list((desk / "out").glob("runs/*.part*"))
    assert "1 finished" in driving.preview(desk / "grid.yaml", desk / "out")


def test_a_full_disk_is_said_and_what_is_finished_is_kept(desk, monkeypatch):
    item = grid.plan(written(desk, "")).runs[0]
    result = {"key": item.key, "folder": str(desk / "made"), "full": True}
    with pytest.raises(CrlmError, match="The disk is full"):
        driving._take_in(item, result, desk)

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "write_plan", no_room)
    with pytest.raises(CrlmError, match="The disk is full"):
        batch(written(desk, ""), desk / "out", quiet=True)


def test_a_line_that_was_cut_off_costs_no_other(tmp_path):
    path = tmp_path / "times.jsonl"
    path.write_text('{"key": "a", "status": "finished", "seconds": 2}\n{"key": "b", "sta')
    folder.append(path, {"key": "c", "status": "finished", "seconds": 4})
    assert json.loads(path.read_text().splitlines()[-1])["key"] == "c"
    assert folder.seconds_a_run(tmp_path) == 4


# ---- results ----------------------------------------------------------------


def test_rows_that_lead_nowhere_are_one_sentence(desk):
    last = 'os.symlink("/nowhere.csv", os.path.join(output_dir, "b_rows.csv"))'
    write_notebook(desk / "tiny.ipynb", (WORK, ROWS, last))
    with pytest.raises(CrlmError, match=r"b_rows\.csv holds no result rows that can be read"):
        batch(written(desk, ""), desk / "out", quiet=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    desk = tmp_path_factory.mktemp("finished")
    write_notebook(desk / "tiny.ipynb")
    text = """\
grid: {factor: [0.5, 1, 3], seed: [1, 2]}
effects:
  - {endpoint: OS, covariate: hai, level: "yes", published: 0.53, label: "HAI <on> OS"}
"""
    batch(written(desk, text), desk / "out", quiet=True)
    return desk / "out"


def test_all_rows_of_all_runs_stand_in_two_files(finished):
    rows = pd.read_csv(finished / "results.csv", encoding="utf-8-sig")
    assert len(rows) == 6 and rows["run"].is_unique
    assert rows["estimate"].tolist() == pytest.approx([0.265, 0.265, 0.53, 0.53, 1.59, 1.59])
    assert rows["factor"].tolist() == [0.5, 0.5, 1, 1, 3, 3] and rows["mode"].eq("fine").all()
    stored = pd.read_parquet(finished / "results.parquet")
    assert stored["estimate"].tolist() == rows["estimate"].tolist()


def test_the_page_shows_every_run_and_the_curve(finished):
    page = (finished / "index.html").read_text(encoding="utf-8")
    body = page.split("<tbody>")[1]
    assert body.count("<tr>") == 6
    assert "HAI &lt;on&gt; OS" in page and "0.53 (0.40–0.70)" in page
    assert "6 runs, 0.27 to 1.59, median of the runs 0.53" in page
    assert "excludes 1 in 6 of 6; published 0.53" in page
    for link in re.findall(r'href="([^"#]+)"', page):
        assert (finished / link).is_file(), link
    assert page.count('<circle class="dot"') == 12


def test_the_page_asks_no_other_host_for_anything(finished):
    page = (finished / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href|action|data)="(?:https?:)?//', page)
    assert "@import" not in page and "url(" not in page and str(finished.parent) not in page


def test_collect_rebuilds_what_was_removed(finished):
    before = compared(finished)
    for name in ("results.csv", "results.parquet", "index.html", "manifest.jsonl"):
        (finished / name).unlink()
    assert collecting.collect(finished) == 6
    assert compared(finished) == before


def test_a_parameter_that_is_left_as_it_is_may_be_anything(desk):
    book = nbformat.read(desk / "tiny.ipynb", 4)
    book.cells[0].source += "\nfolds: list = [1, 2, 3]\nempty: str = None"
    nbformat.write(book, desk / "tiny.ipynb")
    batch(written(desk, "grid: {seed: [1, 2]}\n"), desk / "out", quiet=True)
    rows = pd.read_csv(desk / "out" / "results.csv", encoding="utf-8-sig")
    assert rows["folds"].tolist() == ["[1, 2, 3]"] * 2 and rows["empty"].isna().all()


def test_progress_in_a_pipe_is_lines(desk, monkeypatch, capsys):
    monkeypatch.setattr(driving, "_SAY_EVERY", 0)
    batch(written(desk, "list: [{mode: raise}, {}]\n"), desk / "out", quiet=True)
    batch(desk / "grid.yaml", desk / "out")
    first, *_, last = lines = capsys.readouterr().err.splitlines()
    assert first == "1 of 2 runs" and last.startswith("2 of 2 runs, 1 failed, ")
    assert all(lines) and "?" not in "".join(lines)


def test_a_finished_batch_writes_nothing(finished):
    stamps = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()}
    summary = batch(finished.parent / "grid.yaml", finished, quiet=True)
    assert summary.skipped == 6
    assert stamps == {p: p.stat().st_mtime_ns for p in finished.rglob("*") if p.is_file()}


def test_a_dry_run_lists_and_starts_nothing(desk):
    text = driving.preview(written(desk, "grid: {factor: [1, 2]}\n"), desk / "out")
    assert "factor=2.0" in text and "2 runs, 0 finished, 2 to go" in text and "a guess" in text
    assert not (desk / "out").exists()


class _Scripted(workers._Maker):
    """Says what it is told to, one script an offer."""

    def __init__(self, *scripts):
        super().__init__()
        self.scripts = list(scripts)

    @contextlib.contextmanager
    def _talk(self, job):
        yield [json.dumps(line) + "\n" for line in self.scripts.pop(0)]


def test_a_job_that_no_process_took_is_offered_again(monkeypatch):
    """What forks was killed and not yet gone: both attempts of a run were lost within a moment."""
    monkeypatch.setattr(workers, "_TICK", 0)
    maker = _Scripted([], [], [{"at": -1}, {"at": 0}, {"status": "ok"}])
    assert maker.run({"key": "k"})["status"] == "ok" and not maker.scripts


def test_a_job_that_was_taken_is_not_offered_again_by_itself(monkeypatch):
    monkeypatch.setattr(workers, "_TICK", 0)
    maker = _Scripted([{"at": -1}, {"at": 1}], [{"status": "ok"}])
    said = maker.run({"key": "k"})
    assert (said["status"], said["cell"]) == ("lost", 2) and len(maker.scripts) == 1
