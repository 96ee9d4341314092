"""Seconds for a curve of 10,000 specifications at n = 674, and for its permutation test.

    python benchmarks/specification.py [--specifications 10000] [--endpoint OS]

The effect of HAI in the shipped cohort of mskcc_hai: covariate sets, cut-offs, endpoint rules,
missing values, patients left out and ties, as in the notebook. Run on one core by itself, for
example with taskset -c 0; a curve is computed in one process on one thread.
"""

from __future__ import annotations

import argparse
import os
import platform
import time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from crlm import cohort, endpoints, ledger, scores, specification, survival  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specifications", type=int, default=10_000)
    parser.add_argument("--endpoint", default="OS")
    parser.add_argument("--permutations", type=int, default=500)
    asked = parser.parse_args()
    design = ledger.load_design("mskcc_hai")
    frame = _frame(design, asked.endpoint)
    rules = {
        "the whole period": frame,
        "five years": specification.followed_to(frame, 60),
        "from month 6": survival.landmark(frame, 6),
    }
    times = [time.process_time()]
    plan = specification.declare(
        rules,
        "hai",
        design.models[asked.endpoint]["covariates"],
        design,
        exclusions=["extrahepatic=yes", "two_stage=yes"],
        most=asked.specifications,
    )
    times.append(time.process_time())
    curve = specification.curve(plan)
    times.append(time.process_time())
    specification.inference(plan, curve, claim="lower", permutations=asked.permutations)
    times.append(time.process_time())
    drawn, fitted, tested = (b - a for a, b in zip(times, times[1:], strict=False))
    print(f"Python {platform.python_version()}, n = {len(frame)}, {asked.endpoint} by HAI")
    print(
        f"{len(curve):,} specifications: drawn in {drawn:.1f} s, fitted in {fitted:.1f} s, "
        f"together {drawn + fitted:.1f} s of processor (goal: below 8 s)"
    )
    print(f"permutation test, {asked.permutations} permutations: {tested:.1f} s")
    print(f"without an estimate: {(curve['status'] != 'estimated').sum()}")


def _frame(design: ledger.Design, endpoint: str):
    source = cohort.origin("", design)
    patients = cohort.load(source["path"], design, None)
    flags = cohort.eligibility(patients, design)
    history = cohort.events("", "", design, None)
    timed = endpoints.from_history(patients, history, design)
    timed = cohort.add_factors(scores.add(timed), design)
    return endpoints.derive_all(timed[flags.all(axis=1)], design)[endpoint]


if __name__ == "__main__":
    main()
