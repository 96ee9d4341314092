"""What a cohort must give: every printed number as a quantity and an interval of values.

A `Target` is a quantity with the values that the print allows. Claims that no quantity of a
cohort can meet are excluded by name, each with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from scipy.stats import norm

from crlm import ledger
from crlm.ledger import Design, LedgerError
from crlm.ledger.vocabulary import NOT_REACHED, months_in
from crlm.reconstruction.incidence_claims import per_month
from crlm.reconstruction.models import Model, levels_of, searched_models
from crlm.reconstruction.quantities import (
    RATIOS,
    SIZE,
    Beyond,
    Quantity,
    against,
    among_known,
    flipped,
    quantity_of,
    size,
    tested,
)
from crlm.reconstruction.quantity import BY_CERTIFICATE, LAST

#: Where two printings of one number disagree, the first of these places counts.
PLACES = ("table", "results", "abstract", "title", "discussion", "conclusion")
#: Below this |z| the side of a test is left open: print cannot tell it.
SIDELESS = 0.8
#: A p value of this or less counts as significant (directions, as `comparison` judges them).
ALPHA = 0.05


@dataclass(frozen=True)
class Target:
    """A quantity and the values it may have.

    Attributes
    ----------
    claims : tuple of str
        Identifiers in the ledger; a prior or an implied inequality has a name of its own.
    quantity : Quantity
    low, high : float
        Closed below, open above, on the scale of the search: ratios as logarithms, tests
        as z, times in months.
    absolute : bool
        Whether the interval is that of |value|: a test whose side is not known.
    origin : str
        "claim"; "implied" by print; "prior", a soft range; "drawn", what one cohort of an
        ensemble is to have where print says nothing; the ways that lead to a claim:
        "slope" to a printed median, "error" to the limits of a ratio.
    """

    claims: tuple[str, ...]
    quantity: Quantity
    low: float
    high: float
    absolute: bool = False
    origin: str = "claim"


@dataclass(frozen=True)
class Goal:
    """All that a reconstruction aims at.

    Attributes
    ----------
    targets : tuple of Target
        One a quantity; claims that print the same number share one.
    excluded : mapping of str to str
        Claims that no cohort can meet, with the reason.
    unsearched : mapping of str to str
        Claims that the construction itself meets or that only the certificate can judge.
    """

    targets: tuple[Target, ...]
    excluded: Mapping[str, str]
    unsearched: Mapping[str, str]


def goal(
    design: Design,
    claims: pd.DataFrame,
    excluded: Mapping[str, str],
    groups: Collection[str] | None = None,
) -> Goal:
    """The targets of a study, from its claims and its design.

    Parameters
    ----------
    design : Design
    claims : pandas.DataFrame
        From `ledger.load_claims`.
    excluded : mapping of str to str
        Claims known to contradict others, with the reason.
    groups : collection of str, optional
        Columns that make the groups of a cohort: a printed size of other patients is a target.
        Without it no size is.

    Raises
    ------
    LedgerError
        If `excluded` names a claim that does not exist, or a claim has a statistic that
        this module does not know.
    """
    unknown = set(excluded) - set(claims["id"])
    if unknown:
        raise LedgerError(
            f"{design.study} excludes {', '.join(sorted(unknown))}, which published.csv lacks. "
            "Correct the names in reconstruction.toml."
        )
    records = [r for r in claims.to_dict("records") if r["id"] not in excluded]
    sides = _sides(claims, design)
    found, unsearched, excluded = [], {}, dict(excluded)
    for record in records:
        quantity = _searched(record, quantity_of(record, design), design)
        if quantity == SIZE and groups is not None:
            quantity = size(among_known(record, design), groups)
        if isinstance(quantity, Beyond):
            excluded[record["id"]] = quantity
        elif isinstance(quantity, str):
            unsearched[record["id"]] = quantity
        else:
            found.append((record, _target(record, quantity, sides, design)))
    merged, conflicts = _merged(found)
    merged = _with_sides(merged, claims, design)
    implied = _implied(design, {t.quantity: t for t in merged})
    return Goal((*merged, *implied), {**excluded, **conflicts}, unsearched)


def _searched(claim: Mapping[str, Any], found: Quantity | str, design: Design) -> Quantity | str:
    """What the search aims at for a claim: at the end of a curve, where its median is not reached.

    The certificate asks for the median itself.
    """
    if claim["kind"] != NOT_REACHED or not isinstance(found, Quantity):
        return found
    if found.limit != "estimate" and design.conventions["conf_type"] == "spss":
        return f"limit of SPSS that is not reached: {BY_CERTIFICATE}"
    return replace(found, part=LAST)


def _target(
    claim: Mapping[str, Any], quantity: Quantity, sides: Mapping[Any, int], design: Design
) -> Target:
    if claim["kind"] == "direction":
        return _direction(claim, quantity, design)
    if claim["kind"] == NOT_REACHED:
        # A curve that is at one half has its median there.
        return Target((claim["id"],), quantity, 50.0 + 1e-6, math.inf)
    low, high = ledger.compatible_interval(
        claim["value"],
        int(claim["decimals"]),
        claim["operator"],
        design.conventions.get("rounded_before"),
    )
    if claim["statistic"] == "z":
        return Target((claim["id"],), quantity, low, high)
    if quantity.part == "z":
        side = sides.get(_row(claim, design), 0) * _turned(claim, design)
        return _tested(claim["id"], quantity, low, high, side)
    if quantity.kind in ("km", "followup"):
        months = months_in(claim["unit"], design.conventions["days_per_month"])
        low, high = months * low, months * high
    if quantity.kind == "rate":
        low, high = low * per_month(claim["unit"]), high * per_month(claim["unit"])
    if quantity.part in RATIOS:
        low, high = math.log(max(low, 1e-9)), math.log(high)
    return Target((claim["id"],), quantity, low, high)


def _tested(name: str, quantity: Quantity, low: float, high: float, side: int) -> Target:
    """An interval of p as an interval of z; on its side, where the side is known."""
    near, far = norm.isf(min(high, 1.0) / 2), norm.isf(low / 2) if low > 0 else math.inf
    near, far = float(near), float(far)
    if not side or far < SIDELESS:
        return Target((name,), quantity, near, far, absolute=True)
    return Target((name,), quantity, *((near, far) if side > 0 else (-far, -near)))


def _direction(claim: Mapping[str, Any], quantity: Quantity, design: Design) -> Target:
    if claim["statistic"] == "p":
        span = (claim["value"], 1.0) if claim["operator"] == "~" else (0.0, claim["value"])
        return _tested(claim["id"], quantity, *span, 0)
    edge = float(norm.isf(ALPHA / 2))
    span = {">": (edge, math.inf), "<": (-math.inf, -edge), "~": (-edge, edge)}
    low, high = span[claim["operator"]]
    if flipped(claim, design):
        low, high = -high, -low
    return Target((claim["id"],), quantity, low, high)


def _row(claim: Mapping[str, Any], design: Design) -> tuple[str, ...]:
    """What a claim has in common with others of its row: each of several levels has its own."""
    column = claim["covariate"] or claim["group"]
    level = "" if len(levels_of(design, column)) == 2 else claim["level"]
    return claim["endpoint"], column, claim["population"], claim.get("reference") or "", level


def _turned(claim: Mapping[str, Any], design: Design) -> int:
    """-1 where the design holds the first of two levels against the second, else 1."""
    levels = levels_of(design, claim["covariate"]) if claim["covariate"] else []
    second = len(levels) == 2 and not claim.get("reference")
    return -1 if second and against(claim, design) == levels[1] else 1


def _sides(claims: pd.DataFrame, design: Design) -> dict[tuple[str, ...], int]:
    """Which way each effect goes, from printed ratios, directions and medians, in that order.

    By `_row`; of two levels the second against the first, unless the row names another.
    """
    sides: dict[tuple[str, ...], int] = {}
    numbers = claims[claims["kind"] == "number"]
    ratios = numbers[numbers["statistic"].isin(RATIOS) & (numbers["field"] == "estimate")]
    told = claims[(claims["kind"] == "direction") & claims["statistic"].isin(RATIOS)]
    for row in ratios.sort_values("model", ascending=False).to_dict("records"):
        side = int(row["value"] > 1) - int(row["value"] < 1)
        sides.setdefault(_row(row, design), side * _turned(row, design))
    for row in told.to_dict("records"):
        side = {">": 1, "<": -1, "~": 0}[row["operator"]]
        sides.setdefault(_row(row, design), side * _turned(row, design))
    medians = numbers[
        (numbers["statistic"] == "median_survival") & (numbers["field"] == "estimate")
    ]
    for (endpoint, population), part in medians.groupby(["endpoint", "population"]):
        for column, pair in part.groupby(part["group"].str.partition("=")[0]):
            known = dict(zip(pair["group"].str.partition("=")[2], pair["value"], strict=True))
            levels = levels_of(design, column)
            if len(levels) == 2 and set(levels) == set(known):
                first, second = (known[level] for level in levels)
                side = (second < first) - (second > first)
                sides.setdefault((endpoint, column, population, "", ""), side)
    return {key: side for key, side in sides.items() if side}


def _with_sides(found: Sequence[Target], claims: pd.DataFrame, design: Design) -> list[Target]:
    """Tests whose side is open take that of their own row's printed ratio, if it is not 1.

    A ratio that is excluded, since it contradicts others, still tells the side.
    """
    ratios = claims[
        claims["statistic"].isin(RATIOS)
        & (claims["kind"] == "number")
        & (claims["field"] == "estimate")
        & (claims["value"] != 1)
    ]
    above = {quantity_of(r, design): r["value"] > 1 for r in ratios.to_dict("records")}
    made = []
    for target in found:
        part = "hazard_ratio" if target.quantity.kind == "cox" else "odds_ratio"
        higher = above.get(replace(target.quantity, part=part))
        if target.absolute and higher is not None:
            low, high = target.low, target.high
            sides = (low, high) if higher else (-high, -low)
            target = replace(target, low=sides[0], high=sides[1], absolute=False)
        made.append(target)
    return made


def _rank(place: str) -> tuple[int, int]:
    """Where a place stands among `PLACES`; tables by their numbers."""
    word = place.rstrip("0123456789")
    number = int(place[len(word) :] or 0)
    return (PLACES.index(word) if word in PLACES else len(PLACES)), number


def _merged(
    found: Iterable[tuple[Mapping[str, Any], Target]],
) -> tuple[list[Target], dict[str, str]]:
    """One target a quantity; printings that exclude each other lose to the first place."""
    kept: dict[tuple[Quantity, bool], Target] = {}
    conflicts: dict[str, str] = {}
    for claim, target in sorted(found, key=lambda pair: _rank(pair[0]["place"])):
        key = (target.quantity, target.absolute)
        before = kept.get(key)
        if before is None:
            kept[key] = target
            continue
        low, high = max(before.low, target.low), min(before.high, target.high)
        if low < high:
            kept[key] = replace(before, claims=before.claims + target.claims, low=low, high=high)
        else:
            conflicts[claim["id"]] = (
                f"the same number is printed otherwise elsewhere ({before.claims[0]})"
            )
    return list(kept.values()), conflicts


def _reach(test: Target) -> float:
    """The largest |z| that a printed p allows."""
    return max(abs(test.low), abs(test.high))


def _implied(design: Design, known: Mapping[Quantity, Target]) -> list[Target]:
    """What a screened model says of the tests before it: who is inside passed, who is not did not.

    Where the p value is printed, that who is inside passed is said again, and said of the paper's
    model where it is not: all of a row hangs on it, and what is printed of the other rows too.
    """
    targets = []
    for model in searched_models(design):
        if not model.screened:
            continue
        edge = float(norm.isf(model.spec["entry_p"] / 2))
        for name in model.spec["covariates"]:
            quantity = tested(_alone(model, name), design)
            if isinstance(quantity, str):
                continue
            printed = known.get(quantity)
            label = f"{model.name}: {name}"
            if name not in model.candidates() and printed is None:
                told = (f"{label} did not enter the model",)
                targets.append(Target(told, quantity, 0.0, edge, True, "implied"))
            elif _passed(model, name, printed, edge):
                told = (f"{label} passed the screen",)
                targets.append(Target(told, quantity, edge, math.inf, True, "implied"))
    return targets


def _passed(model: Model, name: str, printed: Target | None, edge: float) -> bool:
    """Whether a covariate's test is known to have passed the screen, as far as its p goes.

    Of one that the paper left out for another reason the printed p alone tells it.
    """
    if printed is None:
        return name in model.covariates()
    return name in model.candidates() and _reach(printed) > edge


def _alone(model: Model, name: str) -> dict[str, Any]:
    """A claim on the univariable test that a covariate had to pass."""
    population = ",".join(f"{column}={level}" for column, level in model.where)
    return {
        "endpoint": model.endpoint,
        "population": population or "all",
        "covariate": name,
        "level": "",
        "model": "univariable",
        "group": "all",
        "kind": "number",
    }
