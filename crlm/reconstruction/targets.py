"""What a cohort must give: every printed number as a statistic and an interval of values.

A `Statistic` says what to compute in the words of the design (endpoint, patients, columns);
a `Target` adds the values that the print allows. Claims that no statistic of a cohort can
meet are excluded by name, each with its reason.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from scipy.stats import norm

from crlm import ledger
from crlm.ledger import Design, LedgerError

#: Patients, as (column, level) pairs that must all hold; () is everybody.
Where = tuple[tuple[str, str], ...]

#: Where two printings of one number disagree, the first of these places counts.
PLACES = ("table1", "table2", "table3", "results", "abstract", "title", "discussion", "conclusion")

#: Fields of a statistic that carry a ratio: compared as logarithms.
RATIOS = ("hazard_ratio", "odds_ratio")

#: Below this |z| the side of a test is left open: print cannot tell it.
SIDELESS = 0.8
#: Survival (%) just before a median and on its day.
_STEEP = (44.0, 56.0)
_TINY = 1e-9
#: A p value of this or less counts as significant (directions, as `comparison` judges them).
ALPHA = 0.05


@dataclass(frozen=True)
class Statistic:
    """What to compute.

    Attributes
    ----------
    kind : str
        "km", "followup", "logrank", "cox", "logistic", "association", "ranks", "summary",
        "count", "share", "correlation" or "anchor" (events on one day).
    endpoint : str
        Of `design.endpoints`; "" where times play no part.
    where : tuple of (column, level)
        The patients.
    columns : tuple of str
        Covariates of a model, the columns of a test; `kras_codon=codon12` is one level.
    part : str
        Which number of it, as "median_survival", "hazard_ratio", "z", "q1", "n".
    covariate : str
        The column of a model that the number is about.
    limit : str
        "estimate", "conf_low" or "conf_high".
    time : float
        Months: of a survival rate, of an anchor.
    """

    kind: str
    endpoint: str = ""
    where: Where = ()
    columns: tuple[str, ...] = ()
    part: str = ""
    covariate: str = ""
    limit: str = "estimate"
    time: float | None = None

    @property
    def block(self) -> tuple[Any, ...]:
        """What is computed in one go: everything but the part of it."""
        return self.kind, self.endpoint, self.where, self.columns


@dataclass(frozen=True)
class Target:
    """A statistic and the values it may have.

    Attributes
    ----------
    claims : tuple of str
        Identifiers in the ledger; a prior or an implied inequality has a name of its own.
    statistic : Statistic
    low, high : float
        Closed below, open above, on the scale of the search: ratios as logarithms, tests
        as z, times in months.
    absolute : bool
        Whether the interval is that of |value|: a test whose side is not known.
    kind : str
        "claim"; "implied" by print; "prior", a soft range; the ways that lead to a claim:
        "slope" to a printed median, "error" to the limits of a ratio.
    """

    claims: tuple[str, ...]
    statistic: Statistic
    low: float
    high: float
    absolute: bool = False
    kind: str = "claim"


@dataclass(frozen=True)
class Goal:
    """All that a reconstruction aims at.

    Attributes
    ----------
    targets : tuple of Target
        One a statistic; claims that print the same number share one.
    excluded : mapping of str to str
        Claims that no cohort can meet, with the reason.
    unsearched : mapping of str to str
        Claims that the construction itself meets or that only the certificate can judge.
    """

    targets: tuple[Target, ...]
    excluded: Mapping[str, str]
    unsearched: Mapping[str, str]


def goal(design: Design, claims: pd.DataFrame, excluded: Mapping[str, str]) -> Goal:
    """The targets of a study, from its claims and its design.

    Parameters
    ----------
    design : Design
    claims : pandas.DataFrame
        From `ledger.load_claims`.
    excluded : mapping of str to str
        Claims known to contradict others, with the reason.

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
    found, unsearched = [], {}
    for record in records:
        statistic = statistic_of(record, design)
        if isinstance(statistic, str):
            unsearched[record["id"]] = statistic
        else:
            found.append((record, _target(record, statistic, sides, design)))
    merged, conflicts = _merged(found)
    merged = _with_sides(merged, claims, design)
    implied = _implied(design, {t.statistic: t for t in merged})
    return Goal((*merged, *implied), {**excluded, **conflicts}, unsearched)


def where_of(*keys: str) -> Where:
    """`kras=wild,hai=yes` as pairs; "all" and bare columns name nobody in particular."""
    parts = [part for key in keys for part in key.split(",") if "=" in part]
    return tuple(dict.fromkeys(tuple(part.split("=", 1)) for part in parts))


