"""Sentences on comparable patients: what was diagnosed, what came out, what it does not say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records, small
from crlm.naming import model_words
from crlm.numbers import counted, estimate, interval, limits, number, p_phrase, ratio
from crlm.report.figures.comparable import characteristic
from crlm.report.readings.models import ratio_text
from crlm.report.readings.wording import capital, more, records_of, sentence

Row = Mapping[str, Any]
#: What those without the event are called.
WITHOUT = {"OS": "alive", "RFS": "alive without recurrence", "SCP": "under surgical control"}


_IN_TENTHS = "overlap weights leave less than 0.05 in every term"
#: Standardised differences beyond this are told.
_ALIKE = 0.1
#: A difference as small as this is the rounding of the weights' balance.
_NOTHING = 1e-4


def without(endpoint: str) -> str:
    """What patients without the event of an endpoint are called: "alive"."""
    return WITHOUT.get(endpoint, "free of the event")


def balance(rows: pd.DataFrame, design: Design) -> str:
    """How unlike the sides were, what weights make of it, and how many patients carry it."""
    plain = rows[(rows["statistic"] == "smd") & ~rows["covariate"].str.contains(":")]
    raw = as_records(plain[(plain["model"] == "diagnostic") & plain["estimate"].notna()])
    if not raw:
        return ""
    big = sorted(raw, key=lambda r: -abs(r["estimate"]))
    told = ", ".join(
        f"{small(characteristic(r['covariate'], r['level'], design))} ({number(r['estimate'])})"
        for r in big[:3]
    )
    parts = [f"Before weighting the sides differ most in {told}"]
    parts += _left(rows)
    sizes = records_of(rows, statistic="effective_n", model="overlap weighted")
    if sizes:
        worth = " and ".join(
            f"{number(r['estimate'], 0)} of {number(r['n'], 0)} ({design.group_label(r['group'])})"
            for r in sizes
        )
        parts.append(f"the weighted sides are worth {worth} patients")
    area = [r for r in records_of(rows, statistic="propensity_auc") if _known(r)]
    parts += [f"the propensity tells them apart with an AUC of {interval(area[0])}"] if area else []
    return sentence("; ".join(parts))


def _left(rows: pd.DataFrame) -> list[str]:
    """What overlap weights leave; of the terms nothing, unless their model had to be penalised."""
    weighted = rows[(rows["statistic"] == "smd") & (rows["model"] == "overlap weighted")]
    product = weighted["covariate"].str.contains(":")
    own, products = (weighted.loc[which, "estimate"].abs().max() for which in (~product, product))
    if not math.isfinite(own):
        return []
    if weighted["method"].str.contains("in tenths").any():
        return (
            [f"overlap weights leave {number(own, 1)} in a term at most"] if own else [_IN_TENTHS]
        )
    if own < _NOTHING:
        first = "under overlap weights every term is alike by construction"
    else:
        first = f"overlap weights leave {number(own)} in a term at most (not exact)"
    rest = f" and of squares and products {number(products)} is left at most"
    return [first + (rest if math.isfinite(products) else "")]


def effect(rows: pd.DataFrame, design: Design, exposure: str, endpoint: str) -> str:
    """Points and months among patients for whom both were options, then the ratios."""
    side = design.label(exposure, design.levels(exposure)[1])
    at = _last(rows, "risk_difference")
    parts = []
    if at is not None:
        who = f"Among patients for whom both were options, {more(at, 'points')}"
        parts.append(f"{who} were {without(endpoint)} at month {at['time']:g} with {side}")
        months = _last(rows, "rmst_difference")
        if months is not None:
            parts.append(f"up to month {months['time']:g} that is {more(months, 'months')} each")
    told = [
        f"{name} {ratio_text(r)}"
        for model, name in (
            ("overlap weighted", "marginal"),
            ("att weighted", "like the treated"),
            ("doubly robust", "doubly robust"),
        )
        for r in records_of(rows, statistic="hazard_ratio", model=model)
        if _known(r)
    ]
    parts += ["; ".join(told)] if told else []
    if not parts:
        return "No effect could be estimated: the sides, or the events, are too few."
    parts.append("all assuming no unmeasured difference between the sides")
    return sentence("; ".join(parts))


def _last(rows: pd.DataFrame, statistic: str, model: str = "overlap weighted") -> Row | None:
    """The row of the latest month that has an estimate."""
    found = [r for r in records_of(rows, statistic=statistic, model=model) if _known(r)]
    return max(found, key=lambda r: r["time"], default=None)


def _known(row: Row) -> bool:
    return math.isfinite(row["estimate"])


def early(rows: pd.DataFrame, design: Design, grace: float) -> str:
    """How many untreated patients had the event before treatment could begin."""
    told = []
    for row in records_of(rows, statistic="cumulative_events"):
        told.append(
            f"{design.endpoint_name(row['endpoint'])}: {number(row['estimate'], 0)} of "
            f"{number(row['n'], 0)}"
        )
    if not told:
        return ""
    when = f"before month {grace:.3g}, the end of the grace period"
    return sentence(f"untreated patients with the event {when}: {'; '.join(told)}")


def timing(rows: pd.DataFrame, design: Design) -> str:
    """What becomes of the ratio when treatment counts from its first day."""
    told = []
    for endpoint, part in rows.groupby("endpoint", sort=False):
        ever = _ratio(part, "diagnostic")
        late = _ratio(part, "time dependent") or _ratio(part, "assumed start")
        if ever is None or late is None:
            continue
        assumed = " (start assumed)" if late["model"] == "assumed start" else ""
        before, after = interval(ever), interval(late)
        moved = f"moves the ratio from {before} to {after}"
        stays = estimate(ever) == estimate(late)
        told.append(
            f"{design.endpoint_name(str(endpoint))}: counting treatment from its first day"
            f"{assumed} {f'leaves the ratio at {after}' if stays else moved}"
        )
        told += [
            f"{words} {more(row, 'points')} {without(str(endpoint))} at month {row['time']:g}"
            for model, words in (
                ("landmark", "from the end of the grace period on"),
                ("clone censor weight", "as strategies from the operation on"),
            )
            if (row := _last(part, "risk_difference", model)) is not None
        ]
    return sentence("; ".join(told)) or "No ratio could be estimated from the start of treatment."


def _ratio(part: pd.DataFrame, model: str) -> Row | None:
    found = [r for r in records_of(part, statistic="hazard_ratio", model=model) if _known(r)]
    return found[0] if found else None


def modification(rows: pd.DataFrame, design: Design) -> str:
    """Between what the data leave the ratio of the two effects, and their difference."""
    told = []
    for endpoint, part in rows.groupby("endpoint", sort=False):
        words = []
        gap = _last(part, "difference_of_risk_differences")
        if gap is not None:
            both = limits(gap)
            ci = f" (95 % CI {both})" if both else ""
            words.append(
                f"the gain in points differs by {number(gap['estimate'], 1)}{ci} at month "
                f"{gap['time']:g}"
            )
        between = _ratio_between(part)
        if between is not None:
            ends = (ratio(between["conf_low"]), ratio(between["conf_high"]))
            words.append(
                f"the data are compatible with a ratio of the two hazard ratios from {ends[0]} "
                f"to {ends[1]} (estimate {ratio(between['estimate'])})"
            )
        chance = [r for r in records_of(part, statistic="power") if _known(r)]
        if chance:
            matters = design.chapter["flags"]["power_ratio"]
            power = number(chance[0]["estimate"])
            words.append(f"power {power} to find a true ratio of {matters:g}")
        told += [f"{design.endpoint_name(str(endpoint))}: {'; '.join(words)}"] if words else []
    return sentence(". ".join(capital(t) for t in told)) or (
        "No contrast of the two effects could be estimated."
    )


def left_apart(rows: pd.DataFrame, design: Design) -> list[str]:
    """In which group the weights leave the sides unlike, and in what most."""
    found = rows[(rows["statistic"] == "smd") & (rows["model"] == "overlap weighted")]
    found = found[~found["covariate"].str.contains(":") & (found["estimate"].abs() > _ALIKE)]
    told = []
    for where, part in found.groupby("population", sort=False):
        row = part.loc[part["estimate"].abs().idxmax()]
        name = small(characteristic(row["covariate"], row["level"], design))
        told.append(
            f"Within {design.group_label(str(where))} the weights leave the sides unlike: "
            f"{number(abs(row['estimate']))} standard deviations apart in {name}."
        )
    return told


def _ratio_between(part: pd.DataFrame) -> Row | None:
    found = part[part["statistic"] == "ratio_of_hazard_ratios"]
    for model in ("interaction adjusted", "overlap weighted"):
        for row in as_records(found[found["model"] == model]):
            if _known(row) and math.isfinite(row["conf_low"]):
                return row
    return None


def gaps(rows: pd.DataFrame, design: Design) -> str:
    """What is missing most, and how many patients are complete."""
    shares = [
        r
        for r in records_of(rows, statistic="percent_missing", group="all")
        if _known(r) and r["estimate"] > 0
    ]
    whole = next(iter(records_of(rows, statistic="n", model="complete case")), None)
    if not shares or whole is None:
        return "No value of these covariates is missing."
    most = sorted(shares, key=lambda r: -r["estimate"])[:3]
    told = ", ".join(
        f"{small(design.label(r['covariate']))} {number(r['estimate'], 0)} %" for r in most
    )
    many = counted(whole["estimate"], "patient")
    events = ""
    if math.isfinite(whole["events"]):
        events = f" with {counted(whole['events'], 'event')}"
    return f"Missing: {told}. Complete in everything: {many}{events}."


def imputed(rows: pd.DataFrame, design: Design, exposure: str) -> str:
    """The exposure's ratio of complete cases and of completed tables."""
    told = []
    for endpoint, part in rows.groupby("endpoint", sort=False):
        own = part[part["covariate"] == exposure]
        one, two = _ratio(own, "complete case"), _ratio(own, "imputed")
        if one is not None and two is not None:
            told.append(
                f"{design.endpoint_name(str(endpoint))}, {small(design.label(exposure))}: "
                f"{ratio_text(one)} in complete cases, {ratio_text(two)} with completed tables"
            )
            told += _shifted(own, design)
    return sentence("; ".join(told))


