"""Methods in sentences: curves and models of the paper's own."""

from __future__ import annotations

import re

import pandas as pd

from crlm.ledger import as_records, kind_of, small
from crlm.ledger.vocabulary import GRAY, MULTIVARIABLE, POISSON
from crlm.report.manuscript.done import Done, listed

_SPSS = "limits of rates are plain, those of medians the median ± 1.96 standard errors as in SPSS"
#: What a phrase of a method says; the first that is found holds.
_LIMITS = {
    "median CI as SPSS": _SPSS,
    "log-log CI": "limits are on the log-log scale",
    "log CI": "limits are on the log scale",
    "plain CI": "limits are plain",
}
_MEDIANS = {
    "first t with S <= 0.5": "the median is the first time at which the curve is at one half or "
    "below",
    "midpoint where S = 0.5": "where the curve is flat at one half, the median is the middle of "
    "that stretch",
}
_FOLLOW_UP = {
    "without the event": "Median follow-up is the median of the observed times of patients "
    "without the event.",
    "reverse Kaplan-Meier": "Median follow-up is by the reverse Kaplan-Meier method.",
    "median of the observed times": "Median follow-up is the median of the observed times.",
}
_RATES = {
    "exact Poisson CI": "exact (Poisson, Garwood)",
    "Byar's CI with half": "Byar's, with half an event more",
    "Byar's CI": "Byar's",
    "log CI": "on the log scale",
    "plain CI": "the rate ± 1.96 standard errors",
}
_RATIOS = {
    "Poisson model": "a Poisson model (Wald)",
    "mid-P": "the conditional test of two Poisson rates with mid-P",
    "exact test": "the conditional exact test of two Poisson rates",
}
_TESTS = {"wald": "Wald", "logrank": "log-rank", "lr": "likelihood ratio", "score": "score"}
#: How covariates come into a model, as `regression.Rule.words` says it, and as a paper would.
_SELECTIONS = (
    (
        r"backward selection \(p < (?P<stay>[\d.e-]+)\) from univariable p < (?P<entry>[\d.e-]+) "
        r"\((?P<test>\w+)\)",
        "candidates with p < {entry} alone ({test} test) entered a backward selection, which kept "
        "those with p < {stay}",
    ),
    (
        r"covariates with univariable p < (?P<entry>[\d.e-]+) \((?P<test>\w+)\)",
        "all candidates with p < {entry} alone ({test} test) entered the multivariable model",
    ),
    (r"covariates fixed beforehand", "the multivariable model was fixed beforehand"),
    (r"all covariates, no screening", "all candidates entered the multivariable model"),
    (r"each covariate alone", "each covariate was analysed alone"),
)


# ---- curves -----------------------------------------------------------------


def curves(done: Done) -> list[str]:
    """How survival and follow-up were estimated and groups compared."""
    told = []
    found = done.methods(statistic="median_survival") or done.methods(statistic="survival_rate")
    for method in found[:1]:
        parts = [_said(_LIMITS, method), _said(_MEDIANS, method)]
        rest = "; ".join(part for part in parts if part)
        told.append(f"Survival was estimated by the Kaplan-Meier method; 95 % {rest}.")
    if done.has(model="logrank"):
        told.append("Groups were compared by the log-rank test.")
    told += _incidences(done)
    for method in done.methods(statistic="median_follow_up", endpoint="")[:1]:
        told.append(_said(_FOLLOW_UP, method) or f"Median follow-up: {method}.")
    return told + _follow_up_apart(done) + _rates(done)


def _follow_up_apart(done: Done) -> list[str]:
    """How follow-up was summarised where endpoints have one of their own."""
    found = done.of(statistic="median_follow_up")
    found = found[found["endpoint"] != ""]
    told = []
    for how, names in _by_method(found).items():
        words = (_said(_FOLLOW_UP, how) or f"Median follow-up: {how}.").removeprefix("Median ")
        told.append(f"Median follow-up for {listed(names)}{words.removeprefix('follow-up')}")
    return told


