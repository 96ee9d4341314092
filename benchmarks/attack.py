"""Does a safe report keep what it promises? Random cohorts, whole notebooks, and an attack on them.

    python benchmarks/attack.py                 # 48 cohorts of both studies, K = 5, 8, 11
    python benchmarks/attack.py --cohorts 4 --naive

Each cohort is drawn from the shipped patients (with replacement, times and levels moved), as a
hospital would have it: ready times, gaps, a few patients who do not meet the criteria; from the
41st cohort on a third of the patients entered late. The
notebook runs on it twice, as it is and safe; the released rows are then attacked by all that a
reader knows, and the true counts of the unsafe rows are held against the program's own. What is
in `benchmarks/results/attack.csv` is not run again; the summary is printed and written to
`benchmarks/attack.csv`.

Columns: protected (small counts, printed or not), exact (one value left), short (2 to K - 1
values), outside (true counts of the unsafe report that are not the attack's), hidden (per cent of
printed counts that are blank), error (mean, of the others, in patients), verdicts (p below 0.05
that changed sides), bands (widened), vetoed (ratios hidden by the attack), seconds (of the attack
on the whole report).
"""

import argparse
import contextlib
import csv
import inspect
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from crlm import cohort, endpoints, ledger
from crlm.ledger import KEYS
from crlm.paper.base import Base
from crlm.privacy import attack, quantities
from crlm.report.figures import picture
from tests import cells

FOLDER = Path(__file__).parent / "results"
FIELDS = ["study", "n", "gaps", "k", "seed", "rows", "protected", "exact", "short", "outside"]
FIELDS += ["hidden", "error", "worst", "verdicts", "bands", "vetoed", "seconds", "failed"]
#: Cohorts from this seed on have late entry.
LATE = 40
SIZES, KS = (40, 60, 100, 150, 400, 674), (5, 8, 11)
STUDIES = ("ncch_scp", "mskcc_hai")
QUICK = {"bootstrap_samples": 0, "specifications": 0, "permutations": 1}
#: Columns whose levels may be dealt out anew without a contradiction in the table.
LOOSE = [
    "sex",
    "sidedness",
    "t_stage",
    "nodal_status",
    "bilobar",
    "margin",
    "ablation",
    "two_stage",
]
COUNTS = ["n", "missing", "n_at_risk", "cumulative_events"]


def patients_of(study):
    """The shipped patients with ready times, and whether each meets the criteria."""
    design = ledger.load_design(study)
    patients = cohort.load(design.folder / "cohort.csv", design)
    history = cohort.load_history(design.folder / "history.csv", design)
    known = endpoints.timed(patients, history, design)
    inside = cohort.eligibility(known, design).all(axis=1)
    known = known[[name for name in design.columns if name in known]].copy()
    for name in known.filter(regex="_event$"):
        known[name] = known[name].astype("Int64")
    return design, known, inside


def drawn(study, n, gaps, seed):
    """A random cohort of n patients who are included, and a few who are not."""
    design, known, inside = patients_of(study)
    rng = np.random.default_rng([seed, n, gaps, len(study)])
    out = known[~inside].sample(
        min(int(rng.integers(3, 30)), int((~inside).sum())), random_state=seed
    )
    made = pd.concat([known[inside].sample(n, replace=True, random_state=seed), out])
    made = made.reset_index(drop=True)
    factor = np.exp(rng.normal(0, 0.3, len(made)))
    for name in made.filter(regex="(?<!dfi)_months$"):
        made[name] = (made[name] * factor).round(2)
    loose = [
        name for name in LOOSE if name in made and not (name == "nodal_status" and "crs" in made)
    ]
    for name in loose:
        moved = rng.random(len(made)) < 0.2
        other = made[name].sample(frac=1, random_state=seed).to_numpy()
        made[name] = pd.Series(np.where(moved, other, made[name]), index=made.index)
    if gaps:
        for name in [design.exposure, *rng.permutation(loose)[:3]]:
            lost = rng.random(len(made)) < rng.choice([3 / n, 0.05, 0.1])
            made[name] = made[name].astype(object).mask(lost)
            if name == "ras" and "kras_codon" in made:
                made["kras_codon"] = made["kras_codon"].astype(object).mask(lost)
    if seed >= LATE:
        first = made.filter(regex="^(os|rfs|scp|hepatic_rfs)_months$").min(axis=1)
        entered = rng.random(len(made)) < 1 / 3
        made["entry_months"] = (first * rng.uniform(0, 0.9, len(made))).where(entered, 0).round(2)
    made["patient_id"] = [f"P{number:04d}" for number in range(len(made))]
    return made


