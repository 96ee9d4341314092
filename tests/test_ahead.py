"""A run whose answers are worked out ahead: the same bytes, and nothing left or written."""

import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from crlm import ahead, cores, lent, run
from crlm.cli import main
from tests.test_crate import ENDS, opened

ROOT = Path(__file__).parents[1]
STUDIES = ("ncch_scp", "mskcc_hai")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="answers are held in memory there")


def cells_of(study):
    return json.loads((ROOT / "notebooks" / f"{study}.ipynb").read_text(encoding="utf-8"))["cells"]


def called(cell):
    return ahead._sections(cell)


@pytest.mark.parametrize("study", STUDIES)
def test_what_others_build_on_comes_first_and_the_rest_from_the_end(study):
    cells = cells_of(study)
    ordered = ahead.order(cells)
    places = [cells.index(cell) for cell in ordered]
    first = [i for i, cell in enumerate(ordered) if called(cell) & {"regression", "reviewer"}]
    completing, *rest, last = places[max(first) + 1 :]
    assert len(rest) > 20 and rest == sorted(rest, reverse=True)
    assert "sensitivity" in called(cells[completing]) and "second_opinion" in called(cells[last])
    assert places[: max(first) + 1] == sorted(places[: max(first) + 1])
    assert not [cell for cell in ordered if "provenance" in called(cell)]


def test_what_only_chooses_is_known_to_all_that_follows():
    """A rule may have a cell of its own, before the tables that follow it."""
    sources = ["paper.endpoints()", "rule = {'entry_p': 0.1}", "paper.regression('OS', **rule)"]
    cells = [{"cell_type": "code", "source": [source], "metadata": {}} for source in sources]
    assert ahead.order(cells) == cells


@pytest.mark.parametrize("how", ["needless", "passed", "fault"])
def test_where_the_run_is_met_what_comes_last_is_left_to_do(tmp_path, monkeypatch, how):
    monkeypatch.setattr(ahead, "order", lambda cells: cells)
    (tmp_path / "cell").write_text("3" if how == "passed" else "0")
    fault = (
        "from crlm import lent; raise lent.Needless" if how == "needless" else "raise ValueError"
    )
    done = [f"import os; os.mkdir({str(tmp_path / name)!r})" for name in ("one", "two", "three")]
    done[2] += "; paper.second_opinion()"
    sources = [done[0], fault, *done[1:]]
    cells = [{"source": [source], "metadata": {}} for source in sources]
    ahead._work(cells, {}, tmp_path / "cell")
    found = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    left = {"needless": ["one"], "passed": [], "fault": ["one", "two"]}
    assert found == sorted([*left[how], "three"])


@pytest.mark.parametrize(
    "source",
    [
        "open('x', 'w')",
        "x = open('x', 'w')",
        "import os",
        "paper.patients().to_csv('x')",
        "for name in names:\n    paper.curves(name)",
        "%matplotlib inline",
        "print(paper)",
        "paper.curves('OS', by=os.remove('x'))",
        "del paper",
    ],
)
def test_only_a_papers_sections_are_run_twice(source):
    cell = {"cell_type": "code", "source": [source], "metadata": {}}
    assert ahead.order([cell]) == []


FEW = {
    "chapter_samples": 4,
    "imputations": 2,
    "bootstrap_samples": 3,
    "specifications": 5,
    "permutations": 3,
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Folder with a run by the command, in one process, and its crate where that can be made."""
    out, temporary = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("temporary")
    few = [word for name in FEW.items() for word in ("-p", *map(str, name))]
    crate = ["--crate"] if importlib.util.find_spec("rocrate") else []
    with pytest.MonkeyPatch.context() as patch:
        # A kernel's launcher takes the folder that it stands in off the path.
        patch.chdir(out)
        patch.setenv(cores.VARIABLE, "1")
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr("tempfile.tempdir", None)
        before = dict(os.environ)
        assert main(["run", "ncch_scp", *crate, "--out", str(out), *few]) == 0
        assert dict(os.environ) == before
    assert list(temporary.glob("crlm-*")) == []
    return out


def test_the_bytes_are_those_of_a_run_alone(alone, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cores, "available", lambda: 2)
    monkeypatch.setenv(cores.VARIABLE, "2")
    out, before = tmp_path / "out", dict(os.environ)
    assert not run.execute("ncch_scp", FEW, out).error
    assert dict(os.environ) == before
    one, two = (
        {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix not in (".json", ".zip")}
        for folder in (alone, out)
    )
    assert [name for name in one if one[name] != two[name]] == []
    assert one.keys() == two.keys() and len(one) > 3
    assert list((tmp_path / "temporary").glob("crlm-*")) == []


def test_the_command_writes_a_crate_with_the_report(alone):
    pytest.importorskip("rocrate", reason="rocrate is an optional extra of crlm: [crate]")
    archive, graph = opened((alone / "ncch_scp_crate.zip").read_bytes())
    assert archive.read("ncch_scp.html") == (alone / "ncch_scp.html").read_bytes()
    assert {one["@id"] for one in graph["#run"]["result"]} == {f"ncch_scp{end}" for end in ENDS}


TAKEN = """\
import os, time
from pathlib import Path
shelf = Path(os.environ["CRLM_SHELVES"])
end, held = time.monotonic() + 60, []
while not held and time.monotonic() < end:
    held = [path for path in shelf.iterdir() if not path.suffix and path.is_symlink()]
    time.sleep(0.02)
assert held and all(path.stat().st_mode & 0o777 == 0o600 for path in held)
assert shelf.stat().st_mode & 0o777 == 0o700 and os.environ["CRLM_CORES"] == "1"
"""


def test_answers_are_held_in_memory_alone(tmp_path, monkeypatch):
    """A kernel finds them as files of this user's that lead into the other process."""
    source = tmp_path / "ncch_scp.ipynb"
    shutil.copy(ROOT / "notebooks" / "ncch_scp.ipynb", source)
    asking = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TAKEN)])
    nbformat.write(asking, tmp_path / "asking.ipynb")
    monkeypatch.delenv(cores.VARIABLE, raising=False)
    monkeypatch.setattr(cores, "available", lambda: 2)
    with ahead.working(source, FEW):
        _, failure = run.in_memory(tmp_path / "asking.ipynb", {})
    assert failure is None, failure