def levels_of(design: Design, name: str) -> list[str]:
    """Levels of a category, a factor, `short_scp` or `column=level`, the reference first.

    None for a number.
    """
    if name == "short_scp" or "=" in name:
        return ["no", "yes"]
    spec = design.factors.get(name) or design.columns.get(name) or {}
    return list(spec.get("levels", ()))


def model_columns(design: Design, endpoint: str) -> tuple[str, ...]:
    """The covariates of the paper's own model, in the order of the notebook's.

    A printed p value that says otherwise contradicts the print and is excluded by name.
    """
    spec = design.models[endpoint]
    if spec["selection"] == "fixed":
        return tuple(spec["published"])
    return tuple(name for name in spec["covariates"] if name in spec["published"])


# ---- one claim -----------------------------------------------------------------------------


def statistic_of(claim: Mapping[str, Any], design: Design) -> Statistic | str:
    """The statistic of a claim, or the reason why the search does not look at it.

    Parameters
    ----------
    claim : mapping
        A row of the ledger.
    design : Design

    Raises
    ------
    LedgerError
        If the claim has a statistic that this module does not know.
    """
    name = claim["statistic"]
    if claim["covariate"] == "flow":
        return "number of the flow chart: built in"
    if name == "difference" and math.isfinite(claim["time"]):
        return "difference of two rates that are targets themselves"
    if name == "difference":
        return _comparison(claim, design)
    if name == "p":
        return _test(claim, design)
    if name in RATIOS:
        if claim["kind"] == "direction":
            return _test(claim, design)
        return replace(_model(claim, design), part=name, limit=claim["field"])
    where = where_of(claim["population"], claim["group"])
    if name in ("median_survival", "survival_rate"):
        time = float(claim["time"]) if name == "survival_rate" else None
        return Statistic("km", claim["endpoint"], where, part=name, limit=claim["field"], time=time)
    if name.endswith("follow_up"):
        return Statistic("followup", "OS", where, part=name, limit=claim["field"])
    return _characteristic(claim, where)


def _characteristic(claim: Mapping[str, Any], where: Where) -> Statistic | str:
    name, covariate = claim["statistic"], claim["covariate"]
    if name in ("median", "min", "max", "q1", "q3"):
        return Statistic("summary", where=where, columns=(covariate,), part=name)
    if name not in ("n", "percent"):
        raise LedgerError(
            f"Claim {claim['id']!r} asks for the statistic {name!r}, which no search knows. "
            "Add it to crlm/reconstruction/targets.py."
        )
    if not covariate:
        return "size of a group: built in"
    asked = f"{covariate}={claim['level']}"
    return Statistic("count", where=where, columns=(asked,), part=name)


def _comparison(claim: Mapping[str, Any], design: Design) -> Statistic | str:
    """A difference between two groups, judged by its test."""
    if len(_compared(claim, design)) != 2:
        return f"a difference between the groups of {claim['group']} has no single number"
    return _between(claim, design)


def _compared(claim: Mapping[str, Any], design: Design) -> list[str]:
    """The levels of the group that a claim compares, fewer where the population names them."""
    named = dict(where_of(claim["population"])).get(claim["group"], "")
    return named.split("/") if "/" in named else levels_of(design, claim["group"])


def _between(claim: Mapping[str, Any], design: Design) -> Statistic:
    where, group = where_of(claim["population"]), claim["group"]
    if len(levels_of(design, group)) > 2:
        group = f"{group}={_compared(claim, design)[1]}"
    columns = (claim["covariate"], group)
    if levels_of(design, claim["covariate"]):
        return Statistic("association", where=where, columns=columns, part="z")
    return Statistic("ranks", where=where, columns=columns, part="z")


def _test(claim: Mapping[str, Any], design: Design) -> Statistic | str:
    """The test statistic behind a p value or a direction."""
    endpoint, where = claim["endpoint"], where_of(claim["population"])
    covariate, model = claim["covariate"], claim["model"]
    if model == "logrank":
        return Statistic("logrank", endpoint, where, (claim["group"],), "z", claim["group"])
    if not model:
        return _between(claim, design)
    if endpoint not in design.endpoints and model == "univariable":
        outcome = endpoint.lower()
        return Statistic("association", where=where, columns=(covariate, outcome), part="z")
    factor = len(levels_of(design, covariate)) == 2
    screened = endpoint in design.models
    if (
        model == "univariable"
        and factor
        and screened
        and design.conventions["univariable_p"] == "logrank"
    ):
        return Statistic("logrank", endpoint, where, (covariate,), "z", covariate)
    return replace(_model(claim, design), part="z")


