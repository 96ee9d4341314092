"""Time and memory of `crlm run` as the cohort grows: one line a size.

    python benchmarks/scaling.py [--study mskcc_hai] [--sizes 10000 100000 1000000] [-p NAME VALUE]

Patients of the shipped cohort are drawn with replacement, their times jittered so that they
are not all tied. The last column is processor time per n log n beside that of the first size:
at most about 1 means that time grows no faster. Parts that are on a sample do not grow.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
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


@dataclass
class Cost:
    """What a run took: seconds by the clock and of processor, GB of the largest process and of all.

    Memory of all is the sum of proportional shares (Linux): a page that two have counts once.
    """

    clock: float
    processor: float
    largest: float
    together: float


def measured(
    study: str, table: Path, out: Path, parameters: list[list[str]], shown: int | None
) -> Cost:
    """What `crlm run` on a table takes, with all processes that it starts."""
    command = [sys.executable, "-m", "crlm.cli", "run", study]
    command += ["--cohort", str(table), "--out", str(out)]
    for name, value in parameters:
        command += ["-p", name, value]
    before, begun, peak = processor(), time.monotonic(), 0.0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=shown)
    while process.poll() is None:
        peak = max(peak, sum(map(share, family(process.pid))))
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"The run with {table.name} failed.")
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return Cost(time.monotonic() - begun, processor() - before, largest, peak)


def processor() -> float:
    """Seconds of processor of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def family(pid: int) -> list[int]:
    """A process and all that it and its children have started."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children = map(int, path.read_text(encoding="utf-8").split())
            found += [one for child in children for one in family(child)]
    return found


def share(pid: int) -> float:
    """Memory of a process in GB, what it shares with others by its share."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:") / 2**20


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
            shown = None if sys.stderr.isatty() else subprocess.DEVNULL
            cost = measured(asked.study, table, Path(folder) / "out", asked.parameter, shown)
            rate = cost.processor / (size * math.log(size))
            first = first or rate
            print(
                f"{size:>9,} patients: {cost.processor:7.1f} s of processor, {cost.clock:7.1f} s "
                f"by the clock, {cost.largest:5.2f} GB the largest process, {cost.together:5.2f} "
                f"GB all; {rate / first:.2f} of the first size per n log n",
                flush=True,
            )
            table.unlink()


if __name__ == "__main__":
    main()
