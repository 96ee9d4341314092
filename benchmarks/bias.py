"""Do the analyses of the reviewer's chapter find a known truth where naive ones do not?

Simulated cohorts (`bias_worlds`) in which treatment was chosen, begun late, seen at visits or
recorded with gaps. Every analysis and every flag runs through the public functions of `crlm`.

    python benchmarks/bias.py --cohorts 40                    # all twelve worlds
    python benchmarks/bias.py --worlds 1 12 --cohorts 500     # goes on where it ended
    python benchmarks/bias.py --worlds 1 --first 1000 --cohorts 2000 --results r.csv --summary s.csv

One row a cohort and analysis is added to `benchmarks/results/bias.csv` (what is there is not run
again); the summary is printed and written to `benchmarks/bias.csv`, and which marks it meets to
`benchmarks/bias_marks.csv`.
"""

import argparse
import csv
import math
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from bias_marks import MARKS, marks, summary
from bias_worlds import GRACE, VISITS, N, cohort, truths

from crlm import causal, endpoints, ledger, missing, multistate, regression, survival

FOLDER = Path(__file__).parent / "results"
FIELDS = ["world", "n", "cohort", "analysis", "estimate", "conf_low", "conf_high", "truth"]
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


# ---- analyses ----------------------------------------------------------------------


def analyse(world, frame, seed):
    """Pairs of a name and its result row."""
    if world in ANALYSES:
        return ANALYSES[world](frame, seed)
    return weighted(frame, seed) + (without_year(frame, seed) if world == 5 else [])


def weighted(frame, seed):
    model = causal.propensity(frame, "hai", TERMS)
    effects = causal.weighted_effects(frame, "hai", model, times=[60], seed=seed)
    robust = causal.doubly_robust(frame, "hai", TERMS, causal.weights(model))
    return [
        ("overlap RD", one(effects, "risk_difference")),
        ("doubly robust HR", one(robust, "hazard_ratio")),
        ("paper HR", one(regression.cox(frame, PAPER), "hazard_ratio", "hai")),
        *usual_flags(frame, model),
    ]


def without_year(frame, seed):
    model = causal.propensity(frame, "hai", TERMS[:-1])
    rows = causal.weighted_effects(frame, "hai", model, times=[60], seed=seed)
    return [("without the year RD", one(rows, "risk_difference"))]


def timed(frame, seed):
    rows = causal.time_dependent(frame, "hai", "hai_start_months", SHORT)
    clones = causal.strategies(
        frame, "hai", "hai_start_months", SHORT, grace=GRACE, times=[36], seed=seed
    )
    model = causal.propensity(frame, "hai", SHORT)
    crude = causal.weighted_effects(frame, "hai", model, times=[36], seed=seed)
    late, ever = (rows[rows["model"] == model] for model in ("time dependent", "diagnostic"))
    return [
        ("time dependent HR", one(late, "hazard_ratio")),
        ("clones RD", one(clones, "risk_difference")),
        ("ever HR", one(ever, "hazard_ratio")),
        ("ever RD", one(crude, "risk_difference")),
        *usual_flags(frame),
    ]


def imputed(frame, seed):
    terms = [*TERMS, ("hai", "factor")]
    tables = missing.impute(frame, terms, 20, seed, exposure="hai")
    bare = missing.impute(frame, terms, 5, seed, exposure="hai", outcomes={}, cycles=1)
    pooled, short = (pooled_model(some) for some in (tables, bare))
    complete = regression.cox(frame, PAPER)
    share = float(frame["extrahepatic"].notna().mean())
    return [
        ("imputed HR", one(pooled, "hazard_ratio", "hai")),
        ("imputed extrahepatic HR", one(pooled, "hazard_ratio", "extrahepatic")),
        ("without outcome imputed extrahepatic HR", one(short, "hazard_ratio", "extrahepatic")),
        ("complete case HR", one(complete, "hazard_ratio", "hai")),
        *flags(missing.moved(complete, pooled, "hai", share=share)),
    ]


def pooled_model(tables):
    fits = [regression.cox(table, PAPER) for table in tables]
    return missing.pool(fits, len(tables[0]), len(PAPER))


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
    return [*found, *usual_flags(frame), *flags(power)]


