"""Methods in sentences: who was analysed, what was measured, and what was missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from crlm.ledger import as_records, kind_of, small
from crlm.ledger.factors import Merged
from crlm.numbers import Shown, counted, number
from crlm.report.characteristics import spreads_of
from crlm.report.manuscript.done import Done, listed

_KINDS = {
    "reconstructed": "The patients are synthetic: they were searched so that the paper's printed "
    "results hold, and nothing found in them is evidence about patients.",
    "public": "The patients are those of a public cohort ({title}).",
    "own": "",
}
_DEATHS = {"censor": "censored at the death", "event": "counted as a failure"}
_SHORT = {
    "not short": "were counted as not short",
    "short": "were counted as short",
    "exclude": "were left out of that comparison",
}
_ELSE = ", else censored at last contact"
_NOT_STATED = ", which the paper does not state"


def cohort(done: Done) -> list[str]:
    """Who was analysed, of whom."""
    flow, told = done.flow, []
    kind = _KINDS[done.kind].format(title=done.cohort or "see the references")
    if "start" in flow:
        steps = [
            f"{number(flow[gone], 0)} not meeting “{step['label']}”"
            for step in done.design.eligibility
            if flow.get(gone := f"{step['name']}_excluded", 0) > 0
        ]
        kept = [flow[c["name"]] for c in done.design.eligibility if c["name"] in flow]
        left = f"; left out were {listed(steps)}" if steps else ""
        last = kept[-1] if kept else flow["start"]
        about = "about " if isinstance(flow["start"], Shown) else ""
        verb = "was" if last == 1 else "were"
        told.append(
            f"Of {about}{counted(flow['start'], 'patient')} in the table {number(last, 0)} {verb} "
            f"analysed{left}."
        )
    unchecked = [text for text in done.methods(covariate="flow") if "cannot" in text]
    told += [f"{text[0].upper()}{text[1:]}." for text in unchecked]
    return [text for text in (kind, *told) if text]


def endpoints(done: Done) -> list[str]:
    """What was counted, from when, to what."""
    told = []
    for name in done.endpoints:
        spec = done.design.endpoints[name]
        rule = spec["rule"].removesuffix("Not in the paper.").rstrip(" .")
        rule = rule.replace(_ELSE, "")
        brief = f" ({name})" if name.isupper() else ""
        told.append(f"{spec['label']}{brief} was counted from {small(rule)}.")
    if told:
        told.append("Patients without the event were censored at their last contact.")
    if "SCP" in done.endpoints:
        told += _scp(done)
    if done.late:
        late = "Patients who came under observation after the operation were at risk from then on"
        drop = done.rules.get("entered_late") == "drop"
        told.append(late + ("; those with an event before were left out." if drop else "."))
    return told


def _scp(done: Done) -> list[str]:
    told, rules = [], done.rules
    death = rules.get("death_without_failure")
    if death in _DEATHS:
        unstated = _unstated(done, "death_without_failure")
        told.append(f"A death without surgical failure was {_DEATHS[death]}{unstated}.")
    short = done.has(endpoint="short_SCP") or done.has(covariate="short_scp")
    if short and "short_scp_months" in rules:
        told.append(f"{short_period(rules)}{_unstated(done, 'short_scp_censored')}.")
    return told


def short_period(rules: Mapping[str, Any]) -> str:
    """Which period was called short, and what became of patients censored before its end."""
    return (
        f"A period below {rules['short_scp_months']:g} months was called short; patients censored "
        f"before that {_SHORT[rules['short_scp_censored']]}"
    )


def _unstated(done: Done, name: str) -> str:
    own = done.design.conventions.get(name)
    listed_so = name in done.design.conventions.get("unstated", ())
    return _NOT_STATED if listed_so and done.rules.get(name) == own else ""


def cut_offs(done: Done) -> list[str]:
    """Where numbers were cut, and levels merged, as far as a table or model uses it."""
    used = dict.fromkeys(part for name in done.rows["covariate"] for part in name.split(":"))
    made = [name for name in used if name in done.design.factors]
    kinds = {"cut": [], "cuts": [], "groups": []}
    for name in made:
        kind = next(key for key in kinds if key in done.design.factors[name])
        kinds[kind].append(_cut(done, name) if kind == "cut" else _levels(done, name))
    said = {
        "Measurements were cut in two": listed(kinds["cut"]),
        "Measurements were cut in bands": "; ".join(kinds["cuts"]),
        "Levels were merged": "; ".join(kinds["groups"]),
    }
    return [f"{how}: {told}." for how, told in said.items() if told]


def _cut(done: Done, name: str) -> str:
    holds = done.design.factors[name]["levels"][1]
    return done.words(name) if holds == "yes" else done.words(name, holds)


def _levels(done: Done, name: str) -> str:
    """A factor with its levels: "age (< 50, 50 to < 60 and ≥ 60 years)"."""
    design, made = done.design, done.design.factor(name)
    texts = [design.label(name, level) for level in design.levels(name)]
    if isinstance(made, Merged):
        held = [
            ", ".join(design.label(made.source, one) for one in part)
            for part in made.groups.values()
        ]
        pairs = (f"{text} ({parts})" for text, parts in zip(texts, held, strict=True))
        return f"{done.words(name)} as {listed(pairs)}"
    return f"{done.words(name)} ({listed(texts)} {design.unit_of(name)}".strip() + ")"


def characteristics(done: Done) -> list[str]:
    """How patients are described and groups compared."""
    rows = done.characteristics
    if rows.empty:
        return []
    numeric = rows["covariate"].isin(rows.loc[rows["statistic"] == "median", "covariate"])
    told = []
    if numeric.any():
        tested = _tests(rows[numeric])
        told.append(f"Measurements are given as median and {_spread(rows, done)}{tested}.")
    if not numeric.all():
        tested = _tests(rows[~numeric])
        told.append(f"Categories are given as number and percentage of the known values{tested}.")
    quartiles = [text for text in dict.fromkeys(rows["method"]) if text.startswith("quartile ")]
    told += [f"Quartiles: {text.removeprefix('quartile ')}." for text in quartiles]
    return told


def _spread(rows: pd.DataFrame, done: Done) -> str:
    words = {"min": "range", "q1": "quartiles"}
    usual, more = spreads_of(rows)
    told = listed(words[name] for name in usual) or "no measure of spread"
    others = listed(words[name] for name in words if name not in usual)
    return f"{told} ({listed(map(done.words, more))}: also {others})" if more else told


def _tests(rows: pd.DataFrame) -> str:
    methods = rows.loc[(rows["statistic"] == "p") & rows["estimate"].notna(), "method"]
    names = list(dict.fromkeys(_test(text) for text in methods))
    return f", compared by {listed(names)}" if names else ""


def _test(method: str) -> str:
    """`Pearson's chi-square test (no continuity correction)`: degrees of freedom left out."""
    name, *rest = [part for part in method.split(", ") if not part.startswith("df ")]
    named = name if name[0].isupper() and "'" in name.split()[0] else f"the {name}"
    return f"{named} ({', '.join(rest)})" if rest else named


def missing(done: Done) -> list[str]:
    """What was not known of the patients, and what became of it."""
    rows = done.characteristics
    rows = rows[(rows["statistic"] == "missing") & (rows["endpoint"] == "")]
    out = done.of(model="left out", statistic="missing").drop_duplicates("covariate")
    seen = rows[rows["group"] == "all"]
    seen = seen.sort_values("estimate", ascending=False, kind="stable")
    told = _gaps(done, seen.drop_duplicates("covariate")) if len(seen) else []
    told += [
        f"{counted(row['estimate'], 'patient')} of unknown {done.words(row['covariate'])} "
        f"{'is' if row['estimate'] == 1 else 'are'} left out of comparisons by it."
        for row in as_records(out)
    ]
    told += _complete_cases(done)
    told.append(_replaced(done))
    return told


def _gaps(done: Done, rows: pd.DataFrame) -> list[str]:
    with_gaps = rows[rows["estimate"] > 0]
    if with_gaps.empty:
        return [f"No value was missing among {counted(len(rows), 'characteristic')}."]
    worst = with_gaps.iloc[0]
    share = number(100 * worst["estimate"] / worst["n"], 0)
    return [
        f"Of {counted(len(rows), 'characteristic')} {len(with_gaps)} had missing values, most of "
        f"all {done.words(worst['covariate'])} ({number(worst['estimate'], 0)} of "
        f"{number(worst['n'], 0)} patients, {share} %)."
    ]


def _complete_cases(done: Done) -> list[str]:
    rows = done.of(statistic="n", covariate="", population="all")
    told = []
    for row in as_records(rows[rows["model"].map(kind_of) == "multivariable"]):
        found = done.cases(row["method"])
        if found and found[0] < found[1]:
            name = done.design.endpoint_name(row["endpoint"])
            name += f", {label}," if (label := done.design.model_label(row)) else ""
            told.append(f"{name} {found[0]} of {found[1]}")
    start = "Each model has the patients of whom all its covariates are known"
    return [f"{start} ({', '.join(told)})."] if told else []


def _replaced(done: Done) -> str:
    models = done.rows.loc[done.rows["model"].str.contains("imputed"), "method"]
    if models.empty:
        return "No missing value was replaced."
    return (
        "Missing values were not replaced in the main analyses; in a further one they were "
        f"({_first(models)})."
    )


def _first(methods: Iterable[str]) -> str:
    return next(iter(dict.fromkeys(methods)))
