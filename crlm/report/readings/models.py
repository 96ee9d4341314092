"""What goes with what, in sentences: ratios, models, interactions, proportional hazards."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from crlm import naming
from crlm.ledger import Design, as_records, kind_of, small
from crlm.ledger.vocabulary import MULTIVARIABLE
from crlm.numbers import estimate, interval, limits, p_phrase
from crlm.report.readings.printed import Print
from crlm.report.readings.wording import (
    RATIOS,
    Row,
    capital,
    keys_of,
    lacking,
    records_of,
    sentence,
)


def effects(
    rows: pd.DataFrame, design: Design, paper: Print, *, most: int = 4, lead: str = ""
) -> str:
    """Ratios of some rows, each with limits, p and what the paper prints."""
    found = [
        r for r in as_records(rows) if r["statistic"] in RATIOS and math.isfinite(r["estimate"])
    ]
    if not found:
        return ""
    tests = {keys_of(r): r for r in as_records(rows) if r["statistic"] == "p"}
    told = [_effect_text(r, tests.get(keys_of(r)), design, paper) for r in found[:most]]
    rest = f"; and {len(found) - most} more in the table" if len(found) > most else ""
    return sentence(f"{lead}{'; '.join(told)}{rest}")


def _effect_text(
    row: Row,
    test: Row | None,
    design: Design,
    paper: Print,
    products: Iterable[tuple[str, str]] = (),
) -> str:
    p = ""
    if test is not None and math.isfinite(test["estimate"]):
        p = f", {paper.tested(test)}"
    at = held_at(row, products, design)
    what = ", ".join(filter(None, [contrast(row, design), at]))
    return f"{what}: {ratio_text(row)}{paper.beside(row)}{p}"


def products_in(rows: pd.DataFrame) -> set[tuple[str, str]]:
    """The products of models, each with the model: ("multivariable", "hai:kras")."""
    held = rows[rows["covariate"].str.contains(":") & rows["statistic"].isin(RATIOS)]
    return set(zip(held["model"], held["covariate"], strict=True))


def held_at(row: Row, products: Iterable[tuple[str, str]], design: Design) -> str:
    """Where the others of a covariate's products stand in its ratio: "at KRAS wild type".

    Parameters
    ----------
    row : mapping
        A ratio of a model.
    products : iterable of (str, str)
        From `products_in`; "" where the row's model has none with its covariate.
    design : Design
    """
    name = str(row["covariate"])
    pairs = [product.split(":") for model, product in products if model == row["model"]]
    others = [other for pair in pairs if name in pair for other in pair if other != name]
    told = []
    for other in dict.fromkeys(others):
        column = other if design.levels(other) else design.source(other)
        level = {**row, "covariate": column, "level": "", "reference": ""}
        at = f"{column}={design.reference_of(level)}" if design.levels(column) else ""
        told.append(design.group_label(at) if at else f"{small(design.label(column))} 0")
    return f"at {' and '.join(told)}" if told else ""


def ratio_text(row: Row) -> str:
    """`HR 3.37, 95 % CI 1.98–5.73`."""
    both = limits(row)
    ci = f", 95 % CI {both}" if both else ""
    return f"{RATIOS[row['statistic']]} {estimate(row)}{ci}"


def contrast(row: Row, design: Design) -> str:
    """`RAS mutant against RAS wild type`, or the name of a measurement and its unit."""
    name, level = str(row["covariate"]), str(row["level"])
    where = _where(str(row["population"]), design)
    if not level:
        return f"{design.ratio_label(name)}{where}"
    levels = design.levels(name)
    text = design.group_label(f"{name}={level}")
    if len(levels) < 2:
        return text + where
    alone = design.label(name) not in text or text == design.label(name, level)
    if not alone:
        text = f"{design.label(name)}: {small(design.label(name, level))}"
    reference = design.label(name, design.reference_of(row))
    return f"{text} against {reference if alone else small(reference)}{where}"


def _where(population: str, design: Design) -> str:
    if population == "all":
        return ""
    if "=" not in population:
        return f", {population}"
    roles = {design.spec(part.partition("=")[0]).get("role") for part in population.split(",")}
    if roles == {"exposure"}:
        return f" in {design.group_label(population)}"
    return f" {naming.among(population, design)}"


def model(
    rows: pd.DataFrame,
    design: Design,
    paper: Print,
    exposures: Sequence[str],
    kind: str = "multivariable",
) -> str:
    """The multivariable model: the exposures first, then what else is associated at p < 0.05.

    Of these the five of the smallest p, and how many more. Scores that stand in a table in the
    place of a category are in another model, and are not told.
    With the kind "univariable" the same of each covariate alone.
    """
    multi = rows[rows["model"] == kind]
    tests = {keys_of(r): r for r in records_of(multi, statistic="p")}
    ratios = [r for r in as_records(multi) if r["statistic"] in RATIOS]
    several = kind_of(kind) == MULTIVARIABLE
    if not ratios and several:
        return f"No covariate enters {naming.the_model(rows, kind, design)}."
    mine = [r for r in ratios if r["covariate"] in exposures]
    first = [r for r in mine if math.isfinite(r["estimate"])]
    unknown = [contrast(r, design) for r in mine if not math.isfinite(r["estimate"])]
    held = {r["covariate"] for r in ratios}
    beside = {score for score, category in design.scores.items() if category in held}
    found = [
        (tests[keys_of(r)]["estimate"], r)
        for r in ratios
        if r["covariate"] not in {*exposures, *beside} and keys_of(r) in tests
    ]
    others = [r for p, r in sorted(found, key=lambda pair: pair[0]) if p < 0.05]
    products = products_in(multi)
    told = [_effect_text(r, tests.get(keys_of(r)), design, paper, products) for r in first]
    absent = [design.label(name) for name in exposures if name in set(rows["covariate"])]
    absent = [n for n in absent if n not in [design.label(r["covariate"]) for r in mine]]
    called = naming.kind_of_model(rows, kind, design)
    parts = [f"{capital(called)}: " + "; ".join(told)] if told else []
    hidden = any(str(r["method"]).startswith("not shown") for r in mine)
    of_all = "in the multivariable model" if called == kind else "in the model"
    where = of_all if several else "alone"
    why = "not shown for this model" if hidden else f"not estimable {where}"
    parts += [f"{', '.join(unknown)}: {why}"] if unknown else []
    parts += [f"{', '.join(absent)} not {where}"] if absent else []
    if others:
        also = "; ".join(
            _effect_text(r, tests.get(keys_of(r)), design, paper, products) for r in others[:5]
        )
        rest = f"; and {len(others) - 5} more" if len(others) > 5 else ""
        parts.append(f"also at p < 0.05: {also}{rest}")
    return sentence(". ".join(capital(part) for part in parts) or "No exposure is in the model")


def interaction(rows: pd.DataFrame, design: Design) -> str:
    """Whether one effect differs between groups, endpoint by endpoint."""
    told = []
    for row in as_records(rows):
        if row["statistic"] == "hazard_ratio" and ":" in row["covariate"]:
            name = design.endpoint_name(row["endpoint"])
            if not math.isfinite(row["estimate"]):
                told.append(f"{name}: ratio of the two hazard ratios {lacking(row)}")
                continue
            test = next(r for r in records_of(rows, statistic="p") if keys_of(r) == keys_of(row))
            end = "the two differ" if test["estimate"] < 0.05 else "no difference is shown"
            told.append(
                f"{name}: ratio of the two hazard ratios {interval(row)}, "
                f"{p_phrase(test['estimate'])}, {end}"
            )
    return sentence("; ".join(told))


def subgroups(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """One effect in each subgroup, and whether the subgroups differ in it."""
    alone = as_records(rows[rows["model"] == "univariable"])
    tests = {keys_of(r): r for r in as_records(rows) if r["statistic"] == "p"}
    found: dict[str, list[str]] = {}
    for row in alone:
        if row["statistic"] in RATIOS and math.isfinite(row["estimate"]):
            test = tests.get(keys_of(row))
            p = f", {p_phrase(test['estimate'])}{paper.beside(test)}" if test else ""
            what = f"{ratio_text(row)}{paper.beside(row)}{p}"
            whom = naming.among(_besides(row), design).removeprefix("among ")
            found.setdefault(contrast({**row, "population": "all"}, design), []).append(
                f"{whom} {what}"
            )
    told = [sentence(f"{effect}: {'; '.join(parts)}") for effect, parts in found.items()]
    return " ".join([*told, *_between(rows, design, paper)])


def _besides(row: Row) -> str:
    """The patients of a ratio, but for the groups that it compares."""
    parts = str(row["population"]).split(",")
    own = [part for part in parts if part.partition("=")[0] != row["covariate"]]
    return ",".join(own) or str(row["population"])


def _between(rows: pd.DataFrame, design: Design, paper: Print) -> list[str]:
    """A sentence on each interaction."""
    told = []
    tests = {r["covariate"]: r for r in records_of(rows, statistic="p") if ":" in r["covariate"]}
    for name, row in tests.items():
        modifier = small(design.label(name.partition(":")[2]))
        if not math.isfinite(row["estimate"]):
            told.append(sentence(f"interaction with {modifier}: {lacking(row)}"))
            continue
        end = "the effects differ" if row["estimate"] < 0.05 else "no difference is shown"
        p = f"{p_phrase(row['estimate'])}{paper.beside(row)}"
        told.append(sentence(f"interaction with {modifier}: {p}, {end}"))
    return told


def proportional(rows: pd.DataFrame, design: Design) -> str:
    """Which covariates' hazards are not proportional, and the test of the whole model."""
    told = []
    for (endpoint, _), part in rows.groupby(["endpoint", "model"], sort=False):
        every = records_of(part, statistic="p")
        tests = [r for r in every if math.isfinite(r["estimate"])]
        which = f", {label}" if (label := design.model_label(part.iloc[0])) else ""
        name = f"{design.endpoint_name(str(endpoint))}{which}"
        if every and not tests:
            told.append(f"{name}: {lacking(every[0])}")
            continue
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
        told.append(f"{name}: {text}{total}")
    return sentence(". ".join(told))