def _shifted(own: pd.DataFrame, design: Design) -> list[str]:
    """What comes out when what is missing was more, or less, often present than guessed."""
    found = own[own["model"].str.startswith("imputed, ") & (own["statistic"] == "hazard_ratio")]
    known = [r for r in as_records(found) if _known(r)]
    if len(known) != 2:
        return []
    column = known[0]["model"].removeprefix("imputed, odds of ").rpartition(" ")[0]
    values = " and ".join(ratio(r["estimate"]) for r in known)
    label = small(design.label(column))
    return [f"with the odds of {label} halved or doubled where it is missing, HR {values}"]


def e_values(rows: pd.DataFrame, design: Design) -> str:
    """How strong a confounder would have to be, for the first effect of each endpoint."""
    told = []
    what = small(design.label(design.chapter["exposure"]))
    for endpoint, part in rows.groupby("endpoint", sort=False):
        values = [r for r in records_of(part, statistic="e_value") if _known(r)]
        if not values:
            continue
        first = values[0]
        limit = next(
            r
            for r in records_of(part, statistic="e_value_limit", model=first["model"])
            if r["time"] == first["time"] or (math.isnan(r["time"]) and math.isnan(first["time"]))
        )
        at = f" {ratio(limit['estimate'], 1)} its limit" if _known(limit) else ""
        told.append(
            f"{design.endpoint_name(str(endpoint))}: a factor tied to {what} and to the outcome "
            f"by a risk ratio of {ratio(first['estimate'], 1)} each, beyond those adjusted for, "
            f"could explain the {model_words(first['model'])} estimate{',' if at else ''}{at}"
        )
    return sentence("; ".join(told))