def _model(claim: Mapping[str, Any], design: Design) -> Statistic:
    """The fit that holds a ratio."""
    endpoint, covariate = claim["endpoint"], claim["covariate"]
    levels = levels_of(design, covariate)
    several = len(levels) > 2
    asked = f"{covariate}={claim['level']}" if several else covariate
    columns = tuple(f"{covariate}={level}" for level in levels[1:]) if several else (covariate,)
    if claim["model"] == "multivariable":
        columns = model_columns(design, endpoint)
    kind = "cox" if endpoint in design.endpoints else "logistic"
    name = endpoint if kind == "cox" else endpoint.lower()
    return Statistic(kind, name, where_of(claim["population"]), columns, covariate=asked)


# ---- what the print allows -----------------------------------------------------------------


def _target(
    claim: Mapping[str, Any], statistic: Statistic, sides: Mapping[Any, int], design: Design
) -> Target:
    if claim["kind"] == "direction":
        return _direction(claim, statistic, design)
    low, high = allowed(claim, design.conventions.get("rounded_before"))
    if statistic.part == "z":
        side = sides.get(
            (claim["endpoint"], claim["covariate"] or claim["group"], claim["population"]), 0
        )
        return _tested(claim["id"], statistic, low, high, side)
    if claim["unit"] == "years" and statistic.kind in ("km", "followup"):
        low, high = 12 * low, 12 * high
    if statistic.part in RATIOS:
        low, high = math.log(max(low, 1e-9)), math.log(high)
    return Target((claim["id"],), statistic, low, high)


def allowed(claim: Mapping[str, Any], rounded_before: int | None) -> tuple[float, float]:
    """Values that print as the claim by one rounding or, where it is stated, by two."""
    decimals = int(claim["decimals"])
    low, high = ledger.compatible_interval(claim["value"], decimals, claim["operator"])
    if claim["operator"] == "=":
        low = ledger.compatible_interval(claim["value"], decimals, "=", rounded_before)[0]
    return low, high


def _tested(name: str, statistic: Statistic, low: float, high: float, side: int) -> Target:
    """An interval of p as an interval of z; on its side, where the side is known."""
    near, far = norm.isf(min(high, 1.0) / 2), norm.isf(low / 2) if low > 0 else math.inf
    near, far = float(near), float(far)
    if not side or far < SIDELESS:
        return Target((name,), statistic, near, far, absolute=True)
    return Target((name,), statistic, *((near, far) if side > 0 else (-far, -near)))


def _direction(claim: Mapping[str, Any], statistic: Statistic, design: Design) -> Target:
    edge = float(norm.isf(ALPHA / 2))
    span = {">": (edge, math.inf), "<": (-math.inf, -edge), "~": (-edge, edge)}
    low, high = span[claim["operator"]]
    levels = levels_of(design, claim["covariate"])
    if claim["statistic"] == "difference" and levels and claim["level"] == levels[0]:
        low, high = -high, -low
    return Target((claim["id"],), statistic, low, high)


def slopes(found: Iterable[Target], month: float, bands: bool) -> list[Target]:
    """Survival around each printed median: it falls step by step where the median jumps.

    Parameters
    ----------
    found : iterable of Target
    month : float
        Days.
    bands : bool
        Whether limits of a median are where a band crosses one half; SPSS's are not.
    """
    made = []
    for target in found:
        statistic = target.statistic
        if statistic.part != "median_survival" or not (bands or statistic.limit == "estimate"):
            continue
        first, last = math.ceil(target.low * month), math.ceil(target.high * month) - 1
        if last < first or not math.isfinite(last):
            continue
        for day, low, high in ((first - 1, 50.0, _STEEP[1]), (last, _STEEP[0], 50.0)):
            wanted = replace(statistic, part="survival_rate", time=day / month)
            made.append(
                Target(
                    (f"slope: {target.claims[0]}",), wanted, low + _TINY, high + _TINY, kind="slope"
                )
            )
    return made


def standard_errors(found: Iterable[Target]) -> list[Target]:
    """Standard errors of coefficients behind printed limits.

    The limits are 1.96 errors from the estimate on the log scale, and the estimate is z errors
    from 0, so what is printed of a row bounds the error more narrowly than any one number shows.
    """
    rows: dict[Any, dict[str, Target]] = {}
    for target in found:
        part = target.statistic.part
        if target.kind == "claim" and part in (*RATIOS, "z"):
            row = rows.setdefault((target.statistic.block, target.statistic.covariate), {})
            row["z" if part == "z" else target.statistic.limit] = target
    made = []
    for row in rows.values():
        if {"conf_low", "conf_high"} <= set(row):
            bounds = _errors(row) or _errors({k: t for k, t in row.items() if k != "z"})
            if bounds:
                first = row["conf_low"]
                wanted = replace(first.statistic, part="standard_error", limit="estimate")
                made.append(Target((f"error: {first.claims[0]}",), wanted, *bounds, kind="error"))
    return made


