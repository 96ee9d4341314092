"""1,000 bootstrap resamples of a complete regression table, here and in R.

    python benchmarks/bootstrap.py [--resamples 1000] [--study mskcc_hai] [--endpoint OS]

Every candidate's univariable Cox model and the multivariable model of all, fitted anew to each
resample: `regression.bootstrap_table` against coxph in a loop (benchmarks/bootstrap.R; needs R
with the package survival). Both run on one thread, one after the other. The hazard ratios in
the patients themselves must agree; so must the limits, but for chance.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from crlm import cohort, endpoints, ledger, regression, scores  # noqa: E402

_LOOP = Path(__file__).with_suffix(".R")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--study", default="mskcc_hai", choices=["mskcc_hai", "ncch_scp"])
    parser.add_argument("--endpoint", default="OS")
    asked = parser.parse_args()
    frame, names = _problem(asked.study, asked.endpoint)
    print(
        f"{asked.study}, {asked.endpoint}: n = {len(frame)}, {frame['event'].sum()} events, "
        f"{len(names)} covariates, {asked.resamples} resamples"
    )
    started = time.perf_counter()
    ours = regression.bootstrap_table(frame, names, n_boot=asked.resamples, seed=1)
    seconds = time.perf_counter() - started
    theirs = _in_r(frame, names, asked.resamples)
    print(
        f"crlm: {seconds:.1f} s (Python {platform.python_version()}, "
        f"survival {version('survival')})"
    )
    print(f"R: {theirs['seconds']:.1f} s (R {theirs['r']}, survival {theirs['survival']})")
    print(f"ratio {theirs['seconds'] / seconds:.1f} (goal: at least 20)")
    gap = np.abs(np.log(ours["estimate"] / np.array(theirs["estimates"]))).max()
    limits = np.log(
        np.concatenate([ours["conf_low"] / theirs["low"], ours["conf_high"] / theirs["high"]])
    )
    print(
        f"largest difference of a log hazard ratio {gap:.1e}; "
        f"of a log limit (other random numbers) {np.abs(limits).max():.2f}"
    )


def _problem(study: str, endpoint: str) -> tuple[pd.DataFrame, list[str]]:
    design = ledger.load_design(study)
    source = cohort.origin("", design)
    patients = cohort.load(source["path"], design, None)
    flags = cohort.eligibility(patients, design)
    timed = endpoints.from_history(patients, cohort.events("", "", design, None), design)
    timed = cohort.add_factors(scores.add(timed), design)
    frame = endpoints.derive_all(timed[flags.all(axis=1)], design)[endpoint]
    return frame, list(design.models[endpoint]["covariates"])


def _in_r(frame: pd.DataFrame, names: list[str], resamples: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        table = frame[["time", "event", *names]]
        table.assign(event=table["event"].astype(int)).to_csv(path, index=False)
        factors = [name for name in names if isinstance(frame[name].dtype, pd.CategoricalDtype)]
        lines = ["\t".join([name, *map(str, frame[name].cat.categories)]) for name in factors]
        Path(f"{path}.levels").write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = ["Rscript", str(_LOOP), str(path), str(resamples)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
