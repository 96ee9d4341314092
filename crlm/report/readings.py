"""Rows to sentences: what came out, and what the paper prints of it at the same spot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.comparison import row_key
from crlm.ledger import Design
from crlm.naming import small
from crlm.numbers import (
    bound,
    counted,
    estimate,
    interval,
    limits,
    number,
    p_phrase,
    ratio,
    short,
    span,
)

Row = Mapping[str, Any]
_SHORT = {"hazard_ratio": "HR", "odds_ratio": "OR"}
_UNITS = {"months": " months", "%": " %"}


class Print:
    """What a paper prints, found by the keys of a result row.

    Parameters
    ----------
    claims : pandas.DataFrame
        From `ledger.load_claims`.
    findings : pandas.DataFrame, optional
        From `audit.audit`: numbers that contradict others are marked where they stand.
    """

    def __init__(self, claims: pd.DataFrame, findings: pd.DataFrame | None = None) -> None:
        self._claims: dict[tuple[Any, ...], dict[str, Any]] = {}
        for claim in claims[claims["kind"] == "number"].to_dict("records"):
            self._claims.setdefault((*row_key(claim), claim["field"]), claim)
        self._against: dict[str, str] = {}
        if findings is not None:
            wrong = findings[findings["verdict"] == "inconsistent"]
            for finding in wrong.to_dict("records"):
                for name in finding["claims"]:
                    self._against.setdefault(name, finding["finding_id"])

    def has(self, row: Row) -> bool:
        """Whether the paper prints an estimate for this row."""
        return self._claim(row, "estimate") is not None

    def beside(self, row: Row, *, limits: bool = True) -> str:
        """` (paper 3.37, 1.98–5.73)` for a row; empty where the paper prints nothing."""
        claim = self._claim(row, "estimate")
        if claim is None:
            return ""
        texts = [f"paper {claim['printed']}{self._other_unit(row, claim)}"]
        low, high = self._claim(row, "conf_low"), self._claim(row, "conf_high")
        if limits and low is not None and high is not None:
            texts.append(span(low["printed"], high["printed"]))
        known = [
            self._against[c["id"]] for c in (claim, low, high) if c and c["id"] in self._against
        ]
        against = f"; contradicts other printed numbers, {known[0]}" if known else ""
        return f" ({', '.join(texts)}{against})"

    def _claim(self, row: Row, field: str) -> dict[str, Any] | None:
        return self._claims.get((*row_key(dict(row)), field))

    def _other_unit(self, row: Row, claim: Row) -> str:
        unit = claim["unit"]
        return f" {unit}" if unit and row["unit"] and unit != row["unit"] else ""


# ---- sentences --------------------------------------------------------------


def flow(rows: pd.DataFrame, paper: Print) -> str:
    """How many of the table's patients are analysed."""
    records = [r for r in rows.to_dict("records") if not str(r["level"]).endswith("_excluded")]
    first, last = records[0], records[-1]
    verb = "is" if last["estimate"] == 1 else "are"
    return (
        f"Of {counted(first['estimate'], 'patient')} in the table "
        f"{number(last['estimate'], 0)} {verb} analysed{paper.beside(last)}."
    )


