"""A batch on real Dask schedulers, on the loopback: killed, lost, wrong and encrypted ones."""

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from crlm import overview, scratch
from crlm.batch import cluster, driving
from crlm.ledger import CrlmError, data_folder

batch = functools.partial(driving.batch, collect=overview.collect_held)
pytestmark = pytest.mark.usefixtures("warm")

pytest.importorskip(
    "distributed", reason="dask.distributed is an optional extra: pip install 'crlm[cluster]'"
)

PARAMETERS = """\
seed: int = 1  # of the sample
nap: float = 0.7  # s
cohort_path: str = ""  # a table
output_dir: str = ""  # folder for the rows"""

CELL = """\
import os, time
time.sleep(nap)
table = open(cohort_path).read()
text = f"endpoint,statistic,estimate,conf_low,conf_high,run_seed\\nOS,hazard_ratio,{seed},,,{table}"
open(os.path.join(output_dir, "tiny_rows.csv"), "w").write(text)"""


@pytest.fixture
def desk(tmp_path):
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "P"}
    first = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    book.cells = [first, nbformat.v4.new_code_cell(CELL)]
    nbformat.write(book, tmp_path / "tiny.ipynb")
    (tmp_path / "temporary").mkdir()
    (tmp_path / "table.csv").write_text("42\n")
    text = "notebook: tiny.ipynb\ncohorts: [table.csv]\ngrid: {seed: [1, 2, 3]}\n"
    (tmp_path / "grid.yaml").write_text(text)
    return tmp_path


@contextlib.contextmanager
def started(*arguments, cwd, log=os.devnull, **environment):
    with open(log, "ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=cwd,
            env={**os.environ, **environment},
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def scheduler_of(file, *more):
    return (
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(file),
        *more,
    )


def worker_of(file, *more):
    return (
        "distributed.cli.dask_worker",
        "--scheduler-file",
        str(file),
        "--no-nanny",
        "--nthreads",
        "1",
        "--no-dashboard",
        *more,
    )


def awaited(path, seconds=60):
    end = time.monotonic() + seconds
    while not (path.exists() and path.stat().st_size) and time.monotonic() < end:
        time.sleep(0.05)
    return path


def compared(out):
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("times.jsonl", "dates.js", ".lock")
    }


def test_a_worker_killed_in_mid_run_costs_nothing(desk, monkeypatch):
    """The driver's bytes equal a local batch's, though a worker died and shares no folder."""
    file = desk / "scheduler.json"
    (desk / "elsewhere").mkdir()
    elsewhere = desk / "elsewhere"
    with started(*scheduler_of(file), cwd=desk):
        awaited(file)
        worker = worker_of(file)
        with started(*worker, cwd=elsewhere) as doomed, started(*worker, cwd=elsewhere):
            killed = []

            def kill_after_the_first(_, result):
                if result is not None and not killed:
                    killed.append(doomed.pid)
                    doomed.kill()

            monkeypatch.setattr(driving._Progress, "said", kill_after_the_first)
            summary = batch(desk / "grid.yaml", desk / "out", scheduler=str(file))
            monkeypatch.undo()
    assert killed and [line["status"] for line in summary.lines] == ["finished"] * 3
    assert not list(elsewhere.rglob("*.html"))
    batch(desk / "grid.yaml", desk / "local", quiet=True)
    assert compared(desk / "out") == compared(desk / "local")