def _by_method(found: pd.DataFrame) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for name, method in zip(found["endpoint"], found["method"], strict=True):
        names = made.setdefault(next((p for p in _FOLLOW_UP if p in method), method), [])
        names += [name] * (name not in names)
    return made


def _rates(done: Done) -> list[str]:
    """What an incidence rate is, and how two were compared."""
    found = done.methods(statistic="incidence_rate")
    how = next((words for phrase, words in _RATES.items() if phrase in " ".join(found)), "")
    if not found:
        return []
    told = [f"Incidence rates are events over patient-years{how and f'; 95 % limits are {how}'}."]
    tests = " ".join(done.methods(statistic="rate_ratio", model=POISSON))
    compared = next((words for phrase, words in _RATIOS.items() if phrase in tests), "")
    return told + [f"Rates were compared by {compared}."] * bool(compared)


def _incidences(done: Done) -> list[str]:
    """Which events were counted beside which competing ones, and how groups were compared."""
    used = set(done.of(statistic="cumulative_incidence", model="")["endpoint"])
    pairs = [_with_rival(done, name) for name in done.design.incidences if name in used]
    if not pairs:
        return []
    methods = " ".join(done.methods(statistic="cumulative_incidence", model=""))
    how = "log-log scale, with Gray's variance"
    if ", log CI" in methods:
        how = "log scale, with infinitesimal-jackknife errors"
    told = [
        f"The cumulative incidence of {listed(pairs)} was estimated by the method of Aalen and "
        f"Johansen; 95 % limits are on the {how}."
    ]
    tested = done.has(model=GRAY, endpoint=sorted(used))
    return told + (["Groups were compared by Gray's test."] if tested else [])


def _said(phrases: dict[str, str], method: str) -> str:
    return next((words for phrase, words in phrases.items() if phrase in method), "")


# ---- regression -------------------------------------------------------------


def regression(done: Done) -> list[str]:
    """Families, ties, candidates, what entered, and what is left out beforehand."""
    sizes = done.of(statistic="n", covariate="")
    sizes = sizes[sizes["model"].map(kind_of) == MULTIVARIABLE]
    alone = done.of(model="univariable", statistic="n")
    told = _families(pd.concat([sizes, alone]))
    told += _subdistributions(done)
    if any("profile likelihood CI" in method for method in done.methods(statistic="odds_ratio")):
        told.append("Limits of odds ratios are those of the profile likelihood.")
    told += _products(done)
    seen: dict[tuple[str, str, str], list[str]] = {}
    for row in as_records(sizes.drop_duplicates(["endpoint", "model"])):
        key = (_selection(row["method"]), row["model"], done.design.model_label(row))
        seen.setdefault(key, []).append(str(row["endpoint"]))
    for key, endpoints in seen.items():
        told += _model_of(done, *key, endpoints)
    return told + _alone(done, alone)


def _subdistributions(done: Done) -> list[str]:
    """Whose Fine and Gray's model it was, of which event, and what competed with it."""
    rows = done.of(statistic="subdistribution_hazard_ratio", model="univariable")
    used = {*rows["endpoint"]}
    pairs = [_with_rival(done, name) for name in done.design.incidences if name in used]
    if not pairs:
        return []
    methods = " ".join(rows["method"])
    if "as cmprsk" in methods:
        how = "as R's cmprsk::crr has it (Breslow's rule for tied times, the variance of Fine and "
        how += "Gray)"
    else:
        ties = " and ".join(dict.fromkeys(re.findall(r"finegray, (\w+) ties", methods)))
        how = f"as R's survival::finegray and coxph have it ({ties}'s rule for tied times, robust "
        how += "variance)"
    told = f"Subdistribution hazard ratios of {listed(pairs)} are from Fine and Gray's model"
    return [f"{told}, {how}."]