def _errors(row: Mapping[str, Target]) -> tuple[float, float] | None:
    """Lowest and highest error with which some estimate agrees with each number of a row.

    Each number bounds the estimate by lines in the error, from below and from above; an error is
    possible where no lower line is above an upper one. None if no error is.
    """
    z = float(norm.ppf(0.975))
    rises = {"estimate": 0.0, "conf_low": z, "conf_high": -z}
    below = [(row[limit].low, rise) for limit, rise in rises.items() if limit in row]
    above = [(row[limit].high, rise) for limit, rise in rises.items() if limit in row]
    if "z" in row and not row["z"].absolute:
        below.append((0.0, row["z"].low))
        above.append((0.0, row["z"].high))
    low, high = 0.0, math.inf
    for (bottom, rise), (top, climb) in itertools.product(below, above):
        if rise > climb:
            high = min(high, (top - bottom) / (rise - climb))
        elif rise < climb:
            low = max(low, (bottom - top) / (climb - rise))
    return (low, high) if low < high < math.inf else None


def _sides(claims: pd.DataFrame, design: Design) -> dict[tuple[str, str, str], int]:
    """Which way each effect goes, from printed ratios, directions and medians, in that order."""
    sides: dict[tuple[str, str, str], int] = {}
    numbers = claims[claims["kind"] == "number"]
    ratios = numbers[numbers["statistic"].isin(RATIOS) & (numbers["field"] == "estimate")]
    told = claims[(claims["kind"] == "direction") & claims["statistic"].isin(RATIOS)]
    for row in ratios.sort_values("model", ascending=False).itertuples():
        side = (row.value > 1) - (row.value < 1)
        sides.setdefault((row.endpoint, row.covariate, row.population), side)
    for row in told.itertuples():
        side = {">": 1, "<": -1, "~": 0}[row.operator]
        sides.setdefault((row.endpoint, row.covariate, row.population), side)
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
                sides.setdefault((endpoint, column, population), side)
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
    above = {statistic_of(r, design): r["value"] > 1 for r in ratios.to_dict("records")}
    made = []
    for target in found:
        part = "hazard_ratio" if target.statistic.kind == "cox" else "odds_ratio"
        higher = above.get(replace(target.statistic, part=part))
        if target.absolute and higher is not None:
            low, high = target.low, target.high
            sides = (low, high) if higher else (-high, -low)
            target = replace(target, low=sides[0], high=sides[1], absolute=False)
        made.append(target)
    return made


def _merged(
    found: Iterable[tuple[Mapping[str, Any], Target]],
) -> tuple[list[Target], dict[str, str]]:
    """One target a statistic; printings that exclude each other lose to the first place."""
    order = {place: i for i, place in enumerate(PLACES)}
    kept: dict[tuple[Statistic, bool], Target] = {}
    conflicts: dict[str, str] = {}
    for claim, target in sorted(found, key=lambda f: order.get(f[0]["place"], len(order))):
        key = (target.statistic, target.absolute)
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


def _implied(design: Design, known: Mapping[Statistic, Target]) -> list[Target]:
    """What a screened model says of the tests before it: who is inside passed, who is not did not.

    Where the p value is printed, that who is inside passed is said again: all of a row hangs on
    it, and what is printed of the other rows too.
    """
    targets = []
    for endpoint, spec in design.models.items():
        if spec["selection"] not in ("enter", "backward"):
            continue
        inside = set(model_columns(design, endpoint)) | set(spec.get("left_out", ()))
        edge = float(norm.isf(spec["entry_p"] / 2))
        for name in spec["covariates"]:
            claim = {
                "endpoint": endpoint,
                "population": "all",
                "covariate": name,
                "level": "",
                "model": "univariable",
                "group": "all",
            }
            statistic = _test(claim, design)
            printed = known.get(statistic)
            if name not in inside and printed is None:
                label = f"{endpoint}: {name} did not enter the model"
                targets.append(Target((label,), statistic, 0.0, edge, True, "implied"))
            elif name in inside and printed is not None and _reach(printed) > edge:
                label = f"{endpoint}: {name} passed the screen"
                targets.append(Target((label,), statistic, edge, math.inf, True, "implied"))
    return targets
