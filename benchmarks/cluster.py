"""What does a light run cost on a Dask scheduler, and are its bytes those of a run here?

    python benchmarks/cluster.py [--runs 1000]

Starts a scheduler and two workers on the loopback, sends them runs of a notebook that does next
to nothing, and does the same runs here with two at a time. The overhead of a run is what its
worker was busy or waiting beyond the seconds that the run itself took (`times.jsonl`); processor
time is that of all processes, so the difference between there and here is Dask's. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
WORKERS = 2
PARAMETERS = """\
seed: int = 1  # of the sample
output_dir: str = ""  # folder for the rows"""
CELL = """\
import os
import pandas as pd
row = dict(endpoint="OS", covariate="hai", statistic="hazard_ratio", estimate=seed / 10)
pd.DataFrame([row]).to_csv(os.path.join(output_dir, "light_rows.csv"), index=False)"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder, runs)
        here = measured(folder, "here", ["--workers", str(WORKERS)])
        tell("two at a time here", runs, folder / "here", *here)
        started, used = time.perf_counter(), processors()
        with scheduler(folder) as file:
            there = measured(folder, "there", ["--scheduler", str(file)])
            own = time.perf_counter() - started - there[0]
        tell("two Dask workers", runs, folder / "there", there[0], processors() - used)
        print(f"starting and stopping scheduler and workers: {own:.1f} s by the clock")
        print(f"same bytes: {compared(folder / 'here') == compared(folder / 'there')}")


def lay_out(folder: Path, runs: int) -> None:
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "P"}
    first = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    book.cells = [first, nbformat.v4.new_code_cell(CELL)]
    nbformat.write(book, folder / "light.ipynb")
    text = f"notebook: light.ipynb\ngrid: {{seed: {{from: 1, to: {runs}}}}}\n"
    (folder / "grid.yaml").write_text(text)


@contextlib.contextmanager
def scheduler(folder: Path) -> Iterator[Path]:
    """The file of a scheduler with its workers, who end with it."""
    file = folder / "scheduler.json"
    common = ["--no-dashboard", "--scheduler-file", str(file)]
    alone = ["--host", "127.0.0.1", "--port", "0"]
    worker = ["--no-nanny", "--nthreads", "1", "--local-directory", str(folder / "dask")]
    commands = [["dask_scheduler", *common, *alone], *[["dask_worker", *common, *worker]] * WORKERS]
    with contextlib.ExitStack() as held:
        for module, *more in commands:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *more],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
            )
            held.callback(process.wait)
            held.callback(process.send_signal, signal.SIGTERM)
            while not file.exists():
                time.sleep(0.05)
        yield file


def measured(folder: Path, name: str, more: list[str]) -> tuple[float, float]:
    """Seconds by the clock, and of the command's own processors, of a batch."""
    started, used = time.perf_counter(), processors()
    command = [sys.executable, "-m", "crlm.cli", "batch", str(folder / "grid.yaml"), "--quiet"]
    subprocess.run([*command, "--out", str(folder / name), *more], check=True, cwd=ROOT)
    return time.perf_counter() - started, processors() - used


def processors() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def tell(what: str, runs: int, out: Path, clock: float, used: float) -> None:
    lines = (out / "times.jsonl").read_text().splitlines()
    themselves = sum(json.loads(line)["seconds"] for line in lines) / runs
    beyond = WORKERS * clock / runs - themselves
    print(f"{what}: {clock:.1f} s by the clock, {used:.1f} s of processors")
    print(f"  a run: {themselves:.2f} s itself, {beyond:.2f} s beyond it on its worker,")
    print(f"  {clock / runs:.2f} s of the whole batch, {used / runs:.3f} s of processors")


def compared(out: Path) -> dict[str, bytes]:
    """Every file of a batch but those that hold times."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name not in ("times.jsonl", "dates.js", ".lock")
    }


if __name__ == "__main__":
    main()