def baseline(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """Which characteristics differ between the groups."""
    tests = [r for r in _of(rows, statistic="p") if math.isfinite(r["estimate"])]
    if not tests:
        return ""
    differ = [r for r in tests if r["estimate"] < 0.05]
    if not differ:
        none = "The one characteristic does not differ"
        none = none if len(tests) == 1 else f"None of {len(tests)} characteristics differs"
        return f"{none} between the groups at p < 0.05."
    told = "; ".join(
        f"{design.label(r['covariate'])}, {p_phrase(r['estimate'])}{paper.beside(r)}"
        for r in differ
    )
    verb = "differs" if len(differ) == 1 else "differ"
    many = counted(len(tests), "characteristic")
    return f"Of {many} {len(differ)} {verb} at p < 0.05: {told}."


def sizes(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """How many patients each group holds."""
    told = []
    for row in _of(rows, statistic="n", covariate=""):
        if "=" in row["group"]:
            share = next(r for r in _of(rows, statistic="percent", group=row["group"]))
            told.append(
                f"{design.group_label(row['group'])} {number(row['estimate'], 0)}"
                f"{paper.beside(row)}, {number(share['estimate'], 1)} %{paper.beside(share)}"
            )
    return _sentence("; ".join(told))


def composition(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """The levels of each characteristic of one group, with number and per cent."""
    told = []
    for row in rows.to_dict("records"):
        if row["statistic"] == "n" and row["level"] and row["estimate"]:
            told.append(
                f"{design.label(row['covariate'], row['level'])} {number(row['estimate'], 0)}"
                f"{paper.beside(row)}"
            )
    who = design.group_label(str(rows["population"].iloc[0]))
    return _sentence(f"{who}: {', '.join(told)}") if told else ""


def follow_up(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """Median follow-up, by group where the paper prints it by group."""
    medians = _of(rows, statistic="median_follow_up")
    printed = [r for r in medians if paper.has(r)] or medians[:1]
    told = [f"{design.group_label(r['group'])} {_value(r)}{paper.beside(r)}" for r in printed]
    return f"Median follow-up: {'; '.join(told)}."


def curves(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """Median and rates of each group as far as print has them, and the test between them."""
    endpoint = str(rows["endpoint"].iloc[0])
    name = design.endpoint_name(endpoint)
    groups = list(dict.fromkeys(rows.loc[rows["statistic"] == "median_survival", "group"]))
    parts = []
    for number_of, group in enumerate(groups):
        here = _of(rows, group=group)
        shown = [r for r in here if r["statistic"] in ("median_survival", "survival_rate")]
        told = [r for r in shown if paper.has(r)]
        told = told or [r for r in shown if r["statistic"] == "median_survival"]
        texts = [_curve_text(r, name if not number_of else "") + paper.beside(r) for r in told]
        who = "" if group == "all" and len(groups) == 1 else f"{design.group_label(group)}: "
        parts.append(who + ", ".join(texts))
    for test in _of(rows, statistic="p", model="logrank"):
        parts.append(f"log-rank {p_phrase(test['estimate'])}{paper.beside(test)}")
    return _sentence("; ".join(parts))


def _curve_text(row: Row, endpoint: str) -> str:
    of = f" {endpoint}" if endpoint else ""
    if row["statistic"] == "median_survival":
        return f"median{of} {_value(row)}"
    return f"{row['time']:g}-month{of or ' rate'} {_value(row)}"


def effects(
    rows: pd.DataFrame, design: Design, paper: Print, *, most: int = 4, lead: str = ""
) -> str:
    """Ratios of some rows, each with limits, p and what the paper prints."""
    found = [
        r
        for r in rows.to_dict("records")
        if r["statistic"] in _SHORT and math.isfinite(r["estimate"])
    ]
    if not found:
        return ""
    tests = {_keys(r): r for r in rows.to_dict("records") if r["statistic"] == "p"}
    told = [_effect_text(r, tests.get(_keys(r)), design, paper) for r in found[:most]]
    rest = f"; and {len(found) - most} more in the table" if len(found) > most else ""
    return _sentence(f"{lead}{'; '.join(told)}{rest}")


def _effect_text(row: Row, test: Row | None, design: Design, paper: Print) -> str:
    p = ""
    if test is not None and math.isfinite(test["estimate"]):
        p = f", {p_phrase(test['estimate'])}{paper.beside(test)}"
    return f"{contrast(row, design)}: {ratio_text(row)}{paper.beside(row)}{p}"


def ratio_text(row: Row) -> str:
    """`HR 3.37, 95 % CI 1.98–5.73`."""
    both = limits(row)
    ci = f", 95 % CI {both}" if both else ""
    return f"{_SHORT[row['statistic']]} {estimate(row)}{ci}"


def contrast(row: Row, design: Design) -> str:
    """`RAS mutant against RAS wild type`, or the name of a measurement and its unit."""
    name, level = str(row["covariate"]), str(row["level"])
    where = _where(str(row["population"]), design)
    if not level:
        unit = (design.columns.get(name) or {}).get("unit", "")
        return f"{design.label(name)}{_per(unit)}{where}"
    levels = design.levels(name)
    text = design.group_label(f"{name}={level}")
    if len(levels) < 2:
        return text + where
    alone = design.label(name) not in text or text == design.label(name, level)
    if not alone:
        text = f"{design.label(name)}: {small(design.label(name, level))}"
    reference = design.label(name, levels[0])
    return f"{text} against {reference if alone else small(reference)}{where}"


def _where(population: str, design: Design) -> str:
    if population == "all":
        return ""
    if "=" not in population:
        return f", {population}"
    return f" in {design.group_label(population)}"


def _per(unit: str) -> str:
    return f" (per {unit.removesuffix('s')})" if unit else ""


def model(rows: pd.DataFrame, design: Design, paper: Print, exposures: Sequence[str]) -> str:
    """The multivariable model: the exposures first, then what else is associated at p < 0.05."""
    multi = rows[rows["model"] == "multivariable"]
    tests = {_keys(r): r for r in _of(multi, statistic="p")}
    ratios = [r for r in multi.to_dict("records") if r["statistic"] in _SHORT]
    if not ratios:
        return "No covariate enters the multivariable model."
    mine = [r for r in ratios if r["covariate"] in exposures]
    first = [r for r in mine if math.isfinite(r["estimate"])]
    unknown = [contrast(r, design) for r in mine if not math.isfinite(r["estimate"])]
    others = [
        r
        for r in ratios
        if r["covariate"] not in exposures
        and (t := tests.get(_keys(r))) is not None
        and t["estimate"] < 0.05
    ]
    told = [_effect_text(r, tests.get(_keys(r)), design, paper) for r in first]
    absent = [design.label(name) for name in exposures if name in set(rows["covariate"])]
    absent = [n for n in absent if n not in [design.label(r["covariate"]) for r in mine]]
    parts = ["Multivariable: " + "; ".join(told)] if told else []
    parts += [f"{', '.join(unknown)}: not estimable in the multivariable model"] if unknown else []
    parts += [f"{', '.join(absent)} not in the multivariable model"] if absent else []
    if others:
        also = "; ".join(_effect_text(r, tests.get(_keys(r)), design, paper) for r in others[:5])
        parts.append(f"also at p < 0.05: {also}")
    return _sentence(". ".join(_capital(part) for part in parts) or "No exposure is in the model")


def interaction(rows: pd.DataFrame, design: Design) -> str:
    """Whether one effect differs between groups, endpoint by endpoint."""
    told = []
    for row in rows.to_dict("records"):
        if row["statistic"] == "hazard_ratio" and ":" in row["covariate"]:
            test = next(r for r in _of(rows, statistic="p") if _keys(r) == _keys(row))
            end = "the two differ" if test["estimate"] < 0.05 else "no difference is shown"
            told.append(
                f"{design.endpoint_name(row['endpoint'])}: ratio of the two hazard ratios "
                f"{interval(row)}, {p_phrase(test['estimate'])}, {end}"
            )
    return _sentence("; ".join(told))


def proportional(rows: pd.DataFrame, design: Design) -> str:
    """Which covariates' hazards are not proportional, and the test of the whole model."""
    told = []
    for endpoint, part in rows.groupby("endpoint", sort=False):
        tests = [r for r in _of(part, statistic="p") if math.isfinite(r["estimate"])]
        small = [r for r in tests if r["estimate"] < 0.05 and r["covariate"] not in ("", "GLOBAL")]
        whole = [r for r in tests if r["covariate"] in ("", "GLOBAL")]
        names = ", ".join(
            f"{design.label(r['covariate'])} ({p_phrase(r['estimate'])})" for r in small
        )
        text = "nothing speaks against it"
        if whole and whole[0]["estimate"] < 0.05:
            text = "no covariate by itself speaks against it, but the model does"
        text = f"against proportional hazards speak {names}" if small else text
        total = f"; whole model {p_phrase(whole[0]['estimate'])}" if whole else ""
        told.append(f"{design.endpoint_name(str(endpoint))}: {text}{total}")
    return _sentence(". ".join(told))


def stability(rows: pd.DataFrame, design: Design, exposure: str) -> str:
    """How often the exposure and its closest rivals are chosen in the resamples."""
    chosen = _of(rows, statistic="percent", model="bootstrap selection")
    chosen = sorted(chosen, key=lambda r: -r["estimate"])
    own = [r for r in chosen if r["covariate"] == exposure]
    texts = [
        f"{design.label(r['covariate'])} is chosen in {number(r['estimate'], 0)} %" for r in own
    ]
    often = [r for r in chosen if r["estimate"] >= 80]
    names = ", ".join(design.label(r["covariate"]) for r in often)
    many = counted(len(chosen), "factor")
    rest = f"of {many} in 80 % of the samples or more: {names or 'none'}"
    return _sentence("; ".join([*texts, rest]))


def specification(rows: pd.DataFrame, design: Design, printed: str = "") -> str:
    """In how many of the models the claim holds, and between what the effect lies."""
    found = {(r["model"], r["statistic"]): r for r in rows.to_dict("records")}
    middle, share = _ending(found, "", "hazard_ratio"), _ending(found, ", claim", "percent")
    least, most = _ending(found, ", range", "min"), _ending(found, ", range", "max")
    if middle is None or not math.isfinite(middle["estimate"]):
        return "No specification has an estimate."
    paper = f" (paper {printed})" if printed else ""
    p, total = _ending(found, "", "p"), _ending(found, "", "n")
    models = counted(middle["n"], "model")
    if total and total["estimate"] > middle["n"]:
        models = (
            f"{number(middle['n'], 0)} of {counted(total['estimate'], 'model')} with an estimate"
        )
    deal = f"; dealing the exposure out at random, {p_phrase(p['estimate'])}" if p else ""
    return (
        f"{design.endpoint_name(middle['endpoint'])}: over {models} the "
        f"hazard ratio lies between {estimate(least)} and {estimate(most)}, "
        f"median {estimate(middle)}{paper}; the claim holds in "
        f"{number(share['estimate'], 0)} % of them{deal}."
    )


def _ending(found: Mapping[tuple[str, str], Row], end: str, statistic: str) -> Any:
    for (name, what), row in found.items():
        if what == statistic and name == f"specification curve{end}":
            return row
    return None


def months(rows: pd.DataFrame, design: Design) -> str:
    """Differences of restricted means, in months."""
    told = []
    for row in _of(rows, statistic="rmst_difference"):
        if math.isfinite(row["estimate"]):
            less = "fewer" if row["estimate"] < 0 else "more"
            name, levels = row["group"], design.levels(row["group"])
            who = design.group_label(f"{name}={levels[1]}") if len(levels) > 1 else name
            value = {**row, "estimate": abs(row["estimate"])}
            both = f", {both}" if (both := limits(row)) else ""
            when = f"{design.endpoint_name(row['endpoint'])}: up to month {short(row['time'])}"
            told.append(
                f"{when} {who} has {estimate(value)} months {less} on average "
                f"(difference {estimate(row)}{both})"
            )
    return _sentence("; ".join(told))


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
    return _sentence("; ".join(told))


def agreement(pairs: pd.DataFrame) -> str:
    """How many of the printed effects this cohort agrees with."""
    apart = int((pairs["heterogeneity_p"] < 0.05).sum())
    same = int(pairs["same_direction"].sum())
    point, differ = ("s" if many == 1 else "" for many in (same, apart))
    return (
        f"Of {counted(len(pairs), 'printed effect')}, {same} point{point} the same way here; "
        f"{apart} differ{differ} from the paper's by more than chance (p < 0.05)."
    )


def concordance(rows: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Which score ranks best."""
    found = sorted(_of(rows, statistic="concordance"), key=lambda r: -r["estimate"])
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


def answer(
    endpoint: str,
    medians: pd.DataFrame,
    effect: pd.DataFrame,
    tried: pd.DataFrame,
    design: Design,
    paper: Print,
) -> str:
    """One endpoint in one sentence: the groups, the adjusted ratio, and how firmly it stands.

    Parameters
    ----------
    medians : pandas.DataFrame
        Curve rows of the groups of the exposure, with their log-rank test.
    effect : pandas.DataFrame
        Ratio and p of the exposure in one model.
    tried : pandas.DataFrame
        Rows of `specification.inference`, or none.
    """
    parts = [_groups_text(medians, design, paper)] if len(medians) else []
    ratios = [r for r in effect.to_dict("records") if r["statistic"] in _SHORT]
    tests = {_keys(r): r for r in _of(effect, statistic="p")}
    for row in [r for r in ratios if math.isfinite(r["estimate"])][:1]:
        test = tests.get(_keys(row))
        p = f", {p_phrase(test['estimate'])}" if test is not None else ""
        parts.append(
            f"{row['model']} {_SHORT[row['statistic']]} {interval(row)}{p}{paper.beside(row)}"
        )
    found = {(r["model"], r["statistic"]): r for r in tried.to_dict("records")}
    share = _ending(found, ", claim", "percent")
    if share is not None and math.isfinite(share["estimate"]):
        holds = f"{number(share['estimate'], 0)} % of {counted(share['n'], 'model')}"
        parts.append(f"the paper's claim holds in {holds}")
    if not parts:
        return ""
    return f"{_capital(design.endpoints[endpoint]['label'])}: {'; '.join(parts)}."


def _groups_text(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """What each group reached, in the quantity that the paper prints, and the test."""
    shown = rows[rows["statistic"].isin(["median_survival", "survival_rate"])].to_dict("records")
    told = [r for r in shown if paper.has(r)]
    last = max((r["time"] for r in told if r["statistic"] == "survival_rate"), default=None)
    medians = [r for r in told if r["statistic"] == "median_survival"]
    chosen = medians or [r for r in told if r["time"] == last]
    chosen = chosen or [r for r in shown if r["statistic"] == "median_survival"]
    first = chosen[0]
    what = "median" if first["statistic"] == "median_survival" else f"{first['time']:g}-month rate"
    groups = ", ".join(
        f"{design.group_label(r['group'])} {_value(r)}{paper.beside(r, limits=False)}"
        for r in chosen
    )
    tests = [f", {p_phrase(r['estimate'])}" for r in _of(rows, statistic="p", model="logrank")]
    return f"{what} {groups}{''.join(tests[:1])}"


# ---- pieces -----------------------------------------------------------------


def _value(row: Row) -> str:
    text = estimate(row)
    if text in ("not reached", "–"):
        return text
    return text + _UNITS.get(str(row["unit"]), "")


def _of(rows: pd.DataFrame, **wanted: str) -> list[dict[str, Any]]:
    chosen = rows
    for name, value in wanted.items():
        chosen = chosen[chosen[name] == value]
    return chosen.to_dict("records")


def _keys(row: Row) -> tuple[Any, ...]:
    names = ("endpoint", "population", "group", "covariate", "level", "model")
    return tuple(row[name] for name in names)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    return f"{_capital(text)}." if text else ""


def paragraph(sentences: Iterable[str]) -> str:
    """Sentences as one paragraph, empty ones left out."""
    return " ".join(sentence for sentence in sentences if sentence)
