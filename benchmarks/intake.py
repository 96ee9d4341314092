"""Time and peak memory of reading: files that stand for more than a table, and a large one.

Each file is checked in a process of its own, start of the interpreter included. Bars: an
answer within 5 seconds and 1 GB for what is no table; a table of 1,000,000 patients and 20
columns within twice the time of `pandas.read_csv` plus a minute.

    python benchmarks/intake.py [--rows 1000000]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.hostile import bombs  # noqa: E402

_CHECK = """
import re, resource, sys
from pathlib import Path
from crlm import cohort, ledger
try:
    book = sys.argv[3] if len(sys.argv) > 3 else None
    report = cohort.check(sys.argv[1], ledger.load_design(sys.argv[2]), book)
    said = f"{len(report.frame)} rows, {len(report.violations)} problems, {len(report.notes)} notes"
except ledger.CohortError as error:
    said = str(error)[:90]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
status = Path("/proc/self/status")
if status.is_file():
    # A new process begins with its parent's peak; only this number is its own.
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text()).group(1)) // 1024
print(f"{peak}\\t{said}")
"""


def patients(rows: int) -> pd.DataFrame:
    """A table of `mskcc_hai` with 20 columns, honest and large."""
    chance = np.random.default_rng(1)
    months = np.round(chance.exponential(60, rows).clip(0.1, 280), 2)
    died = chance.random(rows) < 0.5
    rfs = np.round(months * chance.uniform(0.1, 1, rows), 2)

    def pick(*levels: str) -> np.ndarray:
        return chance.choice(levels, rows)

    return pd.DataFrame(
        {
            "patient_id": [f"P{i:07d}" for i in range(rows)],
            "kras": pick("wild", "mutant"),
            "hai": pick("no", "yes"),
            "age": chance.integers(25, 90, rows),
            "sex": pick("male", "female"),
            "n_tumours": 1 + chance.geometric(0.4, rows).clip(1, 40),
            "timing": pick("synchronous", "metachronous"),
            "dfi_months": "",
            "size_cm": np.round(chance.lognormal(1.1, 0.6, rows).clip(0.2, 25), 1),
            "nodal_status": pick("negative", "positive"),
            "cea": np.round(chance.lognormal(2.3, 1.5, rows).clip(0.5, 9000), 1),
            "extrahepatic": pick("no", "yes"),
            "margin": pick("negative", "positive"),
            "bilobar": pick("no", "yes"),
            "preop_chemo": pick("no", "yes"),
            "ablation": pick("no", "yes"),
            "os_months": months,
            "os_event": died.astype(int),
            "rfs_months": rfs,
            "rfs_event": (died | (rfs < months)).astype(int),
        }
    )


def measured(path: Path, study: str = "mskcc_hai", *more: str) -> tuple[float, int, str]:
    """Seconds, peak megabytes and the answer of one check in a process of its own."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", _CHECK, str(path), study, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    peak, _, said = done.stdout.strip().rpartition("\n")[2].partition("\t")
    return seconds, int(peak or 0), said or done.stderr.strip()[-200:]


def hostile() -> dict[str, Callable[[], bytes]]:
    """The files that are no tables, in full size."""
    return {
        "stray cell in XFD1048576.xlsx": lambda: bombs.stray("XFD1048576", 1_048_576),
        "20 million texts.xlsx": lambda: bombs.many_strings(20_000_000),
        "10 million rows.xlsx": lambda: bombs.many_rows(10_000_000),
        "30,000 rows.xlsx": lambda: bombs.many_rows(30_000),
        "entities of entities.xlsx": lambda: bombs.entities(9),
        "100 million rows.parquet": lambda: bombs.repeated_parquet(100_000_000),
        "a text of 100 kB in 100,000 rows.parquet": lambda: bombs.repeated_parquet(
            100_000, "x" * 100_000
        ),
        "2,147,483,647 cases.sav": lambda: bombs.absurd_sav(2**31 - 1, 1),
        "2,147,483,647 variables.sav": lambda: bombs.absurd_sav(-1, 2**31 - 1),
        "a cell of 200 MB.csv": lambda: b"patient_id,age\na," + b"9" * 200_000_000,
        "a quoted cell of 200 MB.csv": lambda: b'patient_id,age\na,"' + b"9\n" * 100_000_000,
        "20 million columns.csv": lambda: b"age" + b"," * 20_000_000 + b"\n1\n",
        "50 million blank lines.csv": lambda: b"patient_id,age\na,60\n" + b"\n" * 50_000_000,
        "100 million lines of a comma.csv": lambda: (
            b"patient_id,age\na,60\n" + b",\n" * 100_000_000
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    print("| file | kB | seconds | MB | answer |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, made in hostile().items():
            path = folder / name.replace(" ", "_")
            path.write_bytes(made())
            row(name, path, *measured(path))
            path.unlink()
        honest(folder, arguments.rows)


def honest(folder: Path, rows: int) -> None:
    """The large table as CSV and Parquet, beside `pandas.read_csv`."""
    table = patients(rows)
    table.to_csv(folder / "honest.csv", index=False)
    table.to_parquet(folder / "honest.parquet", index=False)
    for name in ("honest.csv", "honest.parquet"):
        row(f"{rows:,} patients, {name}", folder / name, *measured(folder / name))
    begun = time.perf_counter()
    pd.read_csv(folder / "honest.csv")
    print(f"\npandas.read_csv: {time.perf_counter() - begun:.1f} seconds")


def row(name: str, path: Path, seconds: float, peak: int, said: str) -> None:
    """One line of the table."""
    print(
        f"| {name} | {path.stat().st_size / 1000:,.0f} | {seconds:.1f} | {peak:,} | {said} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
