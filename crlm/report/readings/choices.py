"""How firmly it stands, in sentences: other choices, other samples, programs and patients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records, kind_of
from crlm.naming import model_words
from crlm.numbers import (
    bound,
    counted,
    estimate,
    interval,
    number,
    p_phrase,
    ratio,
    span,
)
from crlm.report.readings.models import contrast
from crlm.report.readings.wording import capital, ending, paragraph, records_of, sentence


def stability(rows: pd.DataFrame, design: Design, exposure: str) -> str:
    """How often the exposure and its closest rivals are chosen in the resamples."""
    shares = records_of(rows, statistic="percent")
    chosen = [r for r in shares if kind_of(r["model"]) == "bootstrap selection"]
    chosen = sorted(chosen, key=lambda r: -r["estimate"])
    own = [r for r in chosen if r["covariate"] == exposure]
    texts = [
        f"{design.label(r['covariate'])} is chosen in {number(r['estimate'], 0)} %" for r in own
    ]
    often = [r for r in chosen if r["estimate"] >= 80]
    names = ", ".join(design.label(r["covariate"]) for r in often)
    many = counted(len(chosen), "factor")
    rest = f"of {many} in 80 % of the samples or more: {names or 'none'}"
    return sentence("; ".join([*texts, rest]))


def specification(rows: pd.DataFrame, design: Design, printed: str = "") -> str:
    """In how many of the models the claim holds, and between what the effect lies."""
    found = {(r["model"], r["statistic"]): r for r in as_records(rows)}
    middle = ending(found, "", "hazard_ratio")
    if middle is None or not math.isfinite(middle["estimate"]):
        return "No specification has an estimate."
    paper = f" (paper {printed})" if printed else ""
    total, models = ending(found, "", "n"), counted(middle["n"], "model")
    if total and total["estimate"] > middle["n"]:
        models = (
            f"{number(middle['n'], 0)} of {counted(total['estimate'], 'model')} with an estimate"
        )
    name = design.endpoint_name(middle["endpoint"])
    return f"{name}: over {models} the hazard ratio {_reach(found, '', middle, paper)}."


def other_forms(rows: pd.DataFrame, design: Design, forms: Sequence[str]) -> str:
    """The same combinations under other forms of the effect, each by itself.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of one endpoint, the adjusted form among them.
    forms : sequence of str
        The words of all forms.
    """
    found = {(r["model"], r["statistic"]): r for r in as_records(rows)}
    told = []
    for form in forms:
        middle = ending(found, f", {form}", "hazard_ratio")
        middle = middle or ending(found, f", {form}", "subdistribution_hazard_ratio")
        if middle is not None:
            reach = "no estimate"
            if math.isfinite(middle["estimate"]):
                models = counted(middle["n"], "model")
                reach = f"over {models} the ratio {_reach(found, f', {form}', middle)}"
            told.append(f"{model_words(form)}, {reach}")
    if not told:
        return ""
    name = design.endpoint_name(rows["endpoint"].iloc[0])
    listed = ". ".join(map(capital, told))
    return f"{name}, the same combinations under other forms of the effect. {listed}."


def estimands(compared: Mapping[str, str]) -> str:
    """What the ratios of several forms compare, and that they are not one quantity.

    Parameters
    ----------
    compared : mapping of str to str
        By form, what its ratio compares; the adjusted one is the first.
    """
    told = "; ".join(f"{model_words(form)}: {what}" for form, what in compared.items())
    return (
        "These ratios are of different things, so that no median is taken over them, and they "
        f"need not agree even where all of them are right. {capital(told)}."
    )


def _reach(
    found: Mapping[tuple[str, str], Mapping[str, Any]],
    form: str,
    middle: Mapping[str, Any],
    paper: str = "",
) -> str:
    """Between what the ratios of a form lie, how often the claim holds, and the test."""
    share, p = ending(found, f"{form}, claim", "percent"), ending(found, form, "p")
    least, most = (ending(found, f"{form}, range", end) for end in ("min", "max"))
    deal = ""
    if p and math.isfinite(p["estimate"]):
        deal = f"; dealing the exposure out at random, {p_phrase(p['estimate'])}"
    return (
        f"lies between {estimate(least)} and {estimate(most)}, median {estimate(middle)}{paper}; "
        f"the claim holds in {number(share['estimate'], 0)} % of them{deal}"
    )


def span_of_models(rows: pd.DataFrame, design: Design) -> str:
    """Between what a ratio lies over several models, effect by effect."""
    ratios = rows[(rows["statistic"] == "hazard_ratio") & rows["estimate"].notna()]
    told = []
    for (endpoint, name, level), part in ratios.groupby(
        ["endpoint", "covariate", "level"], sort=False
    ):
        low, high = (ratio(part["estimate"].agg(f)) for f in ("min", "max"))
        who = contrast({**part.iloc[0].to_dict(), "covariate": name, "level": level}, design)
        reach = f"{low} in 1 model"
        if len(part) > 1:
            reach = f"{span(low, high)} over {len(part)} models"
        told.append(f"{design.endpoint_name(endpoint)}, {who}: HR {reach}")
    return sentence("; ".join(told))


def agreement(pairs: pd.DataFrame) -> str:
    """How many of the printed effects this cohort agrees with; 1 has no direction to share."""
    apart = int((pairs["heterogeneity_p"] < 0.05).sum())
    aimed = pairs[pairs["printed"] != 1]
    same, none = int(aimed["same_direction"].sum()), len(pairs) - len(aimed)
    verb = "is printed as 1 and has" if none == 1 else "are printed as 1 and have"
    beside = f" ({none} more {verb} no direction)" if none else ""
    point, differ = ("s" if many == 1 else "" for many in (same, apart))
    return (
        f"Of {counted(len(aimed), 'printed effect')}, {same} point{point} the same way here"
        f"{beside}; "
        f"{apart} differ{differ} from the paper's by more than chance (p < 0.05)."
    )


def concordance(rows: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Which score ranks best."""
    found = sorted(records_of(rows, statistic="concordance"), key=lambda r: -r["estimate"])
    found = [r for r in found if math.isfinite(r["estimate"])]
    if not found:
        return ""
    told = [f"{labels.get(r['covariate'], r['covariate'])} {interval(r)}" for r in found]
    return f"Harrell's C: {'; '.join(told)}."


def second_opinion(found: pd.DataFrame, design: Design, left_out: Sequence[str]) -> str:
    """How far other programs are from the numbers of this report, at most.

    Parameters
    ----------
    found : pandas.DataFrame
        From `crlm.second_opinion`.
    left_out : sequence of str
        Sentences on what they lack.
    """
    known = found[found["difference"].notna()]
    programs = " and ".join(dict.fromkeys(found["program"]))
    if known.empty:
        return paragraph([f"{programs} give none of these numbers for this cohort.", *left_out])
    # Differences below 1e-9 are those of rounding, which no program can be ranked by.
    worst = known.loc[known["difference"].clip(lower=1e-9).idxmax()]
    what = f"{design.endpoint_name(worst['endpoint'])}, {design.group_label(worst['group'])}"
    verb = "number of this report was" if len(known) == 1 else "numbers of this report were"
    text = (
        f"{len(known)} {verb} computed again by {programs}; the largest relative difference is "
        f"below {bound(worst['difference'])} ({what}, {worst['quantity']})."
    )
    lacking = len(found) - len(known)
    rest = f"The other {lacking} {'has' if lacking == 1 else 'have'} no value here or there."
    return paragraph([text, *([rest] if lacking else []), *left_out])
