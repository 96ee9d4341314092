"""Do the analyses of cause cover a known truth where the paper's own model does not?

Simulated cohorts of worlds in which treatment was chosen, begun late, or recorded with gaps.
Every analysis runs through the public functions of `crlm`.

    python benchmarks/bias.py --cohorts 40                    # all worlds that are here
    python benchmarks/bias.py --worlds 1 12 --cohorts 500     # goes on where it ended

One row a cohort and analysis is added to `benchmarks/results/bias.csv` (what is there is not run
again); the summary is printed and written to `benchmarks/bias.csv`.
"""

import argparse
import csv
import math
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from crlm import causal, missing, regression, survival

FOLDER = Path(__file__).parent / "results"
FIELDS = ["world", "n", "cohort", "analysis", "estimate", "conf_low", "conf_high", "truth"]
N = 674
BETA = math.log(0.75)
GRACE = 12 * 7 / 30.4375
NO_YES = pd.CategoricalDtype(["no", "yes"])
TERMS = [
    ("age", "spline"),
    ("number", "log spline"),
    ("size", "log"),
    ("cea", "log"),
    ("nodes", "factor"),
    ("synchronous", "factor"),
    ("extrahepatic", "factor"),
    ("kras", "factor"),
    ("margin", "factor"),
    ("year", "spline"),
]
SHORT = [("age", "spline"), ("number", "log"), ("extrahepatic", "factor")]
PAPER = ["hai", "kras", "margin", "crs_high", "extrahepatic"]
#: Which analysis has to cover, which is the naive one, and the flag that has to be raised.
MARKS = {
    1: (["overlap RD", "doubly robust HR"], "paper HR", "indication"),
    2: (["time dependent HR", "clones RD"], "ever HR", "immortal"),
    3: (["testing weighted RFS"], "tested RFS", "tested by outcome"),
    4: (["late entry OS"], "tested OS", "late tests"),
    5: (["overlap RD", "doubly robust HR"], "paper HR", "era"),
    9: (["imputed HR"], "complete case HR", "missing"),
    10: (["difference of RDs"], "unadjusted difference of RDs", "underpowered"),
    11: (["overlap RD"], "paper HR", ""),
    12: (["overlap RD", "doubly robust HR"], "paper HR", ""),
}


def covariates(rng, n):
    number = np.clip(np.floor(np.exp(rng.normal(0.7, 0.8, n))) + 1, 1, 15)
    drawn = {
        "age": rng.normal(58, 11, n),
        "number": number,
        "size": np.exp(rng.normal(1, 0.6, n)),
        "nodes": rng.random(n) < 0.62,
        "synchronous": rng.random(n) < 0.64,
        "extrahepatic": rng.random(n) < 0.10,
        "kras": rng.random(n) < 0.38,
        "margin": rng.random(n) < 0.10,
        "cea": np.exp(rng.normal(2.3, 1.5, n)),
        "year": rng.random(n),
    }
    return pd.DataFrame(drawn)


def chance_of_hai(world, d):
    logit = np.full(len(d), 0.2)
    if world == 1:
        logit += 0.9 * (np.log(d["number"]) - 0.9) - 0.07 * (d["age"] - 58)
    if world == 10:
        logit += 0.5 * (np.log(d["number"]) - 0.9) - 0.05 * (d["age"] - 58)
    if world in (1, 10, 11):
        logit -= 0.8 * d["extrahepatic"]
    if world == 9:
        logit -= 1.2 * d["extrahepatic"]
    if world == 5:
        logit += 5 * (d["year"] - 0.5)
    if world == 12:
        logit = np.zeros(len(d))
    return 1 / (1 + np.exp(-logit))


def hazard(world, d, hai):
    """Of death, in a month."""
    beta = {12: 0.0, 10: math.log(0.6)}.get(world, BETA)
    log = beta * hai + 0.5 * d["kras"] + 0.7 * d["margin"] + 0.3 * (d["nodes"] - 0.62)
    if world == 9:
        return 0.00825 * np.exp(log + 1.1 * d["extrahepatic"])
    log += 0.04 * (d["age"] - 58) + 0.15 * (np.log(d["number"]) - 0.9) + 0.7 * d["extrahepatic"]
    log += (-1.2 if world == 5 else 0.0) * (d["year"] - 0.5)
    return 0.0075 * np.exp(log)


