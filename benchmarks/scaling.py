"""Time and memory of `crlm run` as the cohort grows: one line a size.

    python benchmarks/scaling.py [--study mskcc_hai] [--sizes 10000 100000 1000000] [-p NAME VALUE]

Patients of the shipped cohort are drawn with replacement, their times jittered so that they
are not all tied. The last column is time per n log n beside that of the first size: at most
about 1 means that time grows no faster.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from crlm import cohort, endpoints, ledger


def drawn(study: str, size: int, folder: Path) -> Path:
    """A table of `size` patients with their endpoints, as a reader's own cohort would have it."""
    design = ledger.load_design(study)
    source = cohort.origin("", design)
    patients = cohort.load(source["path"], design)
    history = cohort.load_history(str(design.folder / "history.csv"), design)
    timed = endpoints.from_history(patients, history, design)
    timed = timed[cohort.eligibility(patients, design).all(axis=1)]
    rng = np.random.default_rng(1)
    chosen = timed.iloc[rng.integers(0, len(timed), size)].reset_index(drop=True)
    chosen["patient_id"] = [f"P{i}" for i in range(size)]
    stretch = rng.uniform(0.95, 1.05, size)
    for name in [n for n in chosen if n.endswith("_months") and n != "dfi_months"]:
        chosen[name] = (chosen[name] * stretch).round(4)
    known = [name for name in chosen if name in design.columns]
    path = folder / f"{size}.csv"
    chosen[known].to_csv(path, index=False)
    return path


def timed_run(
    study: str, table: Path, out: Path, parameters: list[list[str]]
) -> tuple[float, float]:
    """Seconds, and the largest memory (GB) of any process of the run."""
    command = [
        sys.executable,
        "-m",
        "crlm.cli",
        "run",
        study,
        "--cohort",
        str(table),
        "--out",
        str(out),
    ]
    for name, value in parameters:
        command += ["-p", name, value]
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"The run with {table.name} failed.")
    return time.monotonic() - begun, usage.ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="mskcc_hai")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("-p", "--parameter", nargs=2, action="append", default=[])
    asked = parser.parse_args()
    first = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for size in asked.sizes:
            table = drawn(asked.study, size, Path(folder))
            seconds, memory = timed_run(asked.study, table, Path(folder) / "out", asked.parameter)
            rate = seconds / (size * math.log(size))
            first = first or rate
            print(
                f"{size:>9,} patients: {seconds:8.1f} s, {memory:5.2f} GB, "
                f"{rate / first:.2f} of the first size per n log n",
                flush=True,
            )
            table.unlink()


if __name__ == "__main__":
    main()
