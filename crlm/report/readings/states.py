"""Sentences on causes and states, visits and small samples: what came out, in plain words."""

from __future__ import annotations

import math

import pandas as pd

from crlm.ledger import Design, as_records, small
from crlm.numbers import counted, interval, limits, number, p_phrase, short
from crlm.report.readings.models import ratio_text
from crlm.report.readings.wording import Row, capital, more, records_of, sentence

_WORDS = {
    ("first_recurrence", "liver"): "had a first recurrence in the liver",
    ("first_recurrence", "elsewhere"): "had a first recurrence elsewhere alone",
    ("first_recurrence", "death"): "died before any recurrence",
    ("SCP", "failure"): "had lost surgical control",
    ("SCP", "death"): "had died before that",
}
#: How a rule of dating is called in a table.
RULES = {
    "record": "As recorded",
    "recurrence bound": "Failures behind p-NAC at the recurrence",
    "early bound": "Every early recurrence a failure",
    "left bound": "At the last examination without it",
    "midpoint": "Half way between the examinations",
    "right bound": "As recorded, at the examination that saw it",
    "interval censored": "Anywhere between (Weibull)",
    "turnbull": "Anywhere between (Turnbull, no shape)",
}
#: What becomes of patients who were lost before the month in question.
LOST = {
    "pseudo-value": "Replaced by pseudo-values",
    "censoring weighted": "Left out, others weighted for them",
    "censored count as not short": "Counted as not short",
    "censored count as short": "Counted as short",
    "censored left out": "Left out",
}


def incidence(rows: pd.DataFrame, design: Design, model: str = "aalen-johansen") -> str:
    """How many had each kind of event by the last month, group by group, and how they differ."""
    rows = rows[rows["model"] == model]
    shares = rows[rows["statistic"] == "cumulative_incidence"]
    groups, known = shares["group"].nunique(), shares[shares["estimate"].notna()]
    told: dict[float, list[str]] = {}
    for level in dict.fromkeys(known["level"]):
        part = known[known["level"] == level]
        whole = part.groupby("time")["group"].nunique() == groups
        month = whole[whole].index.max() if whole.any() else part["time"].max()
        here = as_records(part[part["time"] == month])
        each = " and ".join(
            f"{number(r['estimate'], 0)} % ({_whom(r['group'], design)})" for r in here
        )
        what = _WORDS.get((here[0]["endpoint"], level), f"had {level}")
        gap = _gap(rows, "cumulative_incidence_difference", level, month)
        told.setdefault(month, []).append(f"{each} {what}{gap}")
    lines = [f"by month {month:g}, {'; '.join(parts)}" for month, parts in told.items()]
    return sentence("; ".join(lines))


def alike(rows: pd.DataFrame, design: Design) -> str:
    """The same among patients for whom both sides were options."""
    told = incidence(rows, design, "overlap weighted")
    if not told:
        return "No share among comparable patients could be estimated."
    whom = "Among patients for whom both were options, assuming no unmeasured difference"
    return f"{whom}: {small(told)}"


def kinds(rows: pd.DataFrame, design: Design) -> str:
    """What the two kinds of hazard ratio say of the first cause."""
    rates = rows[(rows["statistic"] == "hazard_ratio") & (rows["model"] == "cause specific")]
    shares = rows[rows["statistic"] == "subdistribution_hazard_ratio"]
    told = []
    for one in as_records(rates[rates["estimate"].notna()]):
        cause = one["population"].split(">")[-1]
        same = shares[
            (shares["population"] == one["population"]) & (shares["level"] == one["level"])
        ]
        other = as_records(same)
        behind = f", subdistribution {interval(other[0])}" if other else ""
        told.append(f"{cause}: cause-specific HR {interval(one)}{behind}")
    return sentence("; ".join(told))


def months_in_states(rows: pd.DataFrame, design: Design) -> str:
    """What the last month that could be estimated says of a controllable recurrence."""
    gaps = rows[(rows["statistic"] == "months_in_state_difference") & rows["estimate"].notna()]
    told = []
    for state in ("controllable recurrence", "failure"):
        part = gaps[gaps["level"] == state]
        if part.empty:
            continue
        row = part.sort_values("time", kind="stable").iloc[-1].to_dict()
        who = _second(row["group"], design)
        what = (
            "with a recurrence that surgery could still control"
            if state == "controllable recurrence"
            else "beyond surgery"
        )
        told.append(f"up to month {row['time']:g} {who} spent {more(row, 'months')} {what}")
    return sentence("; ".join(told))