def cohort(world, number, n=N):
    """One simulated cohort; of four times as many in the world where all are eligible."""
    rng = np.random.default_rng([world, number])
    d = covariates(rng, 4 * n - 6 if world == 3 else n)
    if world == 2:
        return late_start(d, rng)
    if world in (3, 4):
        return (tested_after_recurrence if world == 3 else tested_late)(d, rng)
    hai = rng.random(n) < chance_of_hai(world, d)
    dies = rng.exponential(1 / hazard(world, d, hai))
    frame = observed(d, hai, dies, rng.uniform(36, 150, n), "OS")
    if world == 9:
        same = hai == ~frame["event"].to_numpy()
        gone = rng.random(n) < np.where(same, 0.62, 0.40)
        frame.loc[gone, "extrahepatic"] = None
    return frame


def late_start(d, rng):
    """Recurrence at 0.045 a month, three quarters of it from the start of the pump on."""
    n = len(d)
    plan = np.where(rng.random(n) < 0.6, rng.uniform(1, 3, n), np.inf)
    clock = rng.exponential(1 / 0.045, n)
    held = np.where(np.isinf(plan), 0.0, plan)
    event = np.where(clock <= plan, clock, held + (clock - held) / 0.75)
    frame = observed(d, plan < event, event, rng.uniform(36, 150, n), "RFS")
    started = frame["hai"] == "yes"
    return frame.assign(hai_start_months=np.where(started, plan, np.nan))


def tested_after_recurrence(d, rng):
    """Genes are read in a third of those who recur and a tenth of the others."""
    n = len(d)
    cured = rng.random(n) < 0.30
    event = np.where(cured, np.inf, rng.exponential(1 / 0.05, n))
    frame = observed(d, cured, event, rng.uniform(36, 150, n), "RFS")
    tested = rng.random(n) < np.where(frame["event"], 0.35, 0.09)
    return frame.assign(tested=pd.Categorical(np.where(tested, "yes", "no"), dtype=NO_YES))


def tested_late(d, rng):
    """Genes are read at the operation in 40 %, else at some time, in whoever is there then."""
    n = len(d)
    frame = observed(d, np.zeros(n), rng.exponential(1 / 0.0085, n), rng.uniform(36, 150, n), "OS")
    month = np.where(rng.random(n) < 0.40, 0.0, rng.uniform(0, 96, n))
    return frame.assign(genetic_test_months=month)[month < frame["time"]]


def observed(d, hai, event, censored, endpoint):
    score = d["nodes"].astype(int) + d["synchronous"] + (d["number"] > 1) + (d["size"] > 5)
    score = score + (d["cea"] > 200)
    flags = {name: d[name] for name in ("nodes", "synchronous", "extrahepatic", "kras", "margin")}
    flags |= {"hai": hai, "crs_high": score >= 3}
    named = {k: pd.Categorical(np.where(v, "yes", "no"), dtype=NO_YES) for k, v in flags.items()}
    return d.assign(
        **named, time=np.minimum(event, censored), event=event <= censored, endpoint=endpoint
    )


# ---- truths ----------------------------------------------------------------------


def truths(world):
    """The risk difference in the overlap population (points) and the log hazard ratio."""
    if world == 2:
        return {"RD": strategies_truth(36.0), "HR": BETA}
    if world in (3, 4):
        return {"RFS": 100 * (0.3 + 0.7 * math.exp(-3)), "OS": 100 * math.exp(-0.51)}
    rng = np.random.default_rng([world, 10**6])
    d = covariates(rng, 400_000)
    e = chance_of_hai(world, d)
    alive = [np.exp(-60 * hazard(world, d, arm)) for arm in (0, 1)]
    w = e * (1 - e)
    if world == 10:
        gain = (alive[1] - alive[0]).to_numpy()
        parts = [np.average(gain[d["kras"] == k], weights=w[d["kras"] == k]) for k in (0, 1)]
        return {"RDs": 100 * (parts[1] - parts[0])}
    return {
        "RD": 100 * float(w @ (alive[1] - alive[0]) / w.sum()),
        "HR": 0.0 if world == 12 else BETA,
    }


