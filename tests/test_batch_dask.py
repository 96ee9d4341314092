"""A batch on a real Dask scheduler with two worker processes, one of which is killed in mid-run."""

import contextlib
import subprocess
import sys
import time

import nbformat
import pytest

from crlm.batch import cluster, driving
from crlm.ledger import CrlmError

pytest.importorskip(
    "distributed", reason="dask.distributed is an optional extra: pip install 'crlm[cluster]'"
)

PARAMETERS = """\
seed: int = 1  # of the sample
cohort_path: str = ""  # a table
output_dir: str = ""  # folder for the rows"""

CELL = """\
import os, time
time.sleep(0.7)
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
    (tmp_path / "table.csv").write_text("42\n")
    text = "notebook: tiny.ipynb\ncohorts: [table.csv]\ngrid: {seed: [1, 2, 3]}\n"
    (tmp_path / "grid.yaml").write_text(text)
    return tmp_path


@contextlib.contextmanager
def started(*arguments, cwd):
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=cwd,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def awaited(path, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
    return path


def compared(out):
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("times.jsonl", ".lock")
    }


def test_a_worker_killed_in_mid_run_costs_nothing(desk, monkeypatch):
    """The driver's bytes equal a local batch's, though a worker died and shares no folder."""
    file = desk / "scheduler.json"
    scheduler = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
                 "--no-dashboard", "--scheduler-file", str(file))  # fmt: skip
    worker = ("distributed.cli.dask_worker", "--scheduler-file", str(file), "--no-nanny",
              "--nthreads", "1", "--no-dashboard")  # fmt: skip
    (desk / "elsewhere").mkdir()
    elsewhere = desk / "elsewhere"
    with started(*scheduler, cwd=desk):
        awaited(file)
        with started(*worker, cwd=elsewhere) as doomed, started(*worker, cwd=elsewhere):
            killed = []

            def kill_after_the_first(result, end=False):
                if result is not None and not killed:
                    killed.append(doomed.pid)
                    doomed.kill()

            monkeypatch.setattr(driving, "_progress", lambda *_: kill_after_the_first)
            summary = driving.batch(desk / "grid.yaml", desk / "out", scheduler=str(file))
            monkeypatch.undo()
    assert killed and [line["status"] for line in summary.lines] == ["finished"] * 3
    assert not list(elsewhere.rglob("*.html"))
    driving.batch(desk / "grid.yaml", desk / "local", quiet=True)
    assert compared(desk / "out") == compared(desk / "local")


def test_a_scheduler_that_does_not_answer_is_said(desk, monkeypatch):
    monkeypatch.setattr(cluster, "_PATIENCE", 1)
    with pytest.raises(CrlmError, match="No Dask scheduler answers"):
        driving.batch(desk / "grid.yaml", desk / "out", scheduler="tcp://127.0.0.1:9", quiet=True)