def steps(rows: pd.DataFrame, design: Design) -> str:
    """Each transition's hazard ratio, unadjusted; which had too few events."""
    own = rows[(rows["statistic"] == "transition_hazard_ratio") & (rows["model"] == "multistate")]
    own = own[own["covariate"] != "years_at_entry"]
    told, few = [], []
    for row in as_records(own):
        name = row["population"].replace(">", " to ")
        if math.isfinite(row["estimate"]):
            told.append(f"{name} HR {interval(row)}")
        else:
            few.append(f"{name} ({number(row['events'], 0)})")
    rest = f". Too few events for a ratio: {', '.join(few)}" if few else ""
    return sentence("; ".join(told) + rest) if told else sentence(rest.removeprefix(". "))


def short_period(rows: pd.DataFrame, design: Design) -> str:
    """The risk of failure by a month and its difference, nobody censored left out."""
    whole = rows[(rows["statistic"] == "cumulative_incidence") & (rows["model"] == "pseudo-value")]
    gap = rows[(rows["statistic"] == "risk_difference") & rows["estimate"].notna()]
    told = []
    for row in as_records(whole[whole["estimate"].notna()].head(1)):
        told.append(
            f"by month {row['time']:g}, {number(row['estimate'], 1)} % ({limits(row)}) had lost "
            "surgical control, deaths counted apart"
        )
    for row in as_records(gap.head(1)):
        who = design.group_label(f"{row['covariate']}={row['level']}")
        told.append(f"{more(row, 'points')} with {who}")
    return sentence("; ".join(told))


def odds(rows: pd.DataFrame, design: Design) -> str:
    """The odds ratio of a short period under each way to treat those censored."""
    own = rows[(rows["statistic"] == "odds_ratio") & rows["estimate"].notna()]
    told = [f"{small(LOST[row['model']])} {interval(row)}" for row in as_records(own)]
    if not told:
        return ""
    return sentence(f"odds ratio, by what becomes of those lost before: {'; '.join(told)}")


def guaranteed(rows: pd.DataFrame, design: Design) -> str:
    """What becomes of the failure risk at the first month and of the ratio under each rule."""
    own = rows[(rows["statistic"] == "cumulative_incidence") & (rows["group"] == "all")]
    own = own[own["estimate"].notna() & (own["population"] == "all")]
    if own.empty:
        return ""
    month = own["time"].min()
    here = as_records(own[own["time"] == month])
    told = [f"{small(RULES[r['model']])} {number(r['estimate'], 1)} %" for r in here]
    ratios = records_of(rows, statistic="hazard_ratio")
    ratios = [r for r in ratios if math.isfinite(r["estimate"]) and r["model"] in RULES]
    text = f"failure by month {month:g}: {'; '.join(told)}"
    if ratios:
        each = "; ".join(f"{small(RULES[r['model']])} {interval(r)}" for r in ratios)
        text += f". Hazard ratio: {each}"
    return sentence(text)


def visits(rows: pd.DataFrame, design: Design, visit_months: float) -> str:
    """How far the medians and the ratio hang on the dates of the examinations."""
    told = []
    for endpoint in dict.fromkeys(rows["endpoint"]):
        own = rows[(rows["endpoint"] == endpoint) & (rows["statistic"] == "median_survival")]
        by = own.pivot_table(index="group", columns="model", values="estimate", sort=False)
        if not {"left bound", "right bound"} <= set(by):
            continue
        each = [
            f"of {design.group_label(group)} between {short(low)} and {short(high)} months"
            for group, low, high in zip(by.index, by["left bound"], by["right bound"], strict=True)
            if math.isfinite(low + high)
        ]
        text = (
            f"{design.endpoint_name(endpoint)}: the median lies {', '.join(each)}" if each else ""
        )
        seen = by["right bound"].dropna()
        if len(seen) == 2 and visit_months:
            apart = number(seen.max() - seen.min(), 1)
            text += f"; the medians differ by {apart} months, and patients were seen every "
            text += f"{visit_months:g}"
        told.append(text)
    ratios = records_of(rows, statistic="hazard_ratio", model="interval censored")
    for row in [r for r in ratios if math.isfinite(r["estimate"])][:1]:
        told.append(f"with the events anywhere between, {ratio_text(row)}")
    return sentence(". ".join(map(capital, filter(None, told))))


