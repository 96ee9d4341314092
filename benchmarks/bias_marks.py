"""What the rows of `bias` come to: bias, coverage and flags, and which marks they meet.

The marks, of 500 cohorts of 674 patients: (a) A named analysis covers in 92.5 to 97.5 %; a bound
may cover more often. (b) The naive one covers in less than 80 %, in seven worlds at least. (c) The
flag of a world is raised in 90 %. (d) In a world without bias any warning at all is raised in 5 %
at most. (e) The mean of a named estimate lies within 0.3 of its standard error of the truth.
(g) An analysis that leaves out what it needs covers in less than 80 %. Smaller cohorts have none.
"""

import numpy as np
import pandas as pd

from crlm.ledger import FLAGS

#: Which analyses have to cover, which is the naive one, and the flag that has to be raised; the
#: cheap worlds first.
MARKS = {
    4: (["late entry OS"], "tested OS", "late tests"),
    8: (["record to recurrence bound failure"], "record failure", "guaranteed time"),
    3: (["testing weighted RFS"], "tested RFS", "tested by outcome"),
    6: (["incidence liver"], "one minus km liver", "competing"),
    7: (["interval censored median"], "record median", "visit grid"),
    12: (["overlap RD", "doubly robust HR"], "paper HR", ""),
    11: (["overlap RD"], "paper HR", ""),
    1: (["overlap RD", "doubly robust HR"], "paper HR", "indication"),
    5: (["overlap RD", "doubly robust HR"], "paper HR", "era"),
    10: (["difference of RDs"], "unadjusted difference of RDs", "underpowered"),
    2: (["time dependent HR", "clones RD"], "ever HR", "immortal"),
    9: (["imputed HR"], "complete case HR", "missing"),
}
#: Analyses that leave out what they need: a wrong answer must be possible.
WRONG = ["ever RD", "without the year RD", "without outcome imputed extrahepatic HR"]
#: A bound has no estimate, and may cover too often.
BOUNDS = ["record to recurrence bound failure"]
#: The world in which no warning is due.
NO_BIAS = 12
ANY = "flag any warning"
#: A true 95 % method leaves the window of mark (a) in one of 100 worlds of so many cohorts.
ENOUGH = 500
COLUMNS = [
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


def role(world, name):
    named, naive, flag = MARKS[world]
    roles = {naive: "naive", f"flag {flag}": "due", **dict.fromkeys(named, "named")}
    return roles.get(name, "wrong" if name in WRONG else "")


def summary(path):
    """A line an analysis and a flag of each world: bias and coverage, or how often it is raised."""
    rows = pd.read_csv(path)
    rows = pd.concat([rows, any_warning(rows)], ignore_index=True)
    told = [
        line(world, n, name, part)
        for (world, n, name), part in rows.groupby(["world", "n", "analysis"], sort=False)
    ]
    told = pd.DataFrame(told, columns=COLUMNS)
    return told.sort_values(["world", "n"], kind="stable", ignore_index=True)


def any_warning(rows):
    """One row a cohort: whether any flag that speaks of bias is raised; notes do not count."""
    warnings = [f"flag {name}" for name, kind in FLAGS.items() if kind == "warning"]
    keys = ["world", "n", "cohort"]
    flags = rows[rows["analysis"].isin(warnings)]
    return flags.groupby(keys, as_index=False)["estimate"].max().assign(analysis=ANY)


def line(world, n, name, part):
    keys = {"world": world, "n": n, "analysis": name, "role": role(world, name)}
    keys["cohorts"] = len(part)
    if name.startswith("flag"):
        return {**keys, "raised": 100 * part["estimate"].mean()}
    truth, mean = part["truth"].iloc[0], part["estimate"].mean()
    inside = (part["conf_low"] <= truth) & (truth <= part["conf_high"])
    spread = {"mean": mean, "bias": mean - truth, "sd": part["estimate"].std(ddof=1)}
    return {**keys, "truth": truth, **spread, "coverage": 100 * inside.mean()}


def marks(summary, n=674):
    """What each mark asks for, what was found, and whether it is met.

    Coverage of fewer cohorts than the mark was made for is told, and not judged.
    """
    lines = summary[summary["n"] == n]
    found = [mark for line in lines.itertuples() for mark in marks_of(line)]
    naive = lines[lines["role"] == "naive"]
    misled = int((naive["coverage"] < 80).sum())
    found.append(("b", None, "worlds", naive["cohorts"].min(), misled, (7, 12)))
    told = pd.DataFrame(found, columns=["mark", "world", "analysis", "cohorts", "found", "asked"])
    low, high = (told["asked"].str[k] for k in (0, 1))
    told["met"] = np.where(told["found"].between(low, high), "yes", "no")
    few = (told["mark"] == "a") & (told["cohorts"] < ENOUGH)
    told.loc[few, "met"] = "not judged"
    told["asked"] = [f"{low:g} to {high:g}" for low, high in told["asked"]]
    told["world"] = told["world"].astype("Int64")
    return told.sort_values(["mark", "world"], kind="stable", ignore_index=True)


def marks_of(line):
    """The marks that a line of the summary has to meet, as tuples."""
    at = (line.world, line.analysis, line.cohorts)
    if line.role == "named":
        bound = line.analysis in BOUNDS
        found = [("a", *at, line.coverage, (92.5, 100.0 if bound else 97.5))]
        return found if bound else [*found, ("e", *at, abs(line.bias) / line.sd, (0.0, 0.3))]
    if line.role == "wrong":
        return [("g", *at, line.coverage, (0.0, 80.0))]
    if line.role == "due":
        return [("c", *at, line.raised, (90.0, 100.0))]
    if line.analysis == ANY and line.world == NO_BIAS:
        return [("d", *at, line.raised, (0.0, 5.0))]
    return []