def report(study, path, k):
    """The `Paper` of a notebook on a table, safe or not; pictures are not painted."""
    patch = pytest.MonkeyPatch()
    patch.setattr(picture, "_cropped", lambda _: np.full((9, 9, 3), 255, np.uint8))
    values = {**QUICK, "cohort_path": str(path)}
    text = (cells.ROOT / "notebooks" / f"{study}.md").read_text(encoding="utf-8")
    if "\nsafe: int" in text:
        values["safe"] = k
    else:
        patch.setitem(inspect.unwrap(Base.__init__).__kwdefaults__, "safe", k)
    try:
        return cells.execute(study, patch, **values)[0]["paper"]
    finally:
        patch.undo()


def attacked(paper):
    """What a fresh attack finds on all released rows, and how long it took."""
    release = paper.release
    trial = attack.Attack(release.k, release.truth, seconds=600)
    started = time.monotonic()
    found = trial.ranges(release.knowledge(release.released))
    return found, round(time.monotonic() - started, 1)


def naive(paper, release):
    """As if small counts were blank and all others exact: what is done by hand."""
    rows = paper.results
    for name in ("estimate", "events", "n"):
        small = rows[name].between(1, release.k - 1) & rows["statistic"].isin(
            [*COUNTS, "reference"]
        )
        rows.loc[small, name] = np.nan
    rows = rows[~rows["statistic"].isin(["hazard_ratio", "odds_ratio"])]
    rows = rows.assign(how="; events: ")
    trial = attack.Attack(release.k, release.truth, seconds=1800)
    return trial.ranges(release.knowledge(ledger.as_records(rows)))


def compared(plain, safe):
    """Share of printed counts that are hidden, errors of the others, and p that changed sides."""
    keys = list(KEYS)
    both = plain.results.merge(safe.results, on=keys, suffixes=("", "_safe"))
    counts = both[both["statistic"].isin(COUNTS) & ~both["model"].isin(["diagnostic"])]
    shown = counts["estimate_safe"].astype(float)
    apart = (shown - counts["estimate"]).abs()
    tests = both[(both["statistic"] == "p") & (both["model"] == "")].dropna(subset="estimate_safe")
    sides = (tests["estimate"] < 0.05) != (tests["estimate_safe"].astype(float) < 0.05)
    return {
        "hidden": round(100 * shown.isna().mean(), 1),
        "error": round(apart.mean(), 2),
        "worst": apart.max(),
        "verdicts": f"{int(sides.sum())} of {len(tests)}",
    }


def one(study, n, gaps, k, seed, with_naive):
    """One cohort: both reports and the attack, as a line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.csv"
        drawn(study, n, gaps, seed).to_csv(path, index=False)
        plain = report(study, path, 0)
        line = dict.fromkeys(FIELDS, "") | {
            "study": study,
            "n": n,
            "gaps": gaps,
            "k": k,
            "seed": seed,
        }
        try:
            safe = report(study, path, k)
        except ledger.CrlmError as error:
            return line | {"failed": str(error)}
    release = safe.release
    found, seconds = attacked(safe)
    told = quantities.told(plain.results)
    truth = {u: release.truth(u) for u in told if u.kind != "x"}
    outside = [u for u, value in truth.items() if np.isfinite(value) and value != told[u]]
    values = [one.values for one in found]
    line |= {"rows": len(release.released), "protected": len(found), "outside": len(outside)}
    line |= {"exact": values.count(1), "short": sum(1 < v < k for v in values), "seconds": seconds}
    line |= {"bands": len(release.state.register.width), "vetoed": len(release.vetoed)}
    if with_naive:
        left = [one.values for one in naive(plain, release)]
        print(
            f"  naive: {left.count(1)} exact, {sum(1 < v < k for v in left)} short of {len(left)}"
        )
    return line | compared(plain, safe)


def cases(cohorts):
    """Studies, sizes, gaps and K in turn, so that each meets each."""
    for seed in range(cohorts):
        gaps = (seed // 2 + seed // 12) % 2
        k = KS[(seed // 2 + seed // 6) % 3]
        yield STUDIES[seed % 2], SIZES[(seed // 2) % 6], gaps, k, seed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=48)
    parser.add_argument("--naive", action="store_true", help="also blank small counts by hand")
    asked = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / "attack.csv"
    done = pd.read_csv(path).to_dict("records") if path.is_file() else []
    seen = {(row["study"], row["seed"], row["k"]) for row in done}
    for case in cases(asked.cohorts):
        if (case[0], case[4], case[3]) in seen:
            continue
        line = one(*case, asked.naive)
        print(line, flush=True)
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            if not seen and file.tell() == 0:
                writer.writeheader()
            writer.writerow(line)
    table = pd.read_csv(path)
    table.to_csv(Path(__file__).with_suffix(".csv"), index=False)
    with contextlib.suppress(KeyError):
        print(table.groupby(["study", "k"])[["protected", "exact", "short", "outside"]].sum())


if __name__ == "__main__":
    main()