def test_a_run_that_kills_its_processes_is_told_as_here(desk):
    """In which cell it was, too."""
    book = nbformat.read(desk / "tiny.ipynb", 4)
    book.cells[1].source = "import os; os.kill(os.getppid(), 9)"
    nbformat.write(book, desk / "tiny.ipynb")
    grid = desk / "one.yaml"
    grid.write_text("notebook: tiny.ipynb\ncohorts: [table.csv]\n")
    file = desk / "scheduler.json"
    with started(*scheduler_of(file), cwd=desk), started(*worker_of(awaited(file)), cwd=desk):
        summary = batch(grid, desk / "out", scheduler=str(file), quiet=True)
    assert summary.lines[0]["cell"] and "was killed" in summary.lines[0]["error"]
    assert summary.lines == batch(grid, desk / "local", quiet=True).lines
    assert compared(desk / "out") == compared(desk / "local")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        # The last attempt may be under way when the time is over.
        ("tcp://127.0.0.1:9", "ConnectionRefusedError|OSError: Timed out"),
        ("tls://127.0.0.1:9", "check your TLS configuration"),
        ("somewhere", "does not begin with tls://"),
        ("foo://somewhere:1", "unknown address scheme 'foo'"),
        ("missing.json", "FileNotFoundError"),
        ("grid.yaml.json", "TypeError"),
        ("config", "KeyError: 'scheduler-address'"),
    ],
)
def test_a_scheduler_that_cannot_be_one_is_refused(desk, monkeypatch, address, message):
    monkeypatch.setattr(cluster, "_PATIENCE", 1)
    monkeypatch.chdir(desk)
    (desk / "grid.yaml.json").write_text("[]")
    with pytest.raises(CrlmError, match=message) as refused:
        batch(desk / "grid.yaml", desk / "out", scheduler=address, quiet=True)
    assert f"No Dask scheduler answers at {address!r}" in str(refused.value)
    assert not list((desk / "out" / "runs").iterdir())


def test_an_attempt_that_was_ended_is_no_reason():
    late = OSError("Timed out trying to connect to tcp://there:1")
    late.__cause__ = TimeoutError()
    late.__cause__.__cause__ = asyncio.CancelledError()
    outer = OSError("it failed")
    outer.__cause__ = late
    assert cluster._root(outer) == f"OSError: {late}"


def test_a_lost_scheduler_is_one_refusal_and_no_failed_run(desk, monkeypatch):
    file = desk / "scheduler.json"
    with started(*scheduler_of(file), cwd=desk) as scheduler:
        awaited(file)
        with started(*worker_of(file), cwd=desk):

            def kill_after_the_first(_, result):
                if result is not None:
                    scheduler.kill()

            monkeypatch.setattr(driving._Progress, "said", kill_after_the_first)
            with pytest.raises(CrlmError, match="is gone.*same command again"):
                batch(desk / "grid.yaml", desk / "out", scheduler=str(file))
    monkeypatch.undo()
    lines = (desk / "out" / "manifest.jsonl").read_text().splitlines()
    assert len(lines) == 1 and '"finished"' in lines[0]
    file.unlink()
    with started(*scheduler_of(file), cwd=desk):
        awaited(file)
        with started(*worker_of(file), cwd=desk):
            again = batch(desk / "grid.yaml", desk / "out", scheduler=str(file), quiet=True)
    assert again.skipped == 1
    batch(desk / "grid.yaml", desk / "local", quiet=True)
    assert compared(desk / "out") == compared(desk / "local")


def test_a_table_travels_though_crlm_brings_the_same_along(desk):
    """A worker has it at another path, so the bytes go with the job."""
    shipped = data_folder() / "mskcc_hai" / "cohort.csv"
    (desk / "mskcc_hai.ipynb").write_bytes((desk / "tiny.ipynb").read_bytes())
    (desk / "grid.yaml").write_text(f"notebook: mskcc_hai.ipynb\ncohorts: [{shipped}]\n")
    run = driving.planned_of(desk / "grid.yaml", desk / "out").runs[0]
    sent = cluster.packed(driving.job_of(run, desk / "out"), {})["contents"]
    assert sent[str(shipped)] == shipped.read_bytes()
    assert not [path for path in sent if path.endswith("design.toml")]


def test_files_of_another_system_keep_their_folders_apart(tmp_path):
    """What a driver on Windows sends lies where the run looks for it."""
    notebook, table, shelf = "C:\\a\\tiny.ipynb", "C:\\b\\t.csv", "C:\\lent\\common"
    contents = {notebook: b"n", table: b"t", "C:\\c\\t.csv": b"u", shelf + "\\abc": b"l"}
    job = {"contents": contents, "about": {}, "notebook": notebook, "lent": {"shelves": [shelf]}}
    files = [{"what": "the table", "path": table, "sha256": ""}]
    with contextlib.ExitStack() as held:
        job |= {"parameters": {"cohort_path": table, "seed": 1}, "files": files}
        there = cluster._unpack(job, tmp_path, held)
        assert Path(there["notebook"]).read_bytes() == b"n"
        assert Path(there["parameters"]["cohort_path"]).read_bytes() == b"t"
        assert there["files"][0]["path"] == there["parameters"]["cohort_path"]
        assert (Path(there["lent"]["shelves"][0]) / "abc").read_bytes() == b"l"