def test_nothing_is_worked_out_where_there_is_no_room(tmp_path, monkeypatch):
    monkeypatch.delenv(cores.VARIABLE, raising=False)
    monkeypatch.setattr(cores, "available", lambda: 2)
    table = tmp_path / "table.csv"
    with open(table, "wb") as stream:
        stream.truncate(ahead._LARGEST + 1)
    assert ahead._is_worth_it({}) and not ahead._is_worth_it({"cohort_path": str(table)})
    monkeypatch.setattr(cores, "available", lambda: 1)
    assert not ahead._is_worth_it({})
    monkeypatch.setattr(cores, "available", lambda: 2)
    monkeypatch.setenv(lent.SHELVES, "x")
    assert not ahead._is_worth_it({})


TOLD = """\
import os, sys, time
from pathlib import Path
helpers = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
time.sleep(2)
stats = [Path(f"/proc/{helper}/stat").read_text().rpartition(")")[2] for helper in helpers]
ticks = sum(int(number) for told in stats for number in told.split()[11:13])
worked = ticks / os.sysconf("SC_CLK_TCK")
print("crlm.paper" in sys.modules, time.process_time() + worked, os.getpid(), *helpers)
"""


def test_the_kernel_is_the_process_that_imported_and_the_others_its_children(tmp_path, monkeypatch):
    asking = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TOLD)])
    nbformat.write(asking, tmp_path / "asking.ipynb")
    monkeypatch.delenv(cores.VARIABLE, raising=False)
    monkeypatch.setattr(cores, "available", lambda: 2)
    source = ROOT / "notebooks" / "ncch_scp.ipynb"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with ahead.working(source, FEW) as engine:
        book, failure = run.in_memory(tmp_path / "asking.ipynb", {}, **engine)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert failure is None, failure
    there, worked, *processes = book.cells[0].outputs[0].text.split()
    assert there == "True" and len(processes) == 3
    # The helpers' work counts as the run's.
    spent = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    assert spent >= float(worked) > 0
    for pid in processes:
        assert not Path(f"/proc/{pid}").exists()


PARTED = """\
import os, sys
from pathlib import Path
from crlm import ahead, cores, run
cores.available = lambda: 2
lock = open("held", "w")
os.environ.pop(cores.VARIABLE, None)
with ahead.working(Path(sys.argv[1]), {}) as engine:
    book, failure = run.in_memory(Path("asking.ipynb"), {}, **engine)
print(os.getpid(), book.cells[0].outputs[0].text, failure)
"""


def test_a_command_parts_into_itself_and_a_kernel_that_has_nothing_of_its_own(tmp_path):
    """Neither open files, nor a place among its modules, nor its terminal."""
    asked = [
        "import os, sys",
        "from pathlib import Path",
        "links = [Path(f'/proc/self/fd/{name}') for name in os.listdir('/proc/self/fd')]",
        "named = [os.readlink(link) for link in links if link.is_symlink()]",
        "held = any('held' in name for name in named)",
        "here = [place for place in sys.path if place in ('', os.getcwd())]",
        "apart = os.getsid(0) == os.getpid()",
        "print(os.getppid(), held, os.readlink('/proc/self/fd/0'), apart, here)",
    ]
    cell = nbformat.v4.new_code_cell("\n".join(asked))
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "asking.ipynb")
    source = ROOT / "notebooks" / "ncch_scp.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", PARTED, str(source)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    parent, told = done.stdout.split(maxsplit=1)
    assert told.strip() == f"{parent} False /dev/null True []\n None" and done.stderr == ""


LOADED = """\
import sys, crlm.cli, crlm.run
from crlm import loading
with loading.quick_imports(loading.OF_PAPERMILL):
    from crlm import engine
print(*{"numpy", "pandas", "pyarrow"} & set(sys.modules))
import pyarrow
print(pyarrow.__name__)
"""


def test_who_starts_a_run_loads_no_library_of_the_analysis():
    """It would only wait for them: the notebook's process loads its own."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, check=True)
    assert done.stdout.split() == [b"pyarrow"]