def strategies_truth(month, base=0.045, later=0.75, planned=0.6):
    """Survival of "start by the end of grace" less that of "do not start by then"."""
    u = np.linspace(1, 3, 200_001)
    upto = np.exp(-base * (np.minimum(u, GRACE) + later * np.maximum(GRACE - u, 0)))
    own = (1 - planned) * math.exp(-base * GRACE) + planned * upto.mean()
    start = own * math.exp(-later * base * (month - GRACE))
    tail = u[u > GRACE]
    share = planned * len(tail) / len(u)
    share /= share + 1 - planned
    course = np.exp(-base * (tail - GRACE) - later * base * (month - tail))
    then = course.mean() if len(course) else 0.0
    not_start = math.exp(-base * GRACE) * (
        (1 - share) * math.exp(-base * (month - GRACE)) + share * then
    )
    return 100 * (start - not_start)


# ---- analyses ----------------------------------------------------------------------


def analyse(world, frame, seed):
    """Pairs of a name and its result row."""
    if world == 2:
        return timed(frame, seed)
    if world == 9:
        return imputed(frame, seed)
    if world in (3, 4, 10):
        return {3: chosen, 4: read_late, 10: by_kras}[world](frame, seed)
    model = causal.propensity(frame, "hai", TERMS)
    effects = causal.weighted_effects(frame, "hai", model, times=[60], seed=seed)
    robust = causal.doubly_robust(frame, "hai", TERMS, causal.weights(model))
    found = [
        ("overlap RD", one(effects, "risk_difference")),
        ("doubly robust HR", one(robust, "hazard_ratio")),
        ("paper HR", one(regression.cox(frame, PAPER), "hazard_ratio", "hai")),
    ]
    era = causal.era(frame, "hai", TERMS, year="year")
    # Treatment begins on day 0 here, so counting from the start must move nothing.
    start = frame.assign(hai_start_months=np.where(frame["hai"] == "yes", 0.0, np.nan))
    timing = causal.time_dependent(start, "hai", "hai_start_months", SHORT)
    found += flags(model.diagnostics, era, timing)
    tests = regression.ph_test(frame, PAPER)
    p = one(tests, "p", "GLOBAL")["estimate"]
    return [*found, ("flag proportional hazards", {"estimate": float(p < 0.005)})]


def timed(frame, seed):
    rows = causal.time_dependent(frame, "hai", "hai_start_months", SHORT)
    clones = causal.strategies(
        frame, "hai", "hai_start_months", SHORT, grace=GRACE, times=[36], seed=seed
    )
    late, ever = (rows[rows["model"] == model] for model in ("time dependent", "diagnostic"))
    return [
        ("time dependent HR", one(late, "hazard_ratio")),
        ("clones RD", one(clones, "risk_difference")),
        ("ever HR", one(ever, "hazard_ratio")),
        *flags(rows),
    ]


def imputed(frame, seed):
    tables = missing.impute(frame, [*TERMS, ("hai", "factor")], 20, seed, exposure="hai")
    pooled = missing.pool(
        [regression.cox(table, PAPER) for table in tables], len(frame), len(PAPER)
    )
    complete = regression.cox(frame, PAPER)
    share = float(frame["extrahepatic"].notna().mean())
    return [
        ("imputed HR", one(pooled, "hazard_ratio", "hai")),
        ("imputed HR of extrahepatic", one(pooled, "hazard_ratio", "extrahepatic")),
        ("complete case HR", one(complete, "hazard_ratio", "hai")),
        *flags(missing.moved(complete, pooled, "hai", share=share)),
    ]


def chosen(frame, seed):
    weighted = causal.tested_effects(frame, "tested", times=[60], seed=seed)
    told = causal.tested_against_untested(frame, "tested", [], times=[60])
    naive = told[told["group"] == "tested=yes"]
    return [
        ("testing weighted RFS", one(weighted, "survival_rate")),
        ("tested RFS", one(naive, "survival_rate")),
        *flags(told),
    ]


def read_late(frame, seed):
    rows = causal.from_test(frame, "genetic_test_months", times=[60])
    naive = survival.kaplan_meier(frame, times=[60])
    return [
        ("late entry OS", one(rows, "survival_rate")),
        ("tested OS", one(naive, "survival_rate")),
        *flags(rows),
    ]