@pytest.mark.parametrize("other", ["changed", "absent"])
def test_a_worker_with_another_crlm_is_refused_before_a_run(desk, other):
    house = desk / "elsewhere" / "crlm"
    if other == "changed":
        shutil.copytree(Path(cluster.__file__).parents[1], house)
        with open(house / "ledger.py", "a") as stream:
            stream.write("# changed\n")
    else:
        house.mkdir(parents=True)
        (house / "__init__.py").write_text("raise ImportError('no crlm here')")
    file = desk / "scheduler.json"
    path = {"PYTHONPATH": str(house.parent)}
    with started(*scheduler_of(file), cwd=desk):
        awaited(file)
        with started(*worker_of(file), cwd=desk, **path), until_workers(file, 1):
            with pytest.raises(cluster.WorkerError, match="Install the same Python") as refused:
                batch(desk / "grid.yaml", desk / "out", scheduler=str(file), quiet=True)
    assert ("other code" if other == "changed" else "no crlm") in str(refused.value)
    assert not list((desk / "out" / "runs").iterdir())


@contextlib.contextmanager
def until_workers(file, count):
    from distributed import Client

    with Client(scheduler_file=str(file), timeout=20) as client:
        client.wait_for_workers(count, timeout=30)
    yield


class Machines:
    """A client of a worker that says this of itself."""

    def __init__(self, **about):
        self.about = about

    def run(self, about, on_error):
        return {"tcp://127.0.0.1:1": self.about}


def test_versions_of_python_and_dask_are_compared():
    here = cluster._about()
    assert {"code", "crlm", "python", "dask", "distributed", "numpy"} <= set(here)
    cluster._check_machines(Machines(**here), here)
    for name in set(here) - {"code"}:
        said = rf"{name} 0\.1, here it is {here[name]}"
        with pytest.raises(cluster.WorkerError, match=said):
            cluster._check_machines(Machines(**{**here, name: "0.1"}), here)
    with pytest.raises(cluster.WorkerError, match="the same version of crlm with other code"):
        cluster._check_machines(Machines(**{**here, "code": "a"}), here)


def test_a_worker_with_other_study_files_is_refused():
    file = {"what": "data/columns.toml", "path": "/elsewhere/columns.toml", "sha256": "other"}
    with pytest.raises(cluster.WorkerError, match="another data/columns.toml"):
        cluster._ours(file)


# ---- the table on a worker --------------------------------------------------

SECRET = b"MURAKAMI-1957-03-14"


def traces(folder):
    return [path for path in folder.rglob("*") if path.is_file() and SECRET in path.read_bytes()]


