"""Simulated cohorts in which something goes wrong, and the truth that an analysis has to find.

A world is a number from 1 to 12: 1 treatment chosen by burden, 2 begun late, 3 genes read after
a recurrence, 4 read years later, 5 eras, 6 competing causes, 7 recurrences seen at visits,
8 chemotherapy before failure is known, 9 missing values, 10 two groups on one scale, 11 a fair
choice, 12 no effect. Truths are computed without the analyses.
"""

import math

import numpy as np
import pandas as pd

N = 674
BETA = math.log(0.75)
GRACE = 12 * 7 / 30.4375
#: Months between two examinations, and between a recurrence and the assessment after p-NAC.
VISITS, P_NAC = 4.0, 2.5
#: A month in days where a history counts in days.
DAYS = 30.0
NO_YES = pd.CategoricalDtype(["no", "yes"])
#: Rates a month of the first event in the world of competing causes.
RATES = {"liver": 0.014, "elsewhere": 0.016, "death": 0.004}


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
    """One simulated cohort; of four times as many in the world where all are eligible.

    An analysis frame; patients and their history in the world of p-NAC.
    """
    rng = np.random.default_rng([world, number])
    d = covariates(rng, 4 * n - 6 if world == 3 else n)
    if world in OTHERS:
        return OTHERS[world](d, rng)
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
    frame = observed(d, np.zeros(n), event, rng.uniform(36, 150, n), "RFS")
    tested = rng.random(n) < np.where(frame["event"], 0.35, 0.09)
    return frame.assign(tested=pd.Categorical(np.where(tested, "yes", "no"), dtype=NO_YES))


def tested_late(d, rng):
    """Genes are read at the operation in 40 %, else at some time, in whoever is there then."""
    n = len(d)
    frame = observed(d, np.zeros(n), rng.exponential(1 / 0.0085, n), rng.uniform(36, 150, n), "OS")
    month = np.where(rng.random(n) < 0.40, 0.0, rng.uniform(0, 96, n))
    return frame.assign(genetic_test_months=month)[month < frame["time"]]


def competing(d, rng):
    """The first event is a recurrence in the liver, one elsewhere, or a death."""
    n = len(d)
    rates = np.array(list(RATES.values()))
    first = rng.exponential(1 / rates.sum(), n)
    cause = rng.choice(list(RATES), n, p=rates / rates.sum())
    hai, censored = drawn_by_lot(d, rng), rng.uniform(36, 150, n)
    frame = observed(d, hai, first, censored, "RFS")
    event = frame["event"].to_numpy()
    died = event & (cause == "death")
    told = {"site_liver": cause == "liver", "site_extrahepatic": cause == "elsewhere"}
    for name, at in told.items():
        values = np.where(at, "yes", "no").astype(object)
        frame[name] = np.where(event & ~died, values, None)
    return frame.assign(os_months=np.where(died, frame["time"], censored), os_event=died)


def seen_at_visits(d, rng):
    """Recurrences with a median of 7 months, each found at the examination that follows it."""
    n = len(d)
    event = rng.exponential(7 / math.log(2), n)
    dates = VISITS * np.arange(1, 60) + rng.uniform(-0.4, 0.4, (n, 59))
    seen = np.where(dates < event[:, None], np.inf, dates).min(axis=1)
    hai, censored = drawn_by_lot(d, rng), rng.uniform(36, 90, n)
    frame = observed(d, hai, seen, censored, "RFS")
    return frame.assign(os_months=censored, os_event=False)


def early_recurrences(d, rng):
    """Patients and history: an early recurrence gets p-NAC before it is known to be a failure.

    Half of the recurrences before month 6 and 40 % of the later ones are beyond surgery; what is
    left of control is lost at a rate of 0.04. Beyond surgery, the early ones are found out at the
    assessment.
    """
    n = len(d)
    recurs, last = rng.exponential(1 / 0.08, n), rng.uniform(24, 90, n)
    beyond = rng.random(n) < np.where(recurs < 6, 0.5, 0.4)
    lost = recurs + rng.exponential(1 / 0.04, n)
    ids = np.array([f"P{k + 1}" for k in range(n)])
    early, judged = recurs < 6, recurs + P_NAC
    controlled = early & ~beyond & (lost > judged)
    yes, no = "resectable=yes", "resectable=no"
    events = [
        (np.full(n, True), np.zeros(n), "hepatectomy", ""),
        (early | ~beyond, recurs, "recurrence", f"site=liver; {yes}"),
        (~early & beyond, recurs, "recurrence", f"site=liver; {no}"),
        (early, recurs, "p_nac", ""),
        (early & beyond, judged, "assessment", f"response=progression; {no}"),
        (controlled, judged, "assessment", f"response=control; {yes}"),
        (~beyond, lost, "recurrence", f"site=liver; {no}"),
        (np.full(n, True), last, "last_contact", ""),
    ]
    parts = []
    for who, month, event, details in events:
        here = who & (month <= last)
        days = {"patient_id": ids[here], "day": DAYS * month[here]}
        parts.append(pd.DataFrame({**days, "event": event, "details": details}))
    return pd.DataFrame({"patient_id": ids}), pd.concat(parts, ignore_index=True)


#: Worlds whose hazards are their own.
OTHERS = {
    2: late_start,
    3: tested_after_recurrence,
    4: tested_late,
    6: competing,
    7: seen_at_visits,
    8: early_recurrences,
}


def drawn_by_lot(d, rng):
    """HAI where it is chosen by nothing and does nothing."""
    return rng.random(len(d)) < 1 / (1 + math.exp(-0.2))


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
    """What the analyses of a world have to find, by the last word of their names.

    `RD` is the difference of survival in the overlap population (points), `HR` the logarithm of
    the hazard ratio.
    """
    if world in OTHERS:
        return own_truths()[world]
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


def own_truths():
    """Truths in closed form: rates in percent, the median in months."""
    every = sum(RATES.values())
    liver = RATES["liver"] / every * (1 - math.exp(-60 * every))
    return {
        2: {"RD": strategies_truth(36.0), "HR": BETA},
        3: {"RFS": 100 * (0.3 + 0.7 * math.exp(-3))},
        4: {"OS": 100 * math.exp(-0.51)},
        6: {"liver": 100 * liver},
        7: {"median": 7.0},
        8: {"failure": failed_by(6.0)},
    }


def failed_by(month, recurs=0.08, later=0.04, found=1.25):
    """Percent whose control is lost, all recurrences until then being early.

    Half are beyond surgery, in truth at any time up to `found` months after the recurrence.
    """
    early = math.exp(-recurs * (month - found)) - math.exp(-recurs * month)
    at_once = 1 - early / (recurs * found)
    slow = recurs * math.exp(-later * month) - later * math.exp(-recurs * month)
    return 100 * (at_once + 1 - slow / (recurs - later)) / 2


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