def by_cause(frame, seed):
    caused = multistate.first_recurrence(frame)
    every = multistate.incidence(caused, None, ["liver"], [60])
    sides = multistate.incidence(caused, "hai", ["liver", "elsewhere", "death"], [36, 60])
    right, naive = (every[every["model"] == m] for m in ("aalen-johansen", "one minus km"))
    return [
        ("incidence liver", one(right, "cumulative_incidence")),
        ("one minus km liver", one(naive, "cumulative_incidence")),
        *usual_flags(frame),
        *flags(sides),
    ]


def at_visits(frame, seed):
    left = endpoints.last_negative(frame, VISITS)
    fitted = regression.interval_censored(frame.assign(left=left))
    sides = [
        survival.kaplan_meier(dated, "hai").assign(model=name)
        for name, dated in endpoints.visit_bounds(frame, VISITS).items()
    ]
    return [
        ("interval censored median", one(fitted, "median_survival")),
        ("record median", one(survival.kaplan_meier(frame), "median_survival")),
        *usual_flags(frame),
        *flags(regression.visit_grid(pd.concat(sides), VISITS, endpoint="RFS")),
    ]


def dated_back(patients_and_history, seed):
    patients, history = patients_and_history
    design = ledger.load_design("ncch_scp")
    known = endpoints.from_history(patients, history, design)
    bounded = endpoints.bounds(known, history, design)
    risks = pd.concat(
        multistate.incidence(
            multistate.failure_or_death(bounded[name]), None, ["failure"], [6], model=name
        )
        for name in ("record", "recurrence bound")
    )
    low, high = (
        one(risks[risks["model"] == name], "cumulative_incidence")
        for name in ("record", "recurrence bound")
    )
    between = {"conf_low": low["conf_low"], "conf_high": high["conf_high"]}
    return [
        ("record to recurrence bound failure", between),
        ("record failure", low),
        ("recurrence bound failure", high),
        *flags(multistate.guaranteed_time(risks, bounded["record"], 6)),
    ]


#: The worlds with analyses of their own.
ANALYSES = {
    2: timed,
    3: chosen,
    4: read_late,
    6: by_cause,
    7: at_visits,
    8: dated_back,
    9: imputed,
    10: by_kras,
}


def usual_flags(frame, model=None):
    """The flags of the chapter on how HAI was chosen, when it began, and of drifting hazards."""
    model = model or causal.propensity(frame, "hai", TERMS)
    era = causal.era(frame, "hai", TERMS, year="year")
    if "hai_start_months" not in frame:
        # Treatment begins on day 0 here, so counting from the start must move nothing.
        begun = np.where(frame["hai"] == "yes", 0.0, np.nan)
        frame = frame.assign(hai_start_months=begun)
    timing = causal.time_dependent(frame, "hai", "hai_start_months", SHORT)
    drifting = regression.drifts(regression.ph_test(frame, PAPER), "hai")
    return flags(model.diagnostics, era, timing, drifting)


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
    if name.endswith("extrahepatic HR"):
        return 1.1
    return truth[name.split()[-1]]


def record(world, n, number, name, row, truth):
    values = [row.get(k, math.nan) for k in ("estimate", "conf_low", "conf_high")]
    if "HR" in name:
        values = [math.log(v) if v > 0 else math.nan for v in values]
    about = "" if name.startswith("flag") else truth_of(name, truth)
    return dict(zip(FIELDS, [world, n, number, name, *values, about], strict=True))


def run(worlds, cohorts, n, path):
    """Analyse the cohorts of these numbers that the file does not hold yet."""
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
        todo = [k for k in cohorts if (world, n, k) not in done]
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worlds", type=int, nargs="*", default=list(MARKS), choices=MARKS)
    parser.add_argument("--cohorts", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="number of the first cohort")
    parser.add_argument("--n", type=int, default=N)
    parser.add_argument("--results", type=Path, default=FOLDER / "bias.csv")
    parser.add_argument("--summary", type=Path, default=Path(__file__).with_suffix(".csv"))
    asked = parser.parse_args()
    numbers = range(asked.first, asked.first + asked.cohorts)
    run(asked.worlds, numbers, asked.n, asked.results)
    found = summary(asked.results)
    judged = marks(found)
    found.round(4).to_csv(asked.summary, index=False)
    judged.round(4).to_csv(asked.summary.with_stem(asked.summary.stem + "_marks"), index=False)
    for table in (found, judged):
        print(table.round(3).to_string(index=False, na_rep=""), end="\n\n")


if __name__ == "__main__":
    main()