def by_kras(frame, seed):
    found = []
    terms = [term for term in TERMS if term[0] != "kras"]
    for name, some in (("difference of RDs", terms), ("unadjusted difference of RDs", [])):
        model = causal.propensity(frame, "hai", some, modifier="kras")
        rows = causal.weighted_effects(frame, "hai", model, by="kras", times=[60], seed=seed)
        found.append((name, one(rows, "difference_of_risk_differences")))
    share = [float((frame[name] == "yes").mean()) for name in ("hai", "kras")]
    power = causal.power(float(frame["event"].sum()), *share, covariate="hai:kras")
    return [*found, *flags(power)]


def one(rows, statistic, covariate=None):
    at = rows[rows["statistic"] == statistic]
    if covariate is not None:
        at = at[at["covariate"] == covariate]
    if len(at) != 1:
        raise ValueError(f"{len(at)} rows of {statistic} {covariate or ''}")
    return at.iloc[0].to_dict()


def flags(*parts):
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["statistic"] == "flag"]
    return [(f"flag {row.covariate}", {"estimate": row.estimate}) for row in rows.itertuples()]


# ---- the run -------------------------------------------------------------------------


def truth_of(name, truth):
    if name.endswith("of extrahepatic"):
        return 1.1
    return truth[name.split()[-1]]


def record(world, n, number, name, row, truth):
    values = [row.get(k, math.nan) for k in ("estimate", "conf_low", "conf_high")]
    if "HR" in name:
        values = [math.log(v) if v > 0 else math.nan for v in values]
    about = "" if name.startswith("flag") else truth_of(name, truth)
    return dict(zip(FIELDS, [world, n, number, name, *values, about], strict=True))


def run(worlds, cohorts, n, path):
    done = set()
    if path.is_file():
        seen = pd.read_csv(path)
        done = set(zip(seen["world"], seen["n"], seen["cohort"], strict=True))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, FIELDS).writeheader()
    for world in worlds:
        truth, began = truths(world), time.perf_counter()
        todo = [k for k in range(cohorts) if (world, n, k) not in done]
        for number in todo:
            rows = [
                record(world, n, number, name, row, truth)
                for name, row in analyse(world, cohort(world, number, n), number)
            ]
            # A cohort is written whole or not at all.
            with path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, FIELDS).writerows(rows)
        each = (time.perf_counter() - began) / max(len(todo), 1)
        print(f"world {world}: {len(todo)} cohorts, {each:.2f} s each", file=sys.stderr)


def summary(path):
    """Mean, coverage and flags of each analysis, with the Monte-Carlo error of the mean."""
    rows = pd.read_csv(path)
    told = []
    for (world, n, name), part in rows.groupby(["world", "n", "analysis"], sort=False):
        line = {
            "world": world,
            "n": n,
            "analysis": name,
            "cohorts": len(part),
            "mean": part["estimate"].mean(),
        }
        if name.startswith("flag"):
            told.append({**line, "mean": float("nan"), "raised": 100 * part["estimate"].mean()})
            continue
        truth = part["truth"].iloc[0]
        inside = (part["conf_low"] <= truth) & (truth <= part["conf_high"])
        error = part["estimate"].std(ddof=1)
        told.append(
            {
                **line,
                "truth": truth,
                "bias": line["mean"] - truth,
                "sd": error,
                "coverage": 100 * inside.mean(),
                "role": role(world, name),
            }
        )
    columns = [
        "world",
        "n",
        "analysis",
        "role",
        "cohorts",
        "truth",
        "mean",
        "bias",
        "sd",
        "coverage",
        "raised",
    ]
    return pd.DataFrame(told, columns=columns).sort_values(["world", "n"], kind="stable")


def role(world, name):
    named, naive, _ = MARKS[world]
    return "named" if name in named else "naive" if name == naive else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worlds", type=int, nargs="*", default=sorted(MARKS), choices=MARKS)
    parser.add_argument("--cohorts", type=int, default=40)
    parser.add_argument("--n", type=int, default=N)
    parser.add_argument("--results", type=Path, default=FOLDER / "bias.csv")
    parser.add_argument("--summary", type=Path, default=Path(__file__).with_suffix(".csv"))
    asked = parser.parse_args()
    run(asked.worlds, asked.cohorts, asked.n, asked.results)
    found = summary(asked.results)
    found.round(4).to_csv(asked.summary, index=False)
    print(found.round(3).to_string(index=False, na_rep=""))


if __name__ == "__main__":
    main()
