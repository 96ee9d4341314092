"""Methods in sentences: curves, models, and what else was computed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from crlm.naming import method_words, model_words
from crlm.numbers import short
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
    "reverse Kaplan-Meier": "Median follow-up is by the reverse Kaplan-Meier method.",
    "median of the observed times": "Median follow-up is the median of the observed times.",
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
    for method in done.methods(statistic="median_follow_up")[:1]:
        told.append(_said(_FOLLOW_UP, method) or f"Median follow-up: {method}.")
    return told


def _said(phrases: dict[str, str], method: str) -> str:
    return next((words for phrase, words in phrases.items() if phrase in method), "")


# ---- regression -------------------------------------------------------------


def regression(done: Done) -> list[str]:
    """Families, ties, candidates, what entered, and what is left out beforehand."""
    sizes = done.of(model="multivariable", statistic="n", covariate="")
    alone = done.of(model="univariable", statistic="n")
    told = _families(pd.concat([sizes, alone]))
    seen: dict[str, list[str]] = {}
    for row in sizes.drop_duplicates("endpoint").to_dict("records"):
        seen.setdefault(_selection(row["method"]), []).append(str(row["endpoint"]))
    for text, endpoints in seen.items():
        told += _model_of(done, text, endpoints)
    return told


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


def _model_of(done: Done, text: str, endpoints: list[str]) -> list[str]:
    names = listed(done.design.endpoint_name(name) for name in endpoints)
    kept = done.of(model="multivariable", endpoint=endpoints, population="all")
    chosen = ""
    if "fixed" in text:
        chosen = f": {', '.join(_words(done, kept))}"
    told = [f"For {names} {text}{chosen}."]
    asked = done.of(model=["multivariable", "selection"], endpoint=endpoints, population="all")
    tried = done.of(model="univariable", endpoint=endpoints, population="all")
    tried = tried[tried["covariate"].isin(asked["covariate"])]
    if len(tried):
        told.append(f"Candidates, each also analysed alone: {', '.join(_words(done, tried))}.")
    out = _words(done, asked[asked["method"] == "left out beforehand"])
    if out:
        told.append(f"Left out of the multivariable models beforehand: {', '.join(out)}.")
    return told


def _words(done: Done, rows: pd.DataFrame) -> list[str]:
    return [done.words(name) for name in dict.fromkeys(rows["covariate"]) if name]


# ---- what else was computed -------------------------------------------------


def further(done: Done) -> list[str]:
    """Every other kind of analysis that has rows; none is passed over in silence."""
    told, known = [], set(_ELSEWHERE)
    for models, sentence in _FURTHER:
        if done.has(model=models):
            told.append(sentence(done))
            known |= set(models)
    told += [sentence(done) for statistic, sentence in _MORE if done.has(statistic=statistic)]
    others = [name for name in dict.fromkeys(done.rows["model"]) if name not in known]
    told += [_named(done, name) for name in others]
    return [text for text in told if text]


def _named(done: Done, model: str) -> str:
    """A model by what it is for, where this room knows that, and how it was computed."""
    what = _PURPOSES.get(model, f"Also computed: {model_words(model)}")
    effects = done.of(model=model)
    ratios = effects[effects["statistic"].str.endswith(("_ratio", "_difference"))]
    methods = [text for text in (*ratios["method"], *effects["method"]) if text]
    said = method_words(done.design)
    return what + (f" ({said(methods[0])})." if methods else ".")


def _plain(text: str) -> Callable[[Done], str]:
    return lambda done: text


def _interaction(done: Done) -> str:
    pairs = dict.fromkeys(n for n in done.of(model="interaction")["covariate"] if ":" in n)
    told = [
        f"the effect of {a} depends on {b}"
        for a, b in (map(done.words, pair.split(":")[:2]) for pair in pairs)
    ]
    return f"Whether {listed(told)} was asked by a product term." if told else ""


def _samples(done: Done) -> str:
    first = done.methods(model="bootstrap selection", statistic="percent")
    many = first[0].partition(";")[0] if first else "bootstrap samples"
    return f"The selection of covariates was repeated by the same rule in {many}."


def _landmark(done: Done) -> str:
    where = dict.fromkeys(done.of(model="landmark")["population"])
    months = sorted((text.removeprefix("from month ") for text in where), key=float)
    return (
        f"Landmark analyses followed, from then on, the patients who were event-free at month "
        f"{listed(months, 'or')}."
    )


def _tried(done: Done) -> str:
    how = done.methods(model="specification curve", statistic="hazard_ratio")
    if not how:
        return ""
    many = how[0].partition(";")[0].removeprefix("median of ")
    deals = re.search(r"in ([\d,]+) permutations", how[0])
    told = f"Main effects were estimated under other choices: {many}"
    told += f"; the exposure was dealt out anew {deals[1]} times." if deals else "."
    forms = [words for form, words in _FORMS.items() if len(done.of(model=f"{_CURVE}, {form}"))]
    if forms:
        told += (
            f" The same combinations were also estimated {listed(forms)}; these ratios are other "
            "quantities and were not pooled."
        )
    return told


def _during(done: Done) -> str:
    names = _words(done, done.of(model="time dependent"))
    return f"Time-dependent covariate of a Cox model: {', '.join(names)}."


def _penalised(done: Done) -> str:
    return (
        "The paper's own models were fitted with either rule for tied times and with Firth's "
        "penalty."
    )


def _mean(done: Done) -> str:
    rows = done.of(statistic="rmst", model="").dropna(subset=["time"])
    rows = rows.drop_duplicates(["endpoint", "time"])
    months = [
        f"{short(row['time'])} ({done.design.endpoint_name(row['endpoint'])})"
        for row in rows.to_dict("records")
    ]
    return (
        "Restricted mean survival is the area under the Kaplan-Meier curve up to month "
        f"{listed(months)}, with Greenwood's variance."
    )


_PRINTED = tuple(f"printed covariates, {how}" for how in ("breslow", "efron", "Firth"))
_CURVE = "specification curve"
#: Forms of the effect in specification curves, as the end of a sentence.
_FORMS = {
    "overlap weighted": "with overlap weights",
    "att weighted": "with weights of the treated",
    "cause specific": "by cause-specific hazards",
    "fine-gray": "by Fine and Gray's subdistribution hazards",
    "time dependent": "with treatment counted from its start",
}
_SPECIFICATIONS = tuple(
    f"{_CURVE}{form}{end}"
    for form in ("", *(f", {name}" for name in _FORMS))
    for end in ("", ", claim", ", range")
)
#: Models that other paragraphs tell, and rows that are no analysis.
_ELSEWHERE = (
    "",
    "univariable",
    "multivariable",
    "logrank",
    "selection",
    "diagnostic",
    "left out",
)
#: What a model of the reviewer's chapter is for.
_PURPOSES = {
    "overlap weighted": "Patients for whom both treatments were options were compared",
    "att weighted": "Those without treatment were weighted to be like those with it",
    "doubly robust": "Weights and adjustment were combined",
    "complete case": "Patients of whom all covariates are known were analysed by themselves",
    "clone censor weight": "Plans to start treatment by a week, or not, were compared",
    "assumed start": "Treatment was counted from an assumed start",
    "late entry from test": "Patients were at risk from their test on",
    "testing weighted": "Those tested were weighted to stand for all",
    "censoring weighted": "Those followed long enough were weighted to stand for all",
    "worst case": "Bounds were taken for what is not known of those left out",
    "era adjusted": "The year of surgery was adjusted for",
    "interaction adjusted": "Whether one effect depends on another was asked of an adjusted model",
    "shrunken": "The ratio of two ratios was drawn towards none by a prior",
    "pseudo-value": "Risks at a month were modelled by pseudo-values",
    "piecewise": "Ratios were estimated by period",
    "interval censored": "Events were taken to lie between two visits",
    "turnbull": "Medians of events between two visits were also found without a shape",
    "partial pooling": "Levels of a factor were drawn together",
    "optimism corrected": "What a model has learnt of chance was taken off",
    "one minus km": "One minus the Kaplan-Meier curve stands beside, too high by design",
}
#: Models, and the sentence on them.
_FURTHER: tuple[tuple[tuple[str, ...], Callable[[Done], str]], ...] = (
    (("interaction",), _interaction),
    (
        ("ph_test",),
        _plain(
            "Proportional hazards were tested by the score test of Grambsch and Therneau, on the "
            "scale of the Kaplan-Meier curve."
        ),
    ),
    (("all factors",), _plain("All candidates were also entered in one model, unscreened.")),
    (_PRINTED, _penalised),
    (("bootstrap selection", "bootstrap selection, sign"), _samples),
    (_SPECIFICATIONS, _tried),
    (("landmark",), _landmark),
    (("time dependent",), _during),
    (
        ("aalen-johansen",),
        _plain("Risks under competing events are by the Aalen-Johansen estimator."),
    ),
    (
        ("cause specific", "fine-gray"),
        _plain(
            "Competing events were modelled by cause-specific hazards and by Fine and Gray's "
            "subdistribution hazards."
        ),
    ),
)
#: Statistics that no model of its own has, and the sentence on them.
_MORE: tuple[tuple[str, Callable[[Done], str]], ...] = (
    ("rmst", _mean),
    (
        "concordance",
        _plain("How well scores rank the patients is Harrell's concordance, with its jackknife."),
    ),
    (
        "e_value",
        _plain(
            "E-values tell how strong an unmeasured factor would have to be to explain an effect."
        ),
    ),
)
