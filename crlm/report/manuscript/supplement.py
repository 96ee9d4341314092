"""Methods of everything beyond the paper's own analyses, entry by entry, for a supplement.

What two models share (the terms of a propensity, what is adjusted for, completed tables) is told
by the first of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from crlm.ledger import as_records, kind_of
from crlm.naming import method_words, model_words
from crlm.numbers import short
from crlm.report.manuscript.analyses import names_of
from crlm.report.manuscript.done import Done, listed

#: Models that the main text tells, and rows that are no analysis.
_ELSEWHERE = ("", "univariable", "multivariable", "logrank", "selection", "diagnostic", "left out")
_PRINTED = tuple(f"printed covariates, {how}" for how in ("breslow", "efron", "Firth"))
_SPECIFICATIONS = tuple(f"specification curve{end}" for end in ("", ", claim", ", range"))
#: Parts of a method that a supplement leaves to the tables.
_OF_TABLES = re.compile(
    r"^(complete cases: .*|df [\d.]+|[\d,]+ of [\d,]+ .* (before|had) .*|t test|reference level)$"
)
#: What a method tells of one endpoint or group, which is none of how all were computed.
_RESULTS = re.compile(
    r", the median lies between months [\d.e+-]+ and [\d.e+-]+"
    r"|, variance between them [\d.e+-]+(?: \([^)]*\))?"
    r"| \([\d,]+ of [\d,]+ patients ever had it\)"
    r"| \([\d,]+ between visits, [^)]*\)"
)
#: A part of a method as long as this is told once.
_LONG = 40
_PARTS = re.compile(
    r"; |, (?=adjusted for |df |(?:Wald CI|profile likelihood CI|robust error)(?:;|$))"
)
_TERMS = re.compile(r"^(adjusted for |propensity: logistic on )(.*)$")


@dataclass
class _Told:
    """What has been said already, so that it is said once."""

    seen: set[str] = field(default_factory=set)

    def brief(self, method: str) -> str:
        """A method without what the tables hold, and without what an earlier one has said."""
        kept = []
        for part in _PARTS.split(_RESULTS.sub("", method)):
            terms = _TERMS.match(part)
            what = terms.group(2) if terms else part
            again = what in self.seen and len(what) > _LONG
            self.seen.add(what)
            if _OF_TABLES.match(part) or (again and not terms):
                continue
            kept.append(f"{terms.group(1)}the same" if terms and again else part)
        return "; ".join(kept)


Sentence = Callable[[Done, _Told], str]


def entries(done: Done) -> dict[str, list[str]]:
    """Sentences on every further analysis that has rows, by entry; none is passed over.

    Parameters
    ----------
    done : Done

    Returns
    -------
    dict of str to list of str
        By heading, in the order of the report; entries about nothing are left out.
    """
    told, made = _Told(), {}
    if done.sample:
        made["Patients of these analyses"] = [_SAMPLED.format(sample=done.sample)]
    named = dict.fromkeys(done.rows["model"])
    present = [name for name in named if kind_of(name) not in _ELSEWHERE]
    left = dict.fromkeys(present)
    for heading, parts in _ENTRIES.items():
        sentences = []
        for names, sentence in parts:
            here = [name for name in left if _is_one(name, names)]
            if here or (not names and sentence(done, told)):
                sentences.append(_sentence(done, told, here, sentence))
            for name in here:
                del left[name]
        made[heading] = [text for text in sentences if text]
    within = [
        name for name in left if any("overlap weighted" in m for m in done.methods(model=name))
    ]
    if within:
        whom = "; ".join(map(model_words, within))
        made["What nobody measured"].append(
            f"The weighted effect was also estimated among: {whom}."
        )
    others = [name for name in left if name not in within]
    made["Other analyses"] = [_named(done, told, name, _ALSO) for name in others]
    return {heading: sentences for heading, sentences in made.items() if sentences}


_ALSO = "Also computed: {model}"
_SAMPLED = (
    "Unless a larger n is given, the analyses below are on {sample}: a simple random sample, drawn "
    "once, because they resample, complete tables and fit models hundreds of times. Their limits "
    "are those of the sample."
)


def _is_one(name: str, wanted: tuple[str, ...]) -> bool:
    name = kind_of(name)
    return any(name == one or (one.endswith("*") and name.startswith(one[:-1])) for one in wanted)


def _sentence(done: Done, told: _Told, models: list[str], sentence: Sentence | str) -> str:
    if isinstance(sentence, str):
        first = [_named(done, told, models[0], sentence)] if models else [sentence]
        return first[0]
    return sentence(done, told)


def _named(done: Done, told: _Told, model: str, purpose: str) -> str:
    """What a model is for, and how it was computed."""
    effects = done.of(model=model)
    ratios = effects[effects["statistic"].str.endswith(("_ratio", "_difference"))]
    methods = [text for text in (*ratios["method"], *effects["method"]) if text]
    what = purpose.format(model=model_words(model))
    how = told.brief(method_words(done.design)(methods[0])) if methods else ""
    return what + (f" ({how})." if how else ".")


def _plain(text: str) -> Sentence:
    return lambda done, told: text


def _if(text: str, **keys: str) -> Sentence:
    return lambda done, told: text if done.has(**keys) else ""


def _interaction(done: Done, told: _Told) -> str:
    pairs = dict.fromkeys(n for n in done.of(model="interaction")["covariate"] if ":" in n)
    asked = [
        f"the effect of {a} depends on {b}"
        for a, b in (map(done.words, pair.split(":")[:2]) for pair in pairs)
    ]
    return f"Whether {listed(asked)} was asked by a product term." if asked else ""


def _samples(done: Done, told: _Told) -> str:
    first = done.methods(model="bootstrap selection", statistic="percent")
    many = first[0].partition(";")[0] if first else "bootstrap samples"
    return f"The selection of covariates was repeated by the same rule in {many}."


def _landmark(done: Done, told: _Told) -> str:
    where = dict.fromkeys(done.of(model="landmark")["population"])
    months = sorted((text.rpartition("from month ")[2] for text in where), key=float)
    return (
        f"Landmark analyses followed, from then on, the patients who were event-free at month "
        f"{listed(dict.fromkeys(months), 'or')}."
    )


def _tried(done: Done, told: _Told) -> str:
    how = done.methods(model="specification curve", statistic="hazard_ratio")
    if not how:
        return ""
    many = how[0].partition(";")[0].removeprefix("median of ")
    deals = re.search(r"in ([\d,]+) permutations", how[0])
    text = f"Main effects were estimated under other choices: {many}"
    return text + (f"; the exposure was dealt out anew {deals[1]} times." if deals else ".")


def _during(done: Done, told: _Told) -> str:
    names = names_of(done, done.of(model="time dependent"))
    return f"Time-dependent covariate of a Cox model: {', '.join(names)}."


def _mean(done: Done, told: _Told) -> str:
    rows = done.of(statistic="rmst", model="").dropna(subset=["time"]).drop_duplicates("endpoint")
    months = [
        f"{short(row['time'])} ({done.design.endpoint_name(row['endpoint'])})"
        for row in as_records(rows)
    ]
    if not months:
        return ""
    return (
        "Restricted mean survival is the area under the Kaplan-Meier curve up to month "
        f"{listed(months)}, with Greenwood's variance."
    )


def _guesses(done: Done, told: _Told) -> str:
    models = [m for m in dict.fromkeys(done.rows["model"]) if m.startswith("imputed, odds of ")]
    columns = dict.fromkeys(model.split()[3] for model in models)
    ways = dict.fromkeys(model.rpartition(" ")[2] for model in models)
    names = listed(done.words(name) for name in columns)
    return f"The tables were also completed with the odds of {names} {listed(ways, 'or')}."


Part = tuple[tuple[str, ...], Sentence | str]
_ENTRIES: Mapping[str, tuple[Part, ...]] = {
    "Tests of the printed models": (
        (
            ("ph_test",),
            _plain(
                "Proportional hazards were tested by the score test of Grambsch and Therneau, on "
                "the scale of the Kaplan-Meier curve."
            ),
        ),
        (("all factors",), _plain("All candidates were also entered in one model, unscreened.")),
        (
            _PRINTED,
            _plain(
                "The paper's own models were fitted with either rule for tied times and with "
                "Firth's penalty."
            ),
        ),
        (("bootstrap selection*",), _samples),
        (("optimism corrected",), "What a model has learnt of chance was taken off"),
        (_SPECIFICATIONS, _tried),
        ((), _mean),
        (
            (),
            _if(
                "How well scores rank the patients is Harrell's concordance, with its jackknife.",
                statistic="concordance",
            ),
        ),
    ),
    "Comparable patients": (
        (("overlap weighted",), "Patients for whom both treatments were options were compared"),
        (("att weighted",), "Those without treatment were weighted to be like those with it"),
        (("doubly robust",), "Weights and adjustment were combined"),
    ),
    "Start of treatment": (
        (("landmark",), _landmark),
        (("time dependent",), _during),
        (("assumed start",), "Treatment was counted from an assumed start"),
        (
            ("clone censor weight",),
            "Plans to start treatment by a week, or not, were compared",
        ),
        (("worst case",), "Bounds were taken for what is not known of those left out"),
    ),
    "Competing risks and states": (
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
        (("multistate",), "Moves from state to state were modelled by their rates"),
        (("multistate adjusted",), "The same was adjusted"),
        (("clock reset",), "The same was counted from entry into the state"),
        (("one minus km",), "One minus the Kaplan-Meier curve stands beside, too high by design"),
        (("pseudo-value",), "Risks at a month were modelled by pseudo-values"),
        (
            ("censoring weighted",),
            "Those followed long enough were weighted to stand for all",
        ),
        (
            ("censored count as not short", "censored count as short", "censored left out"),
            _plain(
                "Patients censored before a period is short were counted as not short, as short, "
                "and left out."
            ),
        ),
        (
            ("record", "recurrence bound", "early bound"),
            _plain(
                "Failures that treatment may hide were dated as recorded, to the recurrence, and "
                "at every early recurrence."
            ),
        ),
    ),
    "One effect within another": (
        (("interaction",), _interaction),
        (
            ("interaction adjusted",),
            "Whether one effect depends on another was asked of an adjusted model",
        ),
        (("shrunken",), "The ratio of two ratios was drawn towards none by a prior"),
    ),
    "Completed tables": (
        (
            ("complete case",),
            "Patients of whom all covariates are known were analysed by themselves",
        ),
        (("imputed",), "Missing values were filled by chained equations and the results pooled"),
        (("imputed, odds of *",), _guesses),
    ),
    "What nobody measured": (
        (
            (),
            _if(
                "E-values tell how strong an unmeasured factor would have to be to explain an "
                "effect.",
                statistic="e_value",
            ),
        ),
    ),
    "Who was tested, and when": (
        (("testing weighted",), "Those tested were weighted to stand for all"),
        (("late entry from test",), "Patients were at risk from their test on"),
        (("era adjusted",), "The year of surgery was adjusted for"),
    ),
    "Hazards, visits and levels": (
        (("piecewise",), "Ratios were estimated by period"),
        (("stratified",), "What drifts was taken as strata"),
        (
            ("left bound", "midpoint", "right bound"),
            _plain(
                "Events were dated to the last examination without them, to the one that saw "
                "them, and to the middle between both."
            ),
        ),
        (("interval censored",), "Events were taken to lie between two visits"),
        (("turnbull",), "Medians of events between two visits were also found without a shape"),
        (("partial pooling",), "Levels of a factor were drawn together"),
        (("levels of one model",), "Levels of a factor were compared in one model"),
    ),
}


def in_one_sentence(headings: Iterable[str], sample: str = "") -> str:
    """What a main text says of the supplement; empty where there is none."""
    on = f", on {sample}," if sample else ""
    return f"Further analyses{on} are described in the supplement." if list(headings) else ""
