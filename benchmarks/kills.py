"""Kill a batch at random moments, start it again, and compare every byte with a calm one.

    python benchmarks/kills.py [--kills 50] [--seed 1]

Each round starts `crlm batch` on a small notebook, two of whose runs fail, and kills -9 after a
random time the command, the process that it forks from, a run's process or a kernel, each as
often as it is there; the folder is started again until it is complete. Then all files but the
two that hold times must be those of an undisturbed batch, and no process may be left. Linux only.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from os import kill
from pathlib import Path

import nbformat

KINDS = ("the command", "what it forks from", "a run", "a kernel")

ROOT = Path(__file__).resolve().parents[1]

PARAMETERS = """\
seed: int = 1  # of the sample
output_dir: str = ""  # folder for the rows"""

CELL = """\
import os, time
import pandas as pd
time.sleep(0.2)
if seed % 5 == 0:
    raise ValueError(f"no patients with seed {seed}")
row = dict(endpoint="OS", covariate="hai", statistic="hazard_ratio", estimate=seed / 10)
pd.DataFrame([row]).to_csv(os.path.join(output_dir, "small_rows.csv"), index=False)
time.sleep(0.2)"""


def write_desk(desk: Path) -> Path:
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "P"}
    first = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    book.cells = [first, nbformat.v4.new_code_cell(CELL)]
    for number, cell in enumerate(book.cells):
        cell["id"] = f"cell-{number}"
    nbformat.write(book, desk / "small.ipynb")
    grid = desk / "grid.yaml"
    grid.write_text("notebook: small.ipynb\ngrid: {seed: {from: 1, to: 10}}\n")
    return grid


def start(grid: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "crlm.cli", "batch", str(grid), "--out", str(out), "-q"]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def below(pid: int) -> list[list[int]]:
    """A process, those that it started, those that these have started, and so on."""
    table = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in table.stdout.splitlines()[1:]]
    found = [[pid]]
    while children := [child for child, its in pairs if its in found[-1]]:
        found.append(children)
    return found


def alive(pids: set[int]) -> set[int]:
    found = set()
    for pid in pids:
        with suppress(OSError):
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            found |= {pid} if state != "Z" else set()
    return found


def compared(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("times.jsonl", "dates.js", ".lock")
    }


def disturbed(grid: Path, out: Path, longest: float, dice: random.Random, left: int) -> Counter:
    """Start a batch until it is complete, killing it or one of its processes on the way."""
    done: Counter = Counter()
    while True:
        process = start(grid, out)
        if done.total() < left:
            end = time.monotonic() + dice.uniform(0, longest)
            while time.monotonic() < end and process.poll() is None:
                time.sleep(0.01)
        seen = set()
        if done.total() < left and process.poll() is None:
            family = below(process.pid)[: len(KINDS)]
            kind = dice.randrange(len(family))
            seen = {pid for level in family for pid in level}
            with suppress(ProcessLookupError):
                kill(dice.choice(family[kind]), signal.SIGKILL)
                done[KINDS[kind]] += 1
        told = process.communicate()[1]
        gone = time.monotonic() + 10
        while alive(seen) and time.monotonic() < gone:
            time.sleep(0.05)
        if alive(seen):
            raise SystemExit(f"processes are left: {alive(seen)}")
        if process.returncode >= 0:
            if "2 of 10 runs failed" not in told:
                raise SystemExit(f"the batch ended in another way:\n{told}")
            return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice, done, folders = random.Random(options.seed), Counter(), 0
    with tempfile.TemporaryDirectory() as name:
        desk = Path(name)
        grid = write_desk(desk)
        started = time.monotonic()
        start(grid, desk / "calm").communicate()
        longest = time.monotonic() - started
        calm = compared(desk / "calm")
        while done.total() < options.kills:
            folders += 1
            out = desk / f"out{folders}"
            done += disturbed(grid, out, longest, dice, min(8, options.kills - done.total()))
            if compared(out) != calm:
                names = {n for n, b in compared(out).items() if calm.get(n) != b}
                raise SystemExit(f"other bytes after {dict(done)}: {names or 'files are missing'}")
    print(json.dumps({"kills": dict(done), "batches": folders, "bytes": "the same"}))


if __name__ == "__main__":
    main()