def strain(rows: pd.DataFrame, design: Design) -> str:
    """How much of each model is noise of these patients."""
    told = []
    for endpoint in dict.fromkeys(rows["endpoint"]):
        own = rows[rows["endpoint"] == endpoint]
        found = {(r["statistic"], r["model"]): r for r in as_records(own)}
        each = found.get(("events_per_parameter", "diagnostic"))
        if each is None:
            continue
        shrink = found.get(("expected_shrinkage", "diagnostic"))
        text = f"{design.endpoint_name(endpoint)}: {number(each['estimate'], 1)} events a parameter"
        if shrink and math.isfinite(shrink["estimate"]):
            text += f", expected shrinkage {number(shrink['estimate'])}"
        gain = found.get(("optimism", "multivariable"))
        if gain and math.isfinite(gain["estimate"]):
            before = found["concordance", "multivariable"]["estimate"]
            after = found["concordance", "optimism corrected"]["estimate"]
            text += f", concordance {number(before)} ({number(after)} without the optimism)"
        told.append(text)
    return sentence("; ".join(told))


def periods(rows: pd.DataFrame, design: Design) -> str:
    """The ratio in each period, and whether it is the same in all."""
    told = []
    for endpoint in dict.fromkeys(rows["endpoint"]):
        own = rows[(rows["endpoint"] == endpoint) & (rows["model"] == "piecewise")]
        ratios = [r for r in records_of(own, statistic="hazard_ratio")]
        known = [r for r in ratios if math.isfinite(r["estimate"])]
        each = "; ".join(f"{r['population']} HR {interval(r)}" for r in known)
        test = own[(own["statistic"] == "p") & (own["population"] == "all")]["estimate"]
        same = f"; equal in all: {p_phrase(test.iloc[0])}" if len(test) and known else ""
        if known:
            told.append(f"{design.endpoint_name(endpoint)}: {each}{same}")
    return sentence(". ".join(told))


def codons(rows: pd.DataFrame, design: Design) -> str:
    """Whether the levels differ at all, and what each is worth beside the others."""
    told = []
    for endpoint in dict.fromkeys(rows["endpoint"]):
        own = rows[rows["endpoint"] == endpoint]
        tests = [r for r in records_of(own, statistic="p") if math.isfinite(r["estimate"])]
        drawn = records_of(own, statistic="hazard_ratio", model="partial pooling")
        known = [r for r in drawn if math.isfinite(r["estimate"])]
        if not tests or not known:
            continue
        end = "a difference is shown" if tests[0]["estimate"] < 0.05 else "no difference is shown"
        each = "; ".join(f"{_level(r, design)} {interval(r)}" for r in known)
        name = design.endpoint_name(endpoint)
        told.append(f"{name}: joint test {p_phrase(tests[0]['estimate'])}, {end}; pooled HR {each}")
    return sentence(". ".join(told))


# ---- parts ------------------------------------------------------------------


def _whom(group: str, design: Design) -> str:
    return "all patients" if group == "all" else design.group_label(group)


def _gap(rows: pd.DataFrame, statistic: str, level: str, month: float) -> str:
    found = rows[(rows["statistic"] == statistic) & (rows["level"] == level)]
    found = found[(found["time"] == month) & found["estimate"].notna()]
    if found.empty:
        return ""
    row = found.iloc[0].to_dict()
    both = f", {ends}" if (ends := limits(row)) else ""
    size = number(row["estimate"], 1)
    unit = "point" if size in ("1", "-1") else "points"
    return f" (difference {size} {unit}{both})"


def _level(row: Row, design: Design) -> str:
    return design.group_label(f"{row['covariate']}={row['level']}")


def _second(name: str, design: Design) -> str:
    levels = design.levels(name)
    return design.group_label(f"{name}={levels[1]}") if len(levels) > 1 else name


def censored_early(count: int, events: int, month: float) -> str:
    """How many were lost before a month, as a sentence: their outcome is not known."""
    verb = "was" if count == 1 else "were"
    many = counted(count, "patient")
    text = f"{many} {verb} followed for less than {month:g} months without failure or death"
    return sentence(f"{text}, and {counted(events, 'patient')} died before it without failure")