def held(folder, seconds=60):
    """The table as a run on a worker sees it, once it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in folder.glob("crlm-*/in*/table.csv"):
            with contextlib.suppress(OSError):
                if SECRET in path.read_bytes():
                    return path
        time.sleep(0.02)
    raise AssertionError("no run has begun")


@pytest.mark.skipif(sys.platform != "linux", reason="files in memory are for Linux")
def test_a_killed_worker_leaves_no_byte_of_the_table(desk):
    temporary, file, log = desk / "temporary", desk / "scheduler.json", desk / "worker.log"
    (desk / "table.csv").write_bytes(SECRET + b"\n")
    grid = desk / "slow.yaml"
    grid.write_text("notebook: tiny.ipynb\ncohorts: [table.csv]\nbase: {nap: 3}\n")
    place = {"cwd": temporary, "log": log, "TMPDIR": str(temporary)}
    command = [
        sys.executable,
        "-m",
        "crlm.cli",
        "batch",
        str(grid),
        "--out",
        str(desk / "out"),
        "--scheduler",
        str(file),
        "-q",
    ]
    with started(*scheduler_of(file), cwd=desk, log=log):
        awaited(file)
        with started(*worker_of(file), **place) as doomed:
            driver = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            table = held(temporary)
            assert table.stat().st_mode & 0o777 == 0o600
            assert table.parents[1].stat().st_mode & 0o777 == 0o700
            os.killpg(doomed.pid, signal.SIGKILL)
            doomed.wait()
            time.sleep(0.3)
            assert traces(temporary) == []
        with started(*worker_of(file), **place):
            assert driver.wait(timeout=60) == 0
        assert list(temporary.glob("crlm-*")) == []
    assert traces(temporary) == [] and SECRET not in log.read_bytes()


def test_a_job_shows_no_table_to_a_log(desk):
    (desk / "table.csv").write_bytes(SECRET)
    run = driving.planned_of(desk / "grid.yaml", desk / "out").runs[0]
    job = cluster.packed(driving.job_of(run, desk / "out"), {})
    assert SECRET in b"".join(job["contents"].values())
    assert SECRET.decode() not in f"{job!r} {job} {[job]}" and str(desk) not in repr(job)


HOLDER = """\
import sys, time
from pathlib import Path
from crlm import scratch
if sys.argv[1] == "disk":
    del scratch.os.memfd_create
with scratch.private() as folder:
    scratch.put(folder / "table.csv", b"MURAKAMI-1957-03-14")
    print(folder, flush=True)
    time.sleep(60)"""


@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.skipif(sys.platform != "linux", reason="files in memory are for Linux")
def test_what_a_dead_process_left_is_swept_and_what_a_live_one_holds_is_not(
    tmp_path, monkeypatch, where
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratch.tempfile, "tempdir", None)
    command = [sys.executable, "-c", HOLDER, where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        folder = Path(holder.stdout.readline().strip())
        table = folder / "table.csv"
        assert table.read_bytes() == SECRET and table.stat().st_mode & 0o777 == 0o600
        assert table.is_symlink() == (where == "memory")
        scratch.sweep()
        assert table.read_bytes() == SECRET
        holder.kill()
        holder.wait()
    assert bool(traces(tmp_path)) == (where == "disk")
    scratch.sweep()
    assert list(tmp_path.iterdir()) == []


# ---- encrypted --------------------------------------------------------------


def certificates(folder):
    """The recipe of docs/batch.md, word for word but for the folder and the addresses."""
    text = (Path(__file__).parents[1] / "docs" / "batch.md").read_text(encoding="utf-8")
    recipe = next(b for b in text.split("```")[1::2] if "openssl req" in b).partition("\n")[2]
    recipe = recipe.replace("head.example.org", "127.0.0.1")
    subprocess.run(["sh", "-e", "-c", recipe], cwd=folder, check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")
def test_the_recipe_for_certificates_gives_an_encrypted_batch(desk):
    certificates(desk)
    configuration = {"DASK_CONFIG": str(desk / "tls.yaml")}
    file = desk / "scheduler.json"
    (desk / "worker").mkdir()
    with started(*scheduler_of(file, "--protocol", "tls"), cwd=desk, **configuration):
        awaited(file)
        assert "tls://127.0.0.1" in file.read_text()
        safe = started(*worker_of(file, "--protocol", "tls"), cwd=desk / "worker", **configuration)
        command = [
            sys.executable,
            "-m",
            "crlm.cli",
            "batch",
            str(desk / "grid.yaml"),
            "--out",
            str(desk / "out"),
            "--scheduler",
            str(file),
            "-q",
        ]
        with safe:
            done = subprocess.run(
                command,
                env={**os.environ, **configuration},
                timeout=120,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            elsewhere = [*command[:6], str(desk / "bare"), *command[7:]]
            bare = subprocess.run(
                elsewhere, timeout=60, capture_output=True, text=True, check=False
            )
    assert len(list((desk / "out" / "runs").iterdir())) == 3
    assert bare.returncode == 2 and "check your TLS configuration" in bare.stderr