def _with_rival(done: Done, name: str) -> str:
    """What an incidence counts, and what competes with it, in words."""
    spec = done.design.incidences[name]
    other = f"event of {small(str(done.design.endpoints[spec['competing']]['label']))}"
    other = small(str(spec.get("competing_label") or other))
    return f"{small(str(spec['label']))} (competing: {other})"


def _products(done: Done) -> list[str]:
    """How products and covariates among others were tested, where it is not by Wald's test."""
    tested = done.of(statistic="p")
    tested = tested[tested["model"].map(kind_of).isin([MULTIVARIABLE, "interaction"])]
    by_ratio = "were tested by the likelihood ratio of the models with and without them."
    found = []
    if tested["method"].str.contains("likelihood ratio test of the product").any():
        found.append(f"Products {by_ratio}")
    if tested["method"].str.contains(r"(?<!penalised )likelihood ratio test(?! of)").any():
        found.append(f"Covariates of multivariable models {by_ratio}")
    return found


def _alone(done: Done, sizes: pd.DataFrame) -> list[str]:
    """Endpoints of which the paper has no multivariable model, by their covariates."""
    seen: dict[str, list[str]] = {}
    for name, spec in done.design.models.items():
        endpoint = spec.get("endpoint") or name
        tried = sizes[(sizes["endpoint"] == endpoint) & (sizes["population"] == "all")]
        if spec["selection"] == "univariable" and len(tried):
            names = ", ".join(names_of(done, tried))
            seen.setdefault(names, []).append(done.design.endpoint_name(endpoint))
    return [
        f"For {listed(dict.fromkeys(endpoints))} each covariate was analysed alone, without a "
        f"multivariable model: {names}."
        for names, endpoints in seen.items()
    ]


def _families(rows: pd.DataFrame) -> list[str]:
    told, methods = [], " | ".join(dict.fromkeys(rows["method"]))
    ties = list(dict.fromkeys(re.findall(r"Cox, (\w+) ties", methods)))
    if ties:
        how = listed(f"{tie}'s" for tie in ties)
        told.append(f"Hazard ratios are from Cox models with {how} rule for tied times.")
    if "logistic regression" in methods:
        told.append("Odds ratios are from logistic regression.")
    return told


def _selection(method: str) -> str:
    for pattern, words in _SELECTIONS:
        found = re.search(pattern, method)
        if found:
            parts = found.groupdict()
            told = words.format(**{**parts, "test": _TESTS.get(parts.get("test", ""), "")})
            return told + ("; none did" if method.startswith("no multivariable model") else "")
    return f"the multivariable model: {method}"


def _model_of(done: Done, text: str, key: str, label: str, endpoints: list[str]) -> list[str]:
    which = f" ({label})" if label else ""
    names = listed(f"{done.design.endpoint_name(name)}{which}" for name in endpoints)
    kept = done.of(model=key, endpoint=endpoints, population="all")
    chosen = ""
    if "fixed" in text:
        chosen = f": {', '.join(names_of(done, kept))}"
    told = [f"For {names} {text}{chosen}."]
    chosen_by = key.replace(MULTIVARIABLE, "selection")
    asked = done.of(model=[key, chosen_by], endpoint=endpoints, population="all")
    tried = done.of(model="univariable", endpoint=endpoints, population="all")
    tried = tried[tried["covariate"].isin(asked["covariate"])]
    if chosen and set(tried["covariate"]) == set(kept["covariate"]) - {""}:
        told.append("Each of them was also analysed alone.")
    elif len(tried):
        told.append(f"Candidates, each also analysed alone: {', '.join(names_of(done, tried))}.")
    out = names_of(done, asked[asked["method"] == "left out beforehand"])
    if out:
        told.append(f"Left out of the multivariable models beforehand: {', '.join(out)}.")
    return told


def names_of(done: Done, rows: pd.DataFrame) -> list[str]:
    """The columns that rows are about, as they stand in a sentence."""
    return [done.words(name) for name in dict.fromkeys(rows["covariate"]) if name]