def era(rows: pd.DataFrame, design: Design, exposure: str) -> str:
    """Whether treatment and prognosis changed together over the years."""
    told = []
    for row in records_of(rows, statistic="hazard_ratio", model="era adjusted"):
        if _known(row) and row["covariate"] == exposure:
            tests = records_of(rows, statistic="p", model="era adjusted")
            outcome = [r for r in tests if r["endpoint"] == row["endpoint"] and _known(r)]
            p = f", {p_phrase(outcome[0]['estimate'])} for the year" if outcome else ""
            name = design.endpoint_name(row["endpoint"])
            told.append(f"{name} with the year in the model: {ratio_text(row)}{p}")
            told += [
                f"ten years later the ratio is {ratio(r['estimate'])} times that ({limits(r)})"
                for r in records_of(rows, statistic="ratio_of_hazard_ratios", model="era adjusted")
                if _known(r) and r["endpoint"] == row["endpoint"]
            ]
    return sentence("; ".join(told))


def control(rows: pd.DataFrame, design: Design) -> str:
    """The ratio of deaths that the treatment cannot prevent: away from 1 is confounding."""
    told = [ratio_text(r) for r in records_of(rows, statistic="hazard_ratio") if _known(r)]
    if not told:
        return ""
    return (
        f"Negative control, deaths of another cause before recurrence: {told[0]}; an interval "
        "away from 1 would tell of differences that no model removed."
    )


def tested(rows: pd.DataFrame, design: Design, endpoint: str) -> str:
    """How many were tested, of those with and without the event."""
    shares = {
        (r["covariate"], r["level"]): r["estimate"]
        for r in records_of(rows, statistic="percent_tested")
    }
    whole = shares.get(("", ""))
    if whole is None:
        return ""
    event = f"{endpoint} event"
    text = f"Of those operated on, {number(whole, 0)} % were tested"
    with_it, without_it = shares.get((event, "yes")), shares.get((event, "no"))
    if with_it is not None and without_it is not None:
        name = design.endpoint_name(endpoint)
        text += f"; of those with the event of {name} {number(with_it, 0)} %, of the others "
        text += f"{number(without_it, 0)} %"
    return sentence(text)


def weighted_tests(rows: pd.DataFrame, design: Design) -> str:
    """Survival as if all had been tested, beside that of the tested alone."""
    told = []
    for endpoint, part in rows.groupby("endpoint", sort=False):
        found = [
            r
            for r in records_of(part, statistic="survival_rate", model="testing weighted")
            if r["group"] == "all" and _known(r)
        ]
        naive = [
            r
            for r in records_of(part, statistic="survival_rate", model="diagnostic")
            if r["group"] == "tested=yes" and _known(r)
        ]
        if found:
            last = max(found, key=lambda r: r["time"])
            same = [r for r in naive if r["time"] == last["time"]]
            beside = f" (the tested alone {interval(same[0])} %)" if same else ""
            told.append(
                f"{design.endpoint_name(str(endpoint))} at month {last['time']:g} as if all had "
                f"been tested: {interval(last)} %{beside}"
            )
    return sentence("; ".join(told))


def listed(texts: Sequence[str]) -> str:
    """Sentences that are not empty, as one paragraph."""
    return " ".join(text for text in texts if text)
